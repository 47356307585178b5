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
	rtmNewLink  = 16
	rtmDelLink  = 17
	rtmGetLink  = 18
	rtmNewAddr  = 20
	rtmDelAddr  = 21
	rtmDelRoute = 25
	rtmGetAddr  = 22

	rtmGetRoute = 26

	familyUnspec = 0
	familyIPv4   = 2
	familyIPv6   = 10

	ifaAddress   = 1
	ifaLocal     = 2
	ifaLabel     = 3
	ifaBroadcast = 4
	ifaCacheInfo = 6
	ifaFlags     = 8
	ifaProto     = 11 // Linux 5.18

	ifaFlagSecondary     = 0x01
	ifaFlagNoDAD         = 0x02
	ifaFlagDADFailed     = 0x08
	ifaFlagHome          = 0x10
	ifaFlagTentative     = 0x40
	ifaFlagPermanent     = 0x80
	ifaFlagManageTemp    = 0x100
	ifaFlagNoPrefixRoute = 0x200
	ifaFlagAutoJoin      = 0x400

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

	routeUnicast        = 1   // RTN_UNICAST
	routeTableMain      = 254 // RT_TABLE_MAIN
	routeProtocolKernel = 2   // RTPROT_KERNEL

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

// life is how long an address is to live: zero to delete it.
type life struct {
	seconds uint32
	age     time.Duration // since it was added
}

// addressMessage encodes an address to add, renew or delete. Deleting needs the address and its peer alone.
//
// Unless the attributes say otherwise, IPv6 addresses are added without duplicate address detection (it would cost
// 1.5 s, and fails while the old owner is still there), and deprecated from the start: they answer, but the kernel does
// not choose them as the source of this host's own connections, which would break when the address moves on.
//
// Nothing else is set by itself. Without IFA_BROADCAST the kernel still makes the broadcast routes of an IPv4 subnet,
// and the scope is global (IPv4) or derived from the address (IPv6): as ip(8) and keepalived do it.
func addressMessage(a Address, at Attributes, l life, noPrefixRoute bool) []byte {
	addr := a.Prefix.Addr()
	head := [lengthIfAddrMsg]byte{0: familyIPv6, 1: byte(a.Prefix.Bits())}
	if addr.Is4() {
		head[0] = familyIPv4
	}
	binary.NativeEndian.PutUint32(head[4:], uint32(a.Link))
	e := netlink.NewAttributeEncoder()
	e.Bytes(ifaLocal, addr.AsSlice())
	peer := addr
	if at.Peer.IsValid() {
		peer = at.Peer
	}
	e.Bytes(ifaAddress, peer.AsSlice())
	if l.seconds != 0 {
		if addr.Is4() {
			head[3] = at.Scope
			if at.Label != "" {
				e.String(ifaLabel, at.Label)
			}
			if at.Broadcast.IsValid() {
				e.Bytes(ifaBroadcast, at.Broadcast.AsSlice())
			}
		}
		var info [16]byte // struct ifa_cacheinfo: preferred, valid, and two times that the kernel fills in
		binary.NativeEndian.PutUint32(info[0:], at.Preferred.seconds(addr.Is4(), l.seconds, l.age))
		binary.NativeEndian.PutUint32(info[4:], l.seconds)
		e.Bytes(ifaCacheInfo, info[:])
		e.Uint32(ifaFlags, at.flags(addr.Is6(), noPrefixRoute))
		e.Uint8(ifaProto, Protocol)
	}
	attributes, err := e.Encode()
	if err != nil {
		// The encoder fails only for an attribute of more than 64 KiB.
		return nil
	}
	return append(head[:], attributes...)
}

// flags returns IFA_FLAGS of an address.
func (at Attributes) flags(six, noPrefixRoute bool) (flags uint32) {
	for _, f := range []struct {
		on   bool
		flag uint32
	}{
		{six && !at.DAD, ifaFlagNoDAD},
		{six && at.Home, ifaFlagHome},
		{six && at.ManageTemp, ifaFlagManageTemp},
		{at.NoPrefixRoute || noPrefixRoute, ifaFlagNoPrefixRoute},
		{at.AutoJoin, ifaFlagAutoJoin},
	} {
		if f.on {
			flags |= f.flag
		}
	}
	return flags
}

// routeQuestion asks for the route to an IPv6 address on its own link.
func routeQuestion(a Address) []byte {
	return routeMessage([lengthRouteMsg]byte{0: familyIPv6, 1: 128}, a)
}

// routeMessage names a route to an address on its link.
func routeMessage(head [lengthRouteMsg]byte, a Address) []byte {
	e := netlink.NewAttributeEncoder()
	e.Bytes(rtaDst, a.Prefix.Addr().AsSlice())
	e.Uint32(rtaOif, uint32(a.Link))
	attributes, err := e.Encode()
	if err != nil {
		return nil // as in addressMessage
	}
	return append(head[:], attributes...)
}

// roadMessage names the route of an IPv6 subnet that the kernel made for an address.
func roadMessage(a Address) []byte {
	return routeMessage([lengthRouteMsg]byte{0: familyIPv6, 1: byte(a.Prefix.Bits()), 4: routeTableMain, 5: routeProtocolKernel, 7: routeUnicast}, a)
}

// isLocalRoute reports whether the answer to [routeQuestion] is that the address is this host's.
func isLocalRoute(data []byte) bool { return len(data) >= lengthRouteMsg && data[7] == routeLocal }

// parseAddress decodes RTM_NEWADDR and RTM_DELADDR. An address of another family comes back with ok false.
func parseAddress(data []byte) (index int, a InterfaceAddr, ok bool, err error) {
	index, a, _, ok, err = parseDressed(data)
	return index, a, ok, err
}

// parseDressed is parseAddress, with what else the address has.
func parseDressed(data []byte) (index int, a InterfaceAddr, w worn, ok bool, err error) {
	if len(data) < lengthIfAddrMsg {
		return 0, InterfaceAddr{}, worn{}, false, errShort
	}
	family, bits := data[0], int(data[1])
	flags := uint32(data[2])
	index = int(int32(binary.NativeEndian.Uint32(data[4:])))
	if family != familyIPv4 && family != familyIPv6 {
		return 0, InterfaceAddr{}, worn{}, false, nil
	}
	d, err := netlink.NewAttributeDecoder(data[lengthIfAddrMsg:])
	if err != nil {
		return 0, InterfaceAddr{}, worn{}, false, err
	}
	var local, address netip.Addr
	for d.Next() {
		switch d.Type() {
		case ifaLocal:
			local, _ = netip.AddrFromSlice(d.Bytes()) // invalid is checked below
		case ifaAddress:
			address, _ = netip.AddrFromSlice(d.Bytes())
		case ifaLabel:
			w.label = d.String()
		case ifaBroadcast:
			w.broadcast, _ = netip.AddrFromSlice(d.Bytes())
		case ifaFlags:
			flags = d.Uint32()
		case ifaProto:
			a.Proto = d.Uint8()
		}
	}
	if err := d.Err(); err != nil {
		return 0, InterfaceAddr{}, worn{}, false, err
	}
	if !local.IsValid() { // IPv6 has IFA_LOCAL only on point-to-point links, where IFA_ADDRESS is the peer
		local = address
	}
	if !local.IsValid() || local.Is4() != (family == familyIPv4) || bits > local.BitLen() || index <= 0 {
		return 0, InterfaceAddr{}, worn{}, false, errShort
	}
	w.scope = data[3]
	if address.IsValid() && address != local {
		w.peer = address
	}
	a.Prefix = netip.PrefixFrom(local, bits)
	a.Secondary = family == familyIPv4 && flags&ifaFlagSecondary != 0
	a.Tentative = family == familyIPv6 && flags&ifaFlagTentative != 0
	a.Duplicate = family == familyIPv6 && flags&ifaFlagDADFailed != 0
	a.Permanent = flags&ifaFlagPermanent != 0
	return index, a, w, true, nil
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
