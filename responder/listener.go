// SPDX-License-Identifier: Apache-2.0

package responder

import (
	"fmt"
	"net/netip"
)

// Listener is a socket of this host that would answer in place of a refused address.
type Listener struct {
	Proto     uint8      // TCP or UDP
	Address   netip.Addr // the wildcard address, or the refused address itself
	Port      uint16
	Only6     bool   // an IPv6 wildcard that takes no IPv4
	Interface uint32 // bound to this interface only; 0: to none
	UID       uint32
	Inode     uint32
	Process   string // name and number of the process, if they could be found
}

// String describes the listener for logs.
func (l Listener) String() string {
	who := l.Process
	if who == "" {
		who = fmt.Sprintf("a process of user %d", l.UID)
	}
	proto := "tcp"
	if l.Proto == UDP {
		proto = "udp"
	}
	return fmt.Sprintf("%s %s by %s", proto, netip.AddrPortFrom(l.Address, l.Port), who)
}

// target is the listener's port, optionally at an address.
type portAt struct {
	addr netip.Addr // zero: any address of the family
	v6   bool
	port Port
}

// refusals answers quickly whether a listener stands in the way of what is to be refused.
type refusals struct {
	whole map[netip.Addr]bool // whole addresses; the zero address stands for any of the family
	any   [2]bool             // whole addresses of the family exist
	ports map[portAt]bool
}

// index prepares refusals from elements; addresses that are served are left out.
func index(refused []element, served func(netip.Addr) bool) refusals {
	r := refusals{whole: map[netip.Addr]bool{}, ports: map[portAt]bool{}}
	for _, e := range refused {
		if served(e.addr) {
			continue
		}
		switch e.set.role {
		case roleReset:
			r.whole[e.addr] = true
			r.any[b2i(e.addr.Is6())] = true
		case rolePort:
			r.ports[portAt{e.addr, e.addr.Is6(), e.port}] = true
			r.ports[portAt{v6: e.addr.Is6(), port: e.port}] = true
		case roleAddress, roleUnreach, roleServe, roles:
		}
	}
	return r
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// inTheWay reports whether the listener would take what should be refused.
func (r refusals) inTheWay(l Listener) bool {
	port := Port{l.Proto, l.Port}
	addr := l.Address.Unmap().WithZone("")
	if !addr.IsUnspecified() {
		return r.whole[addr] || r.ports[portAt{addr, addr.Is6(), port}]
	}
	for _, v6 := range []bool{false, true} {
		if v6 != addr.Is6() && (v6 || l.Only6) {
			continue // a wildcard of IPv4 never takes IPv6; one of IPv6 takes IPv4 unless told otherwise
		}
		if r.any[b2i(v6)] || r.ports[portAt{v6: v6, port: port}] {
			return true
		}
	}
	return false
}

// sightings turns what each look finds into what is new and what is gone. UDP sockets must be seen twice: one that
// merely asks a question is gone by the next look.
type sightings struct {
	reported map[Listener]bool
	suspects map[Listener]bool
}

// look takes the listeners in the way, without process names.
func (s *sightings) look(now []Listener) (found, gone []Listener) {
	seen := make(map[Listener]bool, len(now))
	suspects := map[Listener]bool{}
	for _, l := range now {
		if seen[l] {
			continue
		}
		seen[l] = true
		switch {
		case s.reported[l]:
		case l.Proto == UDP && !s.suspects[l]:
			suspects[l] = true
		default:
			found = append(found, l)
		}
	}
	for l := range s.reported {
		if !seen[l] {
			gone = append(gone, l)
			delete(s.reported, l)
		}
	}
	if s.reported == nil {
		s.reported = map[Listener]bool{}
	}
	for _, l := range found {
		s.reported[l] = true
	}
	s.suspects = suspects
	return found, gone
}
