// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"golang.org/x/net/bpf"
)

// Sizes of what is kept of a datagram: the longest that can be valid and one octet, so that a longer one is still seen
// to be too long and counted as such.
const (
	// keep4 holds an IPv4 header with options and a version 2 message with 255 addresses, authentication data and a trailer.
	keep4 = 60 + 8 + 255*4 + 8 + trailer + 1
	// keep6 holds a version 3 message with 255 IPv6 addresses and a trailer; the IPv6 header is not delivered.
	keep6 = 8 + 255*16 + trailer + 1

	trailer = 28 // of keepalived's HMAC
)

// Destinations, as the filter compares them.
const (
	ipv4FirstMulticast = 0xe0000000
	ipv6FirstMulticast = 0xff000000 // first word

	ipv6OffDestination = 24

	// networkHeader is SKF_NET_OFF: offsets from here on count from the network header, wherever the data begins.
	networkHeader = 0xfff00000
)

// dropAll is the filter a socket has from its first moment until it is bound to its interface and has joined the group.
func dropAll() []bpf.Instruction {
	return []bpf.Instruction{bpf.RetConstant{Val: 0}}
}

// keepAdverts is the filter of a receiving socket. It judges the destination and the length only: whatever RFC 9568 says
// to discard (hop limit, version, checksum, VRID) has to be counted, so it must come through. What is kept was sent to the group or,
// if it hears these too, to a unicast address; broadcasts and other groups go. For IPv6 this is the only check: raw sockets hear
// whatever group anybody on the host has joined, IPV6_MULTICAST_ALL or not.
func keepAdverts(group netip.Addr, unicast bool) []bpf.Instruction {
	toUnicast := uint32(0) // what keeps a unicast destination: nothing is below 0
	if group.Is6() {
		if unicast {
			toUnicast = ipv6FirstMulticast
		}
		a := group.As16()
		load := func(n uint32) bpf.LoadAbsolute {
			return bpf.LoadAbsolute{Off: networkHeader + ipv6OffDestination + 4*n, Size: 4}
		}
		differs := func(n, skip int) bpf.JumpIf {
			return bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: binary.BigEndian.Uint32(a[4*n:]), SkipTrue: uint8(skip)}
		}
		return []bpf.Instruction{
			load(0),
			bpf.JumpIf{Cond: bpf.JumpLessThan, Val: toUnicast, SkipTrue: 7},
			differs(0, 7),
			load(1),
			differs(1, 5),
			load(2),
			differs(2, 3),
			load(3),
			differs(3, 1),
			bpf.RetConstant{Val: keep6},
			bpf.RetConstant{Val: 0},
		}
	}
	if unicast {
		toUnicast = ipv4FirstMulticast
	}
	a := group.As4()
	return []bpf.Instruction{
		bpf.LoadAbsolute{Off: networkHeader + ipv4OffDestination, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: binary.BigEndian.Uint32(a[:]), SkipTrue: 1},
		bpf.JumpIf{Cond: bpf.JumpGreaterOrEqual, Val: toUnicast, SkipTrue: 1},
		bpf.RetConstant{Val: keep4},
		bpf.RetConstant{Val: 0},
	}
}

// assemble turns a filter into what the kernel wants.
func assemble(program []bpf.Instruction) ([]bpf.RawInstruction, error) {
	raw, err := bpf.Assemble(program)
	if err != nil {
		return nil, fmt.Errorf("assemble advert filter: %w", err)
	}
	return raw, nil
}
