// SPDX-License-Identifier: Apache-2.0

package arbiter

import (
	"sync"
	"time"
)

// Event is what became of a service's lease.
type Event struct {
	Service string
	Held    bool
	Until   time.Time // Held: serve not later than this, on the monotonic clock; zero: without end
	Err     error     // not Held: why
}

// Arbiter grants services to one node at a time.
type Arbiter interface {
	// Want asks for a service, until Drop. It returns at once; Events tell what becomes of it.
	Want(service string)
	// Drop gives a service back, at once if etcd can be reached, else it runs out.
	Drop(service string)
	Events() <-chan Event
	Close() error
}

// None grants everything, at once and for ever.
func None() Arbiter { return newFixed(func(s string) Event { return Event{Service: s, Held: true} }) }

// Never grants nothing, for a reason.
func Never(why error) Arbiter {
	return newFixed(func(s string) Event { return Event{Service: s, Err: why} })
}

// fixed answers every wish the same.
type fixed struct {
	answer func(string) Event
	out    *outbox
}

func newFixed(answer func(string) Event) *fixed { return &fixed{answer, newOutbox()} }

func (f *fixed) Want(service string)  { f.out.put(f.answer(service)) }
func (f *fixed) Drop(string)          {}
func (f *fixed) Events() <-chan Event { return f.out.events }
func (f *fixed) Close() error         { f.out.close(); return nil }

// outbox holds events for a reader that may be slow: the newest of each service, in the order of the oldest.
type outbox struct {
	mu     sync.Mutex
	order  []string
	newest map[string]Event
	wake   chan struct{}
	events chan Event
	done   chan struct{}
	ended  chan struct{}
	once   sync.Once
}

func newOutbox() *outbox {
	o := &outbox{newest: map[string]Event{}, wake: make(chan struct{}, 1), events: make(chan Event), done: make(chan struct{}), ended: make(chan struct{})}
	go o.run()
	return o
}

func (o *outbox) put(e Event) {
	o.mu.Lock()
	if _, waits := o.newest[e.Service]; !waits {
		o.order = append(o.order, e.Service)
	}
	o.newest[e.Service] = e
	o.mu.Unlock()
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

func (o *outbox) run() {
	defer close(o.ended)
	defer close(o.events)
	for {
		o.mu.Lock()
		var e Event
		found := len(o.order) > 0
		if found {
			e = o.newest[o.order[0]]
			delete(o.newest, o.order[0])
			o.order = o.order[1:]
		}
		o.mu.Unlock()
		if !found {
			select {
			case <-o.wake:
				continue
			case <-o.done:
				return
			}
		}
		select {
		case o.events <- e:
		case <-o.done:
			return
		}
	}
}

func (o *outbox) close() {
	o.once.Do(func() { close(o.done) })
	<-o.ended
}
