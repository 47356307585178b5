// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"encoding/binary"
	"net/netip"

	"github.com/regent-ha/regent/vrrp"
)

// Offsets and sizes of the IPv4 header (RFC 791 §3.1).
const (
	ipv4MinimumHeader  = 20
	ipv4OffTotalLength = 2
	ipv4OffTTL         = 8
	ipv4OffSource      = 12
	ipv4OffDestination = 16
)

// parseIPv4 takes a datagram apart as a raw IPv4 socket delivers it: header, options, message. It reports false for what is
// not an IPv4 datagram, which the kernel never delivers. The message is cut at the total length, so that link-layer padding never
// counts as part of it; it may have been shortened to keep4 octets by the filter.
func parseIPv4(b []byte, p *vrrp.Packet) bool {
	if len(b) < ipv4MinimumHeader || b[0]>>4 != 4 {
		return false
	}
	header := int(b[0]&0x0f) * 4
	total := int(binary.BigEndian.Uint16(b[ipv4OffTotalLength:]))
	if header < ipv4MinimumHeader || len(b) < header || total < header {
		return false
	}
	if total < len(b) {
		b = b[:total]
	}
	p.Family = vrrp.IPv4
	p.TTL = b[ipv4OffTTL]
	p.Source = netip.AddrFrom4([4]byte(b[ipv4OffSource : ipv4OffSource+4]))
	p.Destination = netip.AddrFrom4([4]byte(b[ipv4OffDestination : ipv4OffDestination+4]))
	p.Message = b[header:]
	return true
}
