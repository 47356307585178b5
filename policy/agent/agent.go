// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"slices"
	"time"

	"github.com/regent-ha/regent/policy"
)

// Never is later than every instant.
const Never = time.Duration(1<<63 - 1)

// Agent is what one node does about its services. One goroutine uses it. Instants are on a clock of the node that never
// goes back and counts suspend.
type Agent struct {
	o     Options
	t     Timing
	me    int // index of this node, −1 if the file does not name it
	view  policy.View
	heard []time.Duration // when each node's record came, by index
	alive []presence      // by index, as the channel says

	services []*service // of the cluster, by index

	load       float64
	overloaded bool
	drained    bool
	stopping   bool

	dirty     bool // something that decisions depend on changed
	now       time.Duration
	out       []Action
	published policy.Record
	everTold  bool
	saved     Saved
	number    uint64 // of the last Save
	unsaved   bool
	durable   map[string]policy.Terms
	pending   map[uint64]map[string]policy.Terms // what a Save holds, until it is durable
	differ    map[string]bool                    // nodes whose configuration was reported to differ
}

// presence is what the channel says of a node.
type presence uint8

const (
	unheard presence = iota
	member
	gone
)

// service is a service as this node sees and performs it.
type service struct {
	conf  *policy.Service
	index int

	state   State
	since   time.Duration // of the state
	silence bool          // Active because adverts stayed away

	able, alive bool // what the checks say: of the host, of the service
	detail      string
	readySince  time.Duration // Never while not ready

	phase    Phase
	deadline time.Duration // of the phase; Never
	started  bool          // it was started, and not yet stopped
	asked    bool          // the arbiter
	leased   bool
	until    time.Duration
	denied   string
	failures []time.Duration

	decision policy.Decision
	told     told
	orphaned bool          // NoCandidate was reported
	alone    time.Duration // since when there is no candidate; Never
	released time.Duration
	failback bool // an operator asked for it
	due      bool // the delay of failback has passed

	ward     policy.Ward // the instruction that is followed
	wardEnd  time.Duration
	lastWard uint64  // the highest epoch of an instruction so far
	mandate  mandate // the instruction that is given

	terms *policy.Terms
	mark  *policy.Mark
	alarm judgement
}

// told is what the caller was last asked for.
type told struct {
	part         bool
	partKnown    bool
	priority     uint8
	preemptBelow uint8
	duty         policy.Duty // as set
	until        time.Duration
	shown        policy.Duty // as reported
	ready        bool
	readyKnown   bool
}

// New returns the agent of a node. Nothing is known of other nodes yet.
func New(now time.Duration, o Options) *Agent {
	a := &Agent{now: now, saved: Saved{Terms: map[string]policy.Terms{}, Marks: map[string]policy.Mark{}}, drained: o.Saved.Drained,
		durable: map[string]policy.Terms{}, pending: map[uint64]map[string]policy.Terms{}, differ: map[string]bool{}}
	a.configure(now, o)
	for _, s := range a.services {
		if t, ok := o.Saved.Terms[s.conf.Name]; ok {
			s.terms, a.durable[s.conf.Name] = &t, t
		}
		if m, ok := o.Saved.Marks[s.conf.Name]; ok {
			s.mark = &m
		}
		if slices.Contains(o.Saved.Performing, s.conf.Name) {
			s.phase, s.started, s.deadline = Kept, true, now+a.t.Kept
		}
	}
	a.ownTerms()
	return a
}

// Reload takes in another configuration. Services that stay go on as they are; one that is gone should have been stopped
// by [Agent.Stop] or is forgotten. Options.Saved is not looked at.
func (a *Agent) Reload(now time.Duration, o Options) {
	a.now = now
	a.configure(now, o)
	a.ownTerms()
}

// configure makes the lists of the configuration, with what is known of nodes and services that stay.
func (a *Agent) configure(now time.Duration, o Options) {
	oldNodes, oldServices := a.view, a.services
	oldHeard, oldAlive := a.heard, a.alive
	a.o, a.t = o, o.Timing.withDefaults()
	c := o.Cluster
	a.me = c.Node(o.Node)
	a.view = policy.View{Cluster: c, Sights: make([]policy.Sight, len(c.Nodes))}
	a.heard, a.alive = make([]time.Duration, len(c.Nodes)), make([]presence, len(c.Nodes))
	for i := range c.Nodes {
		if oldNodes.Cluster == nil {
			break
		}
		if j := oldNodes.Cluster.Node(c.Nodes[i].Name); j >= 0 {
			a.view.Sights[i], a.heard[i], a.alive[i] = oldNodes.Sights[j], oldHeard[j], oldAlive[j]
		}
	}
	a.services = make([]*service, len(c.Services))
	for i := range c.Services {
		s := &service{state: Initialize, readySince: Never, deadline: Never, wardEnd: Never, able: true, since: now, released: -Never, alone: Never}
		for _, old := range oldServices {
			if old.conf.Name == c.Services[i].Name {
				s = old
			}
		}
		s.conf, s.index = &c.Services[i], i
		a.services[i] = s
	}
	for _, old := range oldServices {
		if old.started && o.Cluster.Service(old.conf.Name) < 0 { // it goes with its configuration
			a.do(Action{Kind: Stop, Service: old.conf.Name})
			a.unsaved = true
		}
	}
	a.dirty = true
}

// service returns a service by its name, nil for one without policy.
func (a *Agent) service(name string) *service {
	if i := a.o.Cluster.Service(name); i >= 0 {
		return a.services[i]
	}
	return nil
}

// State takes in a transition of a service's virtual router. Silence says that it became Active because adverts stayed
// away, and not because another node released or lost.
func (a *Agent) State(now time.Duration, name string, to State, silence bool) {
	s := a.service(name)
	if s == nil || s.state == to {
		return
	}
	s.state, s.since, s.silence = to, now, to == Active && silence
	s.mandate, s.alarm = mandate{}, judgement{}
	if to == Active {
		s.failback, s.due = false, false
	}
	a.dirty = true
}

// Checked takes in what the checks of a service say: able about what the host needs for it (interfaces), alive about the
// service itself.
func (a *Agent) Checked(now time.Duration, name string, able, alive bool, detail string) {
	s := a.service(name)
	if s == nil || s.able == able && s.alive == alive && s.told.readyKnown {
		return
	}
	s.able, s.alive, s.detail = able, alive, detail
	a.now = now
	a.dirty = true
}

// Started takes in the end of a start; failure is empty if it succeeded.
func (a *Agent) Started(now time.Duration, name, failure string) {
	s := a.service(name)
	if s == nil || s.phase != Starting {
		return // it was stopped meanwhile
	}
	a.now, a.dirty = now, true
	if failure != "" {
		a.fail(s, failure)
		return
	}
	s.phase, s.deadline = Proving, now+a.prove(s)
	a.do(Action{Kind: Hurry, Service: name})
}

// Stopped takes in the end of a stop.
func (a *Agent) Stopped(now time.Duration, name, failure string) {
	s := a.service(name)
	if s == nil || s.phase != Stopping {
		return
	}
	a.now, a.dirty = now, true
	if failure != "" {
		s.deadline = now + a.t.Retry
		a.tell(Note{Topic: StopFailed, Service: name, Reason: failure})
		return
	}
	a.ended(s)
}

// Leased takes in what the arbiter says: the lease of a service is held until an instant (0: without end), or it is not,
// and why.
func (a *Agent) Leased(now time.Duration, name string, held bool, until time.Duration, why string) {
	s := a.service(name)
	if s == nil || !s.asked {
		return
	}
	a.now, a.dirty = now, true
	if held && !s.leased {
		a.tell(Note{Topic: LeaseGranted, Service: name})
		s.denied = ""
	}
	if !held && (s.leased || s.denied != why) {
		s.denied = why
		a.tell(Note{Topic: LeaseDenied, Service: name, Reason: why})
	}
	s.leased, s.until = held, until
}

// Loaded takes in how busy this node is.
func (a *Agent) Loaded(now time.Duration, load float64, overloaded bool, why string) {
	a.now = now
	a.load = load
	if overloaded == a.overloaded {
		return
	}
	a.overloaded, a.dirty = overloaded, true
	topic := Relieved
	if overloaded {
		topic = Overloaded
	}
	a.tell(Note{Topic: topic, Node: a.o.Node, Reason: why})
}

// Present takes in what the channel says of a node: it is a member, or it has died or left.
func (a *Agent) Present(now time.Duration, node string, alive bool) {
	i := a.o.Cluster.Node(node)
	if i < 0 || i == a.me {
		return
	}
	a.now = now
	is, topic := gone, NodeDead
	if alive {
		is, topic = member, NodeAlive
	}
	if a.alive[i] == is {
		return
	}
	a.alive[i], a.dirty = is, true
	if alive {
		a.heard[i] = max(a.heard[i], now-a.t.Stale/2) // its record follows
	}
	a.tell(Note{Topic: topic, Node: node})
}

// Heard takes in a record of another node. The caller has seen to it that it is its own and newer than the last one.
func (a *Agent) Heard(now time.Duration, r policy.Record) {
	i := a.o.Cluster.Node(r.Node)
	if i < 0 || i == a.me {
		return
	}
	a.now = now
	a.heard[i] = now
	if a.alive[i] != member {
		a.Present(now, r.Node, true)
	}
	a.view.Sights[i].Record = r
	a.dirty = true
	for j := range r.Services {
		st := &r.Services[j]
		s := a.service(st.Service)
		if s == nil {
			continue
		}
		a.takeTerms(s, st.Terms)
		a.takeMark(s, st.Mark)
	}
	a.ownTerms()
	a.compare(&r)
}

// compare tells of a configuration that differs, once.
func (a *Agent) compare(r *policy.Record) {
	differs := r.Digest != "" && a.o.Digest != "" && r.Digest != a.o.Digest
	if differs == a.differ[r.Node] {
		return
	}
	topic := ConfigAgrees
	if differs {
		topic = ConfigDiffers
	}
	a.differ[r.Node] = differs
	a.tell(Note{Topic: topic, Node: r.Node})
}

// SetDrained drains this node, or undoes it.
func (a *Agent) SetDrained(now time.Duration, yes bool) {
	if a.drained == yes {
		return
	}
	a.now = now
	a.drained, a.dirty, a.unsaved = yes, true, true
	topic := Undrained
	if yes {
		topic = Drained
	}
	a.tell(Note{Topic: topic, Node: a.o.Node})
}

// Failback lets the owner of a service with another failback than automatic take it back now. False: this node is not
// its owner.
func (a *Agent) Failback(now time.Duration, name string) bool {
	s := a.service(name)
	if s == nil || s.conf.Owner != a.o.Node {
		return false
	}
	a.now = now
	s.failback, a.dirty = true, true
	return true
}

// Stop makes the node end everything that it performs; [Agent.Busy] tells how long that takes.
func (a *Agent) Stop(now time.Duration) {
	a.now = now
	a.stopping, a.dirty = true, true
}

// Busy reports whether a service is being started or stopped here.
func (a *Agent) Busy() bool {
	return slices.ContainsFunc(a.services, func(s *service) bool { return s.started })
}

func (a *Agent) do(x Action) { a.out = append(a.out, x) }

func (a *Agent) tell(n Note) { a.do(Action{Kind: Tell, Service: n.Service, Note: n}) }

func (a *Agent) prove(s *service) time.Duration {
	if d := a.o.Prove[s.conf.Name]; d > 0 {
		return d
	}
	return a.t.Prove
}

// Deadline is when [Agent.Step] has to be called although nothing happened; [Never] if not at all.
func (a *Agent) Deadline() time.Duration {
	if a.dirty || len(a.out) > 0 {
		return a.now
	}
	d := Never
	for i := range a.heard {
		if i != a.me && a.view.Sights[i].Presence == policy.Alive {
			d = min(d, a.heard[i]+a.t.Stale)
		}
	}
	for _, s := range a.services {
		d = min(d, s.next(a))
	}
	return d
}

// next is when the service needs a step.
func (s *service) next(a *Agent) time.Duration {
	d := min(s.deadline, s.alarm.deadline(a.t), s.mandate.deadline(a.t))
	if s.ward.Epoch != 0 {
		d = min(d, s.wardEnd)
	}
	if s.leased && s.until > 0 && s.phase == Serving {
		d = min(d, s.until)
	}
	if s.conf.Failback == policy.FailbackDelayed && s.conf.Owner == a.o.Node && !s.due && s.readySince != Never {
		d = min(d, s.readySince+s.conf.FailbackDelay)
	}
	if len(s.failures) > 0 && s.conf.FailureWindow > 0 {
		d = min(d, s.failures[0]+s.conf.FailureWindow)
	}
	if s.alone != Never && !s.orphaned {
		d = min(d, s.alone+a.t.ForbidAfter)
	}
	if s.phase == Waiting && a.now < s.since+a.t.Stale {
		d = min(d, s.since+a.t.Stale)
	}
	if s.handing(a) {
		d = min(d, s.released+a.t.Retry)
	}
	return d
}
