// SPDX-License-Identifier: Apache-2.0

package takeover

import (
	"bytes"
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/mdlayher/ndp"
	"pgregory.net/rapid"
)

var vmac = MAC{0, 0, 0x5e, 0, 1, 0x33}

func TestFramesAreByteForByte(t *testing.T) {
	for _, c := range []struct {
		name string
		a    Announcement
		want string // RFC 826, RFC 4861 §4.4, written out by hand
	}{
		{
			"gratuitous ARP", Announcement{netip.MustParseAddr("10.99.0.100"), 1, vmac, false},
			`ffffffffffff 00005e000133 0806
			 0001 0800 06 04 0001
			 00005e000133 0a630064
			 ffffffffffff 0a630064`,
		},
		{
			"advertisement of a host", Announcement{netip.MustParseAddr("2001:db8:99::100"), 1, vmac, false},
			`333300000001 00005e000133 86dd
			 60000000 0020 3a ff
			 20010db8009900000000000000000100 ff020000000000000000000000000001
			 88 00 98c8 20000000
			 20010db8009900000000000000000100
			 02 01 00005e000133`,
		},
		{
			"advertisement of a router", Announcement{netip.MustParseAddr("2001:db8:99::100"), 1, vmac, true},
			`333300000001 00005e000133 86dd
			 60000000 0020 3a ff
			 20010db8009900000000000000000100 ff020000000000000000000000000001
			 88 00 18c8 a0000000
			 20010db8009900000000000000000100
			 02 01 00005e000133`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			want, err := hex.DecodeString(strings.Join(strings.Fields(c.want), ""))
			if err != nil {
				t.Fatal(err)
			}
			got, err := appendFrame([]byte("x"), c.a)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(hex.Dump(want), hex.Dump(got[1:])); diff != "" || got[0] != 'x' {
				t.Errorf("frame (-want +got):\n%s", diff)
			}
		})
	}
}

// Another decoder, and the sum over the pseudo-header, find in the frame what went in.
func TestAdvertisementsAreUnderstood(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := Announcement{
			Address:      netip.AddrFrom16([16]byte(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "address"))),
			HardwareAddr: MAC(rapid.SliceOfN(rapid.Byte(), 6, 6).Draw(t, "mac")),
			Router:       rapid.Bool().Draw(t, "router"),
		}
		if a.Address.Is4In6() {
			t.Skip("not an IPv6 address")
		}
		f, err := appendFrame(nil, a)
		if err != nil {
			t.Fatal(err)
		}
		if len(f) != 86 {
			t.Fatalf("frame of %d bytes, want 86", len(f))
		}
		m, err := ndp.ParseMessage(f[54:])
		if err != nil {
			t.Fatal(err)
		}
		want := &ndp.NeighborAdvertisement{
			Router: a.Router, Override: true, TargetAddress: a.Address,
			Options: []ndp.Option{&ndp.LinkLayerAddress{Direction: ndp.Target, Addr: a.HardwareAddr[:]}},
		}
		if diff := cmp.Diff(want, m, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
			t.Fatalf("message (-want +got):\n%s", diff)
		}
		if !bytes.Equal(f[22:38], f[62:78]) {
			t.Fatalf("source and target differ: %x", f)
		}
		sum := uint32(protocolICMPv6) + uint32(len(f)-54)
		for i := 22; i < len(f); i += 2 {
			sum += uint32(f[i])<<8 | uint32(f[i+1])
		}
		for sum > 0xffff {
			sum = sum>>16 + sum&0xffff
		}
		if sum != 0xffff {
			t.Fatalf("checksum is wrong: %x", f)
		}
	})
}
