// SPDX-License-Identifier: Apache-2.0

package vrrp

import (
	"net/netip"
	"slices"
)

// group is a sync group: its members are Active together or not at all.
type group struct {
	ids     []ID
	members []*machine // those of ids that exist and are no followers
	absent  int        // those that do not exist
	moved   bool       // deadlines of several members have changed
}

// SetGroup makes a sync group of virtual routers, which leave the groups that they were in; one alone is no group. Followers
// move with their leaders, and are left out. Who is not added yet is missed until it is; who is removed leaves its group.
//
// A member whose Active_Down_Timer ends waits in Backup until every member wants to be Active: its timer has ended too, or it
// pre-empts the Active that it hears. Then that one whose timer ended last becomes Active, and the others with it in the order of
// ids. A member that leaves Active, or that cannot be it (Initialize, not added), takes all others to Backup; they send priority 0,
// so that their heirs wait for Skew_Time only, unless the reason is that nothing may be sent (lateness, [Router.Yield]).
// [Router.Release] leaves a moment to release the others too: they step back when [Router.Expire] is called next.
//
// Priorities are not made equal. Where a node is better for one member and worse for another, who is Active stays. A member that
// is Active when its group is formed stays so while the others can still follow it: until one of them is down or hears a better
// Active.
func (r *Router) SetGroup(now Time, ids []ID, out []Action) []Action {
	g := &group{}
	for _, id := range ids {
		if id != 0 && !slices.Contains(g.ids, id) {
			g.ids = append(g.ids, id)
		}
	}
	if old := r.common(g.ids); old != nil && len(old.ids) == len(g.ids) {
		return out // it is one already
	}
	var left []*group
	for _, id := range g.ids {
		if old := r.leave(id); old != nil && !slices.Contains(left, old) {
			left = append(left, old)
		}
		r.groups[id] = g
	}
	r.gather(g)
	out = r.agree(now, g, out)
	for _, old := range left {
		out = r.agree(now, old, out)
	}
	return out
}

// common is the group that all ids are in, if there is one.
func (r *Router) common(ids []ID) *group {
	if len(ids) == 0 {
		return nil
	}
	g := r.groups[ids[0]]
	for _, id := range ids {
		if r.groups[id] != g {
			return nil
		}
	}
	return g
}

// leave takes a virtual router out of its group, which it returns.
func (r *Router) leave(id ID) *group {
	g := r.groups[id]
	if g == nil {
		return nil
	}
	delete(r.groups, id)
	g.ids = slices.DeleteFunc(g.ids, func(other ID) bool { return other == id })
	if m := r.machines[id]; m != nil {
		m.group = nil
	}
	r.gather(g)
	return g
}

// gather looks up the members of a group.
func (r *Router) gather(g *group) {
	g.members, g.absent = g.members[:0], 0
	for _, id := range g.ids {
		switch m := r.machines[id]; {
		case m == nil:
			g.absent++
		case m.leader == nil:
			m.group = g
			g.members = append(g.members, m)
		}
	}
}

// agree brings the members of a group in line after who is in it has changed.
func (r *Router) agree(now Time, g *group, out []Action) []Action {
	g.moved = true
	for _, m := range g.members {
		switch {
		case m.state == Active && !g.able():
			out = m.stepBack(now, true, out)
		case m.state == Backup && m.waiting && m.wants(now) && g.ready(now, m):
			out = m.claim(now, m.why, out)
		}
	}
	if len(g.members) > 0 {
		r.touch(g.members[0])
	}
	return out
}

// able reports whether every member could be Active.
func (g *group) able() bool {
	return g.absent == 0 && !slices.ContainsFunc(g.members, func(m *machine) bool { return m.state == Initialize })
}

// whole reports whether every member is Active.
func (g *group) whole() bool {
	return g.absent == 0 && !slices.ContainsFunc(g.members, func(m *machine) bool { return m.state != Active })
}

// ready reports whether every member but one wants to be Active.
func (g *group) ready(now Time, but *machine) bool {
	return g.absent == 0 && !slices.ContainsFunc(g.members, func(m *machine) bool { return m != but && !m.wants(now) })
}

// wants reports whether a member would be Active by itself.
func (m *machine) wants(now Time) bool {
	switch {
	case m.late(now):
		return false
	case m.state == Active:
		return true
	case m.state != Backup || now < m.ready:
		return false
	case m.why == ReasonPreempt:
		return (m.waiting || now >= m.listens) && m.preempts(now, m.peerPrio)
	}
	return m.waiting
}

// claim is the end of an Active_Down_Timer: Active, with the whole group, or the timer again until the group wants it too. That
// it runs on lets a member notice that the Active which it was to pre-empt has fallen silent.
func (m *machine) claim(now Time, why Reason, out []Action) []Action {
	if m.group == nil {
		return m.activate(now, why, out)
	}
	if !m.group.ready(now, m) {
		m.trust()
		m.waiting, m.deadline = true, now.Add(m.down())
		if why != ReasonOwner {
			m.why = ReasonTimeout
		}
		for _, f := range m.followers {
			f.leaving = f.state == Active // alone, while this one was down
		}
		return out
	}
	m.group.moved = true
	out = m.activate(now, why, out)
	for _, mate := range m.group.members {
		if mate.state == Backup {
			out = mate.activate(now, ReasonSync, out)
		}
	}
	return out
}

// drag takes the rest of the group to Backup.
func (m *machine) drag(now Time, release bool, out []Action) []Action {
	if m.group == nil {
		return out
	}
	for _, mate := range m.group.members {
		if mate != m && mate.state == Active {
			m.group.moved = true
			out = mate.stepBack(now, release, out)
		}
	}
	return out
}

// stepBack is the way into Backup because of the group; with priority 0 heirs do not wait for silence.
func (m *machine) stepBack(now Time, release bool, out []Action) []Action {
	if release {
		out = m.send(Release, out)
		for _, f := range m.followers {
			if f.state == Active {
				out = f.send(Release, out)
			}
		}
	}
	return m.deactivate(now, ReasonSync, out)
}

// expectLeave makes the rest of the group step back when deadlines are looked at next.
func (m *machine) expectLeave(now Time) {
	if m.group == nil {
		return
	}
	m.group.moved = true
	for _, mate := range m.group.members {
		if mate.state == Active {
			mate.leaving, mate.deadline = true, now
		}
	}
}

// reannounceAll announces the addresses of the whole group again because of one rival: hosts that it misled may send to any.
func (m *machine) reannounceAll(now Time, src netip.Addr, p Priority, out []Action) []Action {
	m.rival, m.rivalPrio, m.rivalAt = src, p, now
	out = m.reannounce(now, out)
	if m.group == nil {
		return out
	}
	for _, mate := range m.group.members {
		if mate != m && mate.state == Active {
			mate.rival, mate.rivalPrio, mate.rivalAt = src, p, now
			out = mate.reannounce(now, out)
		}
	}
	return out
}
