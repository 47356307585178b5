// SPDX-License-Identifier: Apache-2.0

package requestor

import (
	"context"
	"time"
)

// ended is an attempt that is over.
type ended[T any] struct {
	index   int
	value   T
	attempt Attempt
}

// race tries the candidates for what is asked until one succeeds, and returns its value and
// address. Values of attempts that were overtaken are discarded.
func race[T any](ctx context.Context, d *Dialer, network, asked string,
	try func(context.Context, string) (T, error), discard func(T)) (T, string, error) {
	candidates := d.candidates(asked)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	results := make(chan ended[T], len(candidates)) // nobody blocks on it
	started, pending := 0, 0
	start := func() {
		i, limit := started, d.limit(ctx, len(candidates)-started)
		started, pending = started+1, pending+1
		go func() { results <- attempt(ctx, limit, i, candidates[i], try) }()
	}
	attempts := make([]*Attempt, len(candidates))
	stagger := newTicker(d.Stagger)
	defer stagger.stop()
	for start(); pending > 0; {
		select {
		case r := <-results:
			pending--
			if d.Trace != nil {
				d.Trace(r.attempt)
			}
			if r.attempt.Err == nil {
				// The others hear of it by the context; the goroutine ends with them.
				go collect(results, pending, discard)
				return r.value, candidates[r.index], nil
			}
			attempts[r.index] = &r.attempt
			if started < len(candidates) && ctx.Err() == nil {
				stagger.restart()
				start()
			}
		case <-stagger.c():
			if started < len(candidates) {
				start()
			}
		}
	}
	failure := &Error{Network: network, Address: asked}
	for _, a := range attempts {
		if a != nil {
			failure.Attempts = append(failure.Attempts, *a)
		}
	}
	var none T
	return none, "", failure
}

// collect discards what the attempts still under way may bring.
func collect[T any](results <-chan ended[T], pending int, discard func(T)) {
	for range pending {
		if late := <-results; late.attempt.Err == nil {
			discard(late.value)
		}
	}
}

// attempt tries one address.
func attempt[T any](ctx context.Context, limit time.Duration, index int, address string,
	try func(context.Context, string) (T, error)) ended[T] {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	begin := time.Now()
	value, err := try(ctx, address)
	return ended[T]{index: index, value: value, attempt: Attempt{
		Address: address, Outcome: Classify(err), Elapsed: time.Since(begin), Err: err,
	}}
}

// limit is the time that one attempt gets: the timeout, or less if the context
// ends before all that are left had that much.
func (d *Dialer) limit(ctx context.Context, left int) time.Duration {
	limit := d.Timeout
	if limit <= 0 {
		limit = DefaultTimeout
	}
	if deadline, ok := ctx.Deadline(); ok {
		limit = min(limit, time.Until(deadline)/time.Duration(max(left, 1)))
	}
	return limit
}

// ticker is a time.Ticker that may be absent.
type ticker struct {
	every time.Duration
	t     *time.Ticker
}

func newTicker(every time.Duration) *ticker {
	if every <= 0 {
		return &ticker{}
	}
	return &ticker{every: every, t: time.NewTicker(every)}
}

func (t *ticker) c() <-chan time.Time {
	if t.t == nil {
		return nil
	}
	return t.t.C
}

func (t *ticker) restart() {
	if t.t != nil {
		t.t.Reset(t.every)
	}
}

func (t *ticker) stop() {
	if t.t != nil {
		t.t.Stop()
	}
}
