// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/internal/netlab"
)

const (
	warmUp       = 10 * time.Second       // for the first election
	observeLimit = 8 * time.Second        // for every step of a scenario
	probeEvery   = 5 * time.Millisecond   // how often the client connects anew
	idlePatience = 300 * time.Millisecond // how long the idle client only listens
)

// Options of a run.
type Options struct {
	Program  string    // the regent binary
	Dir      string    // receives capture, picture and logs
	Progress io.Writer // the timeline as it happens
}

// fault is one way of losing the owner, and of bringing it back.
type fault struct {
	name, text string
	lose       func(context.Context, *member) error
	back       func(context.Context, *member) error
}

func faults() []fault {
	return []fault{
		{"cut", "db1 is cut off the network",
			func(_ context.Context, m *member) error { return m.Cut() },
			func(_ context.Context, m *member) error { return m.Heal() }},
		{"killed", "db1's working process is killed (kill -9)",
			func(_ context.Context, m *member) error { return m.killWorker() },
			// A worker that crashed pre-empts nobody for a minute: the operator starts the daemon anew.
			func(ctx context.Context, m *member) error { return errors.Join(m.stop(), m.start(ctx)) }},
		{"stopped", "db1's daemon is stopped as planned (SIGTERM)",
			func(_ context.Context, m *member) error { return m.daemon.Signal(unix.SIGTERM) },
			func(ctx context.Context, m *member) error { return errors.Join(m.daemon.Wait(), m.start(ctx)) }},
	}
}

// Run runs the whole demo. The error is about the demo itself; steps that were not observed are in the result.
func Run(ctx context.Context, o Options) (res Result, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c, err := build(ctx, o.Program, o.Dir)
	if err != nil {
		return res, err
	}
	defer func() { err = errors.Join(err, c.lab.Close()) }()
	run := &run{cluster: c, out: o.Progress,
		first:  watch(ctx, c.client, net.JoinHostPort(first, strconv.Itoa(port)), probeEvery),
		second: watch(ctx, c.client, net.JoinHostPort(second, strconv.Itoa(port)), 20*time.Millisecond),
	}
	if err := run.settle(ctx); err != nil {
		return res, err
	}
	res.OK = true
	for _, f := range faults() {
		s := run.scenario(ctx, f)
		res.Scenarios = append(res.Scenarios, s)
		res.OK = res.OK && s.ok()
		if !s.ok() {
			break // the later ones begin where this one should have ended
		}
	}
	res.OK = res.OK && len(res.Scenarios) == len(faults())
	cancel()
	path, stopErr := c.wire.Stop()
	res.Capture = path
	res.Picture = filepath.Join(o.Dir, "demo.svg")
	return res, errors.Join(stopErr, writePicture(res.Picture, res))
}

// run is a demo under way.
type run struct {
	*cluster
	out           io.Writer
	first, second *client
}

func (r *run) say(format string, args ...any) { fmt.Fprintf(r.out, format+"\n", args...) }

// settle waits until both owners serve their addresses.
func (r *run) settle(ctx context.Context) error {
	r.say("three nodes, each with a service on the wildcard address; the client knows %s (owner db1) and %s (owner db2)", first, second)
	ctx, cancel := context.WithTimeout(ctx, warmUp)
	defer cancel()
	for _, w := range []struct {
		c     *client
		owner string
	}{{r.first, "db1"}, {r.second, "db2"}} {
		a, err := w.c.wait(ctx, time.Time{}, servedBy(w.owner))
		if err != nil {
			return fmt.Errorf("%s does not serve %s: %w (logs in %s)", w.owner, w.c.address, err, r.lab.Dir())
		}
		r.say("%s is served by %s after %d attempts", w.c.address, a.server, len(w.c.attempts))
	}
	return nil
}

func servedBy(owner string) func(attempt) bool {
	return func(a attempt) bool { return a.err == nil && a.server == owner }
}

// scenario loses the owner, observes every step, and brings the owner back.
func (r *run) scenario(ctx context.Context, f fault) Scenario {
	r.say("\n%s: %s", f.name, f.text)
	s := Scenario{Name: f.name}
	life := ctx // of what is started
	ctx, cancel := context.WithTimeout(ctx, observeLimit)
	defer cancel()
	owner := r.members[0]
	quiet, err := holdIdle(ctx, r.client, r.first.address)
	if err != nil {
		r.record(&s, time.Now(), Step{Name: OwnerLost, Detail: err.Error()}, time.Time{})
		return s
	}
	t0 := time.Now()
	if err := f.lose(ctx, owner); err != nil {
		r.record(&s, t0, Step{Name: OwnerLost, Detail: err.Error()}, time.Time{})
		return s
	}
	r.record(&s, t0, Step{Name: OwnerLost, OK: true, Detail: f.text}, t0)
	r.observe(ctx, &s, t0, quiet)
	t1 := time.Now()
	if err := f.back(life, owner); err != nil {
		r.record(&s, t0, Step{Name: OwnerReturned, Detail: err.Error()}, time.Time{})
		return s
	}
	a, err := r.first.wait(ctx, t1, servedBy("db1"))
	r.step(&s, t0, OwnerReturned, a.end, err, fmt.Sprintf("db1 serves %s again, %.0f ms after it came back", first, ms(a.end.Sub(t1))))
	return s
}

// observe waits for the steps that follow the fault.
func (r *run) observe(ctx context.Context, s *Scenario, t0 time.Time, quiet *idle) {
	heir := ""
	advert, err := r.wire.Wait(ctx, t0, func(f netlab.Frame) bool {
		id, priority, ok := f.VRRP()
		heir = r.sender(f)
		return ok && id == vrid && priority > 0 && heir != "" && heir != "db1"
	})
	r.step(s, t0, Inherited, advert.Time, err, fmt.Sprintf("%s answers for %s", heir, first))
	a, err := r.first.wait(ctx, t0, func(a attempt) bool {
		return a.err != nil && !errors.Is(a.err, context.DeadlineExceeded) && ctx.Err() == nil
	})
	detail := ""
	if err == nil {
		detail = fmt.Sprintf("the client's connection to %s: %v", first, cause(a.err))
	}
	r.step(s, t0, FirstError, a.end, err, detail)
	s.silent = r.first.served(t0, a.end) == 0
	moved, err := r.second.wait(ctx, a.end, servedBy("db2"))
	r.step(s, t0, SecondAddress, moved.end, err, fmt.Sprintf("the client is served on %s by %s", second, moved.server))
	// The idle client is silent until well after the takeover; then it speaks, as a client would some day.
	at, how, err := quiet.fate(ctx, idlePatience)
	r.step(s, t0, IdleReset, at, err, "the connection that was open before "+how)
}

// sender names the member that sent a frame.
func (r *run) sender(f netlab.Frame) string {
	for _, m := range r.members {
		if string(m.Port("eth0").MAC()) == string(f.SourceMAC()) {
			return m.Name()
		}
	}
	return ""
}

func (r *run) step(s *Scenario, t0 time.Time, name string, at time.Time, err error, detail string) {
	st := Step{Name: name, OK: err == nil, Detail: detail}
	if err != nil {
		st.Detail = err.Error()
		at = time.Time{}
	}
	r.record(s, t0, st, at)
}

// record adds a step and prints its line of the timeline.
func (r *run) record(s *Scenario, t0 time.Time, st Step, at time.Time) {
	when := "        -"
	if !at.IsZero() {
		st.AtMS = ms(at.Sub(t0))
		when = fmt.Sprintf("%+6.0f ms", st.AtMS)
	}
	mark := "ok  "
	if !st.OK {
		mark = "FAIL"
	}
	r.say("  %s  %s  %-14s  %s", mark, when, st.Name, st.Detail)
	s.Steps = append(s.Steps, st)
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// cause is the innermost error: the system's own words.
func cause(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}
