// SPDX-License-Identifier: Apache-2.0

package cluster

import "sync"

// messageLimit is how many messages may wait for the reader; more are dropped and counted.
const messageLimit = 1024

// queue holds events for a reader that may be slow, and never keeps memberlist waiting. Of several records of a node that
// wait, only the newest is kept.
type queue struct {
	mu       sync.Mutex
	list     []any
	messages int
	wake     chan struct{}
	out      chan any
}

func newQueue() *queue { return &queue{wake: make(chan struct{}, 1), out: make(chan any)} }

// put appends an event and reports whether there was room.
func (q *queue) put(e any) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch e := e.(type) {
	case Message:
		if q.messages >= messageLimit {
			return false
		}
		q.messages++
	case Heard:
		for i, old := range q.list {
			if h, ok := old.(Heard); ok && h.Node == e.Node {
				q.list[i] = e
				return true
			}
		}
	}
	q.list = append(q.list, e)
	select {
	case q.wake <- struct{}{}:
	default:
	}
	return true
}

// run hands events to the reader until done closes.
func (q *queue) run(done <-chan struct{}) {
	defer close(q.out)
	for {
		q.mu.Lock()
		var e any
		if len(q.list) > 0 {
			e = q.list[0]
			q.list = q.list[1:]
			if _, ok := e.(Message); ok {
				q.messages--
			}
		}
		q.mu.Unlock()
		if e == nil {
			select {
			case <-q.wake:
				continue
			case <-done:
				return
			}
		}
		select {
		case q.out <- e:
		case <-done:
			return
		}
	}
}
