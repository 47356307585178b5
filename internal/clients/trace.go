// SPDX-License-Identifier: Apache-2.0

package clients

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/regent-ha/regent/internal/netlab"
)

// Got is what a client got at the first address.
type Got string

// What can be got.
const (
	NotAsked    Got = ""            // the client did not ask at the first address
	Nothing     Got = "nothing"     // it asked in vain
	GotReset    Got = "reset"       // its connections were refused or reset
	Unreachable Got = "unreachable" // an ICMP error, and nothing better
	Spoken      Got = "spoken"      // a connection was accepted, or a datagram answered
)

const (
	protoICMP = 1
	protoTCP  = 6
	protoUDP  = 17

	flagSYN = 0x02
	flagRST = 0x04
	flagACK = 0x10
)

// port is a number and the protocol that it belongs to.
type port struct {
	proto  uint8
	number uint16
}

// parsePort reads "tcp/5432".
func parsePort(s string) (port, error) {
	name, number, _ := strings.Cut(s, "/")
	n, err := strconv.ParseUint(number, 10, 16)
	p := port{number: uint16(n)}
	switch {
	case err != nil:
		return port{}, fmt.Errorf("port %q: want tcp/NUMBER or udp/NUMBER", s)
	case name == "tcp":
		p.proto = protoTCP
	case name == "udp":
		p.proto = protoUDP
	default:
		return port{}, fmt.Errorf("port %q: want tcp/NUMBER or udp/NUMBER", s)
	}
	return p, nil
}

// Trace reads in a capture what the client got at a port of an address, from a moment on.
func Trace(frames []netlab.Frame, client, address netip.Addr, portName string, since time.Time) (Got, error) {
	p, err := parsePort(portName)
	if err != nil {
		return NotAsked, err
	}
	asked := false
	got := Nothing
	for _, f := range frames {
		src, dst, proto, payload, ok := f.IP()
		switch {
		case !ok || f.Time.Before(since):
		case src == client && dst == address && proto == p.proto && len(payload) >= 4 && binary.BigEndian.Uint16(payload[2:]) == p.number:
			asked = true
		case dst == client && proto == protoICMP: // errors come from any of the node's addresses
			if p.unreachable(payload, client, address) {
				got = better(got, Unreachable)
			}
		case dst == client && src == address:
			got = better(got, p.reads(proto, payload))
		}
	}
	if !asked {
		return NotAsked, nil
	}
	return got, nil
}

// reads says what a packet from the address means.
func (p port) reads(proto uint8, payload []byte) Got {
	switch {
	case proto != p.proto || len(payload) < 8 || binary.BigEndian.Uint16(payload) != p.number:
		return Nothing
	case proto == protoUDP:
		return Spoken
	case len(payload) >= 20 && payload[13]&(flagSYN|flagACK) == flagSYN|flagACK:
		return Spoken
	case len(payload) >= 20 && payload[13]&flagRST != 0:
		return GotReset
	}
	return Nothing
}

// unreachable tells whether an ICMP message says so of a packet from the client to the port of the address, which it quotes.
func (p port) unreachable(message []byte, client, address netip.Addr) bool {
	const header = 8
	if len(message) < header+24 || message[0] != 3 {
		return false
	}
	quoted := message[header:]
	src, dst := netip.AddrFrom4([4]byte(quoted[12:16])), netip.AddrFrom4([4]byte(quoted[16:20]))
	transport := int(quoted[0]&0xf) * 4
	return src == client && dst == address && quoted[9] == p.proto && len(quoted) >= transport+4 &&
		binary.BigEndian.Uint16(quoted[transport+2:]) == p.number
}

// better is the one of two that says more: a connection that was accepted may well end in a reset.
func better(a, b Got) Got {
	for _, g := range []Got{Spoken, GotReset, Unreachable} {
		if a == g || b == g {
			return g
		}
	}
	return Nothing
}
