// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"fmt"

	"github.com/regent-ha/regent/policy"
)

// perform brings the service as far as it can go now, and passes on the duty that follows.
func (a *Agent) perform(s *service) {
	for was := Phase(255); s.phase != was; {
		was = s.phase
		a.advance(s)
	}
	a.show(s)
}

// wants reports whether this node should perform the service now.
func (a *Agent) wants(s *service) bool {
	switch {
	case a.stopping: // what needs no stop is served until another node answers
		return !s.conf.Control && s.phase == Serving && s.state == Active
	case s.conf.ServeAt == policy.AtOwn && s.conf.Owner != a.o.Node:
		return s.ward.Epoch != 0
	}
	return s.state == Active && s.decision.Duty == policy.Serve
}

// advance takes one step from phase to phase.
func (a *Agent) advance(s *service) {
	want := a.wants(s)
	switch s.phase {
	case Idle:
		if want {
			a.enter(s, Waiting)
		}
	case Kept:
		if want {
			a.enter(s, Waiting)
		} else if a.now >= s.deadline || a.stopping {
			a.leave(s)
		}
	case Waiting:
		switch {
		case !want:
			a.leave(s)
		case a.blocker(s) != "":
		case a.o.Arbiter:
			a.ask(s)
		default:
			a.begin(s)
		}
	case Leasing:
		switch {
		case !want:
			a.leave(s)
		case s.leased:
			a.begin(s)
		}
	case Starting:
		if !want || a.lost(s) {
			a.leave(s)
		}
	case Proving:
		switch {
		case !want || a.lost(s):
			a.leave(s)
		case s.alive:
			a.enter(s, Serving)
		case a.now >= s.deadline:
			a.fail(s, fmt.Sprintf("its check has not passed within %s: %s", a.prove(s), s.detail))
		}
	case Serving:
		switch {
		case !want:
			a.leave(s)
		case a.lost(s) && !s.conf.Control:
			a.enter(s, Leasing)
		case a.lost(s):
			a.leave(s)
		case s.conf.Control && !s.alive:
			a.fail(s, s.detail)
		}
	case Stopping:
		if a.now >= s.deadline {
			s.deadline = Never
			a.do(Action{Kind: Stop, Service: s.conf.Name})
		}
	}
}

func (a *Agent) enter(s *service, p Phase) {
	s.phase, s.deadline = p, Never
	a.dirty = true
}

// ask asks the arbiter.
func (a *Agent) ask(s *service) {
	a.enter(s, Leasing)
	if !s.asked {
		s.asked, s.leased = true, false
		a.do(Action{Kind: Want, Service: s.conf.Name})
	}
}

// lost reports whether the arbiter's lease is needed and not held.
func (a *Agent) lost(s *service) bool { return a.o.Arbiter && !s.leased }

// begin starts the service, or serves at once if it needs no start.
func (a *Agent) begin(s *service) {
	if !s.conf.Control {
		a.enter(s, Serving)
		return
	}
	a.enter(s, Starting)
	if !s.started {
		s.started, a.unsaved = true, true
		a.save() // a crash between the start and the next save must not leave it unknown
	}
	a.do(Action{Kind: Start, Service: s.conf.Name})
}

// leave ends performing, from whatever phase.
func (a *Agent) leave(s *service) {
	if s.phase == Stopping {
		return
	}
	if s.started {
		a.enter(s, Stopping)
		a.do(Action{Kind: Stop, Service: s.conf.Name})
		return
	}
	a.ended(s)
}

// ended is the way to idle.
func (a *Agent) ended(s *service) {
	if s.started {
		s.started, a.unsaved = false, true
	}
	if s.asked {
		s.asked, s.leased, s.denied = false, false, ""
		a.do(Action{Kind: Drop, Service: s.conf.Name})
	}
	a.enter(s, Idle)
}

// fail counts a failure and stops the service; another candidate is better now.
func (a *Agent) fail(s *service, why string) {
	s.failures = append(s.failures, a.now)
	a.tell(Note{Topic: StartFailed, Service: s.conf.Name, Reason: why})
	if w := s.ward; w.Epoch != 0 {
		s.ward = policy.Ward{}
		if w.By == a.o.Node {
			a.declines(s, a.o.Node, why)
		} else {
			a.send(a.o.Cluster.Node(w.By), Message{Kind: Refused, Service: s.conf.Name, Epoch: w.Epoch, Reason: why})
		}
	}
	a.leave(s)
}

// blocker is another node that still performs the service, in words; empty if there is none, or none that matters. What
// needs no start may run anywhere.
func (a *Agent) blocker(s *service) string {
	if !s.conf.Control || s.ward.Epoch != 0 && s.ward.By != a.o.Node {
		return "" // whoever gave the instruction has looked
	}
	if i := a.performer(s); i >= 0 {
		return fmt.Sprintf("%s still performs it", a.o.Cluster.Nodes[i].Name)
	}
	if s.silence || !a.o.Cluster.Channel || a.now >= s.since+a.t.Stale {
		return ""
	}
	// Another node was Active a moment ago. Before it is heard over the channel, it may perform the service.
	for i := range a.view.Sights {
		if a.view.Sights[i].Presence == policy.Unknown && policy.MayPerform(&a.view, s.index, i) {
			return fmt.Sprintf("%s has not been heard yet", a.o.Cluster.Nodes[i].Name)
		}
	}
	return ""
}

// performer is another node that performs the service, −1 if none is known. When this node became Active because adverts
// stayed away, only a node that was heard since then counts.
func (a *Agent) performer(s *service) int {
	for i := range a.view.Sights {
		sight := &a.view.Sights[i]
		if i == a.me || sight.Presence != policy.Alive || s.silence && a.heard[i] <= s.since {
			continue
		}
		if st := sight.Record.Standing(s.conf.Name); st != nil && st.Performs {
			return i
		}
	}
	return -1
}

// show passes on what to do with the address, and reports it when it changes.
func (a *Agent) show(s *service) {
	set, until := policy.Refuse, s.told.until
	if s.state == Active && s.serves() {
		set, until = policy.Serve, 0
		if a.o.Arbiter {
			until = s.until
		}
	}
	if set != s.told.duty || set == policy.Serve && until != s.told.until {
		s.told.duty, s.told.until = set, until
		a.do(Action{Kind: SetDuty, Service: s.conf.Name, Duty: set, Until: until})
	}
	is := s.duty()
	if s.told.shown == "" {
		s.told.shown = policy.None
	}
	if is == s.told.shown {
		return
	}
	n := Note{Topic: DutyChanged, Service: s.conf.Name, From: s.told.shown, To: is, Reason: a.reason(s)}
	s.told.shown = is
	a.dirty = true
	a.tell(n)
}

// reason says why the duty is what it is.
func (a *Agent) reason(s *service) string {
	if s.state != Active {
		return "the address is another node's to answer for"
	}
	switch s.phase {
	case Waiting:
		if b := a.blocker(s); b != "" {
			return b
		}
	case Leasing:
		if s.denied != "" {
			return "no lease: " + s.denied
		}
		return "the arbiter has not answered yet"
	case Starting:
		return "it is being started"
	case Proving:
		return "its check has not passed yet"
	case Stopping:
		return "it is being stopped; " + s.why()
	case Idle, Kept, Serving:
	}
	return s.why()
}
