// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"fmt"
	"net/netip"

	"github.com/regent-ha/regent/takeover"
	"github.com/regent-ha/regent/vrrp"
)

// source returns the address that a router's adverts are sent from on a link, or why it cannot take part there:
// the configured one if it is on the link, else the first primary IPv4 address, or the first usable IPv6 link-local
// address. Virtual addresses, of this daemon (true in ours) or marked by an earlier run, are never a source; static ones of this
// daemon (false in ours) may be.
func source(link takeover.LinkState, s *spec, ours map[netip.Addr]bool) (netip.Addr, error) {
	name := s.service.Interface
	if link.Index == 0 {
		return netip.Addr{}, fmt.Errorf("interface %s does not exist", name)
	}
	if !link.Up && s.service.TrackInterface {
		return netip.Addr{}, fmt.Errorf("interface %s is down", name)
	}
	want := s.service.Source
	v6 := s.vrrp.Family == vrrp.IPv6
	if want.IsValid() && want.Is6() != v6 {
		want = netip.Addr{} // the source of the other family
	}
	tentative := false
	for _, a := range link.Addrs {
		addr := a.Prefix.Addr()
		if addr.Is6() != v6 || virtual(addr, a.Proto, ours) {
			continue
		}
		if want.IsValid() && addr != want || !want.IsValid() && v6 && !addr.IsLinkLocalUnicast() {
			continue
		}
		if a.Tentative {
			tentative = true
			continue
		}
		return addr, nil
	}
	switch {
	case tentative:
		return netip.Addr{}, fmt.Errorf("the %s address of interface %s is still tentative", s.vrrp.Family, name)
	case want.IsValid():
		return netip.Addr{}, fmt.Errorf("source %s is not on interface %s", want, name)
	case v6:
		return netip.Addr{}, fmt.Errorf("interface %s has no IPv6 link-local address", name)
	}
	return netip.Addr{}, fmt.Errorf("interface %s has no IPv4 address of its own", name)
}

// virtual reports whether an address moves, or is a rest of one that did.
func virtual(a netip.Addr, mark uint8, ours map[netip.Addr]bool) bool {
	moves, known := ours[a]
	return moves || !known && mark == takeover.Protocol
}
