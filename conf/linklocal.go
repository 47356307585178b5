// SPDX-License-Identifier: Apache-2.0

package conf

import "net/netip"

// LinkLocal returns the link-local address of the IPv6 virtual router vrid that the file gives none:
// fe80::200:5eff:fe00:2VV, the modified EUI-64 of the virtual router's MAC address 00:00:5e:00:02:VV.
//
// It depends on the VRID alone, so every node derives the same. It differs from that of every other virtual router on
// the link, and MikroTik derives the same. Its interface identifier lies in the block that RFC 5453 reserves for the
// IANA Ethernet addresses, which RFC 7217 and RFC 8981 identifiers avoid, so it is nobody's own address, unless an
// interface with the virtual MAC forms it by itself: such an interface must not form addresses (RFC 9568 §7.4), and
// adverts are never sent from it.
func LinkLocal(vrid uint8) netip.Addr {
	return netip.AddrFrom16([16]byte{0: 0xfe, 1: 0x80, 8: 0x02, 10: 0x5e, 11: 0xff, 12: 0xfe, 14: 0x02, 15: vrid})
}
