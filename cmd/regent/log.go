// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/regent-ha/regent/conf"
)

// openLog makes the logger that the configuration asks for; close gives its file back.
func openLog(l conf.Log, stderr io.Writer) (log *slog.Logger, close func() error, err error) {
	out, close := stderr, func() error { return nil }
	if l.File != "" {
		f, err := os.OpenFile(l.File, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o640)
		if err != nil {
			return nil, nil, fmt.Errorf("open log file: %w", err)
		}
		out, close = f, f.Close
	}
	o := &slog.HandlerOptions{Level: level(l.Level)}
	switch l.Format {
	case conf.LogJSON:
		return slog.New(slog.NewJSONHandler(out, o)), close, nil
	case conf.LogText, conf.LogJournal, conf.LogKeepalived:
	}
	return slog.New(slog.NewTextHandler(out, o)), close, nil
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
