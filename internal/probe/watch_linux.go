// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"context"
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/regent-ha/regent/requestor"
)

// WatchOptions of a watcher.
type WatchOptions struct {
	// Every is the time between two attempts; 0 means 1 ms.
	Every time.Duration
	// Patience is how long an attempt may go without an answer; 0 means 500 ms. It should
	// stay below the second after which the kernel repeats a lost first packet.
	Patience time.Duration
	// Source address of the connections, if set.
	Source netip.Addr
	// Each, if set, is told of each sample when it has its outcome, on the watching
	// thread: it must be quick.
	Each func(Sample)
}

// Watcher connects to one address again and again.
type Watcher struct {
	address netip.AddrPort
	o       WatchOptions

	mu      sync.Mutex
	samples []Sample
	fresh   chan struct{} // closed and replaced when a sample gets its outcome
}

// NewWatcher prepares a watcher; [Watcher.Run] makes it work.
func NewWatcher(address netip.AddrPort, o WatchOptions) *Watcher {
	if o.Every <= 0 {
		o.Every = time.Millisecond
	}
	if o.Patience <= 0 {
		o.Patience = 500 * time.Millisecond
	}
	return &Watcher{address: address, o: o, fresh: make(chan struct{})}
}

// Watch runs a watcher until the context ends and returns what it saw.
func Watch(ctx context.Context, address netip.AddrPort, o WatchOptions) (Trace, error) {
	w := NewWatcher(address, o)
	err := w.Run(ctx)
	return w.Trace(), err
}

// Trace returns what was seen so far.
func (w *Watcher) Trace() Trace {
	w.mu.Lock()
	defer w.mu.Unlock()
	return Trace{Samples: slices.Clone(w.samples), Patience: w.o.Patience}
}

// Wait returns the first sample with an outcome that matches, past or to come.
func (w *Watcher) Wait(ctx context.Context, match func(Sample) bool) (Sample, error) {
	for {
		w.mu.Lock()
		fresh := w.fresh
		i := slices.IndexFunc(w.samples, func(s Sample) bool { return s.Outcome != Pending && match(s) })
		var found Sample
		if i >= 0 {
			found = w.samples[i]
		}
		w.mu.Unlock()
		if i >= 0 {
			return found, nil
		}
		select {
		case <-fresh:
		case <-ctx.Done():
			return Sample{}, fmt.Errorf("watch %s: wait for an outcome: %w", w.address, context.Cause(ctx))
		}
	}
}

// Run tries the address until the context ends, and then waits for the answers that
// are still due. It works on the calling goroutine's thread, so that it can be
// run inside a network namespace.
func (w *Watcher) Run(ctx context.Context) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	l, err := w.open()
	if err != nil {
		return fmt.Errorf("watch %s: %w", w.address, err)
	}
	defer l.close()
	defer context.AfterFunc(ctx, l.wake)()
	if err := l.run(ctx); err != nil {
		return fmt.Errorf("watch %s: %w", w.address, err)
	}
	return nil
}

// begin records a start and returns the sample's number.
func (w *Watcher) begin(at time.Time) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.samples = append(w.samples, Sample{Start: at, Outcome: Pending})
	return len(w.samples) - 1
}

// finish records an outcome.
func (w *Watcher) finish(number int, outcome requestor.Outcome) {
	now := time.Now()
	w.mu.Lock()
	s := &w.samples[number]
	s.Outcome, s.Took = outcome, now.Sub(s.Start)
	done := *s
	close(w.fresh)
	w.fresh = make(chan struct{})
	w.mu.Unlock()
	if w.o.Each != nil {
		w.o.Each(done)
	}
}
