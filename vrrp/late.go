// SPDX-License-Identifier: Apache-2.0

package vrrp

// late reports whether the caller slept through more than the Active_Down_Interval. A leader judges for its followers: one
// that stepped back alone would wait for a leader that never moves.
func (m *machine) late(now Time) bool {
	if m.follows() {
		return m.state == Active && m.leader.late(now)
	}
	return m.state != Initialize && m.deadline != Never && now.Sub(m.deadline) > m.down()
}

// wake is what a machine does that slept too long, and its group with it: it listens before it speaks. Members that were not
// late yet may still say that they leave.
func (m *machine) wake(now Time, out []Action) []Action {
	if m.follows() {
		m = m.leader
	}
	wasActive := m.state == Active
	out = m.listen(now, out)
	if m.group == nil || !wasActive {
		return out
	}
	m.group.moved = true
	for _, mate := range m.group.members {
		switch {
		case mate.state != Active:
		case mate.late(now):
			out = mate.listen(now, out)
		default:
			out = mate.stepBack(now, true, out)
		}
	}
	return out
}

// listen begins anew as Backup, with all that follow.
func (m *machine) listen(now Time, out []Action) []Action {
	m.counters.LateWakeups++
	m.listens = now.Add(m.down())
	for _, f := range m.followers {
		if f.state == Active {
			f.counters.LateWakeups++
		}
	}
	if m.state == Active {
		return m.deactivate(now, ReasonLate, out)
	}
	m.restart(now)
	return m.pull(now, out)
}
