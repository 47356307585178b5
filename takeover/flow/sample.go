// SPDX-License-Identifier: Apache-2.0

package flow

import (
	"encoding/binary"
	"hash/maphash"
	"net/netip"
	"slices"
)

// States of enum in net/tcp_states.h.
const (
	sampleEstablished = 1
	sampleFinWait1    = 4
	sampleCloseWait   = 8
	sampleLastAck     = 9
	sampleClosing     = 11
)

// sampleStates are the states in which the other end may wait in silence for something that is still to come from here:
//
//   - ESTABLISHED, and CLOSE_WAIT, where the client has said all that it had to say and reads the answer;
//   - FIN_WAIT1, LAST_ACK and CLOSING, where the last bytes of the answer, or the end of it, are not acknowledged and may
//     have been lost together with this node.
//
// In FIN_WAIT2 the client has acknowledged the end and reads nothing any more; what it still sends is reset by whoever
// has the address. TIME_WAIT owes nobody anything. A request socket is no connection yet, and its client repeats what it
// sent.
const sampleStates = 1<<sampleEstablished | 1<<sampleFinWait1 | 1<<sampleCloseWait | 1<<sampleLastAck | 1<<sampleClosing

// sampleWaits says whether a state is one of sampleStates.
func sampleWaits(state uint32) bool { return state < 32 && sampleStates&(1<<state) != 0 }

const (
	sampleIPv4 = 2  // AF_INET
	sampleIPv6 = 10 // AF_INET6
)

// sampleAddresses are the addresses of the latest sample as the kernel is asked for them: valid, no zone, unmapped, each
// once.
type sampleAddresses struct {
	asked []netip.Addr // as the caller named them
	list  []netip.Addr
	set   map[netip.Addr]bool
}

// take remembers addrs and says whether they are others than before. It allocates only if they are.
func (a *sampleAddresses) take(addrs []netip.Addr) bool {
	if a.set != nil && slices.Equal(a.asked, addrs) {
		return false
	}
	a.asked = append(a.asked[:0], addrs...)
	a.list = a.list[:0]
	a.set = make(map[netip.Addr]bool, len(addrs))
	for _, addr := range addrs {
		addr = addr.Unmap().WithZone("")
		if addr.IsValid() && !a.set[addr] {
			a.set[addr] = true
			a.list = append(a.list, addr)
		}
	}
	return true
}

// sampleIndex finds a connection that a dump lists twice: the kernel resumes in the middle of a chain of its table by
// counting, and the chain may have changed meanwhile. It is kept from sample to sample, so that nothing is allocated for
// a connection. The hash is seeded: clients choose ports and could choose such that collide.
type sampleIndex struct {
	seed  maphash.Seed
	slots []sampleSlot // open addressing, a power of two
	key   [36]byte
}

// sampleSlot is free if place is 0. The hash spares most looks into the list, which is not in the processor's cache.
type sampleSlot struct {
	hash  uint32
	place uint32 // 1 + place in the list
}

// reset forgets everything.
func (x *sampleIndex) reset() {
	if x.slots == nil {
		x.seed = maphash.MakeSeed()
		x.slots = make([]sampleSlot, 1024)
		return
	}
	clear(x.slots)
}

// add appends f to list, or puts it in the place of what the list has of the same connection from base on: the later
// word is the better one.
func (x *sampleIndex) add(list []Flow, base int, f *Flow) []Flow {
	if 2*(len(list)-base) >= len(x.slots) {
		x.grow()
	}
	hash := x.hash(f)
	at := x.start(hash)
	for s := x.slots[at]; s.place != 0; s = x.slots[at] {
		if s.hash == hash {
			if known := &list[base+int(s.place)-1]; known.Local == f.Local && known.Remote == f.Remote {
				*known = *f
				return list
			}
		}
		at = x.next(at)
	}
	list = append(list, *f)
	x.slots[at] = sampleSlot{hash, uint32(len(list) - base)}
	return list
}

func (x *sampleIndex) start(hash uint32) int { return int(hash) & (len(x.slots) - 1) }

func (x *sampleIndex) next(at int) int { return (at + 1) & (len(x.slots) - 1) }

func (x *sampleIndex) grow() {
	old := x.slots
	x.slots = make([]sampleSlot, 2*len(old))
	for _, s := range old {
		if s.place == 0 {
			continue
		}
		at := x.start(s.hash)
		for x.slots[at].place != 0 {
			at = x.next(at)
		}
		x.slots[at] = s
	}
}

func (x *sampleIndex) hash(f *Flow) uint32 {
	*(*[16]byte)(x.key[:]) = f.Local.Addr().As16()
	*(*[16]byte)(x.key[16:]) = f.Remote.Addr().As16()
	binary.NativeEndian.PutUint16(x.key[32:], f.Local.Port())
	binary.NativeEndian.PutUint16(x.key[34:], f.Remote.Port())
	return uint32(maphash.Bytes(x.seed, x.key[:]))
}
