// SPDX-License-Identifier: Apache-2.0

package bfd

import (
	"encoding/binary"
	"math"
	"time"
)

// Lengths in octets: of a packet without authentication, and the least with it (RFC 5880 §4.1).
const (
	packetLength        = 24
	authenticatedLength = 26
)

// Bits of the second octet, below the state.
const (
	bitPoll = 1 << (5 - iota)
	bitFinal
	bitIndependent
	bitAuthenticated
	bitDemand
	bitMultipoint
)

// Packet is a BFD Control packet (RFC 5880 §4.1). Intervals are whole microseconds of 32 bits on the wire.
type Packet struct {
	Diagnostic    Diagnostic
	State         State
	Poll          bool // P: answer with a Final
	Final         bool // F: the answer
	Independent   bool // C: BFD outlives the sender's control plane
	Authenticated bool // A: an authentication section follows; it is not kept
	Demand        bool // D: the sender wants no periodic packets

	Multiplier        uint8  // Detect Mult
	MyDiscriminator   uint32 // the sender's session
	YourDiscriminator uint32 // the receiver's, 0 as long as it is not known

	DesiredMinTX      time.Duration // the sender sends no faster
	RequiredMinRX     time.Duration // the sender can take no more; 0: wants no periodic packets
	RequiredMinEchoRX time.Duration // 0: takes no echo packets
}

// Parse reads the payload of a datagram. It makes the checks of RFC 5880 §6.8.6 that need no session, in their order. What
// follows the packet in the datagram is left alone.
func Parse(b []byte) (Packet, Discard) {
	if len(b) == 0 {
		return Packet{}, BadLength
	}
	if b[0]>>5 != 1 {
		return Packet{}, BadVersion
	}
	if len(b) < packetLength {
		return Packet{}, BadLength
	}
	flags, length := b[1], int(b[3])
	least := packetLength
	if flags&bitAuthenticated != 0 {
		least = authenticatedLength
	}
	if length < least || length > len(b) {
		return Packet{}, BadLength
	}
	p := Packet{
		Diagnostic:        Diagnostic(b[0] & 0x1f),
		State:             State(flags >> 6),
		Poll:              flags&bitPoll != 0,
		Final:             flags&bitFinal != 0,
		Independent:       flags&bitIndependent != 0,
		Authenticated:     flags&bitAuthenticated != 0,
		Demand:            flags&bitDemand != 0,
		Multiplier:        b[2],
		MyDiscriminator:   binary.BigEndian.Uint32(b[4:]),
		YourDiscriminator: binary.BigEndian.Uint32(b[8:]),
		DesiredMinTX:      interval(b[12:]),
		RequiredMinRX:     interval(b[16:]),
		RequiredMinEchoRX: interval(b[20:]),
	}
	switch {
	case p.Multiplier == 0:
		return Packet{}, ZeroMultiplier
	case flags&bitMultipoint != 0:
		return Packet{}, Multipoint
	case p.MyDiscriminator == 0:
		return Packet{}, ZeroDiscriminator
	case p.YourDiscriminator == 0 && p.State != Down && p.State != AdminDown:
		return Packet{}, NoDiscriminator
	}
	return p, Taken
}

// Append appends the packet, 24 octets of version 1 without authentication. Intervals that do not fit are brought to the nearest
// that does.
func (p Packet) Append(b []byte) []byte {
	flags := byte(p.State) << 6
	for _, f := range [...]struct {
		set bool
		bit byte
	}{{p.Poll, bitPoll}, {p.Final, bitFinal}, {p.Independent, bitIndependent}, {p.Demand, bitDemand}} {
		if f.set {
			flags |= f.bit
		}
	}
	b = append(b, 1<<5|byte(p.Diagnostic)&0x1f, flags, p.Multiplier, packetLength)
	b = binary.BigEndian.AppendUint32(b, p.MyDiscriminator)
	b = binary.BigEndian.AppendUint32(b, p.YourDiscriminator)
	b = binary.BigEndian.AppendUint32(b, microseconds(p.DesiredMinTX))
	b = binary.BigEndian.AppendUint32(b, microseconds(p.RequiredMinRX))
	return binary.BigEndian.AppendUint32(b, microseconds(p.RequiredMinEchoRX))
}

func interval(b []byte) time.Duration {
	return time.Duration(binary.BigEndian.Uint32(b)) * time.Microsecond
}

func microseconds(d time.Duration) uint32 {
	return uint32(min(max(d.Microseconds(), 0), math.MaxUint32)) //nolint:gosec // in range
}
