// SPDX-License-Identifier: Apache-2.0

package web

import (
	"bytes"
	"context"
	"crypto/rand"
	_ "embed"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/regent-ha/regent/internal/event"
	"github.com/regent-ha/regent/internal/status"
)

// Source is where the page gets what it shows.
type Source struct {
	Snapshot func(context.Context) (status.Snapshot, error)
	Events   func() []event.Entry                         // the latest, oldest first
	Wait     func(ctx context.Context, after uint64) bool // for an event with a greater number; false: ctx ended first
}

//go:embed page.html
var pageText string

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"ago":      func(now, at time.Time) string { return status.Ago(now.Sub(at)) },
	"lower":    strings.ToLower,
	"shade":    func(v status.Service) string { return shade(v.State, v.Duty) },
	"protects": protection,
}).Parse(pageText))

// shown bounds the events on the page.
const shown = 40

// view is what the page is made of.
type view struct {
	Nonce    string
	Now      time.Time
	Snapshot status.Snapshot
	Timeline template.HTML
	Events   []event.Entry // newest first
}

// gather asks for all that the page shows.
func (s Source) gather(ctx context.Context) (view, error) {
	snap, err := s.Snapshot(ctx)
	if err != nil {
		return view{}, err
	}
	now := time.Now()
	events := s.Events()
	v := view{Now: now, Snapshot: snap, Timeline: timeline(lanes(&snap, events, now.Add(-span), now), now.Add(-span), now)}
	v.Events = slices.Clone(events[max(0, len(events)-shown):])
	slices.Reverse(v.Events)
	return v, nil
}

// protection says whether another node could take a service over.
func protection(v status.Service) string {
	switch {
	case v.Phase == "":
		return ""
	case v.ForbiddenBy != "":
		return "not to be taken over: forbidden by " + v.ForbiddenBy
	case !v.Protected:
		return "no other node could take it over"
	}
	return ""
}

// patience is how long the page waits for the daemon.
const patience = 3 * time.Second

// Page serves the whole page.
func Page(s Source) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), patience)
		defer cancel()
		v, err := s.gather(ctx)
		if err != nil {
			http.Error(w, "the daemon is busy or ends", http.StatusServiceUnavailable)
			return
		}
		v.Nonce = rand.Text()
		var b bytes.Buffer
		if err := page.Execute(&b, v); err != nil {
			http.Error(w, "the page cannot be made", http.StatusInternalServerError)
			return
		}
		h := w.Header()
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'nonce-"+v.Nonce+"'; script-src 'nonce-"+v.Nonce+"'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		w.Write(b.Bytes()) //nolint:errcheck // the reader went away
	})
}

// Times of the live page: how often it is made without an event, and how long one connection is served.
const (
	liveEvery = 2 * time.Second
	livePause = 100 * time.Millisecond // between two, for many events come at once
	liveLimit = time.Hour
)

// Live sends the changed part of the page whenever something happens.
func Live(s Source) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), liveLimit)
		defer cancel()
		c := http.NewResponseController(w)
		w.Header().Set("Content-Type", "text/event-stream")
		w.Header().Set("Cache-Control", "no-store")
		for ctx.Err() == nil {
			v, err := s.gather(ctx)
			if err != nil {
				return
			}
			var b bytes.Buffer
			if err := page.ExecuteTemplate(&b, "main", v); err != nil {
				return
			}
			if err := c.SetWriteDeadline(time.Now().Add(10 * time.Second)); err != nil {
				return
			}
			for line := range strings.Lines(b.String()) {
				fmt.Fprintf(w, "data: %s\n", strings.TrimSuffix(line, "\n")) //nolint:errcheck // Flush tells
			}
			fmt.Fprint(w, "\n") //nolint:errcheck // likewise
			if c.Flush() != nil {
				return
			}
			var last uint64
			if len(v.Events) > 0 {
				last = v.Events[0].Number
			}
			wait, done := context.WithTimeout(ctx, liveEvery)
			s.Wait(wait, last)
			done()
			select {
			case <-time.After(livePause):
			case <-ctx.Done():
			}
		}
	})
}
