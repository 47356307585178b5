// SPDX-License-Identifier: Apache-2.0

package tickle

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/regent-ha/regent/takeover/flow"
)

// Kind is what a segment is to do.
type Kind uint8

const (
	// Reset ends the connection, if its numbers are exact.
	Reset Kind = iota
	// Keepalive is answered by the client, and known to firewalls, if its numbers are near.
	Keepalive
	// Bare is answered by the client, whatever its numbers are.
	Bare
)

// String returns the kind in words.
func (k Kind) String() string {
	switch k {
	case Reset:
		return "reset"
	case Keepalive:
		return "keepalive"
	case Bare:
		return "bare"
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// Lengths of headers, and what stands in them.
const (
	lengthIPv4  = 20
	lengthIPv6  = 40
	lengthTCP   = 20
	hops        = 64
	protocolTCP = 6
	flagRST     = 0x04
	flagACK     = 0x10
	bareWindow  = 1234 // as other takeover tools have it, so that captures are recognised
)

// AppendPacket appends an IP packet with a segment of a kind from the service's side of a connection (RFC 791 §3.1, RFC 8200
// §3, RFC 9293 §3.1). Reset and Keepalive need an exact flow.
func AppendPacket(b []byte, f *flow.Flow, k Kind) []byte {
	from, to := f.Local.Addr(), f.Remote.Addr()
	if from.Is6() {
		b = append(b, 0x60, 0, 0, 0, 0, lengthTCP, protocolTCP, hops)
		b = append(append(b, from.AsSlice()...), to.AsSlice()...)
	} else {
		start := len(b)
		b = append(b, 0x45, 0, 0, lengthIPv4+lengthTCP, 0, 0, 0x40, 0, hops, protocolTCP, 0, 0)
		b = append(append(b, from.AsSlice()...), to.AsSlice()...)
		binary.BigEndian.PutUint16(b[start+10:], checksum(sum(0, b[start:])))
	}
	start := len(b)
	b = binary.BigEndian.AppendUint16(b, f.Local.Port())
	b = binary.BigEndian.AppendUint16(b, f.Remote.Port())
	var seq, ack uint32
	var window uint16
	flags := byte(flagACK)
	switch k {
	case Reset:
		seq, ack, flags = f.Send, f.Receive, flagRST|flagACK
	case Keepalive:
		seq, ack, window = f.Send-1, f.Receive, bareWindow
	case Bare:
		window = bareWindow
	}
	b = binary.BigEndian.AppendUint32(b, seq)
	b = binary.BigEndian.AppendUint32(b, ack)
	b = append(b, lengthTCP/4<<4, flags)
	b = binary.BigEndian.AppendUint16(b, window)
	b = append(b, 0, 0, 0, 0)
	s := addresses(protocolTCP+lengthTCP, from, to) // the pseudo-header
	binary.BigEndian.PutUint16(b[start+16:], checksum(sum(s, b[start:])))
	return b
}

// addresses adds addresses to a sum without putting them on the heap.
func addresses(s uint32, from, to netip.Addr) uint32 {
	a, b := from.As16(), to.As16()
	if from.Is4() {
		return sum(sum(s, a[12:]), b[12:])
	}
	return sum(sum(s, a[:]), b[:])
}

// sum adds octets in pairs (RFC 1071); their number is even.
func sum(s uint32, b []byte) uint32 {
	for ; len(b) >= 2; b = b[2:] {
		s += uint32(binary.BigEndian.Uint16(b))
	}
	return s
}

func checksum(s uint32) uint16 {
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	return ^uint16(s) //nolint:gosec // folded
}
