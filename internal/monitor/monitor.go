// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"reflect"
	"sync"
	"time"
)

// Check is what is looked at.
type Check struct {
	Kind     string // tcp, http, exec, process, unit, file or interface
	Target   string // host:port, URL, process, unit, path or interface
	Command  []string
	Interval time.Duration
	Timeout  time.Duration
	Rise     int // good results in a row that turn it good
	Fall     int // bad results in a row that turn it bad
	Status   int // http: wanted; 0: 200 to 399
	Body     string
	CAFile   string
	Verify   bool
}

// Result is the verdict on a check.
type Result struct {
	Service string
	Index   int
	OK      bool
	Value   float64 // of a file
	Detail  string
	Since   time.Time // of OK
}

// Options is what a monitor is made of.
type Options struct {
	Logger *slog.Logger
	Limit  int    // checks that run at once; 0: 64
	Bus    string // D-Bus address of systemd; empty: the system's
}

// Monitor runs checks.
type Monitor struct {
	log     *slog.Logger
	slots   chan struct{}
	units   *units
	results chan Result

	mu       sync.Mutex
	services map[string][]*runner
	waiting  map[key]Result // not yet read, newest of each check
	order    []key
	wake     chan struct{}
	ctx      context.Context
	cancel   context.CancelFunc
	running  sync.WaitGroup
}

type key struct {
	service string
	index   int
}

// runner is one check at work.
type runner struct {
	check   Check
	probe   func(context.Context) outcome
	cancel  context.CancelFunc
	hurry   chan struct{}
	service string
	index   int

	mu      sync.Mutex
	known   bool
	verdict Result
	streak  int // results in a row that contradict the verdict
}

// outcome is one result of a check.
type outcome struct {
	ok     bool
	value  float64
	detail string
}

// New returns a monitor that watches nothing.
func New(o Options) *Monitor {
	if o.Limit == 0 {
		o.Limit = 64
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	m := &Monitor{log: o.Logger, slots: make(chan struct{}, o.Limit), units: &units{address: o.Bus}, results: make(chan Result),
		services: map[string][]*runner{}, waiting: map[key]Result{}, wake: make(chan struct{}, 1)}
	m.ctx, m.cancel = context.WithCancel(context.Background())
	m.running.Go(m.deliver)
	return m
}

// Results are the turns of checks. The channel is closed by [Monitor.Close].
func (m *Monitor) Results() <-chan Result { return m.results }

// Watch checks a service from now on, by these checks and no others. A check that is as it was keeps its state.
func (m *Monitor) Watch(service string, checks []Check) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ctx.Err() != nil {
		return
	}
	old := m.services[service]
	next := make([]*runner, len(checks))
	for i, c := range checks {
		if i < len(old) && old[i] != nil && reflect.DeepEqual(old[i].check, c) {
			next[i], old[i] = old[i], nil
			continue
		}
		next[i] = m.start(service, i, c)
	}
	m.end(old)
	m.services[service] = next
}

// Forget ends the checks of a service.
func (m *Monitor) Forget(service string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.end(m.services[service])
	delete(m.services, service)
}

func (m *Monitor) end(rs []*runner) {
	for _, r := range rs {
		if r != nil {
			r.cancel()
			delete(m.waiting, key{r.service, r.index})
		}
	}
}

// Hurry runs the checks of a service now.
func (m *Monitor) Hurry(service string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.services[service] {
		select {
		case r.hurry <- struct{}{}:
		default: // it is about to run
		}
	}
}

// Status returns the verdicts on a service so far, in the order of its checks; those without one are left out.
func (m *Monitor) Status(service string) []Result {
	m.mu.Lock()
	rs := m.services[service]
	m.mu.Unlock()
	var out []Result
	for _, r := range rs {
		r.mu.Lock()
		if r.known {
			out = append(out, r.verdict)
		}
		r.mu.Unlock()
	}
	return out
}

// Close ends all checks and waits for them.
func (m *Monitor) Close() {
	m.mu.Lock()
	m.cancel()
	m.mu.Unlock()
	m.running.Wait()
	m.units.close()
}

// start begins a check. The monitor is locked.
func (m *Monitor) start(service string, index int, c Check) *runner {
	ctx, cancel := context.WithCancel(m.ctx)
	r := &runner{check: c, cancel: cancel, hurry: make(chan struct{}, 1), service: service, index: index}
	r.probe = m.probeOf(&r.check)
	m.running.Go(func() { m.run(ctx, r) })
	return r
}

// firstWithin is when a new check runs first: soon, and not all at once.
const firstWithin = 50 * time.Millisecond

func (m *Monitor) run(ctx context.Context, r *runner) {
	defer r.cancel()
	timer := time.NewTimer(rand.N(firstWithin)) //nolint:gosec // jitter
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-r.hurry:
		}
		select {
		case <-ctx.Done():
			return
		case m.slots <- struct{}{}:
		}
		limit, cancel := context.WithTimeout(ctx, r.check.Timeout)
		o := r.probe(limit)
		cancel()
		<-m.slots
		if ctx.Err() != nil {
			return
		}
		if turned, res := r.judge(o, time.Now()); turned {
			m.report(ctx, res)
		}
		timer.Reset(jitter(r.check.Interval))
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

// judge takes in a result and says whether the verdict turned. The first result is the first verdict.
func (r *runner) judge(o outcome, now time.Time) (bool, Result) {
	r.mu.Lock()
	defer r.mu.Unlock()
	v := &r.verdict
	if !r.known {
		r.known = true
		*v = Result{Service: r.service, Index: r.index, OK: o.ok, Value: o.value, Detail: o.detail, Since: now}
		return true, *v
	}
	if o.ok == v.OK {
		r.streak = 0
		changed := o.ok && o.value != v.Value
		v.Value, v.Detail = o.value, o.detail
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
	v.OK, v.Value, v.Detail, v.Since = o.ok, o.value, o.detail, now
	return true, *v
}

// report queues a result for the reader; one that was not read yet is overtaken.
func (m *Monitor) report(ctx context.Context, r Result) {
	m.mu.Lock()
	if ctx.Err() == nil { // not forgotten meanwhile
		k := key{r.Service, r.Index}
		if _, is := m.waiting[k]; !is {
			m.order = append(m.order, k)
		}
		m.waiting[k] = r
	}
	m.mu.Unlock()
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// deliver hands results to the reader.
func (m *Monitor) deliver() {
	defer close(m.results)
	for {
		m.mu.Lock()
		var r Result
		found := false
		for len(m.order) > 0 && !found {
			k := m.order[0]
			m.order = m.order[1:]
			r, found = m.waiting[k]
			delete(m.waiting, k)
		}
		m.mu.Unlock()
		if !found {
			select {
			case <-m.wake:
				continue
			case <-m.ctx.Done():
				return
			}
		}
		select {
		case m.results <- r:
		case <-m.ctx.Done():
			return
		}
	}
}
