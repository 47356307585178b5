// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"context"
	"encoding/json"
	"log/slog"
	"reflect"
	"slices"
	"sync"
	"time"
)

// Check is what is looked at.
type Check struct {
	Name     string // for logs; equal checks with different names are run apart
	Kind     string // tcp, http, exec, process, unit, file, interface, readable or number; "": somebody else looks
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

	User     *User // exec, readable: whose right it is; nil: the daemon's
	StartBad bool  // bad until Rise results were good; otherwise the first result decides
	Process  *Process

	// Of an interface: how long it must be down, or up again, before that counts.
	DownDelay, UpDelay time.Duration
}

// User is a user and his groups.
type User struct {
	UID, GID uint32
	Groups   []uint32
}

// Result is the verdict on a check.
type Result struct {
	Service string
	Index   int
	OK      bool
	Value   float64 // of a file or number; how many processes there are
	Detail  string
	Since   time.Time // of OK

	// Of exec: how the command ended.
	Exit     int // status; -1: it was ended by a signal, or could not be run
	Signal   int // 0: by none
	TimedOut bool
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
	follow  *follower
	files   *watcher
	results chan Result

	mu       sync.Mutex
	services map[string][]*runner
	shared   map[string]*runner // equal checks are run once
	waiting  map[key]Result     // not yet read, newest of each check
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

// New returns a monitor that watches nothing.
func New(o Options) *Monitor {
	if o.Limit == 0 {
		o.Limit = 64
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	m := &Monitor{log: o.Logger, slots: make(chan struct{}, o.Limit), units: &units{address: o.Bus}, follow: newFollower(o.Logger), files: newWatcher(o.Logger), results: make(chan Result),
		services: map[string][]*runner{}, shared: map[string]*runner{}, waiting: map[key]Result{}, wake: make(chan struct{}, 1)}
	m.ctx, m.cancel = context.WithCancel(context.Background())
	m.running.Go(m.deliver)
	return m
}

// Results are the turns of checks. The channel is closed by [Monitor.Close].
func (m *Monitor) Results() <-chan Result { return m.results }

// Watch checks a service from now on, by these checks and no others. A check that is as it was keeps its state; one of the same name that
// looks at the same begins with the verdict that there was. See [Monitor.Status] for what is known.
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
		delete(m.waiting, key{service, i}) // of another check
		if c.Kind != "" {
			next[i] = m.start(service, i, c, before(old, c))
		}
	}
	m.end(service, old)
	m.services[service] = next
}

// before finds the check of that name that looks at the same in another way.
func before(rs []*runner, c Check) *runner {
	for _, r := range rs {
		if r != nil && c.Name != "" && r.check.Name == c.Name && r.check.Kind == c.Kind && r.check.Target == c.Target && slices.Equal(r.check.Command, c.Command) {
			return r
		}
	}
	return nil
}

// Await waits until the checks that look at this host alone (numbers, interfaces and processes) have a first result, but no longer
// than limit.
func (m *Monitor) Await(limit time.Duration) {
	m.mu.Lock()
	var wait []*runner
	for _, r := range m.shared {
		if Prompt(r.check.Kind) {
			wait = append(wait, r)
		}
	}
	m.mu.Unlock()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for _, r := range wait {
		select {
		case <-r.first:
		case <-timer.C:
			return
		}
	}
}

// Forget ends the checks of a service.
func (m *Monitor) Forget(service string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.services[service] {
		delete(m.waiting, key{service, i})
	}
	m.end(service, m.services[service])
	delete(m.services, service)
}

// end takes a service away from checks; those that nobody has any more end. The monitor is locked.
func (m *Monitor) end(service string, rs []*runner) {
	for i, r := range rs {
		if r == nil {
			continue
		}
		r.mu.Lock()
		r.readers = slices.DeleteFunc(r.readers, func(k key) bool { return k == key{service, i} })
		alone := len(r.readers) == 0
		r.mu.Unlock()
		if alone {
			r.cancel()
			delete(m.shared, r.name)
		}
	}
}

// Hurry runs the checks of a service now.
func (m *Monitor) Hurry(service string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.services[service] {
		if r == nil {
			continue
		}
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
	for i, r := range rs {
		if r == nil {
			continue
		}
		r.mu.Lock()
		if r.known {
			out = append(out, r.verdict.of(key{service, i}))
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

// start begins a check, or takes part in an equal one that is at work. The monitor is locked.
func (m *Monitor) start(service string, index int, c Check, was *runner) *runner {
	name := c.identity()
	k := key{service, index}
	if r := m.shared[name]; r != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.readers = append(r.readers, k)
		if r.known {
			m.queue(r.verdict.of(k))
		}
		return r
	}
	ctx, cancel := context.WithCancel(m.ctx)
	r := &runner{check: c, name: name, cancel: cancel, hurry: make(chan struct{}, 1), readers: []key{k}, first: make(chan struct{})}
	if was != nil {
		was.mu.Lock()
		if was.known {
			r.settle(was.verdict)
			m.queue(r.verdict.of(k))
		}
		was.mu.Unlock()
	}
	r.probe, r.watch = m.probeOf(&r.check)
	m.shared[name] = r
	m.running.Go(func() { m.run(ctx, r) })
	return r
}

// identity is the same for equal checks, and for no others.
func (c *Check) identity() string {
	b, err := json.Marshal(c)
	if err != nil { // nothing in it can fail
		return ""
	}
	return string(b)
}

// of is a result for one who has the check.
func (r Result) of(k key) Result {
	r.Service, r.Index = k.service, k.index
	return r
}

// report queues a result for each who has the check.
func (m *Monitor) report(ctx context.Context, r *runner, res Result) {
	m.mu.Lock()
	if ctx.Err() == nil { // not forgotten meanwhile
		r.mu.Lock()
		for _, k := range r.readers {
			m.queue(res.of(k))
		}
		r.mu.Unlock()
	}
	m.mu.Unlock()
}

// queue queues a result for the reader; one that was not read yet is overtaken. The monitor is locked.
func (m *Monitor) queue(r Result) {
	k := key{r.Service, r.Index}
	if _, is := m.waiting[k]; !is {
		m.order = append(m.order, k)
	}
	m.waiting[k] = r
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
