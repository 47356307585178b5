// SPDX-License-Identifier: Apache-2.0

package peers

import (
	"context"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// StallWatch notices when the machine itself comes late: on each processor a thread sleeps and looks how long it really
// slept. What daemons do while their machine stands still says nothing about them.
type StallWatch struct {
	mu     sync.Mutex
	stalls []stall
}

// stall is a moment at which a thread woke up late.
type stall struct {
	at   time.Time
	late time.Duration
}

// Lateness of a thread is worth remembering from noticed on; its sleeps are of napping.
const (
	napping = 10 * time.Millisecond
	noticed = 20 * time.Millisecond
)

// WatchStalls starts the threads. They end with the context.
func WatchStalls(ctx context.Context) *StallWatch {
	w := &StallWatch{}
	for processor := range runtime.NumCPU() {
		go w.watch(ctx, processor)
	}
	return w
}

func (w *StallWatch) watch(ctx context.Context, processor int) {
	runtime.LockOSThread() // for good: the thread is tied to the processor and ends with the goroutine
	var set unix.CPUSet
	set.Set(processor)
	if unix.SchedSetaffinity(0, &set) != nil {
		return // not a processor that this process may use
	}
	nap := unix.NsecToTimespec(napping.Nanoseconds())
	for ctx.Err() == nil {
		began := time.Now()
		if err := unix.Nanosleep(&nap, nil); err != nil {
			continue // a signal: a short sleep
		}
		if late := time.Since(began) - napping; late > noticed {
			w.mu.Lock()
			w.stalls = append(w.stalls, stall{began, late})
			w.mu.Unlock()
		}
	}
}

// Worst returns the longest lateness that began or ended within a time.
func (w *StallWatch) Worst(from, to time.Time) (worst time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.stalls {
		if s.at.Add(napping+s.late).After(from) && s.at.Before(to) {
			worst = max(worst, s.late)
		}
	}
	return worst
}
