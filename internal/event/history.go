// SPDX-License-Identifier: Apache-2.0

package event

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"
)

// Entry is an event that was reported.
type Entry struct {
	Number  uint64            `json:"number"` // counts from 1 since the daemon started; no gaps
	Time    time.Time         `json:"time"`
	Level   string            `json:"level"`
	Event   string            `json:"event"` // RG1301
	Name    string            `json:"name"`  // service_unprotected
	Alert   bool              `json:"alert"`
	Service string            `json:"service,omitempty"`
	Text    string            `json:"text"`
	Fields  map[string]string `json:"fields,omitempty"` // everything else
}

// History is the latest events. Its methods may be called from several goroutines.
type History struct {
	mu      sync.Mutex
	ring    []Entry
	last    uint64        // the number of the latest
	changed chan struct{} // closed at the next one
}

// NewHistory returns a History of so many events.
func NewHistory(size int) *History {
	return &History{ring: make([]Entry, max(size, 1)), changed: make(chan struct{})}
}

// add keeps an event.
func (h *History) add(e Entry) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last++
	e.Number = h.last
	h.ring[h.last%uint64(len(h.ring))] = e
	close(h.changed)
	h.changed = make(chan struct{})
}

// After returns the events after a number, oldest first, as far as they are kept.
func (h *History) After(number uint64) []Entry {
	h.mu.Lock()
	defer h.mu.Unlock()
	if kept := uint64(len(h.ring)); h.last > kept {
		number = max(number, h.last-kept)
	}
	var list []Entry
	for n := number + 1; n <= h.last; n++ {
		list = append(list, h.ring[n%uint64(len(h.ring))])
	}
	return list
}

// Wait returns the events after a number as soon as there is one; none when ctx ends first.
func (h *History) Wait(ctx context.Context, number uint64) []Entry {
	for {
		h.mu.Lock()
		changed := h.changed
		h.mu.Unlock()
		if list := h.After(number); len(list) > 0 {
			return list
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil
		}
	}
}

// Keep makes a Reporter put what it reports into a History, too.
func (r *Reporter) Keep(h *History) { r.history = h }

// keep puts a report into the history.
func (r *Reporter) keep(e Info, text string, fields []any) {
	if r.history == nil {
		return
	}
	entry := Entry{Time: time.Now(), Level: e.Level.String(), Event: e.ID.String(), Name: e.Name, Alert: e.Alert, Text: text, Fields: map[string]string{}}
	for i := 0; i+1 < len(fields); i += 2 {
		name, ok := fields[i].(string)
		if !ok {
			break // not made of pairs
		}
		if name == "service" {
			entry.Service = fmt.Sprint(fields[i+1])
		} else {
			entry.Fields[name] = fmt.Sprint(fields[i+1])
		}
	}
	maps.DeleteFunc(entry.Fields, func(_, v string) bool { return v == "" })
	r.history.add(entry)
}
