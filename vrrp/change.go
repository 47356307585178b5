// SPDX-License-Identifier: Apache-2.0

package vrrp

// prioritise changes the priority in force.
func (m *machine) prioritise(now Time, p Priority) {
	if p == m.priority {
		return
	}
	before := m.skew()
	m.priority = p
	if m.state != Backup || m.deadline == Never {
		return
	}
	if m.why == ReasonOwner { // it was to be Active at once
		m.restart(now)
	} else {
		m.deadline = max(now, m.deadline.Add(m.skew()-before))
	}
}

// update takes over a new configuration in place.
func (m *machine) update(now Time, c Config, out []Action) []Action {
	old, suspect := m.cfg, c.Suspect
	c.Leader, c.Hold, c.Delay, c.Suspect = old.Leader, old.Hold, old.Delay, old.Suspect
	m.cfg = c
	m.messages = nil
	m.reseal()
	m.reage()
	m.corroborate(suspect)
	if old.Priority != c.Priority {
		m.prioritise(now, c.Priority)
	}
	if m.state == Initialize {
		return out
	}
	if d := c.missed() - old.missed(); d != 0 && m.state == Backup && m.deadline != Never && m.why == ReasonTimeout {
		m.deadline = max(now, m.deadline.Add(d*m.interval))
		m.expect()
	}
	if old.Interval == c.Interval {
		return out
	}
	if m.state == Active {
		m.interval = c.Interval
		m.deadline = min(m.deadline, now.Add(c.Interval))
	} else if m.peer.IsValid() && c.Version == 3 {
		return out // it goes by the interval of the Active
	} else {
		m.interval = c.Interval
		m.restart(now)
	}
	return out
}
