// SPDX-License-Identifier: Apache-2.0

package tickle

import (
	"bytes"
	"encoding/hex"
	"net/netip"
	"testing"

	"pgregory.net/rapid"

	"github.com/regent-ha/regent/takeover/flow"
)

func TestSegmentsOnTheWire(t *testing.T) {
	t.Parallel()
	four := flow.Flow{Local: netip.MustParseAddrPort("10.99.0.101:5432"), Remote: netip.MustParseAddrPort("10.99.0.1:40000"),
		Exact: true, Send: 0x01020304, Receive: 0xa1a2a3a4}
	six := four
	six.Local, six.Remote = netip.MustParseAddrPort("[fd99::101]:5432"), netip.MustParseAddrPort("[fd99::1]:40000")
	for _, c := range []struct {
		flow flow.Flow
		kind Kind
		want string // the checksums were verified with tshark
	}{
		{four, Reset, "15389c40 01020304 a1a2a3a4 50140000 9fdf0000"},
		{four, Keepalive, "15389c40 01020303 a1a2a3a4 501004d2 9b120000"},
		{four, Bare, "15389c40 00000000 00000000 501004d2 e45e0000"},
		{four, BareSeq, "15389c40 80000000 00000000 501004d2 645e0000"},
		{four, BareAck, "15389c40 00000000 80000000 501004d2 645e0000"},
		{four, BareBoth, "15389c40 80000000 80000000 501004d2 e45d0000"},
		{six, Reset, "15389c40 01020304 a1a2a3a4 50140000 b8d50000"},
		{six, Keepalive, "15389c40 01020303 a1a2a3a4 501004d2 b4080000"},
		{six, Bare, "15389c40 00000000 00000000 501004d2 fd540000"},
	} {
		got := AppendSegment([]byte{9}, c.flow, c.kind)
		want, err := hex.DecodeString("09" + string(bytes.ReplaceAll([]byte(c.want), []byte(" "), nil)))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s to %s:\n%x, want\n%x", c.kind, c.flow.Remote, got, want)
		}
	}
}

// Whatever the addresses and numbers are, the words of pseudo-header and segment add up to all ones (RFC 1071).
func TestChecksumsAddUp(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.SampledFrom([]int{4, 16}).Draw(t, "octets")
		addr := func(name string) netip.AddrPort {
			a, _ := netip.AddrFromSlice(rapid.SliceOfN(rapid.Byte(), size, size).Draw(t, name))
			return netip.AddrPortFrom(a, rapid.Uint16().Draw(t, name+" port"))
		}
		f := flow.Flow{Local: addr("local"), Remote: addr("remote"), Exact: true,
			Send: rapid.Uint32().Draw(t, "send"), Receive: rapid.Uint32().Draw(t, "receive")}
		b := AppendSegment(nil, f, rapid.SampledFrom([]Kind{Reset, Keepalive, Bare, BareSeq, BareAck, BareBoth}).Draw(t, "kind"))
		whole := append(append(append([]byte{0, protocolTCP, 0, SegmentLength}, f.Local.Addr().AsSlice()...), f.Remote.Addr().AsSlice()...), b...)
		sum := uint64(0)
		for i := 0; i < len(whole); i += 2 {
			sum += uint64(whole[i])<<8 + uint64(whole[i+1])
		}
		if sum%0xffff != 0 || sum == 0 {
			t.Errorf("words add up to %#x", sum)
		}
	})
}
