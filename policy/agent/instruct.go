// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"maps"
	"slices"
	"time"

	"github.com/regent-ha/regent/policy"
)

// mandate is the instruction that this node gives while it is Active for an address at which nobody performs the service.
type mandate struct {
	to       string // empty: to nobody
	epoch    uint64
	accepted bool
	first    time.Duration            // when it was first sent
	sent     time.Duration            // when it was last sent
	again    time.Duration            // when to look at it again; 0: not
	declined map[string]time.Duration // until when a node is not asked again
}

func (m *mandate) deadline(Timing) time.Duration {
	if m.again == 0 {
		return Never
	}
	return m.again
}

// tries is how often an instruction is sent to a node that does not answer.
const tries = 2

// instruct sees to it that one node performs a service at its own address while this one refuses at the inherited one.
func (a *Agent) instruct(s *service) {
	if s.conf.ServeAt != policy.AtOwn || a.stopping || s.state != Active {
		s.mandate = mandate{}
		return
	}
	m := &s.mandate
	m.again = 0
	if s.decision.Eligible && s.conf.Owner == a.o.Node {
		a.recall(s)
		return
	}
	candidates := slices.DeleteFunc(slices.Clone(s.decision.Candidates), func(n string) bool { return n == s.conf.Owner })
	if m.to == "" {
		a.choose(s, candidates)
	}
	if m.to == "" {
		return
	}
	if m.to == a.o.Node {
		if !slices.Contains(candidates, m.to) {
			s.ward, m.to = policy.Ward{}, ""
			a.dirty = true
			return
		}
		s.ward, s.wardEnd = policy.Ward{Epoch: m.epoch, By: a.o.Node}, a.now+a.t.Lease
		m.again = a.now + a.t.Renew
		return
	}
	a.renew(s, candidates)
}

// recall takes the service back from whoever performs it: the owner has returned.
func (a *Agent) recall(s *service) {
	m := &s.mandate
	m.to, s.ward = "", policy.Ward{}
	i := a.performer(s)
	if i < 0 {
		return
	}
	if m.sent == 0 || a.now >= m.sent+a.t.Renew {
		m.sent = a.now
		a.send(i, Message{Kind: Withdraw, Service: s.conf.Name, Epoch: a.epoch(s)})
	}
	m.again = m.sent + a.t.Renew
}

// choose picks the node to instruct: one that performs the service already, else the best candidate that has not
// declined of late.
func (a *Agent) choose(s *service, candidates []string) {
	m := &s.mandate
	maps.DeleteFunc(m.declined, func(_ string, until time.Duration) bool { return a.now >= until })
	for _, until := range m.declined {
		m.again = sooner(m.again, until)
	}
	if i := a.performer(s); i >= 0 {
		st := a.view.Sights[i].Record.Standing(s.conf.Name)
		name := a.o.Cluster.Nodes[i].Name
		if st.Ward == nil || !slices.Contains(candidates, name) {
			if st.Ward != nil { // it must not go on
				if a.now >= m.sent+a.t.Renew || m.sent == 0 {
					m.sent = a.now
					a.send(i, Message{Kind: Withdraw, Service: s.conf.Name, Epoch: a.epoch(s)})
				}
				m.again = sooner(m.again, m.sent+a.t.Renew)
			}
			return // its record will say when it has stopped
		}
		a.appoint(s, name)
		return
	}
	for _, name := range candidates {
		if _, no := m.declined[name]; !no {
			a.appoint(s, name)
			return
		}
	}
}

func (a *Agent) appoint(s *service, name string) {
	m := &s.mandate
	m.to, m.epoch, m.accepted, m.first, m.sent = name, a.epoch(s)+1, false, a.now, 0
	if name == a.o.Node {
		a.dirty = true
		a.tell(Note{Topic: Instructed, Service: s.conf.Name, Node: name})
	}
}

// renew repeats the instruction, or gives up on a node that does not answer, or may not go on.
func (a *Agent) renew(s *service, candidates []string) {
	m := &s.mandate
	i := a.o.Cluster.Node(m.to)
	over := m.sent + 2*a.t.Lease // from here on it certainly does not perform it by our word
	fit := slices.Contains(candidates, m.to)
	silent := !m.accepted && m.sent != 0 && a.now >= m.first+tries*a.t.Renew
	switch {
	case m.sent != 0 && (!fit || silent) && a.now >= over:
		a.declines(s, m.to, "no answer")
		return
	case !fit && m.accepted && i >= 0 && a.view.Sights[i].Presence == policy.Alive:
		a.send(i, Message{Kind: Withdraw, Service: s.conf.Name, Epoch: m.epoch})
		m.to, m.sent = "", a.now
		m.again = a.now + a.t.Renew
		return
	case !fit && m.sent == 0:
		m.to = ""
		a.dirty = true
		return
	case !fit || silent:
		m.again = over
		return
	}
	if m.sent == 0 || a.now >= m.sent+a.t.Renew {
		m.sent = a.now
		a.send(i, Message{Kind: Instruct, Service: s.conf.Name, Epoch: m.epoch, Lease: a.t.Lease})
	}
	m.again = m.sent + a.t.Renew
}

// declines notes that a node does not perform the service; the next one is asked.
func (a *Agent) declines(s *service, name, why string) {
	m := &s.mandate
	if m.declined == nil {
		m.declined = map[string]time.Duration{}
	}
	m.declined[name] = a.now + a.t.Declined
	m.to, m.sent = "", 0
	a.dirty = true
	a.tell(Note{Topic: Declined, Service: s.conf.Name, Node: name, Reason: why})
}

// epoch is the highest that is known of instructions for the service.
func (a *Agent) epoch(s *service) uint64 {
	e := max(s.mandate.epoch, s.ward.Epoch, s.lastWard)
	for i := range a.view.Sights {
		if st := a.view.Sights[i].Record.Standing(s.conf.Name); st != nil && st.Ward != nil {
			e = max(e, st.Ward.Epoch)
		}
	}
	return e
}

func (a *Agent) send(node int, m Message) {
	if node >= 0 {
		a.do(Action{Kind: Send, Service: m.Service, To: a.o.Cluster.Nodes[node].Name, Message: m})
	}
}

// Message takes in what another node says directly. Repetitions change nothing. It returns why the message was left
// aside, in words, or nothing.
func (a *Agent) Message(now time.Duration, from string, m Message) string {
	a.now = now
	node := a.o.Cluster.Node(from)
	if node < 0 || node == a.me {
		return "from nobody of this cluster"
	}
	if m.Kind == Drain {
		a.SetDrained(now, m.Yes)
		return ""
	}
	s := a.service(m.Service)
	if s == nil {
		return "about a service without policy"
	}
	switch m.Kind {
	case Instruct:
		return a.instructed(s, node, m)
	case Withdraw:
		if m.Epoch < s.lastWard {
			return "older than the instruction in force"
		}
		s.lastWard = m.Epoch + 1 // a repetition of it that is under way comes too late
		if s.ward.Epoch != 0 {
			s.ward, a.dirty = policy.Ward{}, true
		}
	case Accepted:
		if s.mandate.to != from || s.mandate.epoch != m.Epoch {
			return "answers no instruction in force"
		}
		if !s.mandate.accepted {
			s.mandate.accepted, a.dirty = true, true
			a.tell(Note{Topic: Instructed, Service: m.Service, Node: from})
		}
	case Refused:
		if s.mandate.to != from || s.mandate.epoch != m.Epoch {
			return "answers no instruction in force"
		}
		if m.Number > m.Epoch { // it has seen later instructions than we know of
			s.lastWard = max(s.lastWard, m.Number)
			s.mandate.to, s.mandate.sent, a.dirty = "", 0, true
			return ""
		}
		a.declines(s, from, m.Reason)
	case Question, Reply, Drain: // see Doubts; above
	}
	return ""
}

// instructed answers an instruction.
func (a *Agent) instructed(s *service, from int, m Message) string {
	answer := Message{Kind: Refused, Service: m.Service, Epoch: m.Epoch}
	switch {
	case m.Epoch < s.lastWard:
		answer.Number, answer.Reason = s.lastWard, "older than the instruction in force"
		a.send(from, answer)
		return answer.Reason
	case s.conf.ServeAt != policy.AtOwn:
		answer.Reason = "serve_at is not own"
	case a.stopping:
		answer.Reason = "stopping"
	case s.state == Active:
		answer.Reason = "active itself"
	case !s.decision.Eligible && !s.performs():
		answer.Reason = s.why()
	case s.phase == Stopping:
		answer.Reason = "still being stopped"
	default:
		answer.Kind = Accepted
		if s.ward.Epoch != m.Epoch {
			a.dirty = true
		}
		s.lastWard = m.Epoch
		s.ward = policy.Ward{Epoch: m.Epoch, By: a.o.Cluster.Nodes[from].Name}
		s.wardEnd = a.now + min(m.Lease, a.t.Lease)
	}
	a.send(from, answer)
	return ""
}

// sooner is the earlier of two instants, of which 0 is none.
func sooner(a, b time.Duration) time.Duration {
	if a == 0 {
		return b
	}
	return min(a, b)
}
