// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"slices"
	"sync/atomic"
)

// queue carries values from any number of goroutines to any number of others, in order, without a lock: whoever puts never waits
// for whoever takes. A lock would be a way for an ordinary thread, put aside while it holds it, to delay the real-time one.
type queue[T any] struct {
	head   atomic.Pointer[node[T]] // newest first
	length atomic.Int64
}

// node is one value in a queue.
type node[T any] struct {
	value T
	next  *node[T]
}

// put appends a value.
func (q *queue[T]) put(v T) {
	n := &node[T]{value: v}
	for {
		n.next = q.head.Load()
		if q.head.CompareAndSwap(n.next, n) {
			q.length.Add(1)
			return
		}
	}
}

// take removes everything and returns it in the order it was put.
func (q *queue[T]) take() []T {
	if q.head.Load() == nil {
		return nil
	}
	var values []T
	for n := q.head.Swap(nil); n != nil; n = n.next {
		values = append(values, n.value)
	}
	q.length.Add(-int64(len(values)))
	slices.Reverse(values)
	return values
}

// len returns about how many values wait.
func (q *queue[T]) len() int { return int(q.length.Load()) }
