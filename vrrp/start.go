// SPDX-License-Identifier: Apache-2.0

package vrrp

import "net/netip"

// up is Startup (RFC 9568 §6.4.1), or a move to another interface or source.
func (m *machine) up(now Time, l Link, out []Action) []Action {
	if m.link != l {
		m.messages = nil
	}
	m.link = l
	if m.state == Active {
		m.peer = l.Source
	}
	if m.state != Initialize {
		return out // it goes on where it is
	}
	first := !m.started
	m.begin(now)
	m.releasing = false
	m.peer, m.peerPrio, m.interval = netip.Addr{}, 0, m.cfg.Interval
	owns := m.priority == Owner && (m.cfg.Hold == 0 || now >= m.hold) && !m.follows()
	if owns && now >= m.ready && m.group == nil {
		return m.activate(now, ReasonOwner, out)
	}
	m.state = Backup
	m.restart(now)
	m.shorten(now, first, owns)
	m.state = Initialize
	out = m.enter(Backup, ReasonStartup, out)
	if m.follows() && m.leader.state == Active {
		return m.activate(now, ReasonGroup, out)
	}
	for _, f := range m.followers {
		if f.state == Backup { // it waits for this one from now on
			f.restart(now)
		}
	}
	return out
}

// begin sets what counts from the first start.
func (m *machine) begin(now Time) {
	m.noted[NotePreemptDelay] = 0
	if m.started {
		m.tolerant = 0
		return
	}
	m.started = true
	m.hold, m.ready = now.Add(m.cfg.Hold), now.Add(m.cfg.Delay)
	if m.cfg.PreemptDelay > 0 {
		m.tolerant = m.ready.Add(m.cfg.PreemptDelay)
	}
}

// shorten ends the timer of a start early: an owner waits for the end of the delay and for its group
// alone, [Config.StartActive] for little more than one advert, in the order of priorities. Nobody who was heard is missed then, so
// nothing is suspected.
func (m *machine) shorten(now Time, first, owns bool) {
	switch {
	case m.follows():
	case owns:
		m.deadline, m.why = max(now, m.ready), ReasonOwner
		m.trust()
	case first && m.cfg.StartActive:
		m.deadline = max(now, m.ready).Add(m.interval + m.skew()/4)
		m.trust()
	}
}
