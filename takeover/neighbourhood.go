// SPDX-License-Identifier: Apache-2.0

package takeover

import "net/netip"

// neighbourhood is what is on the links that a batch is about.
type neighbourhood struct {
	addresses map[Address]InterfaceAddr
	worn      map[Address]worn
	ipv6      map[Address]Address // IPv6 addresses without their length: the kernel has each once a link
	subnets   map[Address]bool    // IPv6 subnets that an address of somebody else is in
}

func (n *neighbourhood) note(a Address, found InterfaceAddr, w worn, held map[Address]bool) {
	n.addresses[a] = found
	n.worn[a] = w
	if a.Prefix.Addr().Is4() {
		return
	}
	n.ipv6[bare(a)] = a
	if found.Proto != Protocol && !held[a] {
		n.subnets[subnet(a)] = true
	}
}

// subnet is what an address is in, on its link.
func subnet(a Address) Address { return Address{a.Prefix.Masked(), a.Link} }

// bare is the address without its length.
func bare(a Address) Address {
	return Address{netip.PrefixFrom(a.Prefix.Addr(), a.Prefix.Addr().BitLen()), a.Link}
}

// find returns an address that is there. The kernel has an IPv6 address once a link whatever its length, and an IPv4
// address once for each length.
func (n *neighbourhood) find(a Address) (InterfaceAddr, bool) {
	if a.Prefix.Addr().Is6() {
		if other, ok := n.ipv6[bare(a)]; ok {
			return n.addresses[other], true
		}
	}
	found, ok := n.addresses[a]
	return found, ok
}

// routed reports whether an IPv6 address must not bring the route of its subnet with it.
//
// The kernel gives that route the lifetime of the address. Where the host has its own address in the subnet the route
// exists already, and if it has a lifetime (from router advertisements or DHCPv6) the kernel would cut that down to the
// lease: a daemon that dies would take the subnet's route with it. A host address (/128) needs no route. In all other
// cases the subnet is there only because of the service: the route comes with the address, and ends with its lease.
// So it does to reach a peer.
func (n *neighbourhood) routed(a Address, at Attributes) bool {
	addr := a.Prefix.Addr()
	if at.Peer.IsValid() {
		return false
	}
	return addr.Is6() && (a.Prefix.IsSingleIP() || addr.IsLinkLocalUnicast() ||
		n.subnets[subnet(a)])
}
