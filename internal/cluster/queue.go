// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"slices"
	"sync"
)

// messageLimit is how many messages may wait for the reader; more are dropped and counted.
const messageLimit = 1024

// queue holds events for a reader that may be slow, and never keeps anybody waiting. Of what tells the state of a node only
// the newest waits, so the queue is bounded by the number of nodes and messageLimit.
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
	if _, ok := e.(Message); ok {
		if q.messages >= messageLimit {
			return false
		}
		q.messages++
	} else {
		// A record takes the place of an older one, and Presence the end of the line: it tells how things are now.
		i := slices.IndexFunc(q.list, func(old any) bool { return supersedes(e, old) })
		if _, state := e.(Presence); i >= 0 && !state {
			q.list[i] = e
			return true
		} else if i >= 0 {
			q.list = slices.Delete(q.list, i, i+1)
		}
	}
	q.list = append(q.list, e)
	select {
	case q.wake <- struct{}{}:
	default:
	}
	return true
}

// supersedes reports whether e makes an earlier event pointless.
func supersedes(e, old any) bool {
	switch e := e.(type) {
	case Heard:
		o, ok := old.(Heard)
		return ok && o.Node == e.Node
	case Passed:
		o, ok := old.(Passed)
		return ok && o.Node == e.Node
	case Presence:
		o, ok := old.(Presence)
		return ok && o.Node == e.Node
	}
	return false
}

// run hands events to the reader until done closes.
func (q *queue) run(done <-chan struct{}) {
	defer close(q.out)
	for {
		q.mu.Lock()
		var e any
		if len(q.list) > 0 {
			e = q.list[0]
			q.list = slices.Delete(q.list, 0, 1)
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
