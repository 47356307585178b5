// SPDX-License-Identifier: Apache-2.0

package event

import (
	"context"
	"fmt"
	"log/slog"
)

// ID is the number of an event; it is written RG1101.
type ID uint16

// String returns the id as it is logged, RG1101.
func (id ID) String() string { return fmt.Sprintf("RG%04d", uint16(id)) }

// Info returns the catalogue's entry; an unknown id has a name that says so.
func (id ID) Info() Info {
	for _, e := range Catalogue() {
		if e.ID == id {
			return e
		}
	}
	return Info{ID: id, Name: "unknown", Level: slog.LevelError}
}

// Reporter writes events to a logger.
type Reporter struct {
	log     *slog.Logger
	known   map[ID]Info
	history *History // nil: nothing is kept
}

// NewReporter returns a Reporter; node is a field of every record.
func NewReporter(log *slog.Logger, node string) *Reporter {
	r := &Reporter{log: log.With("node", node), known: map[ID]Info{}}
	for _, e := range Catalogue() {
		r.known[e.ID] = e
	}
	return r
}

// Report writes one record: the sentence text, the event's fixed attributes, then fields as key-value pairs.
func (r *Reporter) Report(id ID, text string, fields ...any) {
	e, ok := r.known[id]
	if !ok {
		e = id.Info()
	}
	attrs := append([]any{"event", id.String(), "name", e.Name, "alert", e.Alert}, fields...)
	r.log.Log(context.Background(), e.Level, text, attrs...)
	r.keep(e, text, fields)
}
