// SPDX-License-Identifier: Apache-2.0

package bfd

import (
	"sync"
	"time"
)

// Change tells that a session came up, or that it is no longer up.
type Change struct {
	Name          string
	Discriminator uint32 // of the session: one that was forgotten and begins again under the name has another
	Up            bool
	Diagnostic    Diagnostic // why it is down; none if it is up
	Since         time.Time
	// Administrative tells that the neighbour took the session down on purpose (AdminDown), which is no failure of the path (RFC
	// 5882 §3.2): a tracker stays as it is, as keepalived's does.
	Administrative bool
}

// queue takes changes without ever waiting, and hands them on in their order. Of a session at most two changes wait: who reads
// slowly misses pairs of ups and downs, never the last change.
type queue struct {
	mu      sync.Mutex
	waiting []Change
	wake    chan struct{} // of capacity 1
	out     chan Change
}

func newQueue() *queue { return &queue{wake: make(chan struct{}, 1), out: make(chan Change)} }

// put adds a change.
func (q *queue) put(c Change) {
	q.mu.Lock()
	q.waiting = fold(q.waiting, c)
	q.mu.Unlock()
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// fold appends a change; if two of its session wait, and the first says the same, it takes the place of both.
func fold(waiting []Change, c Change) []Change {
	first, second := -1, -1
	for i, w := range waiting {
		if w.Name != c.Name {
			continue
		}
		if first < 0 {
			first = i
		} else {
			second = i
		}
	}
	if second >= 0 && waiting[first].Up == c.Up {
		waiting = append(waiting[:second], waiting[second+1:]...)
		waiting = append(waiting[:first], waiting[first+1:]...)
	}
	return append(waiting, c)
}

// drop takes away what waits of a session that is no more.
func (q *queue) drop(name string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	kept := q.waiting[:0]
	for _, w := range q.waiting {
		if w.Name != name {
			kept = append(kept, w)
		}
	}
	q.waiting = kept
}

// run hands changes on until stop is closed, then closes the channel.
func (q *queue) run(stop <-chan struct{}) {
	defer close(q.out)
	for {
		q.mu.Lock()
		var c Change
		some := len(q.waiting) > 0
		if some {
			c = q.waiting[0]
			q.waiting = append(q.waiting[:0], q.waiting[1:]...)
		}
		q.mu.Unlock()
		if some {
			select {
			case q.out <- c:
			case <-stop:
				return
			}
			continue
		}
		select {
		case <-q.wake:
		case <-stop:
			return
		}
	}
}
