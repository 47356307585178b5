// SPDX-License-Identifier: Apache-2.0

package event

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// queueLimit is how many records may wait for a slow log; beyond it they are counted and left out.
const queueLimit = 1 << 16

// gather is how long records wait for each other. When a thousand services change at once, their addresses come first.
const gather = 20 * time.Millisecond

// Queue is a [slog.Handler] in front of another one: a record is written by a goroutine of the queue, so that a slow log
// (a console, a full disk) holds up nobody. The time of a record is that of its call.
type Queue struct {
	*queue
	next slog.Handler
}

type queue struct {
	mu      sync.Mutex
	waiting []item
	lost    int
	closed  bool
	wake    chan struct{}
	closing chan struct{}
	done    chan struct{}
}

type item struct {
	to     slog.Handler
	record slog.Record
}

// NewQueue starts a queue in front of next. [Queue.Close] ends it.
func NewQueue(next slog.Handler) *Queue {
	q := &Queue{queue: &queue{wake: make(chan struct{}, 1), closing: make(chan struct{}), done: make(chan struct{})}, next: next}
	go q.run()
	return q
}

// Enabled is slog.Handler's.
func (q *Queue) Enabled(ctx context.Context, l slog.Level) bool { return q.next.Enabled(ctx, l) }

// WithAttrs is slog.Handler's.
func (q *Queue) WithAttrs(as []slog.Attr) slog.Handler { return &Queue{q.queue, q.next.WithAttrs(as)} }

// WithGroup is slog.Handler's.
func (q *Queue) WithGroup(name string) slog.Handler { return &Queue{q.queue, q.next.WithGroup(name)} }

// Handle queues a record. It never waits and never fails.
func (q *Queue) Handle(_ context.Context, r slog.Record) error {
	q.mu.Lock()
	if len(q.waiting) >= queueLimit {
		q.lost++
	} else {
		q.waiting = append(q.waiting, item{q.next, r.Clone()})
	}
	q.mu.Unlock()
	q.poke()
	return nil
}

func (q *queue) poke() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// run writes what waits until the queue is closed and empty.
func (q *queue) run() {
	defer close(q.done)
	for range q.wake {
		select {
		case <-time.After(gather):
		case <-q.closing:
		}
		for {
			q.mu.Lock()
			batch, lost, closed := q.waiting, q.lost, q.closed
			q.waiting, q.lost = nil, 0
			q.mu.Unlock()
			for _, i := range batch {
				i.to.Handle(context.Background(), i.record) //nolint:errcheck // a log that cannot be written has no log to say so
			}
			if lost > 0 && len(batch) > 0 {
				r := slog.NewRecord(time.Now(), slog.LevelError, fmt.Sprintf("the log is too slow: %d records were left out", lost), 0)
				batch[0].to.Handle(context.Background(), r) //nolint:errcheck // as above
			}
			if len(batch) > 0 {
				continue
			}
			if closed {
				return
			}
			break
		}
	}
}

// Close writes what waits and ends the queue; it is called once. Records that come later are lost.
func (q *Queue) Close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	close(q.closing)
	q.poke()
	<-q.done
}
