// SPDX-License-Identifier: Apache-2.0

package netlab

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"
)

// snapLength is as long as a frame can get, segmentation offload included.
const snapLength = 262144

// Frame is one recorded Ethernet frame. Its methods look no deeper than the
// network header: what a packet means is for tshark to say.
type Frame struct {
	// Time of arrival by the kernel's wall clock.
	Time time.Time
	// Length on the wire.
	Length int
	// Data from the destination hardware address on. It must not be changed.
	Data []byte
}

// Ethernet types, IEEE 802.
const (
	etherIPv4 = 0x0800
	etherARP  = 0x0806
	etherIPv6 = 0x86dd
)

// SourceMAC of the frame.
func (f Frame) SourceMAC() net.HardwareAddr {
	if len(f.Data) < 14 {
		return nil
	}
	return net.HardwareAddr(f.Data[6:12])
}

// EtherType of the frame; 0 if it has none.
func (f Frame) EtherType() uint16 {
	if len(f.Data) < 14 {
		return 0
	}
	return binary.BigEndian.Uint16(f.Data[12:])
}

// IP returns source, destination, protocol and payload of an IP packet without
// IPv6 extension headers.
func (f Frame) IP() (src, dst netip.Addr, proto uint8, payload []byte, ok bool) {
	switch f.EtherType() {
	case etherIPv4:
		b := f.Data[14:]
		if len(b) < 20 || len(b) < int(b[0]&0xf)*4 {
			return
		}
		src, dst = netip.AddrFrom4([4]byte(b[12:16])), netip.AddrFrom4([4]byte(b[16:20]))
		return src, dst, b[9], b[int(b[0]&0xf)*4:], true
	case etherIPv6:
		b := f.Data[14:]
		if len(b) < 40 {
			return
		}
		src, dst = netip.AddrFrom16([16]byte(b[8:24])), netip.AddrFrom16([16]byte(b[24:40]))
		return src, dst, b[6], b[40:], true
	}
	return
}

// VRRP tells whether the frame is an advertisement and gives VRID and priority as they
// stand in it, unchecked.
func (f Frame) VRRP() (vrid, priority uint8, ok bool) {
	_, _, proto, payload, ok := f.IP()
	if !ok || proto != 112 || len(payload) < 3 {
		return 0, 0, false
	}
	return payload[1], payload[2], true
}

// Announces tells whether the frame is a gratuitous ARP or an unsolicited
// neighbour advertisement of the address.
func (f Frame) Announces(addr netip.Addr) bool {
	if f.EtherType() == etherARP {
		b := f.Data[14:]
		return addr.Is4() && len(b) >= 28 &&
			netip.AddrFrom4([4]byte(b[14:18])) == addr && netip.AddrFrom4([4]byte(b[24:28])) == addr
	}
	_, dst, proto, payload, ok := f.IP()
	return ok && proto == 58 && dst == netip.IPv6LinkLocalAllNodes() && len(payload) >= 24 &&
		payload[0] == 136 && netip.AddrFrom16([16]byte(payload[8:24])) == addr
}

// The capture file format: pcap with nanosecond time stamps, Ethernet.
const (
	pcapMagicNanoseconds = 0xa1b23c4d
	pcapEthernet         = 1
)

func writeFileHeader(w io.Writer) error {
	b := make([]byte, 24)
	binary.LittleEndian.PutUint32(b, pcapMagicNanoseconds)
	binary.LittleEndian.PutUint16(b[4:], 2)
	binary.LittleEndian.PutUint16(b[6:], 4)
	binary.LittleEndian.PutUint32(b[16:], snapLength)
	binary.LittleEndian.PutUint32(b[20:], pcapEthernet)
	if _, err := w.Write(b); err != nil {
		return fmt.Errorf("write capture: %w", err)
	}
	return nil
}

func writeRecord(w io.Writer, f Frame) error {
	b := make([]byte, 16)
	binary.LittleEndian.PutUint32(b, uint32(f.Time.Unix()))
	binary.LittleEndian.PutUint32(b[4:], uint32(f.Time.Nanosecond()))
	binary.LittleEndian.PutUint32(b[8:], uint32(len(f.Data)))
	binary.LittleEndian.PutUint32(b[12:], uint32(f.Length))
	_, head := w.Write(b)
	_, body := w.Write(f.Data)
	if err := errors.Join(head, body); err != nil {
		return fmt.Errorf("write capture: %w", err)
	}
	return nil
}
