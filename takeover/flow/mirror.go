// SPDX-License-Identifier: Apache-2.0

package flow

import (
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// Times of a Mirror.
const (
	// askEvery is how often a Mirror asks for what it misses, a service.
	askEvery = time.Second
	// refillEvery is how often it asks for everything again because there is room for what was left out.
	refillEvery = time.Minute
	// DefaultMaxAge is for how long connections are kept that nobody confirms.
	DefaultMaxAge = 3 * time.Minute
)

// Errors of [Mirror.Receive].
var (
	errService = errors.New("service is not one that this node may inherit")
	errAddress = errors.New("address is not one of the service's")
)

// MirrorOptions bound a Mirror.
type MirrorOptions struct {
	PerService int           // connections of one service; 0: [DefaultLimit]
	Total      int           // connections of all services; 0: [DefaultLimit]
	MaxAge     time.Duration // 0: [DefaultMaxAge]
}

// Mirror knows the connections of services that this node may inherit, as the nodes that perform them tell.
//
// The word of the node with the greatest epoch counts (of two with the same, the one whose name is greater), and what
// another one told is forgotten with its first word. What a node tells after a restart takes the place of what it told
// before only when it is complete. A part that does not follow what is there is not believed; the Mirror then asks, each
// second at most. What nobody confirmed for MaxAge is dropped.
//
// A Mirror is used by one goroutine. Times are of any clock that never goes back.
type Mirror struct {
	o        MirrorOptions
	services map[string]*mirrored
	total    int
}

// mirrored is what is known of one service.
type mirrored struct {
	allowed map[netip.Addr]bool
	stores
	live int

	told     bool // somebody has told something
	teller   string
	epoch    uint64
	heard    time.Duration // when what is there was confirmed the last time
	base     uint32        // all that happened up to this generation has arrived, if not 0
	walk     part          // the update that is arriving, if its target is not 0
	leftOut  int           // connections for which there was no room
	asked    bool
	askedAt  time.Duration
	refilled time.Duration
}

// NewMirror makes a Mirror that knows no service: see [Mirror.Allow].
func NewMirror(o MirrorOptions) *Mirror {
	if o.PerService <= 0 {
		o.PerService = DefaultLimit
	}
	if o.Total <= 0 {
		o.Total = DefaultLimit
	}
	if o.MaxAge <= 0 {
		o.MaxAge = DefaultMaxAge
	}
	o.PerService = min(o.PerService, placeLimit)
	return &Mirror{o: o, services: map[string]*mirrored{}}
}

// Allow says which services others may tell of, and the addresses of each. What is known of other services is forgotten, and
// connections of addresses that are not a service's any more.
func (m *Mirror) Allow(services map[string][]netip.Addr) {
	for name := range m.services {
		if _, ok := services[name]; !ok {
			m.empty(m.services[name])
			delete(m.services, name)
		}
	}
	for name, addrs := range services {
		s := m.services[name]
		if s == nil {
			s = &mirrored{}
			m.services[name] = s
		}
		s.allowed = make(map[netip.Addr]bool, len(addrs))
		for _, a := range addrs {
			s.allowed[a.Unmap().WithZone("")] = true
		}
		for _, a := range s.locals.list {
			if !s.allowed[a] {
				m.empty(s)
				break
			}
		}
	}
}

// Receive takes an update ([KindUpdate]) of a node. It may return an ask, to be sent to that node. An error says that the
// message was refused as a whole.
func (m *Mirror) Receive(now time.Duration, from string, message []byte) (reply []byte, err error) {
	u, err := decodeUpdate(message)
	if err != nil {
		return nil, err
	}
	s := m.services[u.service]
	if s == nil {
		return nil, fmt.Errorf("%s: %w", u.service, errService)
	}
	for _, a := range u.locals {
		if !s.allowed[a] {
			return nil, fmt.Errorf("%s: %s: %w", u.service, a, errAddress)
		}
	}
	if !m.believe(now, s, from, u.epoch) {
		return nil, nil
	}
	switch s.place(&u) {
	case placeOld:
		return nil, nil
	case placeGap:
		return s.ask(now, u.service), nil
	}
	s.heard, s.asked = now, false
	if u.base == u.target {
		if s.leftOut > 0 && now >= s.refilled+refillEvery && m.roomy(s) {
			s.base, s.refilled = 0, now
			return s.ask(now, u.service), nil
		}
		return nil, nil
	}
	m.apply(s, &u)
	return nil, nil
}

// believe says whether a node's word counts.
func (m *Mirror) believe(now time.Duration, s *mirrored, from string, epoch uint64) bool {
	if s.told && (epoch < s.epoch || epoch == s.epoch && from < s.teller) {
		return false
	}
	if !s.told || from != s.teller || epoch != s.epoch {
		if from != s.teller {
			m.empty(s)
			s.heard = now
		}
		s.told, s.teller, s.epoch = true, from, epoch
		s.base, s.walk, s.asked, s.leftOut = 0, part{}, false, 0
	}
	return true
}

// What a part of an update is to what is there.
type placing int

const (
	placeNext placing = iota // to be applied
	placeOld                 // known already
	placeGap                 // something before it is missing
)

// place finds out whether an update is the next one.
//
// What is told of one walk is the table as it was at some time after the target began, so applying a part twice, or one
// of a walk that begins earlier, does no harm as long as it is not older than what is there; what changed since then is
// told by the next walk.
func (s *mirrored) place(u *update) placing {
	switch {
	case u.base == u.target:
		switch {
		case u.target == s.base && s.walk.target == 0:
			return placeNext
		case u.target < max(s.base, s.walk.target):
			return placeOld
		}
		return placeGap
	case u.target <= s.base || u.target < s.walk.target:
		return placeOld
	case u.target == s.walk.target && (u.base == 0) == (s.walk.base == 0) && u.base <= s.base:
		switch {
		case u.to <= s.walk.place:
			return placeOld
		case u.from <= s.walk.place:
			return placeNext
		}
		return placeGap
	case u.from == 0 && u.base <= s.base:
		return placeNext
	}
	return placeGap
}

// apply takes the changes of a part in.
func (m *Mirror) apply(s *mirrored, u *update) {
	whole := u.base == 0
	if u.target != s.walk.target || whole != (s.walk.base == 0) {
		s.walk = part{base: s.base, target: u.target}
		if whole {
			s.walk.base = 0
			s.leftOut = 0
			unmark(&s.four)
			unmark(&s.six)
		}
	}
	places := make([]uint16, len(u.locals))
	for i, a := range u.locals {
		places[i], _ = s.locals.of(a) // there are no more than are allowed
	}
	u.each(func(c *change) {
		if remote := c.flow.Remote.Addr(); remote.Is4() {
			put(m, s, &s.four, &key[[4]byte]{remote.As4(), places[c.local], c.flow.Local.Port(), c.flow.Remote.Port()}, c)
		} else {
			put(m, s, &s.six, &key[[16]byte]{remote.As16(), places[c.local], c.flow.Local.Port(), c.flow.Remote.Port()}, c)
		}
	})
	s.walk.place = u.to
	if !u.last {
		return
	}
	if whole {
		m.count(s, sweep(&s.four)+sweep(&s.six))
	}
	s.base, s.walk = u.target, part{}
	s.four.tidy()
	s.six.tidy()
}

// put takes one change in.
func put[A address](m *Mirror, s *mirrored, records *store[A], k *key[A], c *change) {
	place := records.find(k)
	switch {
	case c.gone && place < 0:
		return
	case c.gone:
		records.remove(place)
		m.count(s, -1)
		return
	case place < 0 && (s.live >= m.o.PerService || m.total >= m.o.Total):
		s.leftOut++
		return
	case place < 0:
		place = records.insert(k)
		m.count(s, 1)
	}
	records.records[place].take(&c.flow, flagUsed|flagMark, 0)
}

func (m *Mirror) count(s *mirrored, n int) {
	s.live += n
	m.total += n
}

// roomy says whether a good part of what was left out would find room.
func (m *Mirror) roomy(s *mirrored) bool {
	room := min(m.o.PerService-s.live, m.o.Total-m.total)
	return room > 0 && room >= min(s.leftOut, m.o.PerService/10)
}

// unmark prepares for a walk that tells everything.
func unmark[A address](s *store[A]) {
	for i := range s.records {
		s.records[i].flags &^= flagMark
	}
}

// sweep removes what such a walk has not told, and returns by how much the number changed.
func sweep[A address](s *store[A]) (n int) {
	for i := range s.records {
		if s.records[i].flags&(flagUsed|flagMark) == flagUsed {
			s.remove(i)
			n--
		}
	}
	return n
}

// tidy gives memory back.
func (s *store[A]) tidy() {
	if s.sparse() {
		s.pack()
	}
}

// ask makes an ask for what is missing, unless that has just been done.
func (s *mirrored) ask(now time.Duration, service string) []byte {
	if s.asked && now < s.askedAt+askEvery {
		return nil
	}
	s.asked, s.askedAt = true, now
	a := ask{header: header{KindAsk, service, s.epoch}, base: s.base}
	if s.walk.target != 0 {
		a.base, a.target, a.place = s.walk.base, s.walk.target, s.walk.place
	}
	return a.encode()
}

// empty forgets the connections.
func (m *Mirror) empty(s *mirrored) {
	m.count(s, -s.live)
	s.stores = stores{}
	s.base, s.walk, s.leftOut = 0, part{}, 0
}

// Drop forgets the connections of a service, for example after it was inherited. Who told them is remembered: no older word
// counts.
func (m *Mirror) Drop(service string) {
	if s := m.services[service]; s != nil {
		m.empty(s)
	}
}

// Expire drops what nobody has confirmed for too long, and returns the services whose connections were dropped. Who
// told them is forgotten as well.
func (m *Mirror) Expire(now time.Duration) (dropped []string) {
	for name, s := range m.services {
		if s.told && now >= s.heard+m.o.MaxAge {
			if s.live > 0 {
				dropped = append(dropped, name)
			}
			m.empty(s)
			s.told, s.teller, s.epoch = false, "", 0
		}
	}
	return dropped
}

// Flows returns the connections of a service as they are now known. It copies their compact form, in a millisecond or
// two for 100,000.
func (m *Mirror) Flows(service string) *List {
	if s := m.services[service]; s != nil {
		return s.list()
	}
	return &List{}
}

// State is what a Mirror knows of a service.
type State struct {
	Teller   string // the node that told it; "": none
	Epoch    uint64
	Heard    time.Duration // when it was last confirmed
	Flows    int
	LeftOut  int  // connections for which there was no room
	Complete bool // nothing that was told is missing, as far as is known
	Bytes    int  // of memory
}

// State returns what is known of a service.
func (m *Mirror) State(service string) State {
	s := m.services[service]
	if s == nil {
		return State{}
	}
	return State{
		Teller: s.teller, Epoch: s.epoch, Heard: s.heard, Flows: s.live, LeftOut: s.leftOut,
		Complete: s.base > 0 && s.walk.target == 0 && !s.asked, Bytes: s.bytes(),
	}
}

// Len is how many connections of all services are known.
func (m *Mirror) Len() int { return m.total }
