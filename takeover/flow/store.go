// SPDX-License-Identifier: Apache-2.0

package flow

import (
	"hash/maphash"
	"net/netip"
)

// address is the remote address in the form in which it takes least room.
type address interface{ [4]byte | [16]byte }

// key names a connection of a service.
type key[A address] struct {
	remote                A
	local                 uint16 // place in locals
	localPort, remotePort uint16
}

// record is one connection: 24 bytes for IPv4, 36 for IPv6, without pointers, so that the garbage collector passes by.
type record[A address] struct {
	send, receive uint32
	generation    uint32 // in which the others have to be told of it
	key[A]
	flags uint8
}

// Flags of a record.
const (
	flagUsed  uint8 = 1 << iota
	flagExact       // send and receive are known
	flagDirty       // they are others than those that were told
	flagGone        // the connection has ended, and the others have to be told
	flagMark        // seen in this pass
)

// store holds records at places that do not change, and finds them by key.
//
// The index is a table with open addressing: the low 24 bits of an entry are 1 + the place, the high 8 bits come from the
// hash and spare most looks at records. The hash is seeded: clients choose ports and could choose such that collide.
type store[A address] struct {
	seed    maphash.Seed
	records []record[A]
	index   []uint32
	used    int    // records in the index
	free    uint32 // 1 + a free place, which has the next in send
}

const (
	placeBits = 24
	placeMask = 1<<placeBits - 1
	// placeLimit is how many records a store can hold.
	placeLimit = placeMask - 1
	indexFirst = 64
)

// hash returns where to look first, before it is cut to the size of the index, and the tag.
func (s *store[A]) hash(k *key[A]) (start uint64, tag uint32) {
	h := maphash.Comparable(s.seed, *k)
	return h, uint32(h>>32) &^ placeMask
}

// find returns the place of a key, or -1.
func (s *store[A]) find(k *key[A]) int {
	if s.used == 0 {
		return -1
	}
	at, tag := s.hash(k)
	mask := uint64(len(s.index) - 1)
	for at &= mask; s.index[at] != 0; at = (at + 1) & mask {
		if e := s.index[at]; e&^placeMask == tag && s.records[e&placeMask-1].key == *k {
			return int(e&placeMask) - 1
		}
	}
	return -1
}

// insert makes a record for a key that is not there, and returns its place.
func (s *store[A]) insert(k *key[A]) int {
	if 8*(s.used+1) > 7*len(s.index) {
		s.grow()
	}
	place := int(s.free) - 1
	if place >= 0 {
		s.free = s.records[place].send
	} else {
		place = len(s.records)
		s.records = append(s.records, record[A]{})
	}
	s.records[place] = record[A]{key: *k, flags: flagUsed}
	s.enter(place)
	s.used++
	return place
}

// enter puts a place into the index.
func (s *store[A]) enter(place int) {
	at, tag := s.hash(&s.records[place].key)
	mask := uint64(len(s.index) - 1)
	for at &= mask; s.index[at] != 0; at = (at + 1) & mask {
	}
	s.index[at] = tag | uint32(place+1)
}

func (s *store[A]) grow() {
	if s.index == nil {
		s.seed = maphash.MakeSeed()
	}
	s.index = make([]uint32, max(indexFirst, 2*len(s.index)))
	for place := range s.records {
		if s.records[place].flags&flagUsed != 0 {
			s.enter(place)
		}
	}
}

// remove frees a place that is in use.
func (s *store[A]) remove(place int) {
	hole, _ := s.hash(&s.records[place].key)
	mask := uint64(len(s.index) - 1)
	for hole &= mask; s.index[hole]&placeMask != uint32(place+1); hole = (hole + 1) & mask {
	}
	// What was put behind the hole since its own place was taken moves up, so that a search still meets no gap.
	for at := (hole + 1) & mask; s.index[at] != 0; at = (at + 1) & mask {
		home, _ := s.hash(&s.records[s.index[at]&placeMask-1].key)
		if (at-home)&mask >= (at-hole)&mask {
			s.index[hole] = s.index[at]
			hole = at
		}
	}
	s.index[hole] = 0
	s.records[place] = record[A]{send: s.free}
	s.free = uint32(place + 1)
	s.used--
}

// sparse says that most of the memory is for records that are no more.
func (s *store[A]) sparse() bool { return len(s.records) > 4096 && s.used < len(s.records)/4 }

// pack gives back what is not needed. Places change.
func (s *store[A]) pack() {
	if s.index == nil {
		return
	}
	records := make([]record[A], 0, s.used+s.used/4)
	for i := range s.records {
		if s.records[i].flags&flagUsed != 0 {
			records = append(records, s.records[i])
		}
	}
	size := indexFirst
	for 8*(len(records)+1) > 7*size {
		size *= 2
	}
	s.records, s.free, s.index = records, 0, make([]uint32, size/2)
	s.grow()
}

// bytes is the memory that the store occupies.
func (s *store[A]) bytes(size int) int { return cap(s.records)*size + cap(s.index)*4 }

// locals are the local addresses of records. They are few, and are only forgotten all together.
type locals struct {
	list  []netip.Addr
	place map[netip.Addr]uint16
}

// of returns the place of an address, which it adds. It is false if there are too many.
func (l *locals) of(a netip.Addr) (uint16, bool) {
	if i, ok := l.place[a]; ok {
		return i, true
	}
	if len(l.list) > 0xffff {
		return 0, false
	}
	if l.place == nil {
		l.place = map[netip.Addr]uint16{}
	}
	i := uint16(len(l.list))
	l.list, l.place[a] = append(l.list, a), i
	return i, true
}

// stores hold the connections of one service, of both families.
type stores struct {
	locals locals
	four   store[[4]byte]
	six    store[[16]byte]
}

func (s *stores) bytes() int { return s.four.bytes(size4) + s.six.bytes(size6) }

// Sizes of records in memory.
const (
	size4 = 24
	size6 = 36
)

// remoteOf returns a remote address in its general form.
func remoteOf[A address](a A) netip.Addr {
	if b, ok := any(a).([4]byte); ok {
		return netip.AddrFrom4(b)
	}
	return netip.AddrFrom16(any(a).([16]byte))
}

// flow returns the connection that a record stands for.
func (r *record[A]) flow(list []netip.Addr) Flow {
	f := Flow{
		Local:  netip.AddrPortFrom(list[r.local], r.localPort),
		Remote: netip.AddrPortFrom(remoteOf(r.remote), r.remotePort),
	}
	if r.flags&flagExact != 0 {
		f.Exact, f.Send, f.Receive = true, r.send, r.receive
	}
	return f
}

// tellable says whether a connection may be told, and tickled: it is between two hosts that each have an address of their
// own. A client on the node itself ends with the node.
func tellable(local, remote netip.AddrPort) bool {
	a, b := local.Addr(), remote.Addr()
	return tellableAddr(a) && tellableAddr(b) && a.Is4() == b.Is4() && a != b && !b.IsLoopback() &&
		local.Port() != 0 && remote.Port() != 0
}

func tellableAddr(a netip.Addr) bool {
	return a.IsValid() && !a.Is4In6() && a.Zone() == "" && !a.IsUnspecified() && !a.IsMulticast() &&
		a != netip.AddrFrom4([4]byte{255, 255, 255, 255})
}
