// SPDX-License-Identifier: Apache-2.0

// Package vmac gives virtual routers an interface with a link-layer address of their own: the virtual MAC of RFC 9568
// section 7.3, which moves with the addresses, so that no host on the segment has to learn anything at a takeover.
//
//	k, err := vmac.Open(log)
//	places, errs := k.Set([]vmac.Want{{VRID: 51, Base: "eth0", MAC: vmac.RFC(51, false), Adverts: true}})
//	k.Show(map[int][]netip.Addr{places[0].Index: {address}}) // it is Active: these addresses answer there
//	err = k.Close(true)
//
// # The interface
//
// It is a macvlan in bridge mode on the service's interface, the base. It exists, and is up, for as long as the service is
// configured: the first advert of an Active leaves at once and waits for nobody's rtnl lock. In bridge mode the kernel leaves
// adverts of a peer that come from the very same MAC to the base, where all adverts are heard. (In private mode, keepalived's,
// they come out of the macvlan alone, which without an IPv4 address drops them unless rp_filter is off for the whole host.)
//
// It is marked as ours by its alias, which also says what the sysctls of the base were, so that a run after a crash can still
// restore them. [Kernel.Set] is level-triggered: it makes what is wanted be there, adopts what an earlier run left (its addresses
// go on answering until their leases end), and removes what carries the mark and is not wanted. One of the right name, base and MAC
// without a mark is what keepalived left: it is adopted, without its addresses.
//
// # Who answers for the address
//
// Hosts must never learn the MAC of the base for a virtual address. The base answers only for its own addresses (arp_ignore=1)
// and asks only with them (arp_announce=2); so does the macvlan, else it would answer for the base. The kernel does that for IPv6 by
// itself. The macvlan has no address of its own, accepts no router advertisements, and has no IPv6 at all unless it is to hold
// IPv6 addresses. Its rp_filter is loose: the way back to a client usually is by the base.
//
// # The table
//
// An nftables table of the family netdev does what sysctls cannot.
//
//   - Adverts leave by the base, as those of all other virtual routers, and get the virtual MAC on the way out: switches learn from
//     them where it lives (RFC 9568 section 7.2).
//   - On the way out of the base: what comes from a virtual address that answers here gets the virtual MAC, although the route
//     leads through the base; and the base never says that it is such an address (ARP replies, neighbour advertisements).
//   - A macvlan of a router that is not Active is mute: nothing comes in, so that a switch that floods does not get a packet
//     forwarded twice (RFC 9568 section 6.4.2), and nothing but adverts goes out, so that no report of a multicast group tells
//     switches that the virtual MAC lives here.
//
// The hook on the way out needs Linux 5.16. Without it, or without nftables, the addresses work all the same: what they send
// then has the MAC of the base, as with keepalived. Nothing of the table is needed for an address to answer, and if it cannot be
// changed it is removed.
package vmac
