// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"slices"
	"strings"
	"time"

	"github.com/regent-ha/regent/policy"
)

// rounds bounds how often one step looks at everything again because of what it changed itself.
const rounds = 4

// Step appends everything that has to be done now.
func (a *Agent) Step(now time.Duration, out []Action) []Action {
	a.now = now
	a.age()
	for range rounds {
		a.dirty = false
		a.look()
		for _, s := range a.services {
			was := s.performs()
			a.decide(s)
			a.instruct(s)
			a.perform(s)
			if s.performs() != was {
				a.look() // what is performed takes room from the services that come after it
			}
		}
		if !a.dirty {
			break
		}
	}
	a.judge()
	a.look()
	a.save()
	a.publish()
	out = append(out, a.out...)
	clear(a.out)
	a.out = a.out[:0]
	return out
}

// age lets pass what ends by itself.
func (a *Agent) age() {
	for i := range a.view.Sights {
		is := policy.Unknown
		switch {
		case i == a.me:
			is = policy.Alive
		case !a.o.Cluster.Channel:
		case a.alive[i] == gone:
			is = policy.Dead
		case a.alive[i] == member && a.view.Sights[i].Record.Node != "" && a.now < a.heard[i]+a.t.Stale:
			is = policy.Alive
		}
		if a.view.Sights[i].Presence != is {
			a.view.Sights[i].Presence, a.dirty = is, true
		}
	}
	for _, s := range a.services {
		if w := s.conf.FailureWindow; w > 0 {
			s.failures = slices.DeleteFunc(s.failures, func(at time.Duration) bool { return a.now >= at+w })
		}
		if s.ward.Epoch != 0 && a.now >= s.wardEnd {
			s.ward = policy.Ward{}
		}
		if s.leased && s.until > 0 && a.now >= s.until {
			a.Leased(a.now, s.conf.Name, false, 0, "the lease ran out")
		}
	}
}

// look puts this node's own record, as it is now, into the view.
func (a *Agent) look() {
	if a.me >= 0 {
		a.view.Sights[a.me].Record = a.record(false)
	}
	a.view.Changed()
}

// record is what this node tells of itself; with durable terms only, or with those in force.
func (a *Agent) record(durable bool) policy.Record {
	r := policy.Record{Node: a.o.Node, Load: float64(int(a.load*10+0.5)) / 10, Overloaded: a.overloaded, Drained: a.drained,
		Stopping: a.stopping, Digest: a.o.Digest, Services: make([]policy.Standing, len(a.services))}
	for i, s := range a.services {
		r.Services[i] = a.standing(s, durable)
	}
	return r
}

func (a *Agent) standing(s *service, durable bool) policy.Standing {
	st := policy.Standing{Service: s.conf.Name, State: string(s.state), Duty: s.duty(), Performs: s.performs(), Ready: s.ready(),
		Failures: len(s.failures), Terms: s.terms, Mark: s.mark}
	if durable {
		st.Terms = nil
		if t, ok := a.durable[s.conf.Name]; ok {
			st.Terms = &t
		}
	}
	if s.ward.Epoch != 0 {
		w := s.ward
		st.Ward = &w
	}
	return st
}

// ready: with control a start is possible, without it the service is there.
func (s *service) ready() bool { return s.able && (s.conf.Control || s.alive) }

// performs: from before it is started until after it is stopped.
func (s *service) performs() bool { return s.started || s.phase == Serving }

// serves reports whether this node answers at the service's address with the service, if it is Active.
func (s *service) serves() bool {
	return s.phase == Serving && (s.conf.ServeAt != policy.AtOwn || s.ward.Epoch == 0)
}

// duty is what this node does with the address now.
func (s *service) duty() policy.Duty {
	switch {
	case s.state != Active:
		return policy.None
	case s.serves():
		return policy.Serve
	}
	return policy.Refuse
}

// decide asks policy, and passes on what follows for the elections.
func (a *Agent) decide(s *service) {
	if a.me < 0 {
		s.decision = policy.Decision{Duty: policy.None, Reasons: []string{"this node is not in [nodes]"}}
	} else {
		s.decision = policy.Decide(&a.view, s.index, a.me)
	}
	d := &s.decision
	owner := s.conf.Owner == a.o.Node
	if !owner || !d.Eligible {
		s.readySince, s.due = Never, false
	} else {
		s.readySince = min(s.readySince, a.now)
		if s.conf.Failback == policy.FailbackDelayed && !s.due && a.now >= s.readySince+s.conf.FailbackDelay {
			s.due = true
			if s.state == Backup {
				a.tell(Note{Topic: FailbackDue, Service: s.conf.Name, Reason: "the owner has been ready for " + s.conf.FailbackDelay.String()})
			}
		}
		if s.due || s.failback {
			d.PreemptBelow = 255
		}
	}
	if a.stopping {
		return
	}
	if d.Takes != s.told.part || !s.told.partKnown {
		s.told.part, s.told.partKnown = d.Takes, true
		a.do(Action{Kind: TakePart, Service: s.conf.Name, Yes: d.Takes})
	}
	if d.Takes && (d.Priority != s.told.priority || d.PreemptBelow != s.told.preemptBelow) {
		s.told.priority, s.told.preemptBelow = d.Priority, d.PreemptBelow
		a.do(Action{Kind: Prefer, Service: s.conf.Name, Priority: d.Priority, PreemptBelow: d.PreemptBelow})
	}
	a.checked(s)
	a.orphan(s)
	if s.handing(a) && a.now >= s.released+a.t.Retry {
		s.released = a.now
		a.do(Action{Kind: HandOver, Service: s.conf.Name})
	}
}

// checked reports checks that turned.
func (a *Agent) checked(s *service) {
	good := s.able && s.alive
	if good == s.told.ready && s.told.readyKnown {
		return
	}
	first := !s.told.readyKnown
	s.told.ready, s.told.readyKnown = good, true
	switch {
	case good && !first:
		a.tell(Note{Topic: CheckPassed, Service: s.conf.Name, Reason: s.detail})
	case !good && s.detail != "" && (!s.conf.Control || s.phase == Serving || !s.able):
		a.tell(Note{Topic: CheckFailed, Service: s.conf.Name, Reason: s.detail})
	}
}

// orphan reports that nobody may perform the service whose address this node answers for, and that somebody may again.
func (a *Agent) orphan(s *service) {
	if s.state != Active || len(s.decision.Candidates) > 0 || s.performs() {
		if s.orphaned && s.state == Active { // else whoever is Active now will say
			a.tell(Note{Topic: CandidateFound, Service: s.conf.Name, Reason: s.why()})
		}
		s.orphaned, s.alone = false, Never
		return
	}
	s.alone = min(s.alone, a.now)
	if !s.orphaned && a.now >= s.alone+a.t.ForbidAfter { // not while nodes start, or change places
		s.orphaned = true
		a.tell(Note{Topic: NoCandidate, Service: s.conf.Name, Reason: strings.Join(s.decision.Obstacles, "; ")})
	}
}

// handing reports whether the address should go to a node that may serve, since this one may not.
func (s *service) handing(a *Agent) bool {
	if a.stopping || s.state != Active || s.conf.ServeAt == policy.AtOwn || s.decision.Duty != policy.Refuse || !s.decision.Takes || s.phase == Serving {
		return false
	}
	return slices.ContainsFunc(s.decision.Candidates, func(name string) bool {
		i := a.o.Cluster.Node(name)
		if i < 0 || i == a.me {
			return false
		}
		st := a.view.Sights[i].Record.Standing(s.conf.Name)
		return st != nil && State(st.State) == Backup
	})
}

// why is the first reason of the decision.
func (s *service) why() string {
	if len(s.decision.Reasons) == 0 {
		return ""
	}
	return strings.Join(s.decision.Reasons, "; ")
}

// publish tells the others of a record that changed.
func (a *Agent) publish() {
	if a.me < 0 {
		return
	}
	r := a.record(true)
	if a.everTold && equal(&r, &a.published) {
		return
	}
	a.published, a.everTold = r, true
	a.do(Action{Kind: Publish, Record: r})
}

func equal(a, b *policy.Record) bool {
	if a.Load != b.Load || a.Overloaded != b.Overloaded || a.Drained != b.Drained || a.Stopping != b.Stopping || a.Digest != b.Digest {
		return false
	}
	return slices.EqualFunc(a.Services, b.Services, func(x, y policy.Standing) bool {
		if (x.Terms == nil) != (y.Terms == nil) || (x.Mark == nil) != (y.Mark == nil) || (x.Ward == nil) != (y.Ward == nil) {
			return false
		}
		return x.Service == y.Service && x.State == y.State && x.Duty == y.Duty && x.Performs == y.Performs && x.Ready == y.Ready &&
			x.Failures == y.Failures && (x.Terms == nil || x.Terms.Epoch == y.Terms.Epoch && x.Terms.Node == y.Terms.Node) &&
			(x.Mark == nil || *x.Mark == *y.Mark) && (x.Ward == nil || *x.Ward == *y.Ward)
	})
}
