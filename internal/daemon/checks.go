// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/regent-ha/regent/conf"
	"github.com/regent-ha/regent/internal/event"
	"github.com/regent-ha/regent/internal/monitor"
	"github.com/regent-ha/regent/internal/notify"
	"github.com/regent-ha/regent/policy"
)

// checksOf are checks as the monitor wants them. One whose user is not to be had is bad: it must not run as another.
func (d *Daemon) checksOf(service string, checks []conf.HealthCheck) []monitor.Check {
	out := make([]monitor.Check, len(checks))
	for i, c := range checks {
		out[i] = monitor.Check{Name: c.Name, Kind: string(c.Kind), Target: c.Target, Command: c.Command, Interval: c.Interval, Timeout: c.Timeout,
			Rise: c.Rise, Fall: c.Fall, Status: c.Status, Body: c.Body, CAFile: c.CAFile, Verify: c.Verify, StartBad: c.StartBad}
		if p := c.Process; p != nil {
			out[i].Process = (*monitor.Process)(p)
		}
		if c.Kind == conf.CheckInterface {
			delay := d.cfg.Interfaces[c.Target]
			out[i].DownDelay, out[i].UpDelay = delay.Down, delay.Up
		}
		if c.Kind == conf.CheckBFD {
			out[i] = monitor.Check{} // a session of its own, see watchSessions
		}
		if c.Kind != conf.CheckExec && c.Kind != conf.CheckReadable {
			continue
		}
		user, err := d.checkUser(c)
		if err != nil {
			d.report.Report(event.NotifyRefused, fmt.Sprintf("%s: its check %s cannot be run: %v", service, nameOf(c), err), "service", service)
			out[i].Kind, out[i].Command = "refused", nil
		}
		out[i].User = user
	}
	return out
}

// checkUser finds who runs a check; nil is the daemon's own user.
func (d *Daemon) checkUser(c conf.HealthCheck) (*monitor.User, error) {
	name := c.User
	if name == "" {
		name = d.cfg.Notify.User
	}
	u, err := notify.LookUp(name)
	if u == nil || err != nil {
		return nil, err
	}
	return (*monitor.User)(u), nil
}

// promptly is how long a start or a reload waits for what is known of this host alone.
const promptly = 100 * time.Millisecond

// watchServices lets the monitor check the configured services, and no others. What is known of their checks counts at once; again: they were
// checked before.
func (d *Daemon) watchServices(gone []string, again bool) {
	for _, name := range gone {
		d.checks.Forget(name)
		delete(d.results, name)
		delete(d.watched, name)
	}
	before := map[string]map[string]bool{} // checks with a result, by service and name
	for i := range d.cfg.Services {
		s := &d.cfg.Services[i]
		before[s.Name] = map[string]bool{}
		for j, c := range d.watched[s.Name] {
			if d.results[s.Name][j] != nil {
				before[s.Name][nameOf(c)] = true
			}
		}
		checks := checksFor(d.cfg, s)
		d.watched[s.Name], d.results[s.Name] = checks, make([]*monitor.Result, len(checks))
		if len(checks) == 0 {
			d.checks.Forget(s.Name)
		} else {
			d.checks.Watch(s.Name, d.checksOf(s.Name, checks))
		}
	}
	d.watchSessions()
	d.checks.Await(promptly)
	for i := range d.cfg.Services {
		s := &d.cfg.Services[i]
		known := d.results[s.Name]
		for _, r := range d.checks.Status(s.Name) {
			if again || monitor.Prompt(string(d.watched[s.Name][r.Index].Kind)) { // at the start others count when all have been told of it
				known[r.Index] = &r
			}
		}
		for j, c := range d.watched[s.Name] {
			if c.Kind == conf.CheckBFD {
				known[j] = d.sessionResult(s, j, c)
			} else if known[j] != nil && !before[s.Name][nameOf(c)] {
				d.turnedCheck(s, nil, known[j])
			}
		}
	}
	for i := range d.cfg.Services { // when all are known: those of a group depend on each other
		d.judgeChecks(&d.cfg.Services[i])
	}
	if again {
		d.tellKept(before)
	}
}

// followChecks carries results to the actor.
func (d *Daemon) followChecks(ctx context.Context) {
	for {
		select {
		case r, open := <-d.checks.Results():
			if !open {
				return
			}
			d.post(func() { d.checked(r) })
		case <-ctx.Done():
			return
		}
	}
}

// checked takes in the result of a check.
func (d *Daemon) checked(r monitor.Result) {
	known := d.results[r.Service]
	s := d.service(r.Service)
	if s == nil || r.Index >= len(known) {
		return // of a configuration before this one
	}
	was := known[r.Index]
	known[r.Index] = &r
	d.turnedCheck(s, was, &r)
	d.judgeChecks(s)
}

// unreadable is what keepalived has for the exit status of a file that cannot be read.
const unreadable = 2

// turnedCheck reports that a check of a service by hand turned; policy reports the others.
func (d *Daemon) turnedCheck(s *conf.Service, was, is *monitor.Result) {
	c := d.watched[s.Name][is.Index]
	if !s.Raw {
		return
	}
	ok, before := is.OK, was != nil && was.OK
	if c.Kind == conf.CheckNumber { // each value is good, but some are a fault
		ok, before = !handCheck(c, is).Fault(), was == nil || !handCheck(c, was).Fault()
	}
	if (was != nil || c.Kind == conf.CheckNumber) && ok == before {
		return
	}
	id, word := event.CheckPassed, "passes"
	if !ok {
		id, word = event.CheckFailed, "fails"
	}
	fields := []any{"service", s.Name, "check", nameOf(c), "kind", string(c.Kind), "reason", is.Detail, "also", !d.firstWith(s, c), "first", was == nil}
	switch first := was == nil && is.OK; {
	case c.Kind == conf.CheckReadable && !is.OK:
		fields = append(fields, "exit", unreadable)
	case c.Kind == conf.CheckReadable && !first:
		fields = append(fields, "exit", 0)
	case c.Kind == conf.CheckExec:
		if !first && is.Signal == 0 && !is.TimedOut && is.Exit >= 0 {
			fields = append(fields, "exit", is.Exit)
		}
		if is.Signal != 0 && !is.TimedOut {
			fields = append(fields, "signal", is.Signal)
		}
		fields = append(fields, "timed_out", is.TimedOut)
	}
	d.report.Report(id, s.Name+": its check "+word+": "+is.Detail, fields...)
}

// firstWith reports whether a service is the first that has a check: a check that several have turns once.
func (d *Daemon) firstWith(s *conf.Service, c conf.HealthCheck) bool {
	for i := range d.cfg.Services {
		one := &d.cfg.Services[i]
		if slices.ContainsFunc(d.watched[one.Name], func(other conf.HealthCheck) bool { return nameOf(other) == nameOf(c) }) {
			return one == s
		}
	}
	return true
}

// judgeChecks passes on what the checks of a service come to.
func (d *Daemon) judgeChecks(s *conf.Service) {
	if s.Raw {
		d.judgeByHand(s)
		return
	}
	able, alive := true, true
	var details []string
	for i, r := range d.results[s.Name] {
		ok := r != nil && r.OK
		if k := d.watched[s.Name][i].Kind; k == conf.CheckInterface || k == conf.CheckBFD {
			able = able && ok
		} else {
			alive = alive && ok
		}
		if r != nil && !ok {
			details = append(details, r.Detail)
		}
	}
	d.mind.Checked(clock(), s.Name, able, alive, strings.Join(details, "; "))
}

// judgeByHand lets a service with a priority by hand, and those of its group, take part as their checks want it: all at once, as one
// that took part before the others would be in the way of them.
func (d *Daemon) judgeByHand(s *conf.Service) {
	names := []string{s.Name}
	if g := d.groupOf(s.Name); g != nil {
		names = g.Services
	}
	var rs []*router
	var changed []*conf.Service
	known := false // the first results are there, and may be a fault
	for _, name := range names {
		one := d.service(name)
		if one == nil {
			continue
		}
		p := d.joined(one)
		was, had := d.preferences[name]
		if had && !p.takes {
			p.priority = was.priority // what was in force last is what programs are told
		}
		if had && was == p {
			continue
		}
		d.preferences[name] = p
		from := was.priority
		if !had { // what is known from the beginning is told as a change of what the file says
			was.takes, from = true, one.Priority
		}
		if was.takes && p.takes && from != p.priority {
			d.report.Report(event.Priority, fmt.Sprintf("%s: priority %d, was %d: %s", name, p.priority, from, p.why), "service", name,
				"from", int(from), "priority", int(p.priority), "reason", p.why, "reload", d.reloading)
		}
		if had { // else its routers are not made yet
			changed = append(changed, one)
			rs = append(rs, d.routersOf(name)...)
			known = known || was.waits && !p.waits
		}
	}
	d.prefer(rs)
	if known {
		d.attachAll(rs)
	}
	for _, one := range changed {
		d.setDuty(one.Name, d.preferences[one.Name].duty, 0)
		d.showByHand(one)
	}
	for _, r := range rs {
		d.ranked(r)
	}
}

// showByHand reports what is done with the address of a service by hand that may refuse, when that changes. One that never
// refuses serves whenever it is Active.
func (d *Daemon) showByHand(s *conf.Service) {
	if !guarded(d.cfg, s) {
		return
	}
	is, why := dutyNone, "the address is another node's to answer for"
	for _, r := range d.routersOf(s.Name) {
		if r.active() {
			is, why = r.duty, d.preferences[s.Name].why
		}
	}
	was := d.shown[s.Name]
	if was == "" {
		was = dutyNone
	}
	if is == was {
		return
	}
	d.shown[s.Name] = is
	d.report.Report(event.DutyChanged, s.Name+": duty "+string(is)+": "+why, "service", s.Name, "from", string(was), "duty", string(is), "reason", why)
}

// nameOf is a check for people.
func nameOf(c conf.HealthCheck) string {
	if c.Name != "" {
		return c.Name
	}
	if len(c.Command) > 0 {
		return string(c.Kind) + " " + strings.Join(c.Command, " ")
	}
	return string(c.Kind) + " " + c.Target
}

// gauges are the measures of overload.
func gauges(p *conf.Overload) ([]monitor.Gauge, []policy.Limit) {
	var gs []monitor.Gauge
	var ls []policy.Limit
	for _, m := range p.Marks {
		gs = append(gs, monitor.Gauge{Kind: string(m.Measure), Command: m.Command, Path: m.Path})
		ls = append(ls, policy.Limit{Name: string(m.Measure), High: m.High, Low: m.Low})
	}
	return gs, ls
}

// measureEvery is how often the load is looked at when the file does not judge it: for status only.
const measureEvery = 5 * time.Second

// measure watches how busy this node is, until ctx ends.
func (d *Daemon) measure(ctx context.Context, o *conf.Overload) {
	every := measureEvery
	var gs []monitor.Gauge
	var ls []policy.Limit
	dwell := time.Duration(0)
	if o != nil {
		every, dwell = o.Interval, o.Dwell
		gs, ls = gauges(o)
	}
	meter := policy.NewMeter(ls, dwell)
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		values := make([]float64, len(gs))
		for i, g := range gs {
			var err error
			if values[i], err = monitor.Measure(ctx, g); err != nil {
				values[i] = math.NaN()
				d.o.Log.Debug("measure", "what", g.Kind, "error", err)
			}
		}
		load, err := monitor.Measure(ctx, monitor.Gauge{Kind: string(conf.MeasureLoad)})
		if err != nil {
			load = 0
		}
		overloaded, _, why := meter.Sample(clock(), values)
		d.post(func() { d.mind.Loaded(clock(), load, overloaded, why) })
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
