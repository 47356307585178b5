// SPDX-License-Identifier: Apache-2.0

package speaker

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

var families = []struct{ inherited, client string }{
	{"10.0.0.101:53", "10.0.0.9:40000"}, {"[2001:db8::101]:53", "[2001:db8::9]:40000"},
}

func TestRepliesComeFromTheInheritedAddress(t *testing.T) {
	for _, c := range families {
		from, to := netip.MustParseAddrPort(c.inherited), netip.MustParseAddrPort(c.client)
		for _, data := range [][]byte{[]byte("even"), []byte("odd"), {}} {
			b := appendUDP(nil, from, to, data)
			src, dst, protocol, payload := parseIP(t, b)
			if src != from.Addr() || dst != to.Addr() || protocol != UDP {
				t.Errorf("%v → %v, protocol %d", src, dst, protocol)
			}
			if got := netip.AddrPortFrom(src, binary.BigEndian.Uint16(payload)); got != from {
				t.Errorf("source %v", got)
			}
			if int(binary.BigEndian.Uint16(payload[4:])) != len(payload) || !bytes.Equal(payload[8:], data) {
				t.Errorf("datagram %x", payload)
			}
			if s := checksum(pseudo(src, dst, UDP, len(payload)), payload); s != 0 {
				t.Errorf("%s, %q: checksum does not verify: %x", c.inherited, data, s)
			}
		}
	}
}

func TestUnreachableQuotesTheDatagram(t *testing.T) {
	for i, c := range families {
		inherited, client := netip.MustParseAddrPort(c.inherited), netip.MustParseAddrPort(c.client)
		data := bytes.Repeat([]byte("x"), 1000)
		b := appendUnreachable(nil, inherited, client, data)
		src, dst, protocol, payload := parseIP(t, b)
		number, kind, code := 1, icmp.Type(ipv4.ICMPTypeDestinationUnreachable), 3
		var pseudo []byte
		if i == 1 {
			number, kind, code, pseudo = 58, ipv6.ICMPTypeDestinationUnreachable, 4, icmp.IPv6PseudoHeader(src.AsSlice(), dst.AsSlice())
		}
		if src != inherited.Addr() || dst != client.Addr() || int(protocol) != number {
			t.Errorf("%v → %v, protocol %d", src, dst, protocol)
		}
		m, err := icmp.ParseMessage(number, payload)
		if err != nil {
			t.Fatal(err)
		}
		again, err := m.Marshal(pseudo)
		if err != nil || !bytes.Equal(again, payload) {
			t.Errorf("another one writes it as %x, this is %x (%v)", again, payload, err)
		}
		if m.Type != kind || m.Code != code {
			t.Errorf("type %v code %d", m.Type, m.Code)
		}
		quoted := m.Body.(*icmp.DstUnreach).Data
		src, dst, protocol, datagram := parseQuote(t, quoted)
		if src != client.Addr() || dst != inherited.Addr() || protocol != UDP || binary.BigEndian.Uint16(datagram) != client.Port() ||
			binary.BigEndian.Uint16(datagram[2:]) != inherited.Port() || int(binary.BigEndian.Uint16(datagram[4:])) != 8+len(data) {
			t.Errorf("quotes %v → %v, protocol %d, %x", src, dst, protocol, datagram[:8])
		}
		if len(b) > 576 {
			t.Errorf("%d octets", len(b))
		}
	}
}

// An error is never much longer than what it is about: nobody is flooded through us.
func TestUnreachableDoesNotAmplify(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := rapid.SampledFrom(families).Draw(t, "family")
		data := make([]byte, rapid.IntRange(0, 2000).Draw(t, "length"))
		b := appendUnreachable(nil, netip.MustParseAddrPort(c.inherited), netip.MustParseAddrPort(c.client), data)
		if request := lengthIPv4 + lengthUDP + len(data); len(b) > request+2*lengthIPv6+8 {
			t.Fatalf("%d octets about %d", len(b), request)
		}
	})
}

// parseIP reads a whole packet and verifies its lengths.
func parseIP(t *testing.T, b []byte) (src, dst netip.Addr, protocol byte, payload []byte) {
	t.Helper()
	src, dst, protocol, payload = parseQuote(t, b)
	if b[0]>>4 == 4 && int(binary.BigEndian.Uint16(b[2:])) != len(b) || b[0]>>4 == 6 && int(binary.BigEndian.Uint16(b[4:])) != len(payload) {
		t.Errorf("lengths in %x", b[:20])
	}
	return src, dst, protocol, payload
}

func parseQuote(t *testing.T, b []byte) (src, dst netip.Addr, protocol byte, payload []byte) {
	t.Helper()
	if b[0]>>4 == 6 {
		h, err := ipv6.ParseHeader(b)
		if err != nil {
			t.Fatal(err)
		}
		src, _ = netip.AddrFromSlice(h.Src)
		dst, _ = netip.AddrFromSlice(h.Dst)
		return src, dst, byte(h.NextHeader), b[lengthIPv6:]
	}
	h, err := ipv4.ParseHeader(b)
	if err != nil {
		t.Fatal(err)
	}
	if checksum(0, b[:lengthIPv4]) != 0 {
		t.Errorf("header checksum of %x", b[:lengthIPv4])
	}
	src, _ = netip.AddrFromSlice(h.Src.To4())
	dst, _ = netip.AddrFromSlice(h.Dst.To4())
	return src, dst, byte(h.Protocol), b[lengthIPv4:]
}

// What the kernel says of a datagram's destination is foreign bytes, too.
func FuzzDestination(f *testing.F) {
	four := append(binary.NativeEndian.AppendUint64(nil, 32), 0, 0, 0, 0, unix.IP_RECVORIGDSTADDR, 0, 0, 0)
	f.Add(append(four, 2, 0, 0, 53, 10, 0, 0, 101, 0, 0, 0, 0, 0, 0, 0, 0))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		if a, ok := destination(b); ok && !a.IsValid() {
			t.Errorf("%x reads %v", b, a)
		}
	})
}

func TestDestinationIsReadFromControlMessages(t *testing.T) {
	b := append(binary.NativeEndian.AppendUint64(nil, 32), 0, 0, 0, 0, unix.IP_RECVORIGDSTADDR, 0, 0, 0)
	b = append(b, 2, 0, 0, 53, 10, 0, 0, 101, 0, 0, 0, 0, 0, 0, 0, 0)
	if got, ok := destination(b); !ok || got != netip.MustParseAddrPort("10.0.0.101:53") {
		t.Errorf("%v, %t", got, ok)
	}
	if got, ok := destination(nil); ok {
		t.Errorf("nothing says %v", got)
	}
}
