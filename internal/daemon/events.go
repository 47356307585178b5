// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/regent-ha/regent/internal/event"
)

// historySize is how many events are kept for those who ask.
const historySize = 500

// longestWait bounds how long a question for events may wait for one.
const longestWait = 8 * time.Second

// Events is the answer to a question for events.
type Events struct {
	Started time.Time     `json:"started"` // of this daemon: the numbers of another one begin anew
	Entries []event.Entry `json:"entries"`
}

// serveEvents serves the latest events: GET /v1/events?after=NUMBER&wait=DURATION. With wait it answers as soon as there is one
// with a greater number, or without any when the time is over.
func (d *Daemon) serveEvents(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	after, wait, err := uint64(0), time.Duration(0), error(nil)
	if text := q.Get("after"); text != "" {
		after, err = strconv.ParseUint(text, 10, 64)
	}
	if text := q.Get("wait"); text != "" && err == nil {
		wait, err = time.ParseDuration(text)
	}
	if err != nil {
		http.Error(w, fmt.Sprintf("events: %v", err), http.StatusBadRequest)
		return
	}
	answer := Events{Started: d.started, Entries: d.history.After(after)}
	if len(answer.Entries) == 0 && wait > 0 {
		ctx, cancel := context.WithTimeout(r.Context(), min(wait, longestWait))
		defer cancel()
		answer.Entries = d.history.Wait(ctx, after)
	}
	if answer.Entries == nil {
		answer.Entries = []event.Entry{}
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(answer) //nolint:errcheck // the client went away
}
