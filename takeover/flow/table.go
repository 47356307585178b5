// SPDX-License-Identifier: Apache-2.0

package flow

import (
	"iter"
	"net/netip"
	"time"
)

// Table is what the node that performs a service knows of the service's connections: the latest sample, and for each of
// them, when it last changed in a way that the others have to be told.
//
// That is when a connection begins or ends, and when its numbers may be of use. A tickle needs the numbers of connections
// that are silent, and those stand still. So numbers are told once a connection was the same in two samples, and of one that
// never is, every [BusyEvery]: such numbers are not exact any more, but still good for a segment that a stateful
// firewall lets pass, being near the window.
//
// A Table is used by one goroutine. The zero value is ready.
type Table struct {
	// Limit is how many connections are held at most; 0 means [DefaultLimit]. Beyond it the newest are left out.
	Limit int
	// pinned is the generation that somebody still has to be told the ends of connections from.
	pinned func() uint32

	stores
	live, gone int
	leftOut    int

	generation uint32  // of the latest change; the first sample makes it 1
	floor      uint32  // ends of connections up to this generation are forgotten
	layout     uint32  // the latest generation with other places than now
	mark       uint8   // flagMark as records have it that were seen in the latest sample
	history    []stamp // when generations began, oldest first
}

// stamp says when a generation began.
type stamp struct {
	generation uint32
	at         time.Duration
}

// Bounds and times of a Table.
const (
	// DefaultLimit is how many connections of one service are held.
	DefaultLimit = 1_000_000
	// BusyEvery is how often numbers are told of a connection that is never silent.
	BusyEvery = 10 * time.Second
	// keepGone is for how long the end of a connection is remembered for a peer that has missed it. Peers notice within
	// confirmSoon and asks are repeated each askEvery.
	keepGone = 15 * time.Second
	// goneFloor ends of connections may always be remembered; beyond, no more than there are connections.
	goneFloor = 1 << 16
)

// Set replaces what is known by a new sample. It says whether there is something to tell. now is any clock that never goes
// back.
//
// A sample without numbers does not make known ones unknown: they are of use for as long as the connection is silent. Left
// out are connections that nobody else could tickle: of addresses that are no host's, and of clients on this node.
func (t *Table) Set(now time.Duration, flows []Flow) (changed bool) {
	next := t.generation + 1
	changed = t.generation == 0 // also that there is none is news
	pass := pass{t: t, next: next, busy: t.before(now - BusyEvery), forget: t.forget(now)}
	t.mark ^= flagMark
	t.leftOut = 0
	for i := range flows {
		f := &flows[i]
		local, ok := uint16(0), tellable(f.Local, f.Remote)
		if ok {
			local, ok = t.locals.of(f.Local.Addr())
		}
		switch {
		case !ok:
			t.leftOut++
		case f.Remote.Addr().Is4():
			k := key[[4]byte]{f.Remote.Addr().As4(), local, f.Local.Port(), f.Remote.Port()}
			changed = see(&pass, &t.four, &k, f) || changed
		default:
			k := key[[16]byte]{f.Remote.Addr().As16(), local, f.Local.Port(), f.Remote.Port()}
			changed = see(&pass, &t.six, &k, f) || changed
		}
	}
	changed = miss(&pass, &t.four) || changed
	changed = miss(&pass, &t.six) || changed
	if t.four.sparse() || t.six.sparse() {
		t.four.pack()
		t.six.pack()
		t.layout, changed = t.generation, true
	}
	if changed {
		t.generation = next
		t.history = append(t.history, stamp{next, now})
	}
	return changed
}

// before returns the generation that was the latest at a time, or 0. The history is cut to what is still asked for.
func (t *Table) before(at time.Duration) uint32 {
	var g uint32
	for _, s := range t.history {
		if s.at > at {
			break
		}
		g = s.generation
	}
	return g
}

// forget returns the generation up to which ends of connections are forgotten.
func (t *Table) forget(now time.Duration) uint32 {
	g := t.before(now - keepGone)
	for len(t.history) > 1 && t.history[1].generation <= g {
		t.history = t.history[1:]
	}
	if t.pinned != nil {
		g = min(g, t.pinned())
	}
	if t.gone > max(goneFloor, t.live) {
		g = t.generation
	}
	return g
}

// pass is what a walk over a new sample has to know.
type pass struct {
	t      *Table
	next   uint32
	busy   uint32 // numbers told in this generation or earlier are due
	forget uint32
}

// see takes one connection of a sample in and says whether the others are to be told.
func see[A address](p *pass, s *store[A], k *key[A], f *Flow) bool {
	t := p.t
	place := s.find(k)
	if place < 0 {
		if t.live >= t.limit() || len(s.records) >= placeLimit {
			t.leftOut++
			return false
		}
		place = s.insert(k)
		t.live++
		s.records[place].take(f, flagUsed|t.mark, p.next)
		return true
	}
	r := &s.records[place]
	if r.flags&flagGone != 0 { // the same ports again
		if t.live >= t.limit() {
			t.leftOut++
			return false
		}
		t.live++
		t.gone--
		r.take(f, flagUsed|t.mark, p.next)
		return true
	}
	r.flags = r.flags&^flagMark | t.mark
	same := !f.Exact || r.flags&flagExact != 0 && r.send == f.Send && r.receive == f.Receive
	switch {
	case same && r.flags&flagDirty == 0:
		return false
	case same:
		r.flags &^= flagDirty
	default:
		r.flags |= flagExact | flagDirty
		r.send, r.receive = f.Send, f.Receive
		if r.generation > p.busy {
			return false
		}
		r.flags &^= flagDirty
	}
	r.generation = p.next
	return true
}

// take makes a record of a connection that was not known.
func (r *record[A]) take(f *Flow, flags uint8, generation uint32) {
	r.send, r.receive, r.flags, r.generation = 0, 0, flags, generation
	if f.Exact {
		r.send, r.receive = f.Send, f.Receive
		r.flags |= flagExact
	}
}

// miss finds connections that were not in the sample, and forgets those that ended long ago.
func miss[A address](p *pass, s *store[A]) (changed bool) {
	t := p.t
	for i := range s.records {
		r := &s.records[i]
		switch {
		case r.flags&flagUsed == 0:
		case r.flags&flagGone != 0:
			if r.generation <= p.forget {
				t.floor = max(t.floor, r.generation)
				t.gone--
				s.remove(i)
			}
		case r.flags&flagMark != t.mark:
			r.flags, r.generation = flagUsed|flagGone, p.next
			r.send, r.receive = 0, 0
			t.live--
			t.gone++
			changed = true
		}
	}
	return changed
}

func (t *Table) limit() int {
	if t.Limit > 0 {
		return t.Limit
	}
	return DefaultLimit
}

// Len is how many connections there are.
func (t *Table) Len() int { return t.live }

// LeftOut is how many connections of the latest sample are not in the table.
func (t *Table) LeftOut() int { return t.leftOut }

// Bytes is the memory that the table occupies.
func (t *Table) Bytes() int { return t.bytes() }

// All goes through the connections, in no order.
func (t *Table) All() iter.Seq[Flow] {
	return func(yield func(Flow) bool) {
		_ = walk(&t.four, t.locals.list, yield) && walk(&t.six, t.locals.list, yield)
	}
}

// walk goes through the connections of one family.
func walk[A address](s *store[A], list []netip.Addr, yield func(Flow) bool) bool {
	for i := range s.records {
		if r := &s.records[i]; r.flags&(flagUsed|flagGone) == flagUsed && !yield(r.flow(list)) {
			return false
		}
	}
	return true
}
