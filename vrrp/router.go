// SPDX-License-Identifier: Apache-2.0

package vrrp

import (
	"container/heap"
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
	queue    deadlines
	global   GlobalCounters
	noted    [discards]Time
	advert   Advert // of the packet at hand
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
	return &Router{machines: map[ID]*machine{}, lookup: map[place]*machine{}}
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
	if c.Leader != 0 {
		if m.leader = r.machines[c.Leader]; m.leader == nil {
			return fmt.Errorf("virtual router %d: leader %d: %w", id, c.Leader, ErrUnknown)
		}
		m.leader.followers = append(m.leader.followers, m)
	}
	r.machines[id] = m
	return nil
}

// check refuses what no message can carry.
func (c *Config) check() error {
	interval := centi
	if c.Version == 2 {
		interval = time.Second
	}
	switch {
	case c.Family != IPv4 && c.Family != IPv6:
		return fmt.Errorf("%s: want ipv4 or ipv6", c.Family)
	case c.Version != 3 && (c.Version != 2 || c.Family != IPv4):
		return fmt.Errorf("version %d over %s: want 3, or 2 over ipv4", c.Version, c.Family)
	case c.VRID == 0:
		return errors.New("VRID 0: want 1 to 255")
	case c.Priority == Release:
		return errors.New("priority 0: want 1 to 255")
	case c.Interval < interval || c.Interval%interval != 0 || c.Interval > 4095*centi && c.Version == 3 || c.Interval > 255*time.Second:
		return fmt.Errorf("interval %s: want 10ms to 40.95s, or whole seconds up to 255 in version 2", c.Interval)
	case len(c.Addresses) == 0 || len(c.Addresses) > 255:
		return fmt.Errorf("%d addresses: want 1 to 255", len(c.Addresses))
	}
	for _, a := range c.Addresses {
		if a.Is4() != (c.Family == IPv4) || !a.IsValid() || a.Is4In6() {
			return fmt.Errorf("address %s: want %s", a, c.Family)
		}
	}
	return nil
}

// touch brings the heap in line with a machine and its group.
func (r *Router) touch(m *machine) {
	r.queue.set(m)
	for _, f := range m.followers {
		r.queue.set(f)
	}
}

// Up starts a virtual router on a link (Startup), or moves it to another one.
func (r *Router) Up(now Time, id ID, l Link, out []Action) []Action {
	m := r.machines[id]
	if m == nil {
		return out
	}
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
	r.touch(m)
	return out
}

// Release shuts a virtual router down as planned: priority 0 now, and [Inherited] as soon as another Active is heard or
// an Active_Down_Interval has passed. Its followers are released with it.
func (r *Router) Release(now Time, id ID, out []Action) []Action {
	m := r.machines[id]
	if m == nil || m.releasing {
		return out
	}
	out = m.release(now, out)
	r.touch(m)
	return out
}

// Remove shuts a virtual router down and forgets it.
func (r *Router) Remove(now Time, id ID, out []Action) []Action {
	m := r.machines[id]
	if m == nil {
		return out
	}
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

// SetPriority changes the priority in force: in Backup the remaining timer with it, in Active the next advert.
func (r *Router) SetPriority(now Time, id ID, p Priority, out []Action) []Action {
	if m := r.machines[id]; m != nil && p != Release {
		m.prioritise(now, p)
		r.touch(m)
	}
	return out
}

// SetPreemptBelow changes [Config.PreemptBelow].
func (r *Router) SetPreemptBelow(_ Time, id ID, p Priority, out []Action) []Action {
	if m := r.machines[id]; m != nil {
		m.cfg.PreemptBelow = p
	}
	return out
}

// Yield makes an Active step back to Backup without an advert.
func (r *Router) Yield(now Time, id ID, why Reason, out []Action) []Action {
	m := r.machines[id]
	if m == nil || m.state != Active {
		return out
	}
	out = m.deactivate(now, why, out)
	r.touch(m)
	return out
}

// Deadline is when [Router.Expire] has to be called; [Never] if not at all.
func (r *Router) Deadline() Time {
	if len(r.queue) == 0 {
		return Never
	}
	return r.queue[0].deadline
}

// Expire does everything that is due at now. Adverts that are due a small share of their interval later leave with it.
func (r *Router) Expire(now Time, out []Action) []Action {
	for len(r.queue) > 0 {
		m := r.queue[0]
		if m.deadline > now && (m.state != Active || m.deadline.Sub(now) > min(m.cfg.Interval/50, maxSlack)) {
			break
		}
		out = m.expire(now, out)
		r.touch(m)
	}
	return out
}

// Receive takes in a packet. A discarded one changes nothing but counters.
func (r *Router) Receive(now Time, p Packet, out []Action) []Action {
	a := &r.advert
	why := DiscardNone
	if p.TTL != 255 {
		why = DiscardTTL
	} else {
		why = a.Parse(p.Family, p.Message)
	}
	var m *machine
	if len(p.Message) >= 2 {
		m = r.lookup[place{p.Interface, p.Family, VRID(p.Message[1])}]
	}
	if why == DiscardNone {
		why = r.judge(m, a, &p)
	}
	if why != DiscardNone {
		return r.discard(now, m, why, &p, a.Priority, out)
	}
	m.counters.AdvertisementRcvd++
	if a.Priority == Release {
		m.counters.PriorityZeroPktsRcvd++
	}
	out = r.remark(now, m, a, p.Source, out)
	out = m.receive(now, a, p.Source, out)
	r.touch(m)
	return out
}

// judge decides whether a well-formed advert is accepted.
func (r *Router) judge(m *machine, a *Advert, p *Packet) Discard {
	accept := Either
	if m != nil {
		accept = m.cfg.AcceptChecksum
	}
	switch {
	case !GoodChecksum(p.Message, a.Version, accept, p.Source, p.Destination):
		return DiscardChecksum
	case m == nil || m.state == Initialize && !m.releasing:
		return DiscardVRID
	case a.Version != m.cfg.Version:
		return DiscardVersion
	case p.Source == m.link.Source:
		return DiscardOwn
	case martian(p.Source), p.Family == IPv6 && p.Destination.IsMulticast() && !p.Source.IsLinkLocalUnicast():
		return DiscardSource
	case p.Destination.IsMulticast() == (len(m.cfg.Peers) > 0):
		return DiscardDestination
	case a.Interval == 0 || a.Version == 2 && a.Interval != m.cfg.Interval:
		return DiscardInterval
	case a.Version == 2 && a.Auth.Type != m.cfg.Auth.Type:
		return DiscardAuthType
	case a.Version == 2 && a.Auth.Type == AuthPass && !sameSecret(a.Auth.Data, m.cfg.Auth.Data):
		return DiscardAuthData
	case a.Version == 2 && a.Priority != Owner && !sameAddresses(a.Addresses, m.cfg.Addresses):
		return DiscardAddressList
	case p.Family == IPv6 && m.cfg.RequireLinkLocal && !a.Addresses[0].IsLinkLocalUnicast():
		return DiscardLinkLocal
	}
	return DiscardNone
}

// remark reports and counts what is odd about an accepted advert.
func (r *Router) remark(now Time, m *machine, a *Advert, src netip.Addr, out []Action) []Action {
	remark := func(d Discard) {
		r.global.count(d, &m.counters)
		out = m.note(now, d, src, a.Priority, out)
	}
	if a.Interval != m.cfg.Interval {
		remark(NoteInterval)
	}
	if !sameAddresses(a.Addresses, m.cfg.Addresses) {
		remark(NoteAddressList)
	}
	if a.Priority == Owner && m.priority == Owner && src != m.link.Source {
		remark(NoteOwner)
	}
	if m.cfg.Family == IPv6 && !a.Addresses[0].IsLinkLocalUnicast() && m.cfg.Addresses[0].IsLinkLocalUnicast() {
		remark(NoteLinkLocal)
	}
	return out
}

// discard counts and reports; the report of packets that belong to nobody is the router's.
func (r *Router) discard(now Time, m *machine, why Discard, p *Packet, prio Priority, out []Action) []Action {
	if m == nil {
		r.global.count(why, nil)
		if r.noted[why] != 0 && now.Sub(r.noted[why]) < noteEvery {
			return out
		}
		r.noted[why] = now
		return append(out, Action{Kind: Discarded, Discard: why, Peer: p.Source, PeerPriority: prio})
	}
	r.global.count(why, &m.counters)
	return m.note(now, why, p.Source, prio, out)
}

// martian reports a source that no router on the link can have. IPv6 adverts come from link-local addresses (RFC 9568
// §5.1.2.1); unicast ones may come from further away.
func martian(src netip.Addr) bool {
	return !src.IsValid() || src.IsUnspecified() || src.IsMulticast() || src.IsLoopback() || src == netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

// Message returns the encoded message of a virtual router for a priority and a destination. It is valid until the next
// call on the Router; nil for one that is unknown or was never up.
func (r *Router) Message(id ID, p Priority, dst netip.Addr) []byte {
	m := r.machines[id]
	if m == nil || !m.link.Source.IsValid() {
		return nil
	}
	return m.message(p, dst)
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
	Releasing          bool
	Counters           Counters
}

// Status returns the state and the counters of a virtual router.
func (r *Router) Status(id ID) (Status, bool) {
	m := r.machines[id]
	if m == nil {
		return Status{}, false
	}
	s := Status{State: m.state, Priority: m.priority, ActiveInterval: m.interval, SkewTime: m.skew(), ActiveDownInterval: m.down(),
		Releasing: m.releasing, Counters: m.counters}
	if m.state != Initialize {
		s.ActiveAddress, s.ActivePriority = m.peer, m.peerPrio
	}
	return s, true
}

// Global returns the counters of the whole node.
func (r *Router) Global() GlobalCounters { return r.global }

// Len is the number of virtual routers.
func (r *Router) Len() int { return len(r.machines) }

// deadlines is a heap of machines, the earliest first; those that wait for nothing are not in it.
type deadlines []*machine

func (q deadlines) Len() int           { return len(q) }
func (q deadlines) Less(i, j int) bool { return q[i].due < q[j].due }
func (q deadlines) Swap(i, j int)      { q[i], q[j] = q[j], q[i]; q[i].index, q[j].index = i, j }

// Push is heap.Interface's.
func (q *deadlines) Push(x any) {
	m := x.(*machine)
	m.index = len(*q)
	*q = append(*q, m)
}

// Pop is heap.Interface's.
func (q *deadlines) Pop() any {
	old := *q
	m := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	m.index = -1
	return m
}

// set puts a machine where its deadline belongs. A call may change the deadlines of a whole group: the heap goes by due, which
// changes here alone, since it can put right one machine at a time.
func (q *deadlines) set(m *machine) {
	m.due = m.deadline
	switch {
	case m.deadline == Never:
		q.drop(m)
	case m.index < 0:
		heap.Push(q, m)
	default:
		heap.Fix(q, m.index)
	}
}

func (q *deadlines) drop(m *machine) {
	if m.index >= 0 {
		heap.Remove(q, m.index)
	}
}
