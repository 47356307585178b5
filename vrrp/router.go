// SPDX-License-Identifier: Apache-2.0

package vrrp

import (
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// maxSlack bounds how early an advert may leave to share a wake-up with others.
const maxSlack = 5 * time.Millisecond

// Router is many virtual routers with one heap of deadlines. It is a plain value without goroutines, locks or clocks;
// one goroutine uses it. Every method that may want something done appends [Action]s to a slice that the caller owns.
type Router struct {
	machines map[ID]*machine
	lookup   map[place]*machine
	groups   map[ID]*group
	queue    deadlines
	global   GlobalCounters
	noted    [discards]Time
	advert   Advert // of the packet at hand
	aged     bool   // its checksum is an old one
	instant  Time   // when the wall clock showed this
	wall     time.Time
}

// place is where adverts for a machine arrive.
type place struct {
	link   int
	family Family
	vrid   VRID
}

// Errors of [Router.Add].
var (
	ErrExists  = errors.New("virtual router exists already")
	ErrUnknown = errors.New("no such virtual router")
)

// NewRouter returns a router without virtual routers.
func NewRouter() *Router {
	return &Router{machines: map[ID]*machine{}, lookup: map[place]*machine{}, groups: map[ID]*group{}}
}

// Add adds a virtual router in Initialize. [Router.Up] starts it.
func (r *Router) Add(id ID, c Config) error {
	if id == 0 {
		return errors.New("virtual router 0: ids begin with 1")
	}
	if r.machines[id] != nil {
		return fmt.Errorf("virtual router %d: %w", id, ErrExists)
	}
	if err := c.check(); err != nil {
		return fmt.Errorf("virtual router %d: %w", id, err)
	}
	m := &machine{id: id, cfg: c, priority: c.Priority, interval: c.Interval, deadline: Never, index: -1}
	m.reseal()
	if c.Leader != 0 {
		if m.leader = r.machines[c.Leader]; m.leader == nil {
			return fmt.Errorf("virtual router %d: leader %d: %w", id, c.Leader, ErrUnknown)
		}
		m.leader.followers = append(m.leader.followers, m)
	}
	r.machines[id] = m
	if g := r.groups[id]; g != nil {
		r.gather(g)
	}
	return nil
}

// touch brings the heap in line with a machine, its followers and its group.
func (r *Router) touch(m *machine) {
	if m.leader != nil {
		m = m.leader
	}
	if g := m.group; g != nil && g.moved {
		g.moved = false
		for _, mate := range g.members {
			r.place(mate)
		}
	}
	r.place(m)
}

// place brings the heap in line with a machine and its followers.
func (r *Router) place(m *machine) {
	r.queue.set(m)
	for _, f := range m.followers {
		r.queue.set(f)
	}
}

// Up starts a virtual router on a link (Startup), or moves it to another one. One that was shut or released before begins as
// any Backup: it waits for a full Active_Down_Interval, but an [Owner] is Active at once. One that still waits for its heir
// gives that up: no [Inherited] follows, and with Enter its addresses have to go.
func (r *Router) Up(now Time, id ID, l Link, out []Action) []Action {
	m := r.machines[id]
	if m == nil {
		return out
	}
	l.Source = l.Source.WithZone("")
	r.unplace(m)
	r.lookup[place{l.Interface, m.cfg.Family, m.cfg.VRID}] = m
	out = m.up(now, l, out)
	r.touch(m)
	return out
}

// Down shuts a virtual router down at once: priority 0 if it was Active.
func (r *Router) Down(now Time, id ID, why Reason, out []Action) []Action {
	m := r.machines[id]
	if m == nil {
		return out
	}
	out = m.shut(now, why, out)
	if m.leader == nil {
		out = m.drag(now, true, out)
	}
	r.touch(m)
	return out
}

// Release shuts a virtual router down as planned: priority 0 now, and [Inherited] as soon as another Active is heard or
// an Active_Down_Interval has passed. One that is not Active is shut. Its followers are released with it, each with an
// [Inherited] of its own.
func (r *Router) Release(now Time, id ID, out []Action) []Action {
	m := r.machines[id]
	if m == nil {
		return out
	}
	out = m.release(now, out)
	m.expectLeave(now)
	r.touch(m)
	return out
}

// Remove shuts a virtual router down and forgets it.
func (r *Router) Remove(now Time, id ID, out []Action) []Action {
	m := r.machines[id]
	if m == nil {
		return out
	}
	g := r.leave(id)
	out = m.shut(now, ReasonShutdown, out)
	r.touch(m)
	r.unplace(m)
	r.queue.drop(m)
	for _, f := range m.followers {
		f.leader = nil
	}
	if m.leader != nil {
		for i, f := range m.leader.followers {
			if f == m {
				m.leader.followers = append(m.leader.followers[:i], m.leader.followers[i+1:]...)
				break
			}
		}
	}
	delete(r.machines, id)
	if g != nil {
		out = r.agree(now, g, out)
	}
	return out
}

func (r *Router) unplace(m *machine) {
	at := place{m.link.Interface, m.cfg.Family, m.cfg.VRID}
	if r.lookup[at] == m {
		delete(r.lookup, at)
	}
}

// Update gives a virtual router another configuration in place. Family, VRID, version and leader do not change.
func (r *Router) Update(now Time, id ID, c Config, out []Action) []Action {
	m := r.machines[id]
	if m == nil || c.check() != nil || c.Family != m.cfg.Family || c.VRID != m.cfg.VRID || c.Version != m.cfg.Version {
		return out
	}
	out = m.update(now, c, out)
	r.touch(m)
	return out
}

// SetPriority changes the priority in force: in Backup the remaining timer with it, in Active the next advert. Nobody moves
// at once: an Active stays until a better one is heard, a Backup pre-empts when its timer expires. It concerns this virtual
// router alone. Set it for both families of a service: the leader's decides, the follower's is in its adverts, and decides
// while it is without its leader.
func (r *Router) SetPriority(now Time, id ID, p Priority, out []Action) []Action {
	if m := r.machines[id]; m != nil && p != Release {
		m.prioritise(now, p)
		r.touch(m)
	}
	return out
}

// SetPreemptBelow changes [Config.PreemptBelow], of this virtual router alone. A Backup goes by it from the next advert: an
// Active that is below it now has an Active_Down_Interval left, counted from its last advert that was accepted.
func (r *Router) SetPreemptBelow(_ Time, id ID, p Priority, out []Action) []Action {
	if m := r.machines[id]; m != nil {
		m.cfg.PreemptBelow = p
	}
	return out
}

// Yield makes an Active step back to Backup without an advert. One that moves with its leader takes that along.
func (r *Router) Yield(now Time, id ID, why Reason, out []Action) []Action {
	m := r.machines[id]
	if m == nil || m.state != Active {
		return out
	}
	if m.follows() && m.leader.state == Active {
		m = m.leader
	}
	out = m.drag(now, false, m.deactivate(now, why, out))
	r.touch(m)
	return out
}

// Deadline is when [Router.Expire] has to be called; [Never] if not at all.
func (r *Router) Deadline() Time {
	if len(r.queue) == 0 {
		return Never
	}
	return r.queue[0].next()
}

// Expire does everything that is due at now. Adverts that are due a small share of their interval later leave with it.
func (r *Router) Expire(now Time, out []Action) []Action {
	for len(r.queue) > 0 {
		m := r.queue[0]
		if next := m.next(); next > now && (m.state != Active || next.Sub(now) > min(m.cfg.Interval/50, maxSlack)) {
			break
		}
		out = m.expire(now, out)
		r.touch(m)
	}
	return out
}

// Status is what there is to know about a virtual router.
type Status struct {
	State              State
	Priority           Priority // in force
	ActiveAddress      netip.Addr
	ActivePriority     Priority
	ActiveInterval     time.Duration
	SkewTime           time.Duration
	ActiveDownInterval time.Duration
	Patience           time.Duration // how long an heir may take after priority 0
	Releasing          bool
	Waiting            bool // in Backup, for the rest of its sync group
	Counters           Counters
}

// Status returns the state and the counters of a virtual router.
func (r *Router) Status(id ID) (Status, bool) {
	m := r.machines[id]
	if m == nil {
		return Status{}, false
	}
	s := Status{State: m.state, Priority: m.priority, ActiveInterval: m.interval, SkewTime: m.skew(), ActiveDownInterval: m.down(),
		Patience: m.patience(), Releasing: m.releasing, Waiting: m.waiting, Counters: m.counters}
	if m.state != Initialize {
		s.ActiveAddress, s.ActivePriority = m.peer, m.peerPrio
	}
	return s, true
}

// Global returns the counters of the whole node.
func (r *Router) Global() GlobalCounters { return r.global }

// Len is the number of virtual routers.
func (r *Router) Len() int { return len(r.machines) }
