// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/regent-ha/regent/conf"
	"github.com/regent-ha/regent/internal/event"
)

// openLog makes the logger that the configuration asks for. A slow log holds up nobody: records are queued. close writes
// what is queued and gives the file back.
func openLog(l conf.Log, stderr io.Writer) (log *slog.Logger, close func(), err error) {
	out, closeFile := stderr, func() error { return nil }
	if l.File != "" {
		f, err := os.OpenFile(l.File, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o640)
		if err != nil {
			return nil, nil, fmt.Errorf("open log file: %w", err)
		}
		out, closeFile = f, f.Close
	}
	o := &slog.HandlerOptions{Level: level(l.Level)}
	var h slog.Handler = slog.NewTextHandler(out, o)
	switch l.Format {
	case conf.LogJSON:
		h = slog.NewJSONHandler(out, o)
	case conf.LogText, conf.LogJournal, conf.LogKeepalived:
	}
	q := event.NewQueue(h)
	return slog.New(q), func() {
		q.Close()
		closeFile() //nolint:errcheck // nothing is left to say it to
	}, nil
}

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
