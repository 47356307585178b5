// SPDX-License-Identifier: Apache-2.0

package vrrp

import (
	"net/netip"
	"time"
)

// machine is one virtual router (RFC 9568 §6). It reads no clock, sends nothing and locks nothing: instants and packets
// come in as arguments, wishes go out as actions.
type machine struct {
	id    ID
	cfg   Config
	link  Link
	state State

	priority  Priority      // in force
	interval  time.Duration // Active_Adver_Interval: of the Active last heard, else our own
	told      time.Duration // the interval in our last advert, which Backups go by
	deadline  Time          // Active: next advert; Backup: Active_Down_Timer; releasing: when to stop waiting for an heir
	due       Time          // the deadline that its place in the heap is by
	index     int           // in the heap
	releasing bool
	started   bool // Up was called once
	hold      Time // before this nobody is pre-empted
	ready     Time // before this nothing is decided
	tolerant  Time // before this no lower priority is pre-empted; 0: the next one is, or begins Config.PreemptDelay

	suspect   Time // Backup: when a missing Active becomes suspect; 0: not
	suspected bool // in this silence
	held      bool // the Active_Down_Timer was prolonged in this silence

	why       Reason     // what the Active_Down_Timer stands for
	peer      netip.Addr // Active last heard
	peerPrio  Priority
	answered  Time       // last immediate advert
	announced Time       // when the rate of Announce is back to nothing
	opposer   netip.Addr // alone: a worse Active, and when it was first heard
	opposed   Time
	rival     netip.Addr // a second Active that was heard and not yet announced against
	rivalPrio Priority
	rivalAt   Time
	parting   netip.Addr // whom this one pre-empted, and until when one more advert of it is its last
	partingBy Time
	noted     [discards]Time

	leader    *machine
	followers []*machine

	group   *group // nil: it stands alone
	listens Time   // after a sleep: until then it goes by its own timer alone
	waiting bool   // Backup: its timer has ended, and the group does not want to yet
	leaving bool   // Active: with the next deadline it steps back, if its group or its leader is not Active then

	seal     *seal        // nil: no trailers
	aged     []netip.Addr // peers that send old checksums
	counters Counters
	tally    Statistics // those that are not in counters
	messages map[messageKey][]byte
}

// skew is Skew_Time: RFC 9568 §6.1 for version 3; of a second for version 2 (RFC 3768 §6.1). Never rounded: in whole
// centiseconds all high priorities would collapse into one.
func skew(version uint8, p Priority, interval time.Duration) time.Duration {
	if version == 2 {
		interval = time.Second
	}
	return time.Duration(256-int(p)) * interval / 256
}

func (m *machine) skew() time.Duration { return skew(m.cfg.Version, m.priority, m.interval) }

// down is Active_Down_Interval.
func (m *machine) down() time.Duration { return m.cfg.missed()*m.interval + m.skew() }

// follows reports whether the leader decides for this machine: it takes part.
func (m *machine) follows() bool { return m.leader != nil && m.leader.state != Initialize }

// enter changes the state.
func (m *machine) enter(to State, why Reason, out []Action) []Action {
	from := m.state
	if to != Backup {
		m.trust()
	}
	m.leaving, m.waiting = false, false
	if from == Active {
		m.tally.ReleaseMaster++
	}
	m.state, m.rival, m.opposer = to, netip.Addr{}, netip.Addr{}
	if to == Active {
		m.counters.MasterTransitions++
		m.tolerant = 0
		m.peer, m.peerPrio = m.link.Source, m.priority
	}
	a := Action{ID: m.id, Kind: Enter, From: from, To: to, Reason: why, Peer: m.peer, PeerPriority: m.peerPrio}
	if to == Active || to == Initialize {
		a.Peer, a.PeerPriority = netip.Addr{}, 0
	}
	return append(out, a)
}

// activate is the way into Active: the advert first, then everything else.
func (m *machine) activate(now Time, why Reason, out []Action) []Action {
	m.parting = netip.Addr{}
	if why == ReasonPreempt || (why == ReasonSync || why == ReasonGroup) && m.peer.IsValid() && m.peerPrio < m.priority {
		m.parting, m.partingBy = m.peer, now.Add(max(m.interval, m.cfg.Interval))
	}
	m.interval = m.cfg.Interval
	m.deadline = now.Add(m.cfg.Interval)
	out = m.send(m.priority, out)
	out = m.enter(Active, why, out)
	for _, f := range m.followers {
		if f.state == Backup {
			out = f.activate(now, ReasonGroup, out)
		}
	}
	return out
}

// deactivate is the way from Active into Backup.
func (m *machine) deactivate(now Time, why Reason, out []Action) []Action {
	if m.peer == m.link.Source {
		m.peer, m.peerPrio = netip.Addr{}, 0 // it is no longer this one, and another was not heard
	}
	m.restart(now)
	out = m.enter(Backup, why, out)
	return m.pull(now, out)
}

// pull takes the followers along into Backup.
func (m *machine) pull(now Time, out []Action) []Action {
	for _, f := range m.followers {
		if f.state == Active {
			out = f.deactivate(now, ReasonGroup, out)
		}
		f.restart(now)
	}
	return out
}

// restart starts the Active_Down_Timer anew, and with it a silence; a follower waits for its leader instead.
func (m *machine) restart(now Time) {
	m.trust()
	m.waiting = false
	if m.state == Initialize {
		return
	}
	m.why = ReasonTimeout
	if m.follows() {
		m.deadline = Never
		return
	}
	m.deadline = max(now, m.ready).Add(m.down())
	m.expect()
}

func (m *machine) send(p Priority, out []Action) []Action {
	m.counters.AdvertisementSent++
	if p == Release {
		m.counters.PriorityZeroPktsSent++
	} else {
		m.told = m.cfg.Interval
	}
	return append(out, Action{ID: m.id, Kind: SendAdvert, Priority: p})
}

// shut is Shutdown (RFC 9568 §6.4.2, §6.4.3).
func (m *machine) shut(now Time, why Reason, out []Action) []Action {
	m.releasing = false
	if m.state == Initialize {
		m.deadline = Never
		return out
	}
	wasActive := m.state == Active
	if wasActive {
		out = m.send(Release, out)
	}
	m.deadline = Never
	out = m.enter(Initialize, why, out)
	for _, f := range m.followers {
		switch {
		case f.state != Active:
			f.restart(now) // it decides for itself
		case wasActive: // it must not stay where its leader is not
			out = f.send(Release, out)
			out = f.deactivate(now, ReasonGroup, out)
		}
	}
	return out
}

// release is a planned Shutdown that waits for the heir, of the whole group.
func (m *machine) release(now Time, out []Action) []Action {
	followers := m.followers
	m.followers = nil // they are released, not left to themselves
	switch {
	case m.state == Active:
		down := m.patience()
		out = m.shut(now, ReasonShutdown, out)
		m.releasing, m.deadline = true, now.Add(down)
	case !m.releasing:
		out = m.shut(now, ReasonShutdown, out)
	}
	m.followers = followers
	for _, f := range followers {
		out = f.release(now, out)
	}
	return out
}

// patience is how long to wait for an heir, who waits for its group.
func (m *machine) patience() time.Duration {
	down := m.heirsDown()
	lead := m
	if m.leader != nil {
		lead = m.leader
	}
	if lead.group != nil {
		for _, mate := range lead.group.members {
			down = max(down, mate.heirsDown())
		}
	}
	return down
}

// heirsDown is the Active_Down_Interval by the longer of the intervals that heirs may go by: a reload may not have reached them.
func (m *machine) heirsDown() time.Duration {
	interval := max(m.interval, m.told)
	return m.cfg.missed()*interval + skew(m.cfg.Version, m.priority, interval)
}

// expire does what is due. The caller calls it at the deadline, or a little before for an advert.
func (m *machine) expire(now Time, out []Action) []Action {
	switch {
	case m.state == Backup && m.suspect != 0 && now >= m.suspect && now < m.deadline:
		return m.doubt(out)
	case m.releasing:
		m.releasing, m.deadline = false, Never
		return append(out, Action{ID: m.id, Kind: Inherited, Reason: ReasonTimeout})
	case m.late(now):
		return m.wake(now, out)
	case m.leaving && m.follows() && m.leader.state != Active:
		return m.deactivate(now, ReasonGroup, out)
	case m.leaving && m.group != nil && !m.group.whole():
		m.group.moved = true
		return m.stepBack(now, true, out)
	case m.state == Active:
		m.leaving = false
		// Start + n × interval, also when some were missed: no drift, and thousands of routers do not fall into step.
		missed := max(0, now.Sub(m.deadline)/m.cfg.Interval)
		m.deadline = m.deadline.Add((missed + 1) * m.cfg.Interval)
		return m.reannounce(now, m.send(m.priority, out))
	case m.state == Backup && m.follows():
		m.deadline = Never
		return out
	case m.state == Backup:
		return m.claim(now, m.why, out)
	}
	m.deadline = Never
	return out
}
