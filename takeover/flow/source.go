// SPDX-License-Identifier: Apache-2.0

package flow

import (
	"fmt"
	"slices"
	"time"
)

// Times of the replication.
const (
	// confirmEvery is how often a peer hears that nothing has changed.
	confirmEvery = 10 * time.Second
	// confirmSoon is when it hears so after a change, so that the loss of that is noticed.
	confirmSoon = 2 * time.Second
	// retell is how long a peer is left alone to which nothing could be sent.
	retell = 100 * time.Millisecond
)

// Source tells the peers of the node that performs a service about the service's connections.
//
// Of each peer it only knows up to which generation of the table it was told. What happened since is told in one walk over
// the table, in parts, from the connections' places: nothing is queued, a connection that changes often is told once, and
// what a part costs is bounded. A peer that misses something asks, and the walk goes back.
//
// A Source is used by one goroutine.
type Source struct {
	service string
	epoch   uint64
	table   *Table
	peers   []*peer
	turn    int // the peer that is told first
	chunk   int // the length of messages

	// The latest part, which several peers get if they are told the same.
	memo     part
	memoized []byte
	scratch  update
	places   []int32 // of local addresses in a message, by their place in the table; -1: not there
}

// part names a part of an update.
type part struct {
	base, target, place uint32
}

// peer is what is known of a peer: it was told all up to base and, if target is not 0, what is before place of a walk that
// tells all that happened after base until target.
type peer struct {
	name string
	part
	told  time.Duration // when it was sent something the last time
	due   time.Duration // when it is to hear something
	retry time.Duration // when it may be tried again
}

// NewSource makes the Source of a service. The epoch must be greater than those of all that performed the service before.
// The caller fills the table and calls [Source.Next] afterwards.
func NewSource(service string, epoch uint64, table *Table) (*Source, error) {
	if service == "" || len(service) > nameLimit {
		return nil, fmt.Errorf("service %q: a name of 1 to %d bytes is needed", service, nameLimit)
	}
	s := &Source{service: service, epoch: epoch, table: table, chunk: MessageLimit}
	table.pinned = s.pinned
	return s, nil
}

// pinned returns the generation whose ends of connections are still needed by the peer that is furthest behind.
func (s *Source) pinned() uint32 {
	g := s.table.generation
	for _, p := range s.peers {
		if p.base > 0 {
			g = min(g, p.base)
		} else if p.target > 0 {
			g = min(g, p.target)
		}
	}
	return g
}

// SetPeers says who is told. A new peer gets everything, one that stays goes on.
func (s *Source) SetPeers(names []string) {
	peers := make([]*peer, 0, len(names))
	for _, name := range names {
		if i := slices.IndexFunc(s.peers, func(p *peer) bool { return p.name == name }); i >= 0 {
			peers = append(peers, s.peers[i])
		} else {
			peers = append(peers, &peer{name: name})
		}
	}
	s.peers = peers
}

// Renew tells a peer everything once more: it has started again.
func (s *Source) Renew(name string) {
	for _, p := range s.peers {
		if p.name == name {
			*p = peer{name: name}
		}
	}
}

// Receive takes an ask of a peer, [KindAsk].
func (s *Source) Receive(from string, message []byte) error {
	a, err := decodeAsk(message)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(s.peers, func(p *peer) bool { return p.name == from })
	if i < 0 || a.service != s.service {
		return fmt.Errorf("connections of service %s are not told to %s", a.service, from)
	}
	p, t := s.peers[i], s.table
	p.part, p.due, p.retry = part{}, 0, 0
	// What has been forgotten since, and whether places are still the same ones, is looked at before the next part is made.
	if a.epoch == s.epoch && max(a.base, a.target) <= t.generation {
		p.part = part{a.base, a.target, a.place}
	}
	return nil
}

// Next sends what is to be told now. tell sends a message to a peer, does not wait, and owns the message; false means that
// it cannot be sent at the moment. It must not call the Source. Next returns when it wants to be called again; it should also
// be called after [Table.Set] and [Source.Receive].
func (s *Source) Next(now time.Duration, b *Budget, tell func(peer string, message []byte) bool) (again time.Duration) {
	again = now + confirmEvery
	if s.table.generation == 0 {
		return again
	}
	s.memoized = nil
	for idle := 0; idle < len(s.peers); s.turn++ {
		p := s.peers[s.turn%len(s.peers)]
		at := s.ready(p, now)
		if at > now {
			again = min(again, at)
			idle++
			continue
		}
		if wait := b.wait(now); wait > 0 {
			return now + wait
		}
		idle = 0
		begin := p.part
		message, next := s.message(p)
		if !tell(p.name, slices.Clone(message)) {
			p.part, p.retry = begin, now+retell
			continue
		}
		b.spend(len(message))
		p.told, p.retry = now, 0
		p.due = now + confirmEvery
		if begin.base != s.table.generation {
			p.due = now + confirmSoon
		}
		p.part = next
	}
	return again
}

// ready returns when a peer is to be told something.
func (s *Source) ready(p *peer, now time.Duration) time.Duration {
	at := p.due
	if p.target != 0 || p.base != s.table.generation {
		at = 0
	}
	return max(at, p.retry)
}

// message makes the next message for a peer, and returns where the peer is afterwards.
func (s *Source) message(p *peer) ([]byte, part) {
	t := s.table
	if p.base > 0 && p.base < t.floor || p.base == 0 && p.target < t.floor {
		p.part = part{} // what it would have to be told is forgotten
	}
	if p.target <= t.layout {
		p.target, p.place = 0, 0 // places have changed
	}
	if p.target == 0 {
		p.target, p.place = t.generation, 0
	}
	if s.memoized != nil && s.memo == p.part {
		return s.memoized, s.after(p.part, s.scratch.to)
	}
	s.memo = p.part
	u := &s.scratch
	*u = update{header: header{KindUpdate, s.service, s.epoch}, base: p.base, target: p.target, from: p.place,
		locals: u.locals[:0], changes: u.changes[:0]}
	if u.base != u.target {
		s.fill(u)
	}
	u.last = u.to == placeEnd || u.base == u.target
	s.memoized = u.encode()
	return s.memoized, s.after(p.part, u.to)
}

func (s *Source) after(p part, to uint32) part {
	if to == placeEnd || p.base == p.target {
		return part{base: p.target}
	}
	p.place = to
	return p
}

// Places of records in an update: those of IPv6 come after all that IPv4 could have.
const (
	placeSix = 1 << placeBits
	placeEnd = 2 << placeBits
)

// fill walks over the table until the message is full.
func (s *Source) fill(u *update) {
	t := s.table
	s.places = s.places[:0]
	for range t.locals.list {
		s.places = append(s.places, -1)
	}
	room := s.chunk - (3 + len(s.service) + 8 + headerRest)
	place, full := u.from, false
	if place < placeSix {
		if place, full = collect(s, u, &t.four, place, room); full {
			u.to = place
			return
		}
		place = placeSix
	}
	if place, full = collect(s, u, &t.six, place-placeSix, room); full {
		u.to = placeSix + place
		return
	}
	u.to = placeEnd
}

// collect adds changes from a place on. It returns where it had to stop for want of room.
func collect[A address](s *Source, u *update, records *store[A], from uint32, room int) (uint32, bool) {
	for i := int(from); i < len(records.records); i++ {
		r := &records.records[i]
		if r.flags&flagUsed == 0 || r.generation <= u.base || u.base == 0 && r.flags&flagGone != 0 {
			continue
		}
		local := s.places[r.local]
		size := changeLimit
		if local < 0 {
			size += 17
		}
		if 17*len(u.locals)+len(u.changes)+size > room || u.count == 0xffff {
			return uint32(i), true
		}
		if local < 0 {
			local = int32(len(u.locals))
			s.places[r.local] = local
			u.locals = append(u.locals, s.table.locals.list[r.local])
		}
		u.changes = appendChange(u.changes, r, uint16(local))
		u.count++
	}
	return 0, false
}
