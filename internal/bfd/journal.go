// SPDX-License-Identifier: Apache-2.0

package bfd

import (
	"context"
	"log/slog"
)

// journal writes log lines by a goroutine of its own: a log that is stuck must not keep packets from being sent.
type journal struct {
	logger *slog.Logger
	lines  chan line
}

type line struct {
	level slog.Level
	text  string
	args  []any
}

func newJournal(logger *slog.Logger) *journal {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	return &journal{logger: logger, lines: make(chan line, 256)}
}

// note adds a line; while the log is stuck it is lost.
func (j *journal) note(level slog.Level, text string, args ...any) {
	select {
	case j.lines <- line{level, text, args}:
	default:
	}
}

// run writes lines until stop is closed, and then those that wait.
func (j *journal) run(stop <-chan struct{}) {
	for {
		select {
		case l := <-j.lines:
			j.logger.Log(context.Background(), l.level, l.text, l.args...)
		case <-stop:
			for {
				select {
				case l := <-j.lines:
					j.logger.Log(context.Background(), l.level, l.text, l.args...)
				default:
					return
				}
			}
		}
	}
}
