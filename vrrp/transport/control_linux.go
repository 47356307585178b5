// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"encoding/binary"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/vrrp"
)

// Sizes of control messages. Both structures are fixed by the kernel's ABI.
const (
	sizeofPktinfo4 = unix.SizeofInet4Pktinfo
	sizeofPktinfo6 = unix.SizeofInet6Pktinfo
	sizeofHops     = 4 // an int
	sizeofPort     = 2 // of a sockaddr: family, then port, both 16 bits
)

// appendSource appends the control message that makes the kernel send from source on the interface: IP_PKTINFO or
// IPV6_PKTINFO. Services with different sources share a socket this way.
func appendSource(b []byte, index int, source netip.Addr) []byte {
	if source.Is4() {
		b = appendControlHeader(b, unix.IPPROTO_IP, unix.IP_PKTINFO, sizeofPktinfo4)
		start := len(b)
		a := source.As4()
		b = binary.NativeEndian.AppendUint32(b, uint32(index)) // ipi_ifindex
		b = append(b, a[:]...)                                 // ipi_spec_dst: the source when sending
		b = append(b, 0, 0, 0, 0)                              // ipi_addr: unused when sending
		return pad(b, start+unix.CmsgSpace(sizeofPktinfo4)-unix.CmsgLen(0))
	}
	b = appendControlHeader(b, unix.IPPROTO_IPV6, unix.IPV6_PKTINFO, sizeofPktinfo6)
	start := len(b)
	a := source.As16()
	b = append(b, a[:]...)
	b = binary.NativeEndian.AppendUint32(b, uint32(index))
	return pad(b, start+unix.CmsgSpace(sizeofPktinfo6)-unix.CmsgLen(0))
}

// appendHops appends the control message that gives a packet another TTL or hop limit than its socket does.
func appendHops(b []byte, f vrrp.Family, hops uint8) []byte {
	level, kind := unix.IPPROTO_IP, unix.IP_TTL
	if f == vrrp.IPv6 {
		level, kind = unix.IPPROTO_IPV6, unix.IPV6_HOPLIMIT
	}
	b = appendControlHeader(b, level, kind, sizeofHops)
	start := len(b)
	b = binary.NativeEndian.AppendUint32(b, uint32(hops))
	return pad(b, start+unix.CmsgSpace(sizeofHops)-unix.CmsgLen(0))
}

// appendControlHeader appends a struct cmsghdr for size octets of data.
func appendControlHeader(b []byte, level, kind, size int) []byte {
	length := unix.CmsgLen(size)
	if wordSize == 8 {
		b = binary.NativeEndian.AppendUint64(b, uint64(length))
	} else {
		b = binary.NativeEndian.AppendUint32(b, uint32(length))
	}
	b = binary.NativeEndian.AppendUint32(b, uint32(level))
	b = binary.NativeEndian.AppendUint32(b, uint32(kind))
	return pad(b, len(b)+unix.CmsgLen(0)-unix.SizeofCmsghdr)
}

// pad appends zeros until b is n octets long.
func pad(b []byte, n int) []byte {
	for len(b) < n {
		b = append(b, 0)
	}
	return b
}

// appendDestination appends the sockaddr of an address. Link-local and multicast IPv6 addresses get the interface as scope.
func appendDestination(b []byte, index int, to netip.Addr) []byte {
	if to.Is4() {
		a := to.As4()
		b = binary.NativeEndian.AppendUint16(b, unix.AF_INET)
		b = append(b, 0, 0)
		b = append(b, a[:]...)
		return append(b, 0, 0, 0, 0, 0, 0, 0, 0)
	}
	a := to.As16()
	b = binary.NativeEndian.AppendUint16(b, unix.AF_INET6)
	b = append(b, 0, 0)       // port: raw sockets have none
	b = append(b, 0, 0, 0, 0) // flow information
	b = append(b, a[:]...)
	scope := uint32(0)
	if to.IsLinkLocalUnicast() || to.IsLinkLocalMulticast() {
		scope = uint32(index)
	}
	return binary.NativeEndian.AppendUint32(b, scope)
}

// parseIPv6 takes apart what a raw IPv6 socket delivers: the message, the sender's sockaddr, and in control messages the
// destination and the hop limit. It reports false when one of these is missing, which the kernel never does.
func parseIPv6(message, name, control []byte, p *vrrp.Packet) bool {
	if len(name) < unix.SizeofSockaddrInet6 {
		return false
	}
	const offAddress = 2*sizeofPort + 4
	p.Family = vrrp.IPv6
	p.Source = netip.AddrFrom16([16]byte(name[offAddress : offAddress+16]))
	p.Message = message
	var haveDestination, haveLimit bool
	for len(control) >= unix.SizeofCmsghdr {
		length, level, kind := controlHeader(control)
		if length < unix.CmsgLen(0) || length > len(control) {
			break
		}
		data := control[unix.CmsgLen(0):length]
		if level == unix.IPPROTO_IPV6 {
			switch {
			case kind == unix.IPV6_PKTINFO && len(data) >= sizeofPktinfo6:
				p.Destination = netip.AddrFrom16([16]byte(data[:16]))
				haveDestination = true
			case kind == unix.IPV6_HOPLIMIT && len(data) >= 4:
				p.TTL = uint8(binary.NativeEndian.Uint32(data))
				haveLimit = true
			}
		}
		next := unix.CmsgSpace(length - unix.CmsgLen(0))
		if next > len(control) {
			break
		}
		control = control[next:]
	}
	return haveDestination && haveLimit
}

// controlHeader reads a struct cmsghdr.
func controlHeader(b []byte) (length, level, kind int) {
	if wordSize == 8 {
		length = int(binary.NativeEndian.Uint64(b))
		b = b[8:]
	} else {
		length = int(binary.NativeEndian.Uint32(b))
		b = b[4:]
	}
	return length, int(int32(binary.NativeEndian.Uint32(b))), int(int32(binary.NativeEndian.Uint32(b[4:])))
}
