// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"net/netip"
	"testing"

	"golang.org/x/net/bpf"

	"github.com/regent-ha/regent/vrrp"
)

// ip4 is an IPv4 packet of a protocol with options of some words.
func ip4(proto byte, words int, payload ...byte) []byte {
	b := make([]byte, 20+4*words, 64)
	b[0], b[3], b[8], b[9] = 0x45+byte(words), byte(20+4*words+len(payload)), 255, proto
	copy(b[12:], []byte{10, 0, 0, 1, 224, 0, 0, 18})
	return append(b, payload...)
}

func ip6(proto byte, payload ...byte) []byte {
	b := make([]byte, 40, 64)
	b[0], b[5], b[6], b[7] = 0x60, byte(len(payload)), proto, 255
	copy(b[8:], netip.MustParseAddr("fe80::1").AsSlice())
	copy(b[24:], netip.MustParseAddr("ff02::12").AsSlice())
	return append(b, payload...)
}

func TestTapPassesVRRPOnly(t *testing.T) {
	t.Parallel()
	vm, err := bpf.NewVM(vrrpOnly)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		packet []byte
		pass   bool
	}{
		"ipv4": {ip4(112, 0, 1), true}, "ipv4 with options": {ip4(112, 2, 1), true}, "ipv6": {ip6(112, 1), true},
		"udp": {ip4(17, 0, 1), false}, "udp over ipv6": {ip6(17, 1), false}, "arp": {[]byte{0, 1, 8, 0, 6, 4, 0, 1, 112, 112}, false},
	} {
		n, err := vm.Run(c.packet)
		if err != nil || n > 0 != c.pass {
			t.Errorf("%s: passes %v, want %v (%v)", name, n > 0, c.pass, err)
		}
	}
}

func TestMessagesAreFoundInPackets(t *testing.T) {
	t.Parallel()
	p, ok := dissect(ip4(112, 1, 7, 8, 9))
	if !ok || string(p.Message) != "\x07\x08\x09" || p.TTL != 255 || p.Family != vrrp.IPv4 || p.Source != netip.MustParseAddr("10.0.0.1") {
		t.Errorf("ipv4: %v %+v", ok, p)
	}
	p, ok = dissect(append(ip6(112, 7, 8), 0, 0)) // padded by the link
	if !ok || string(p.Message) != "\x07\x08" || p.Family != vrrp.IPv6 || p.Destination != netip.MustParseAddr("ff02::12") {
		t.Errorf("ipv6: %v %+v", ok, p)
	}
	fragment := ip4(112, 0, 1)
	fragment[6] = 0x20
	if _, ok := dissect(fragment); ok {
		t.Error("a fragment is a message")
	}
}

func FuzzDissect(f *testing.F) {
	f.Add(ip4(112, 0, 1, 2))
	f.Add(ip6(112, 1, 2))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, ok := dissect(b)
		if ok && len(p.Message) > len(b)-20 {
			t.Errorf("a message of %d bytes in a packet of %d", len(p.Message), len(b))
		}
	})
}
