// SPDX-License-Identifier: Apache-2.0

package vrrp

// Corroboration. Adverts may stay away although the Active is there: protocol 112 is filtered, or lost one way. A Backup that
// misses two says so ([Suspect]) while its Active_Down_Timer goes on; who knows better by another channel may prolong that
// once ([Router.Hold]). RFC 9568 knows nothing of it, and without [Config.Suspect] nothing of it happens.
//
// A silence is what the Active_Down_Timer measures: it begins with each (re)start of the timer, and ends with an accepted
// advert, with priority 0, and with an Active that is to be pre-empted: that one is heard, so its silence is not the reason.

// trust ends what a silence was about.
func (m *machine) trust() { m.suspect, m.suspected, m.held = 0, false, false }

// expect sets when the silence becomes suspect: two intervals and a quarter of the skew after it began, or all but one of
// [Config.DownAdverts]. If one advert decides there is no time for doubt.
func (m *machine) expect() {
	if m.cfg.Suspect && m.cfg.DownAdverts != 1 && !m.suspected && m.why == ReasonTimeout && m.deadline != Never {
		m.suspect = m.deadline.Add(m.skew()/4 - m.skew() - m.interval)
	}
}

// doubt tells of a suspicion.
func (m *machine) doubt(out []Action) []Action {
	m.suspect, m.suspected = 0, true
	return append(out, Action{ID: m.id, Kind: Suspect, Peer: m.peer, PeerPriority: m.peerPrio})
}

// corroborate changes [Config.Suspect]. The silence at hand counts, but is suspected once at most.
func (m *machine) corroborate(on bool) {
	if m.cfg.Suspect == on {
		return
	}
	m.cfg.Suspect, m.suspect = on, 0
	if m.state == Backup {
		m.expect()
	}
}

// next is when the machine has to be looked at.
func (m *machine) next() Time {
	if m.state == Backup && m.suspect != 0 {
		return min(m.suspect, m.deadline)
	}
	return m.deadline
}

// Hold prolongs the Active_Down_Timer of a Backup by one Active_Down_Interval and reports whether it did: once in a silence
// that was suspected. The next advert of the Active ends the silence as always; priority 0 still takes over after Skew_Time,
// and an Active that is to be pre-empted has an Active_Down_Interval left at most. Virtual routers that move with this one are
// held with it. After a sleep there is nothing to hold: what waits is heard first.
func (r *Router) Hold(now Time, id ID, out []Action) ([]Action, bool) {
	m := r.machines[id]
	if m == nil || m.state != Backup || !m.cfg.Suspect || !m.suspected || m.held || m.late(now) {
		return out, false
	}
	m.held = true
	m.deadline = m.deadline.Add(m.down())
	r.touch(m)
	return out, true
}
