// SPDX-License-Identifier: Apache-2.0

package tickle

import (
	"encoding/binary"

	"github.com/regent-ha/regent/takeover/flow"
)

// Kind is the kind of a segment.
type Kind uint8

// Kinds of segments.
const (
	// Reset is RST and ACK, with Send as sequence number. The client's TCP takes it only if that is exactly the next
	// number it expects (RFC 5961 §3.2), and reports ECONNRESET at once.
	Reset Kind = iota + 1
	// Keepalive is an ACK in the form of a keep-alive probe (RFC 9293 §3.8.4): the sequence number is Send-1, which the
	// client has acknowledged already, so it answers with an ACK (§3.10.7.4: a segment that is not acceptable). To that,
	// this node, which knows no such connection, answers with the exact reset. It works also if Send is older than
	// what the client has.
	Keepalive
	// Bare is an ACK with sequence and acknowledgement number 0. The client answers to it as to Keepalive.
	//
	// A stateful firewall on the way drops it as invalid, unless it takes it for one that is merely late: Linux does so
	// from 6.1 on, if both numbers are behind those of the connection, which is so in one of four cases. Of Bare and the
	// three that follow it is so for exactly one, whatever the numbers are, so that together they pass.
	Bare
	BareSeq  // sequence number 2³¹
	BareAck  // acknowledgement number 2³¹
	BareBoth // both
)

// String returns the name of the kind.
func (k Kind) String() string {
	switch k {
	case Reset:
		return "reset"
	case Keepalive:
		return "keepalive"
	case Bare, BareSeq, BareAck, BareBoth:
		return "bare"
	}
	return "unknown"
}

const (
	// SegmentLength is the length of every segment: a TCP header without options.
	SegmentLength = 20

	// window is offered in all but resets. A closed one could stall a client that takes it for an update.
	window = 1234

	// half is as far from 0 as a sequence number can be.
	half = 1 << 31

	protocolTCP = 6

	flagRST = 0x04
	flagACK = 0x10
)

// AppendSegment appends the TCP header, with its checksum, that tickles the client of a connection; the IP header is the
// kernel's. Both addresses have to be of one family. Reset and Keepalive make sense for a connection with numbers only.
//
// There is no timestamp option (RFC 7323), since nobody knows what to put in. A reset needs none. Other segments without
// it SHOULD be dropped by a client that has negotiated it (§3.2); Linux answers them all the same, but it is one more
// reason to send the reset first.
func AppendSegment(b []byte, f flow.Flow, k Kind) []byte {
	var seq, ack uint32
	flags, offer := byte(flagACK), uint16(window)
	switch k {
	case Reset:
		seq, ack, flags, offer = f.Send, f.Receive, flagRST|flagACK, 0
	case Keepalive:
		seq, ack = f.Send-1, f.Receive
	case BareSeq:
		seq = half
	case BareAck:
		ack = half
	case BareBoth:
		seq, ack = half, half
	}
	at := len(b)
	b = binary.BigEndian.AppendUint16(b, f.Local.Port())
	b = binary.BigEndian.AppendUint16(b, f.Remote.Port())
	b = binary.BigEndian.AppendUint32(b, seq)
	b = binary.BigEndian.AppendUint32(b, ack)
	b = append(b, SegmentLength/4<<4, flags)
	b = binary.BigEndian.AppendUint16(b, offer)
	b = append(b, 0, 0, 0, 0) // checksum, urgent pointer
	sum := pseudo(f) + words(b[at:])
	sum = sum&0xffff + sum>>16
	sum = sum&0xffff + sum>>16
	binary.BigEndian.PutUint16(b[at+16:], ^uint16(sum))
	return b
}

// pseudo returns the sum over the pseudo-header (RFC 9293 §3.1, RFC 8200 §8.1).
func pseudo(f flow.Flow) uint32 {
	const sum = uint32(protocolTCP + SegmentLength)
	if f.Local.Addr().Is4() {
		src, dst := f.Local.Addr().As4(), f.Remote.Addr().As4()
		return sum + words(src[:]) + words(dst[:])
	}
	src, dst := f.Local.Addr().As16(), f.Remote.Addr().As16()
	return sum + words(src[:]) + words(dst[:])
}

// words adds up 16-bit words (RFC 1071). So few of them need no carry yet.
func words(b []byte) (sum uint32) {
	for i := 0; i < len(b); i += 2 {
		sum += uint32(b[i])<<8 | uint32(b[i+1])
	}
	return sum
}
