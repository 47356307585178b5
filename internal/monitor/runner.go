// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// runner is one check at work, for all who have it.
type runner struct {
	check  Check
	name   string // in shared
	probe  func(context.Context) outcome
	watch  func(hurry func()) (end func()) // what tells at once that it is time to look; nil: nothing does
	cancel context.CancelFunc
	hurry  chan struct{}

	mu      sync.Mutex
	readers []key
	first   chan struct{} // closed when it is known
	known   bool
	verdict Result // without a reader
	streak  int    // results in a row that contradict the verdict
}

// outcome is one result of a check.
type outcome struct {
	ok     bool
	value  float64
	detail string

	exit, signal int
	timedOut     bool
	again        time.Duration // look again then, if that is sooner than the interval; 0: it is not
}

// firstWithin is when a new check runs first: soon, and not all at once.
const firstWithin = 50 * time.Millisecond

func (m *Monitor) run(ctx context.Context, r *runner) {
	defer r.cancel()
	if r.watch != nil {
		defer r.watch(func() {
			select {
			case r.hurry <- struct{}{}:
			default: // it is about to run
			}
		})()
	}
	soon := rand.N(firstWithin) //nolint:gosec // jitter
	if Prompt(r.check.Kind) {
		soon = 0
	}
	timer := time.NewTimer(soon)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-r.hurry:
		}
		slots := m.slots
		if Prompt(r.check.Kind) {
			slots = nil // others that hang must not delay it
		}
		if slots != nil {
			select {
			case <-ctx.Done():
				return
			case slots <- struct{}{}:
			}
		}
		limit, cancel := context.WithTimeout(ctx, r.check.Timeout)
		o := r.probe(limit)
		cancel()
		if slots != nil {
			<-slots
		}
		if ctx.Err() != nil {
			return
		}
		if turned, res := r.judge(o, time.Now()); turned {
			m.report(ctx, r, res)
		}
		next := jitter(r.check.Interval)
		if o.again > 0 {
			next = min(next, o.again)
		}
		timer.Reset(next)
	}
}

// jitter is an interval, up to a tenth shorter or longer.
func jitter(d time.Duration) time.Duration {
	tenth := d / 10
	if tenth <= 0 {
		return d
	}
	return d - tenth + rand.N(2*tenth+1) //nolint:gosec // jitter
}

// Prompt reports whether checks of a kind look at this host alone and so have their result at once.
func Prompt(kind string) bool { return kind == "number" || kind == "interface" || kind == "process" }

// judge takes in a result and says whether the verdict turned. The first result is the first verdict, unless the check starts bad and
// has to be good more often.
func (r *runner) judge(o outcome, now time.Time) (bool, Result) {
	r.mu.Lock()
	defer r.mu.Unlock()
	v := &r.verdict
	if !r.known {
		if r.check.StartBad && o.ok {
			if r.streak++; r.streak < r.check.Rise {
				return false, *v
			}
		}
		r.settle(o.result(now))
		return true, *v
	}
	if o.ok == v.OK {
		r.streak = 0
		since, changed := v.Since, o.value != v.Value && (o.ok || r.check.Kind == "process")
		*v = o.result(since)
		return changed, *v
	}
	r.streak++
	needed := r.check.Rise
	if v.OK {
		needed = r.check.Fall
	}
	if r.streak < needed {
		return false, *v
	}
	r.streak = 0
	*v = o.result(now)
	return true, *v
}

// settle gives the check a verdict where it had none. It is locked.
func (r *runner) settle(v Result) {
	r.known, r.verdict, r.streak = true, v, 0
	close(r.first)
}

func (o outcome) result(since time.Time) Result {
	return Result{OK: o.ok, Value: o.value, Detail: o.detail, Since: since, Exit: o.exit, Signal: o.signal, TimedOut: o.timedOut}
}
