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
	slots []uint32 // open addressing, a power of two: 1 + place in the list, 0 is free
	key   [36]byte
}

// reset forgets everything.
func (x *sampleIndex) reset() {
	if x.slots == nil {
		x.seed = maphash.MakeSeed()
		x.slots = make([]uint32, 1024)
		return
	}
	clear(x.slots)
}

// add appends f to list, or puts it in the place of what the list has of the same connection from base on: the later
// word is the better one.
func (x *sampleIndex) add(list []Flow, base int, f Flow) []Flow {
	if 2*(len(list)-base) >= len(x.slots) {
		x.grow(list, base)
	}
	at := x.slot(list, base, &f)
	if x.slots[at] != 0 {
		list[base+int(x.slots[at])-1] = f
		return list
	}
	list = append(list, f)
	x.slots[at] = uint32(len(list) - base)
	return list
}

func (x *sampleIndex) grow(list []Flow, base int) {
	x.slots = make([]uint32, 2*len(x.slots))
	for i := base; i < len(list); i++ {
		x.slots[x.slot(list, base, &list[i])] = uint32(i - base + 1)
	}
}

// slot returns where f is or belongs.
func (x *sampleIndex) slot(list []Flow, base int, f *Flow) uint64 {
	local, remote := f.Local.Addr().As16(), f.Remote.Addr().As16()
	copy(x.key[:], local[:])
	copy(x.key[16:], remote[:])
	binary.NativeEndian.PutUint16(x.key[32:], f.Local.Port())
	binary.NativeEndian.PutUint16(x.key[34:], f.Remote.Port())
	mask := uint64(len(x.slots) - 1)
	at := maphash.Bytes(x.seed, x.key[:]) & mask
	for x.slots[at] != 0 {
		known := &list[base+int(x.slots[at])-1]
		if known.Local == f.Local && known.Remote == f.Remote {
			break
		}
		at = (at + 1) & mask
	}
	return at
}
