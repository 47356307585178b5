// SPDX-License-Identifier: Apache-2.0

package vrrp

import (
	"crypto/subtle"
	"encoding/binary"
	"net/netip"
	"time"
)

const (
	protocol   = 112 // IANA protocol number
	typeAdvert = 1
	headerSize = 8
	authSize   = 8 // version 2 adverts end with it
	centi      = 10 * time.Millisecond
)

// AppendMessage appends the VRRP message that a router with configuration c sends from src to dst with priority p
// (RFC 9568 §5.2, RFC 3768 §5.1), its checksum included.
func AppendMessage(b []byte, c *Config, p Priority, src, dst netip.Addr) []byte {
	return appendMessage(b, c, p, src, c.covered(dst))
}

// appendMessage is AppendMessage with the destination that a checksum covers.
func appendMessage(b []byte, c *Config, p Priority, src, covered netip.Addr) []byte {
	start := len(b)
	b = append(b, c.Version<<4|typeAdvert, byte(c.VRID), byte(p), byte(len(c.Addresses)))
	if c.Version == 2 {
		b = append(b, byte(c.Auth.Type), byte(c.Interval/time.Second))
	} else {
		b = binary.BigEndian.AppendUint16(b, uint16(c.Interval/centi)&0xfff)
	}
	b = append(b, 0, 0)
	for _, a := range c.Addresses {
		if c.Family == IPv4 {
			v4 := a.As4()
			b = append(b, v4[:]...)
		} else {
			v6 := a.As16()
			b = append(b, v6[:]...)
		}
	}
	if c.Version == 2 {
		b = append(b, c.Auth.Data[:]...)
	}
	msg := b[start:]
	covers := c.Checksum
	if c.Version == 2 {
		covers = MessageOnly
	}
	binary.BigEndian.PutUint16(msg[6:], ^checksum(msg, covers, src, covered))
	return b
}

// checksum is the one's complement sum (not inverted) of a message and, if covers says so or the addresses are IPv6,
// of its pseudo-header. Over a good message it is 0xffff.
func checksum(msg []byte, covers Checksum, src, dst netip.Addr) uint16 {
	sum := uint32(0)
	if src.Is6() || covers == PseudoHeader {
		sum = addAddress(addAddress(sum, src), dst) + uint32(len(msg)) + protocol
	}
	sum = add(sum, msg)
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return uint16(sum)
}

func addAddress(sum uint32, a netip.Addr) uint32 {
	if a.Is4() {
		b := a.As4()
		return add(sum, b[:])
	}
	b := a.As16()
	return add(sum, b[:])
}

func add(sum uint32, b []byte) uint32 {
	for ; len(b) >= 2; b = b[2:] {
		sum += uint32(b[0])<<8 | uint32(b[1])
	}
	if len(b) == 1 {
		sum += uint32(b[0]) << 8
	}
	return sum
}

// Advert is a received advertisement, as it is on the wire. Its Addresses are reused by the next Parse.
type Advert struct {
	Version   uint8
	Type      uint8
	VRID      VRID
	Priority  Priority
	Interval  time.Duration // 0 is possible here
	Auth      Auth
	Addresses []netip.Addr
}

// Parse reads the message of an advert of a family. It checks what can be judged from the bytes alone: length, version,
// type, address count. The checksum needs the addresses of the packet: see [GoodChecksum].
func (a *Advert) Parse(f Family, msg []byte) Discard {
	*a = Advert{Addresses: a.Addresses[:0]}
	if len(msg) < headerSize {
		return DiscardLength
	}
	a.Version, a.Type = msg[0]>>4, msg[0]&0xf
	a.VRID, a.Priority = VRID(msg[1]), Priority(msg[2])
	size, trailer := 4, 0
	switch {
	case a.Version == 3 && f == IPv6:
		size = 16
	case a.Version == 3:
	case a.Version == 2 && f == IPv4:
		trailer = authSize
	default:
		return DiscardVersion
	}
	if a.Type != typeAdvert {
		return DiscardType
	}
	count := int(msg[3])
	if len(msg) != headerSize+count*size+trailer {
		return DiscardLength
	}
	if count == 0 {
		return DiscardCount
	}
	if a.Version == 2 {
		a.Auth.Type, a.Interval = AuthType(msg[4]), time.Duration(msg[5])*time.Second
		copy(a.Auth.Data[:], msg[len(msg)-authSize:])
	} else {
		a.Interval = time.Duration(binary.BigEndian.Uint16(msg[4:])&0xfff) * centi
	}
	for list := msg[headerSize : headerSize+count*size]; len(list) > 0; list = list[size:] {
		if size == 4 {
			a.Addresses = append(a.Addresses, netip.AddrFrom4([4]byte(list)))
		} else {
			a.Addresses = append(a.Addresses, netip.AddrFrom16([16]byte(list)))
		}
	}
	return DiscardNone
}

// GoodChecksum reports whether the checksum of a whole message is right under a coverage that accept allows. Version 2
// covers the message alone, IPv6 always its pseudo-header too.
func GoodChecksum(msg []byte, version uint8, accept Checksum, src, dst netip.Addr) bool {
	switch {
	case version == 2:
		return checksum(msg, MessageOnly, src, dst) == 0xffff
	case accept != Either || src.Is6():
		return checksum(msg, accept, src, dst) == 0xffff
	}
	return checksum(msg, PseudoHeader, src, dst) == 0xffff || checksum(msg, MessageOnly, src, dst) == 0xffff
}

// sameSecret compares authentication data in constant time.
func sameSecret(a, b [8]byte) bool { return subtle.ConstantTimeCompare(a[:], b[:]) == 1 }
