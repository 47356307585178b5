// SPDX-License-Identifier: Apache-2.0

package takeover

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/mdlayher/ndp"
)

// Announcement is what neighbours are told: the address is at this Ethernet address on this link.
type Announcement struct {
	Address      netip.Addr // without zone
	Link         int        // index of the interface to send on
	HardwareAddr MAC        // the interface's, or a virtual router's; zero: there is nobody to tell
	Router       bool       // IPv6: this host forwards on the link, see [Forwarding]
}

const (
	etherTypeARP  = 0x0806
	etherTypeIPv6 = 0x86dd

	protocolICMPv6 = 58
)

// appendFrame appends the whole Ethernet frame that announces a, as keepalived and FRR send it:
//
// For IPv4 an ARP request, broadcast, with the address as sender and as target, and ff:ff:ff:ff:ff:ff as target hardware
// address (RFC 9568 §6.4.1 wants a request; some hosts ignore unasked replies). For IPv6 an unsolicited
// neighbour advertisement to all nodes with the override flag and the target link-layer address (RFC 4861 §7.2.6).
func appendFrame(b []byte, a Announcement) ([]byte, error) {
	if a.Address.Is4() {
		return appendGARP(b, a), nil
	}
	return appendNA(b, a)
}

// appendGARP appends a gratuitous ARP request.
func appendGARP(b []byte, a Announcement) []byte {
	b = append(b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)
	b = append(b, a.HardwareAddr[:]...)
	b = binary.BigEndian.AppendUint16(b, etherTypeARP)
	b = append(b, 0, 1, 8, 0, 6, 4, 0, 1) // Ethernet, IPv4, their lengths, request
	ip := a.Address.As4()
	b = append(b, a.HardwareAddr[:]...)
	b = append(b, ip[:]...)
	b = append(b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)
	return append(b, ip[:]...)
}

// appendNA appends an unsolicited neighbour advertisement.
func appendNA(b []byte, a Announcement) ([]byte, error) {
	allNodes := netip.IPv6LinkLocalAllNodes()
	message, err := ndp.MarshalMessageChecksum(&ndp.NeighborAdvertisement{
		Router:        a.Router,
		Override:      true,
		TargetAddress: a.Address,
		Options:       []ndp.Option{&ndp.LinkLayerAddress{Direction: ndp.Target, Addr: a.HardwareAddr[:]}},
	}, a.Address, allNodes)
	if err != nil {
		return b, fmt.Errorf("neighbour advertisement for %s: %w", a.Address, err)
	}
	b = append(b, 0x33, 0x33, 0, 0, 0, 1)
	b = append(b, a.HardwareAddr[:]...)
	b = binary.BigEndian.AppendUint16(b, etherTypeIPv6)
	b = append(b, 0x60, 0, 0, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(len(message)))
	b = append(b, protocolICMPv6, 255)
	src, dst := a.Address.As16(), allNodes.As16()
	b = append(b, src[:]...)
	b = append(b, dst[:]...)
	return append(b, message...), nil
}
