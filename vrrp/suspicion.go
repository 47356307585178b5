// SPDX-License-Identifier: Apache-2.0

package vrrp

// Corroboration. Adverts may stay away although the Active is there: protocol 112 is filtered, or lost one way. A Backup that
// misses two says so ([Suspect]) while its Active_Down_Timer goes on; who knows better by another channel may prolong that
// once ([Router.Hold]). RFC 9568 knows nothing of it, and without [Config.Suspect] nothing of it happens.

// expect begins a silence that may become suspect: an advert of the Active was accepted just now, or this router has just
// started, perhaps where adverts never arrive.
func (m *machine) expect(now Time) {
	if m.cfg.Suspect && m.state == Backup && !m.follows() {
		m.suspect = now.Add(2*m.interval + m.skew()/4)
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
// that was suspected. The next advert of the Active ends the silence as always; priority 0 still takes over after Skew_Time.
// Virtual routers that move with this one are held with it.
func (r *Router) Hold(_ Time, id ID, out []Action) ([]Action, bool) {
	m := r.machines[id]
	if m == nil || m.state != Backup || !m.suspected || m.held || m.deadline == Never {
		return out, false
	}
	m.held = true
	m.deadline = m.deadline.Add(m.down())
	r.touch(m)
	return out, true
}
