// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/vrrp"
)

// compareAddresses lets go-cmp look at addresses.
func compareAddresses() cmp.Option {
	return cmp.Comparer(func(a, b netip.Addr) bool { return a == b })
}

func TestIPv4DatagramIsTakenApart(t *testing.T) {
	message := []byte{0x31, 51, 150, 1}
	good := ipv4Datagram(20, 255, "10.99.0.1", "224.0.0.18", message)
	packet := vrrp.Packet{
		Family: vrrp.IPv4, TTL: 255, Message: message,
		Source: netip.MustParseAddr("10.99.0.1"), Destination: netip.MustParseAddr("224.0.0.18"),
	}
	change := func(f func(b []byte)) []byte {
		b := bytes.Clone(good)
		f(b)
		return b
	}
	for _, test := range []struct {
		name string
		in   []byte
		want bool
	}{
		{"plain", good, true},
		{"options", ipv4Datagram(60, 255, "10.99.0.1", "224.0.0.18", message), true},
		{"padding after the total length", append(bytes.Clone(good), 0, 0, 0, 0), true},
		{"shortened by the filter", change(func(b []byte) { binary.BigEndian.PutUint16(b[2:], 1500) }), true},
		{"empty", nil, false},
		{"header cut off", good[:19], false},
		{"another version", change(func(b []byte) { b[0] = 6<<4 | 5 }), false},
		{"header length below 20", change(func(b []byte) { b[0] = 4<<4 | 4 }), false},
		{"options cut off", change(func(b []byte) { b[0] = 4<<4 | 15 }), false},
		{"total length within the header", change(func(b []byte) { binary.BigEndian.PutUint16(b[2:], 19) }), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got vrrp.Packet
			if ok := parseIPv4(test.in, &got); ok != test.want {
				t.Fatalf("parse reports %v, want %v", ok, test.want)
			}
			if !test.want {
				return
			}
			if diff := cmp.Diff(packet, got, compareAddresses()); diff != "" {
				t.Errorf("packet (-want +got):\n%s", diff)
			}
		})
	}
}

// control6 is what the kernel delivers with an IPv6 advert.
func control6(destination string, limit uint32) []byte {
	b := appendSource(nil, 7, netip.MustParseAddr(destination))
	b = appendControlHeader(b, unix.IPPROTO_IPV6, unix.IPV6_HOPLIMIT, 4)
	b = binary.NativeEndian.AppendUint32(b, limit)
	return pad(b, unix.CmsgSpace(sizeofPktinfo6)+unix.CmsgSpace(4))
}

func TestIPv6DatagramIsTakenApart(t *testing.T) {
	message := []byte{0x31, 51, 150, 1}
	name := appendDestination(nil, 7, netip.MustParseAddr("fe80::1"))
	control := control6("ff02::12", 255)
	var got vrrp.Packet
	if !parseIPv6(message, name, control, &got) {
		t.Fatal("parse refuses a good datagram")
	}
	want := vrrp.Packet{
		Family: vrrp.IPv6, TTL: 255, Message: message,
		Source: netip.MustParseAddr("fe80::1"), Destination: netip.MustParseAddr("ff02::12"),
	}
	if diff := cmp.Diff(want, got, compareAddresses()); diff != "" {
		t.Errorf("packet (-want +got):\n%s", diff)
	}
	if got.Source.Zone() != "" {
		t.Errorf("source has zone %q, want none", got.Source.Zone())
	}
	if parseIPv6(message, name[:27], control, &got) {
		t.Error("parse accepts a sockaddr cut short")
	}
	for n := range unix.CmsgSpace(sizeofPktinfo6) + unix.CmsgLen(4) {
		if parseIPv6(message, name, control[:n], &got) {
			t.Errorf("parse accepts control messages cut to %d octets", n)
		}
	}
}

func TestControlMessagesAreWhatTheKernelExpects(t *testing.T) {
	for _, test := range []struct {
		source      string
		level, kind int32
		data        []byte
	}{
		{"10.99.0.1", unix.IPPROTO_IP, unix.IP_PKTINFO,
			append(binary.NativeEndian.AppendUint32(nil, 7), 10, 99, 0, 1, 0, 0, 0, 0)},
		{"fe80::1", unix.IPPROTO_IPV6, unix.IPV6_PKTINFO,
			binary.NativeEndian.AppendUint32([]byte{0xfe, 0x80, 15: 1}, 7)},
	} {
		b := appendSource(nil, 7, netip.MustParseAddr(test.source))
		if len(b) != unix.CmsgSpace(len(test.data)) {
			t.Errorf("%s: %d octets, want %d", test.source, len(b), unix.CmsgSpace(len(test.data)))
		}
		messages, err := unix.ParseSocketControlMessage(b)
		if err != nil || len(messages) != 1 {
			t.Fatalf("%s: %d control messages, error %v", test.source, len(messages), err)
		}
		if h := messages[0].Header; h.Level != test.level || h.Type != test.kind {
			t.Errorf("%s: level %d type %d, want %d and %d", test.source, h.Level, h.Type, test.level, test.kind)
		}
		if diff := cmp.Diff(test.data, messages[0].Data); diff != "" {
			t.Errorf("%s: data (-want +got):\n%s", test.source, diff)
		}
	}
}

func TestDestinationsCarryAScopeWhereOneIsNeeded(t *testing.T) {
	for _, test := range []struct {
		to    string
		scope uint32
	}{{"ff02::12", 7}, {"fe80::2", 7}, {"2001:db8::2", 0}} {
		b := appendDestination(nil, 7, netip.MustParseAddr(test.to))
		if len(b) != unix.SizeofSockaddrInet6 {
			t.Fatalf("%s: %d octets, want %d", test.to, len(b), unix.SizeofSockaddrInet6)
		}
		if got := binary.NativeEndian.Uint32(b[24:]); got != test.scope {
			t.Errorf("%s: scope %d, want %d", test.to, got, test.scope)
		}
	}
	if b := appendDestination(nil, 7, netip.MustParseAddr("10.99.0.2")); len(b) != unix.SizeofSockaddrInet4 {
		t.Errorf("IPv4: %d octets, want %d", len(b), unix.SizeofSockaddrInet4)
	}
}

func FuzzParseIPv4(f *testing.F) {
	f.Add(ipv4Datagram(20, 255, "10.99.0.1", "224.0.0.18", []byte{0x31, 51, 150, 1}))
	f.Add(ipv4Datagram(60, 255, "10.99.0.1", "224.0.0.18", []byte{0x31}))
	f.Add([]byte{0x4f})
	f.Fuzz(func(t *testing.T, b []byte) {
		var p vrrp.Packet
		if !parseIPv4(b, &p) {
			return
		}
		header := int(b[0]&15) * 4
		if total := int(binary.BigEndian.Uint16(b[2:])); len(p.Message) != min(total, len(b))-header {
			t.Errorf("message of %d octets from %d with total length %d and header %d", len(p.Message), len(b), total, header)
		}
		if !p.Source.Is4() || !p.Destination.Is4() {
			t.Errorf("source %s, destination %s: want IPv4", p.Source, p.Destination)
		}
	})
}

func FuzzParseIPv6(f *testing.F) {
	name := appendDestination(nil, 7, netip.MustParseAddr("fe80::1"))
	f.Add(name, control6("ff02::12", 255))
	f.Add(name, control6("fe80::2", 1)[:40])
	f.Fuzz(func(t *testing.T, name, control []byte) {
		var p vrrp.Packet
		if parseIPv6(nil, name, control, &p) && (!p.Source.Is6() || !p.Destination.Is6()) {
			t.Errorf("source %s, destination %s: want IPv6", p.Source, p.Destination)
		}
	})
}
