// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"golang.org/x/net/bpf"

	"github.com/regent-ha/regent/vrrp"
)

// ipv4Datagram builds an IPv4 datagram with a header of the given length in octets.
func ipv4Datagram(header int, ttl uint8, src, dst string, message []byte) []byte {
	b := make([]byte, header, header+len(message))
	b[0] = 4<<4 | byte(header/4)
	binary.BigEndian.PutUint16(b[2:], uint16(header+len(message)))
	b[8], b[9] = ttl, protocol
	s, d := netip.MustParseAddr(src).As4(), netip.MustParseAddr(dst).As4()
	copy(b[12:], s[:])
	copy(b[16:], d[:])
	for i := ipv4MinimumHeader; i < header; i++ {
		b[i] = 1 // no operation
	}
	return append(b, message...)
}

// ipv6Datagram builds an IPv6 datagram.
func ipv6Datagram(limit uint8, src, dst string, message []byte) []byte {
	b := []byte{0x6c, 0, 0, 0, byte(len(message) >> 8), byte(len(message)), protocol, limit}
	b = append(b, netip.MustParseAddr(src).AsSlice()...)
	b = append(b, netip.MustParseAddr(dst).AsSlice()...)
	return append(b, message...)
}

// fromNetworkHeader rewrites a filter for a machine that is given whole datagrams and knows no SKF_NET_OFF.
func fromNetworkHeader(program []bpf.Instruction) []bpf.Instruction {
	for i, instruction := range program {
		if load, ok := instruction.(bpf.LoadAbsolute); ok && load.Off >= networkHeader {
			load.Off -= networkHeader
			program[i] = load
		}
	}
	return program
}

func TestFilterKeepsWhateverMustBeCounted(t *testing.T) {
	advert := []byte{0x31, 51, 150, 1, 0, 100, 0x42, 0xad, 10, 99, 0, 100}
	bad := []byte{0x42, 51, 150, 1, 0, 100, 0, 0}
	for _, test := range []struct {
		name   string
		family vrrp.Family
		packet []byte
		want   int // octets kept
	}{
		{"advert to the group", vrrp.IPv4, ipv4Datagram(20, 255, "10.99.0.1", "224.0.0.18", advert), keep4},
		{"with options", vrrp.IPv4, ipv4Datagram(24, 255, "10.99.0.1", "224.0.0.18", advert), keep4},
		{"TTL 64", vrrp.IPv4, ipv4Datagram(20, 64, "10.99.0.1", "224.0.0.18", advert), keep4},
		{"bad version, type and checksum", vrrp.IPv4, ipv4Datagram(20, 255, "10.99.0.1", "224.0.0.18", bad), keep4},
		{"no message at all", vrrp.IPv4, ipv4Datagram(20, 255, "10.99.0.1", "224.0.0.18", nil), keep4},
		{"martian source", vrrp.IPv4, ipv4Datagram(20, 255, "0.0.0.0", "224.0.0.18", advert), keep4},
		{"unicast", vrrp.IPv4, ipv4Datagram(20, 255, "10.99.0.1", "10.99.0.2", advert), keep4},
		{"highest unicast", vrrp.IPv4, ipv4Datagram(20, 255, "10.99.0.1", "223.255.255.255", advert), keep4},
		{"another group", vrrp.IPv4, ipv4Datagram(20, 255, "10.99.0.1", "224.0.0.1", advert), 0},
		{"the last group", vrrp.IPv4, ipv4Datagram(20, 255, "10.99.0.1", "239.255.255.255", advert), 0},
		{"broadcast", vrrp.IPv4, ipv4Datagram(20, 255, "10.99.0.1", "255.255.255.255", advert), 0},
		{"IPv6 advert to the group", vrrp.IPv6, ipv6Datagram(255, "fe80::1", "ff02::12", advert), keep6},
		{"IPv6, hop limit 64", vrrp.IPv6, ipv6Datagram(64, "fe80::1", "ff02::12", advert), keep6},
		{"IPv6, no message at all", vrrp.IPv6, ipv6Datagram(255, "fe80::1", "ff02::12", nil), keep6},
		{"IPv6, bad version, type and checksum", vrrp.IPv6, ipv6Datagram(255, "fe80::1", "ff02::12", bad), keep6},
		{"IPv6, unspecified source", vrrp.IPv6, ipv6Datagram(255, "::", "ff02::12", advert), keep6},
		{"IPv6 unicast", vrrp.IPv6, ipv6Datagram(255, "fe80::1", "2001:db8::2", advert), keep6},
		{"highest IPv6 unicast", vrrp.IPv6, ipv6Datagram(255, "fe80::1", "feff:ffff::12", advert), keep6},
		{"all nodes", vrrp.IPv6, ipv6Datagram(255, "fe80::1", "ff02::1", advert), 0},
		{"the same group in another scope", vrrp.IPv6, ipv6Datagram(255, "fe80::1", "ff05::12", advert), 0},
		{"second word differs", vrrp.IPv6, ipv6Datagram(255, "fe80::1", "ff02:0:1::12", advert), 0},
		{"third word differs", vrrp.IPv6, ipv6Datagram(255, "fe80::1", "ff02::1:0:12", advert), 0},
		{"fourth word differs", vrrp.IPv6, ipv6Datagram(255, "fe80::1", "ff02::1:12", advert), 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			vm, err := bpf.NewVM(fromNetworkHeader(keepAdverts(test.family.Group(), true)))
			if err != nil {
				t.Fatal(err)
			}
			got, err := vm.Run(test.packet)
			if err != nil {
				t.Fatal(err)
			}
			if got != test.want {
				t.Errorf("filter keeps %d octets, want %d", got, test.want)
			}
		})
	}
}

func TestFilterKeepsTheLongestAdvertWholeAndShowsThatOneIsTooLong(t *testing.T) {
	for _, test := range []struct {
		name            string
		keep, header, n int
	}{
		{"IPv4 version 2 with options", keep4, 60, 16 + 255*4 + 28},
		{"IPv6", keep6, 0, 8 + 255*16 + 28},
	} {
		if want := test.header + test.n + 1; test.keep != want {
			t.Errorf("%s: %d octets are kept, want %d", test.name, test.keep, want)
		}
		if test.keep > receiveStride {
			t.Errorf("%s: %d octets are kept, the buffer has %d", test.name, test.keep, receiveStride)
		}
		if test.n > arenaSize {
			t.Errorf("%s: an advert of %d octets does not fit the arena", test.name, test.n)
		}
	}
}

func TestNewSocketsReceiveNothing(t *testing.T) {
	vm, err := bpf.NewVM(dropAll())
	if err != nil {
		t.Fatal(err)
	}
	if n, err := vm.Run(ipv4Datagram(20, 255, "10.99.0.1", "224.0.0.18", nil)); n != 0 || err != nil {
		t.Errorf("filter keeps %d octets (%v), want none", n, err)
	}
}
