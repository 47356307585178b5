// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/regent-ha/regent/conf"
	"github.com/regent-ha/regent/internal/event"
	"github.com/regent-ha/regent/internal/status/metrics"
	"github.com/regent-ha/regent/internal/status/web"
)

// window is what the outside may look at: the status page, status and metrics, over HTTP. Nothing can be changed through it.
type window struct {
	of     conf.Status
	server *http.Server // nil: closed
}

// openWindow opens, moves or closes it, as the configuration wants. It never fails the daemon.
func (d *Daemon) openWindow() {
	if d.window.of == d.cfg.Status {
		return
	}
	d.closeWindow()
	d.window.of = d.cfg.Status
	if d.cfg.Status.Listen == "" {
		return
	}
	l, err := (&net.ListenConfig{}).Listen(d.life, "tcp", d.cfg.Status.Listen)
	if err != nil {
		d.report.Report(event.WindowFailed, fmt.Sprintf("status and metrics on %s: %v", d.cfg.Status.Listen, err))
		return
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/status", d.serveStatus)
	mux.HandleFunc("GET /v1/events", d.serveEvents)
	mux.Handle("GET /metrics", metrics.Handler(d.o.Log, d.snapshotFor, d.cfg.Status.Compat == conf.CompatKeepalivedExporter))
	mux.HandleFunc("GET /healthz", d.serveHealth)
	page := web.Source{
		Snapshot: d.snapshotFor,
		Events:   func() []event.Entry { return d.history.After(0) },
		Wait:     func(ctx context.Context, after uint64) bool { return d.history.Wait(ctx, after) != nil },
	}
	mux.Handle("GET /{$}", web.Page(page))
	mux.Handle("GET /live", web.Live(page))
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second,
		IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10}
	d.window.server = server
	go func() {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			d.o.Log.Error("the listener for status and metrics closed", "error", err)
		}
	}()
}

func (d *Daemon) closeWindow() {
	if d.window.server != nil {
		d.window.server.Close() //nolint:errcheck // nobody is kept waiting
		d.window.server = nil
	}
}

// serveHealth says whether the daemon is alive: its actor answers, and its protocol loop goes round.
func (d *Daemon) serveHealth(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), time.Second)
	defer cancel()
	late := false
	if err := d.ask(ctx, func() { late = d.loopLate() }); err != nil || late {
		http.Error(w, "the protocol loop does not go round", http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ok")
}
