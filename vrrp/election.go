// SPDX-License-Identifier: Apache-2.0

package vrrp

import (
	"net/netip"
	"time"
)

// receive takes in a good advert for this machine.
func (m *machine) receive(now Time, a *Advert, src netip.Addr, out []Action) []Action {
	if m.releasing {
		if a.Priority != Release {
			m.releasing, m.deadline = false, Never
			out = append(out, Action{ID: m.id, Kind: Inherited, Reason: ReasonHeir, Peer: src, PeerPriority: a.Priority})
		}
		return out
	}
	if now < m.ready || m.cfg.OwnerIgnoreAdverts && m.priority == Owner {
		return out
	}
	if m.late(now) {
		out = m.wake(now, out)
	}
	switch m.state {
	case Backup:
		return m.receiveAsBackup(now, a, src, out)
	case Active:
		return m.receiveAsActive(now, a, src, out)
	case Initialize:
	}
	return out
}

func (m *machine) receiveAsBackup(now Time, a *Advert, src netip.Addr, out []Action) []Action {
	if a.Priority == Release {
		if !m.follows() {
			m.trust()
			if m.why != ReasonReleased { // once in a silence
				out = append(out, Action{ID: m.id, Kind: Discarded, Discard: NoteReleased, Peer: src})
			}
			m.deadline, m.why = now.Add(m.skew()), ReasonReleased
		}
		return out
	}
	m.peer, m.peerPrio = src, a.Priority
	out = m.tolerate(now, a.Priority, src, out)
	if m.preempts(now, a.Priority) {
		out = m.note(now, NoteLowerPriority, src, a.Priority, out)
		m.why = ReasonPreempt // the timer goes on
		if m.held {           // for another Active than this one
			m.deadline = min(m.deadline, now.Add(m.down()))
		}
		m.trust()
		return out
	}
	m.tally.MasterPriority = uint64(a.Priority) // not that of one to pre-empt
	m.learn(a)
	m.restart(now)
	return m.drag(now, true, m.pull(now, out))
}

// preempts reports whether a Backup takes over from an Active with priority p. The owner always does (RFC 9568 §6.1,
// Preempt_Mode); a follower without its leader never.
func (m *machine) preempts(now Time, p Priority) bool {
	return p < m.priority && (p < m.cfg.PreemptBelow || m.priority == Owner) && now >= m.hold && now >= m.tolerant && !m.alone()
}

// tolerate goes by [Config.PreemptDelay]: the first advert of a lower priority begins it, one of another Active ends it.
func (m *machine) tolerate(now Time, p Priority, src netip.Addr, out []Action) []Action {
	switch {
	case p >= m.priority:
		m.tolerant, m.noted[NotePreemptDelay] = 0, 0
		return out
	case m.tolerant == 0 && m.cfg.PreemptDelay > 0:
		m.tolerant = now.Add(m.cfg.PreemptDelay)
	}
	if now >= m.tolerant || m.noted[NotePreemptDelay] != 0 {
		return out
	}
	m.noted[NotePreemptDelay] = now
	return append(out, Action{ID: m.id, Kind: Discarded, Discard: NotePreemptDelay, Peer: src, PeerPriority: p, Interval: m.tolerant.Sub(now)})
}

// alone reports whether a follower acts without its leader: it steps in where nobody is, and disturbs nobody.
func (m *machine) alone() bool { return m.leader != nil && !m.follows() }

// givesWay reports whether a follower that is Active without its leader leaves the place to another Active: to a better one at
// once, to a worse one if that stays. A worse one that is alone too gives way itself when it hears the answer; if both did at
// once, nobody would be left, again and again.
func (m *machine) givesWay(now Time, a *Advert, src netip.Addr) bool {
	if a.Priority > m.priority || a.Priority == m.priority && m.link.Source.Less(src) {
		return true
	}
	if heard := now.Sub(m.opposed); m.opposer == src && heard <= 3*max(m.cfg.Interval, a.Interval) {
		return heard >= m.cfg.Interval/2
	}
	m.opposer, m.opposed = src, now
	return false
}

// learn adopts the interval of the Active (version 3).
func (m *machine) learn(a *Advert) {
	if a.Version == 3 {
		m.interval = a.Interval
	}
}

func (m *machine) receiveAsActive(now Time, a *Advert, src netip.Addr, out []Action) []Action {
	switch {
	case a.Priority == Release:
		if !m.leaving { // else it steps back at its deadline
			m.deadline = now.Add(m.cfg.Interval)
		}
		return m.send(m.priority, out)
	case m.alone() && m.givesWay(now, a, src):
		return m.yield(now, a, src, ReasonGroup, out)
	case a.Priority > m.priority:
		if m.follows() {
			return m.note(now, NoteGroup, src, a.Priority, out)
		}
		return m.yield(now, a, src, ReasonHigherPriority, out)
	case a.Priority == m.priority && m.link.Source.Less(src):
		if m.follows() {
			return out
		}
		return m.yield(now, a, src, ReasonHigherAddress, out)
	}
	if src == m.parting {
		m.parting = netip.Addr{}
		if now <= m.partingBy {
			// It gives way (see yield); if it does not, its next advert says so. Until now it may have answered hosts.
			return append(out, Action{ID: m.id, Kind: Announce, Reason: ReasonPreempt, Peer: src, PeerPriority: a.Priority})
		}
	}
	// A losing one: tell it at once (RFC 9568 §6.4.3), and tell the hosts that it may have misled.
	if m.answered == 0 || now.Sub(m.answered) >= m.cfg.Interval/4 {
		m.answered = now
		if !m.cfg.LowerPrioNoAdvert {
			out = m.send(m.priority, out)
		}
		if m.cfg.Rivals {
			out = append(out, Action{ID: m.id, Kind: Rival, Reason: ReasonRival, Peer: src, PeerPriority: a.Priority})
		}
	}
	return m.reannounceAll(now, src, a.Priority, out)
}

// Announcing again because of a rival is limited to a burst and then a rate: a rival that does not hear us is heard with
// every advert. When it falls silent, most likely it heard us at last: then the hosts that it misled must not wait for the rate,
// and there is a reserve.
const (
	announceEvery   = time.Second
	announceBurst   = 4
	announceReserve = 4
)

// reannounce announces the addresses again if a rival was heard and the rate allows; else it is done with an advert of
// ours, later.
func (m *machine) reannounce(now Time, out []Action) []Action {
	if !m.rival.IsValid() {
		return out
	}
	burst := announceBurst
	if now.Sub(m.rivalAt) > m.cfg.Interval*5/4 {
		burst += announceReserve
	}
	if m.announced.Sub(now) > time.Duration(burst-1)*announceEvery {
		return out
	}
	m.announced = max(m.announced, now).Add(announceEvery)
	out = append(out, Action{ID: m.id, Kind: Announce, Reason: ReasonRival, Peer: m.rival, PeerPriority: m.rivalPrio})
	m.rival = netip.Addr{}
	return out
}

// yield steps back before a better Active. A last advert tells that one that there was a second Active: after a healed
// split it may never have heard us, and hosts that believe us need its announcement again. Not if it advertises more seldom
// than we do: Backups would go by our interval once more, and take its next advert for missing.
func (m *machine) yield(now Time, a *Advert, src netip.Addr, why Reason, out []Action) []Action {
	if a.Interval <= m.cfg.Interval {
		out = m.send(m.priority, out)
		for _, f := range m.followers {
			if f.state == Active {
				out = f.send(f.priority, out)
			}
		}
	}
	m.peer, m.peerPrio, m.tally.MasterPriority = src, a.Priority, uint64(a.Priority)
	m.learn(a)
	return m.drag(now, true, m.deactivate(now, why, out))
}
