// SPDX-License-Identifier: Apache-2.0

package vmac

import (
	"net"
	"net/netip"
	"testing"

	"github.com/regent-ha/regent/internal/netlab"
)

func netUDP(a netip.AddrPort) net.Addr { return net.UDPAddrFromAddrPort(a) }

// judge reads a capture: whoever says where an address is says what is true, in whatever way, and what comes from it comes from
// there.
func judge(t testing.TB, wire *netlab.Capture, where map[netip.Addr]string) {
	t.Helper()
	_, err := wire.Stop()
	must(t, err)
	seen := map[netip.Addr]int{}
	check := func(what string, a netip.Addr, mac net.HardwareAddr, f netlab.Frame) {
		want, ok := where[a]
		if !ok {
			return
		}
		seen[a]++
		if mac.String() != want {
			t.Errorf("%s: %s is at %s, want %s: %x", what, a, mac, want, f.Data[:min(len(f.Data), 90)])
		}
	}
	for _, f := range wire.Frames() {
		if f.EtherType() == 0x0806 && len(f.Data) >= 42 {
			b := f.Data[14:]
			check("ARP", netip.AddrFrom4([4]byte(b[14:18])), net.HardwareAddr(b[8:14]), f)
			check("frame of ARP", netip.AddrFrom4([4]byte(b[14:18])), f.SourceMAC(), f)
			continue
		}
		src, _, proto, body, ok := f.IP()
		if !ok || proto == 112 {
			continue
		}
		check("packet", src, f.SourceMAC(), f)
		if proto != 58 || len(body) < 32 {
			continue
		}
		switch {
		case body[0] == 136 && body[24] == 2: // neighbour advertisement, target link-layer address
			check("neighbour advertisement", netip.AddrFrom16([16]byte(body[8:24])), net.HardwareAddr(body[26:32]), f)
		case body[0] == 135 && body[24] == 1: // neighbour solicitation, source link-layer address
			check("neighbour solicitation", src, net.HardwareAddr(body[26:32]), f)
		}
	}
	for a := range where {
		if seen[a] == 0 {
			t.Errorf("nothing was seen of %s", a)
		}
	}
}
