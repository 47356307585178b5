// SPDX-License-Identifier: Apache-2.0

package takeover

import (
	"encoding/binary"
	"errors"
	"math"
	"net/netip"
	"time"

	"github.com/mdlayher/netlink"
)

// The parts of rtnetlink that are needed here, from linux/if_addr.h, linux/if_link.h, linux/if.h and linux/if_arp.h.
const (
	rtmNewLink = 16
	rtmDelLink = 17
	rtmGetLink = 18
	rtmNewAddr = 20
	rtmDelAddr = 21
	rtmGetAddr = 22

	rtmGetRoute = 26

	familyUnspec = 0
	familyIPv4   = 2
	familyIPv6   = 10

	ifaAddress   = 1
	ifaLocal     = 2
	ifaCacheInfo = 6
	ifaFlags     = 8
	ifaProto     = 11 // Linux 5.18

	ifaFlagSecondary     = 0x01
	ifaFlagNoDAD         = 0x02
	ifaFlagDADFailed     = 0x08
	ifaFlagTentative     = 0x40
	ifaFlagPermanent     = 0x80
	ifaFlagNoPrefixRoute = 0x200

	iflaAddress = 1
	iflaIfname  = 3
	iflaMTU     = 4

	iffUp      = 0x1
	iffRunning = 0x40
	arpEther   = 1

	lengthIfAddrMsg = 8
	lengthIfInfoMsg = 16
	lengthRouteMsg  = 12

	rtaDst     = 1
	rtaOif     = 4
	routeLocal = 2 // RTN_LOCAL

	// forever is the lifetime of an address without one.
	forever = math.MaxUint32
)

var errShort = errors.New("netlink message is too short")

// leaseSeconds turns a lease into the kernel's whole seconds, rounded up; zero and less is forever.
func leaseSeconds(lease time.Duration) uint32 {
	if lease <= 0 {
		return forever
	}
	s := lease / time.Second
	if lease%time.Second != 0 {
		s++
	}
	return uint32(min(s, forever-1))
}

// addressMessage encodes an address to add, renew or delete. Deleting needs the address alone.
//
// IPv6 addresses are added without duplicate address detection (it would cost 1.5 s, and fails while the old owner is
// still there), and deprecated from the start: they answer, but the kernel does not choose them as the source of this
// host's own connections, which would break when the address moves on. IPv4 knows no such preference.
//
// Nothing else is set. Without IFA_BROADCAST the kernel still makes the broadcast routes of an IPv4 subnet, and the
// scope is global (IPv4) or derived from the address (IPv6): as ip(8) and keepalived do it.
func addressMessage(a Address, seconds uint32, noPrefixRoute bool) []byte {
	addr := a.Prefix.Addr()
	head := [lengthIfAddrMsg]byte{1: byte(a.Prefix.Bits())}
	binary.NativeEndian.PutUint32(head[4:], uint32(a.Link))
	e := netlink.NewAttributeEncoder()
	var flags uint32
	preferred := seconds
	if addr.Is4() {
		head[0] = familyIPv4
	} else {
		head[0] = familyIPv6
		flags = ifaFlagNoDAD
		preferred = 0
		if noPrefixRoute {
			flags |= ifaFlagNoPrefixRoute
		}
	}
	e.Bytes(ifaLocal, addr.AsSlice())
	e.Bytes(ifaAddress, addr.AsSlice())
	if seconds != 0 {
		var info [16]byte // struct ifa_cacheinfo: preferred, valid, and two times that the kernel fills in
		binary.NativeEndian.PutUint32(info[0:], preferred)
		binary.NativeEndian.PutUint32(info[4:], seconds)
		e.Bytes(ifaCacheInfo, info[:])
		e.Uint32(ifaFlags, flags)
		e.Uint8(ifaProto, Protocol)
	}
	attributes, err := e.Encode()
	if err != nil {
		// The encoder fails only for an attribute of more than 64 KiB.
		return nil
	}
	return append(head[:], attributes...)
}

// routeQuestion asks for the route to an IPv6 address on its own link.
func routeQuestion(a Address) []byte {
	head := [lengthRouteMsg]byte{0: familyIPv6, 1: 128}
	e := netlink.NewAttributeEncoder()
	e.Bytes(rtaDst, a.Prefix.Addr().AsSlice())
	e.Uint32(rtaOif, uint32(a.Link))
	attributes, err := e.Encode()
	if err != nil {
		return nil // as in addressMessage
	}
	return append(head[:], attributes...)
}

// isLocalRoute reports whether the answer to [routeQuestion] is that the address is this host's.
func isLocalRoute(data []byte) bool { return len(data) >= lengthRouteMsg && data[7] == routeLocal }

// parseAddress decodes RTM_NEWADDR and RTM_DELADDR. An address of another family comes back with ok false.
func parseAddress(data []byte) (index int, a InterfaceAddr, ok bool, err error) {
	if len(data) < lengthIfAddrMsg {
		return 0, InterfaceAddr{}, false, errShort
	}
	family, bits := data[0], int(data[1])
	flags := uint32(data[2])
	index = int(int32(binary.NativeEndian.Uint32(data[4:])))
	if family != familyIPv4 && family != familyIPv6 {
		return 0, InterfaceAddr{}, false, nil
	}
	d, err := netlink.NewAttributeDecoder(data[lengthIfAddrMsg:])
	if err != nil {
		return 0, InterfaceAddr{}, false, err
	}
	var local, address netip.Addr
	for d.Next() {
		switch d.Type() {
		case ifaLocal:
			local, _ = netip.AddrFromSlice(d.Bytes()) // invalid is checked below
		case ifaAddress:
			address, _ = netip.AddrFromSlice(d.Bytes())
		case ifaFlags:
			flags = d.Uint32()
		case ifaProto:
			a.Proto = d.Uint8()
		}
	}
	if err := d.Err(); err != nil {
		return 0, InterfaceAddr{}, false, err
	}
	if !local.IsValid() { // IPv6 has IFA_LOCAL only on point-to-point links, where IFA_ADDRESS is the peer
		local = address
	}
	if !local.IsValid() || local.Is4() != (family == familyIPv4) || bits > local.BitLen() || index <= 0 {
		return 0, InterfaceAddr{}, false, errShort
	}
	a.Prefix = netip.PrefixFrom(local, bits)
	a.Secondary = family == familyIPv4 && flags&ifaFlagSecondary != 0
	a.Tentative = family == familyIPv6 && flags&ifaFlagTentative != 0
	a.Duplicate = family == familyIPv6 && flags&ifaFlagDADFailed != 0
	a.Permanent = flags&ifaFlagPermanent != 0
	return index, a, true, nil
}

// parseLink decodes RTM_NEWLINK and RTM_DELLINK. Notifications of another family than AF_UNSPEC come back with ok
// false: a bridge that loses a port sends RTM_DELLINK of AF_BRIDGE, and the port lives on.
func parseLink(data []byte) (l LinkState, ok bool, err error) {
	if len(data) < lengthIfInfoMsg {
		return LinkState{}, false, errShort
	}
	if data[0] != familyUnspec {
		return LinkState{}, false, nil
	}
	kind := binary.NativeEndian.Uint16(data[2:])
	flags := binary.NativeEndian.Uint32(data[8:])
	l.Index = int(int32(binary.NativeEndian.Uint32(data[4:])))
	if l.Index <= 0 {
		return LinkState{}, false, errShort
	}
	l.Up = flags&iffUp != 0 && flags&iffRunning != 0
	d, err := netlink.NewAttributeDecoder(data[lengthIfInfoMsg:])
	if err != nil {
		return LinkState{}, false, err
	}
	for d.Next() {
		switch d.Type() {
		case iflaIfname:
			l.Name = d.String()
		case iflaMTU:
			l.MTU = int(d.Uint32())
		case iflaAddress:
			if b := d.Bytes(); kind == arpEther && len(b) == len(l.HardwareAddr) {
				l.HardwareAddr = MAC(b)
			}
		}
	}
	if err := d.Err(); err != nil {
		return LinkState{}, false, err
	}
	return l, true, nil
}
