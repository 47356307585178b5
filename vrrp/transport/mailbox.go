// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"context"
	"slices"
)

// mailbox is where the loop leaves batches of values for a goroutine that waits for them.
type mailbox[T any] struct {
	batches queue[[]T]
	signal  chan struct{} // holds one token while there may be something to take
	closed  chan struct{}
}

// newMailbox returns an empty mailbox.
func newMailbox[T any]() *mailbox[T] {
	return &mailbox[T]{signal: make(chan struct{}, 1), closed: make(chan struct{})}
}

// post leaves a batch, which the caller must not touch any more. It never waits.
func (m *mailbox[T]) post(batch []T) {
	m.batches.put(batch)
	select {
	case m.signal <- struct{}{}:
	default:
	}
}

// collect waits until there is something and returns all of it. After close it returns what is left, then [ErrClosed].
func (m *mailbox[T]) collect(ctx context.Context) ([]T, error) {
	for {
		if batches := m.batches.take(); batches != nil {
			return slices.Concat(batches...), nil
		}
		select {
		case <-m.signal:
		case <-m.closed:
			if batches := m.batches.take(); batches != nil {
				return slices.Concat(batches...), nil
			}
			return nil, ErrClosed
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// close says that nothing will be posted any more. It must be called once.
func (m *mailbox[T]) close() { close(m.closed) }
