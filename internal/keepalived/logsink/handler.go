// SPDX-License-Identifier: Apache-2.0

package logsink

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"
)

// Sink takes lines.
type Sink interface {
	// Line takes one line without its end.
	Line(at time.Time, level slog.Level, text string) error
	Close() error
}

// Lines makes lines of a record's message and its fields.
type Lines func(message string, fields map[string]string) []string

// Handler is a slog.Handler that writes to sinks.
type Handler struct {
	level slog.Leveler
	lines Lines
	sinks []Sink
	attrs []slog.Attr
}

// New returns a handler for records of a level and above.
func New(level slog.Leveler, lines Lines, sinks ...Sink) *Handler {
	return &Handler{level: level, lines: lines, sinks: sinks}
}

// Enabled implements slog.Handler. Without sinks there is nothing to do.
func (h *Handler) Enabled(_ context.Context, l slog.Level) bool {
	return len(h.sinks) > 0 && l >= h.level.Level()
}

// WithAttrs implements slog.Handler.
func (h *Handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &Handler{h.level, h.lines, h.sinks, append(slices.Clip(h.attrs), attrs...)}
}

// WithGroup implements slog.Handler. The lines have no place for groups.
func (h *Handler) WithGroup(string) slog.Handler { return h }

// Handle implements slog.Handler. Every sink gets every line, whatever becomes of the others.
func (h *Handler) Handle(_ context.Context, r slog.Record) error {
	fields := map[string]string{}
	for _, a := range h.attrs {
		fields[a.Key] = a.Value.String()
	}
	r.Attrs(func(a slog.Attr) bool {
		fields[a.Key] = a.Value.String()
		return true
	})
	var errs []error
	for _, line := range h.lines(r.Message, fields) {
		for _, s := range h.sinks {
			errs = append(errs, s.Line(r.Time, r.Level, plain(line)))
		}
	}
	return errors.Join(errs...)
}

// Close closes the sinks.
func (h *Handler) Close() error {
	var errs []error
	for _, s := range h.sinks {
		errs = append(errs, s.Close())
	}
	return errors.Join(errs...)
}

// plain is a line without what would end it: a line end in a foreign word would forge another.
func plain(line string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, line)
}

// Console writes lines after their date: `Mon Nov 23 02:58:51 2026: text`.
type Console struct {
	mu sync.Mutex
	w  io.Writer
}

// NewConsole returns a sink that writes to w. If w is an io.Closer it stays open: it may be standard error.
func NewConsole(w io.Writer) *Console { return &Console{w: w} }

// Line implements [Sink].
func (c *Console) Line(at time.Time, _ slog.Level, text string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, err := fmt.Fprintf(c.w, "%s: %s\n", at.Format(time.ANSIC), text)
	return err
}

// Close implements [Sink].
func (c *Console) Close() error { return nil }
