// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/regent-ha/regent/conf"
	"github.com/regent-ha/regent/internal/event"
)

// logging is the log of a process and the sinks of its alerts.
type logging struct {
	*slog.Logger
	sinks *event.Sinks
	close func() // writes what is queued, waits a little for the sinks, and gives the file back
}

// openLog makes the logger that the configuration asks for. A slow log holds up nobody: records are queued. Alerts go to
// their sinks too.
func openLog(cfg *conf.Config, stderr io.Writer) (*logging, error) {
	l := cfg.Log
	out, closeFile := stderr, func() error { return nil }
	if l.File != "" {
		f, err := os.OpenFile(l.File, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o640)
		if err != nil {
			return nil, fmt.Errorf("open log file: %w", err)
		}
		out, closeFile = f, f.Close
	}
	o := &slog.HandlerOptions{Level: level(l.Level)}
	var h slog.Handler = slog.NewTextHandler(out, o)
	switch l.Format {
	case conf.LogJSON:
		h = slog.NewJSONHandler(out, o)
	case conf.LogJournal:
		j, err := event.NewJournal(event.JournalOptions{Level: o.Level, Fallback: out})
		if err != nil {
			fmt.Fprintf(stderr, "regent: %v\n", err)
		}
		closeOut := closeFile
		closeFile = func() error { return errors.Join(j.Close(), closeOut()) }
		h = j
	case conf.LogKeepalived:
		h = event.NewKeepalived(out, o.Level)
	case conf.LogText:
	}
	q := event.NewQueue(h)
	sinks, err := event.NewSinks(q, alertSinks(cfg.Alerts))
	if err != nil {
		q.Close()
		closeFile() //nolint:errcheck // the other error matters
		return nil, err
	}
	return &logging{slog.New(sinks), sinks, func() {
		sinks.Close()
		q.Close()
		closeFile() //nolint:errcheck // nothing is left to say it to
	}}, nil
}

// alertSinks is where alerts go besides the log.
func alertSinks(a conf.Alerts) event.SinkConfig {
	c := event.SinkConfig{Exec: a.Exec, Webhook: a.Webhook}
	if m := a.SMTP; m != nil {
		c.SMTP = &event.SMTP{Server: m.Server, From: m.From, To: m.To, User: m.User, Password: m.Password.Reveal()}
	}
	return c
}

// checkAlerts reports what the sinks would refuse.
func checkAlerts(a conf.Alerts) error { return alertSinks(a).Check() }

func level(l conf.LogLevel) slog.Level {
	switch l {
	case conf.LevelDebug:
		return slog.LevelDebug
	case conf.LevelWarn:
		return slog.LevelWarn
	case conf.LevelError:
		return slog.LevelError
	case conf.LevelInfo:
	}
	return slog.LevelInfo
}
