// SPDX-License-Identifier: Apache-2.0

package speaker

import (
	"encoding/binary"
	"net/netip"
)

const (
	hops           = 64
	lengthIPv4     = 20
	lengthIPv6     = 40
	lengthUDP      = 8
	protocolICMP   = 1
	protocolICMPv6 = 58
	// quoteLimit bounds how much of a datagram an ICMP error quotes: RFC 1812 §4.3.2.3 asks for as much as fits into 576
	// bytes, RFC 4443 §3.1 into 1280. Sockets need no more than the ports.
	quoteLimit = 64
)

// appendUDP appends an IP packet with one datagram. Its source is the inherited address, which no socket here is bound to.
func appendUDP(b []byte, from, to netip.AddrPort, data []byte) []byte {
	b = appendIP(b, from.Addr(), to.Addr(), UDP, lengthUDP+len(data))
	start := len(b)
	b = appendUDPHeader(b, from, to, len(data))
	b = append(b, data...)
	sum := checksum(pseudo(from.Addr(), to.Addr(), UDP, len(b)-start), b[start:])
	if sum == 0 {
		sum = 0xffff // 0 means "none" (RFC 768)
	}
	binary.BigEndian.PutUint16(b[start+6:], sum)
	return b
}

func appendUDPHeader(b []byte, from, to netip.AddrPort, data int) []byte {
	b = binary.BigEndian.AppendUint16(b, from.Port())
	b = binary.BigEndian.AppendUint16(b, to.Port())
	b = binary.BigEndian.AppendUint16(b, uint16(lengthUDP+data)) //nolint:gosec // a datagram's
	return append(b, 0, 0)
}

// appendUnreachable appends an IP packet with ICMP "port unreachable" (RFC 792, RFC 4443 §3.1) about a datagram that came
// from a client to the inherited address. The datagram's own IP header is gone; one that says the same is quoted.
func appendUnreachable(b []byte, inherited, client netip.AddrPort, data []byte) []byte {
	quoted := min(len(data), quoteLimit)
	v6 := inherited.Addr().Is6()
	inner, protocol, kind, code := lengthIPv4, uint8(protocolICMP), byte(3), byte(3)
	if v6 {
		inner, protocol, kind, code = lengthIPv6, protocolICMPv6, 1, 4
	}
	b = appendIP(b, inherited.Addr(), client.Addr(), protocol, 8+inner+lengthUDP+quoted)
	start := len(b)
	b = append(b, kind, code, 0, 0, 0, 0, 0, 0)
	b = appendIP(b, client.Addr(), inherited.Addr(), UDP, lengthUDP+len(data))
	b = appendUDPHeader(b, client, inherited, len(data))
	b = append(b, data[:quoted]...)
	var sum uint32
	if v6 {
		sum = pseudo(inherited.Addr(), client.Addr(), protocol, len(b)-start)
	}
	binary.BigEndian.PutUint16(b[start+2:], checksum(sum, b[start:]))
	return b
}

// appendIP appends an IP header (RFC 791 §3.1, RFC 8200 §3) without options.
func appendIP(b []byte, from, to netip.Addr, protocol uint8, length int) []byte {
	start := len(b)
	if from.Is6() {
		b = append(b, 0x60, 0, 0, 0)
		b = binary.BigEndian.AppendUint16(b, uint16(length)) //nolint:gosec // a datagram's
		b = append(b, protocol, hops)
		b = append(b, from.AsSlice()...)
		return append(b, to.AsSlice()...)
	}
	b = append(b, 0x45, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(lengthIPv4+length)) //nolint:gosec // a datagram's
	b = append(b, 0, 0, 0, 0, hops, protocol, 0, 0)
	b = append(b, from.AsSlice()...)
	b = append(b, to.AsSlice()...)
	binary.BigEndian.PutUint16(b[start+10:], checksum(0, b[start:]))
	return b
}

// pseudo is the sum of the pseudo-header (RFC 768, RFC 8200 §8.1).
func pseudo(from, to netip.Addr, protocol uint8, length int) uint32 {
	return sum(sum(uint32(protocol)+uint32(length), from.AsSlice()), to.AsSlice()) //nolint:gosec // a datagram's
}

// checksum is the Internet checksum (RFC 1071) of b and of what was summed before.
func checksum(s uint32, b []byte) uint16 {
	for s = sum(s, b); s > 0xffff; {
		s = s>>16 + s&0xffff
	}
	return ^uint16(s) //nolint:gosec // folded
}

func sum(s uint32, b []byte) uint32 {
	for ; len(b) >= 2; b = b[2:] {
		s += uint32(binary.BigEndian.Uint16(b))
	}
	if len(b) == 1 {
		s += uint32(b[0]) << 8
	}
	return s
}
