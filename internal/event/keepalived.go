// SPDX-License-Identifier: Apache-2.0

package event

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"
)

// Keepalived writes records as keepalived writes its log to a terminal: the date, then the very lines for changes of state and
// elections that people's alert rules look for. Records that keepalived has no line for are their sentence.
type Keepalived struct {
	level slog.Leveler
	attrs []slog.Attr
	out   *lockedWriter
}

type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

// NewKeepalived returns a handler that writes records of a level and above.
func NewKeepalived(w io.Writer, level slog.Leveler) *Keepalived {
	return &Keepalived{level: level, out: &lockedWriter{w: w}}
}

// Enabled implements slog.Handler.
func (k *Keepalived) Enabled(_ context.Context, l slog.Level) bool { return l >= k.level.Level() }

// WithAttrs implements slog.Handler.
func (k *Keepalived) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &Keepalived{k.level, append(slices.Clip(k.attrs), attrs...), k.out}
}

// WithGroup implements slog.Handler. The lines have no place for groups.
func (k *Keepalived) WithGroup(string) slog.Handler { return k }

// Handle implements slog.Handler.
func (k *Keepalived) Handle(_ context.Context, r slog.Record) error {
	fields := map[string]string{}
	for _, a := range k.attrs {
		fields[a.Key] = a.Value.String()
	}
	r.Attrs(func(a slog.Attr) bool {
		fields[a.Key] = a.Value.String()
		return true
	})
	var b strings.Builder
	for _, line := range KeepalivedLines(r.Message, fields) {
		// A line end in a foreign word would forge a line.
		line = strings.Map(func(r rune) rune {
			if r < ' ' || r == 0x7f {
				return ' '
			}
			return r
		}, line)
		b.WriteString(r.Time.Format(time.ANSIC) + ": " + line + "\n")
	}
	k.out.mu.Lock()
	defer k.out.mu.Unlock()
	_, err := io.WriteString(k.out.w, b.String())
	return err
}

// KeepalivedLines are the lines for a record with this message and these fields.
func KeepalivedLines(message string, fields map[string]string) []string {
	name := "(" + fields["service"] + ")"
	switch fields["event"] {
	case Active.String():
		return []string{name + " Entering MASTER STATE"}
	case Backup.String():
		switch {
		case fields["from"] != "active":
			return []string{name + " Entering BACKUP STATE (init)"}
		case fields["peer"] == "":
		case fields["peer_priority"] == fields["priority"]:
			return []string{
				fmt.Sprintf("%s Master received advert from %s with same priority %s but higher IP address than ours", name, fields["peer"], fields["peer_priority"]),
				name + " Entering BACKUP STATE",
			}
		default:
			return []string{
				fmt.Sprintf("%s Master received advert from %s with higher priority %s, ours %s", name, fields["peer"], fields["peer_priority"], fields["priority"]),
				name + " Entering BACKUP STATE",
			}
		}
		return []string{name + " Entering BACKUP STATE"}
	case Initialize.String():
		if fields["planned"] == "true" {
			return []string{name + " sent 0 priority"}
		}
		return []string{name + " Entering FAULT STATE"}
	case Started.String():
		return []string{"Startup complete"}
	case Stopping.String():
		return []string{"Stopping"}
	case Stopped.String():
		return []string{"Stopped Regent"}
	case Reloaded.String():
		return []string{"Reload complete"}
	}
	if e := fields["error"]; e != "" {
		message += ": " + e
	}
	return []string{message}
}
