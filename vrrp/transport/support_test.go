// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"encoding/binary"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/internal/netlab"
	"github.com/regent-ha/regent/vrrp"
)

func TestMain(m *testing.M) { os.Exit(netlab.Main(m)) }

// must ends the test on an error.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// addr parses an address.
func addr(text string) netip.Addr { return netip.MustParseAddr(text) }

// newNode makes a node of a lab.
func newNode(t testing.TB, lab *netlab.Lab, name string, prefixes ...string) *netlab.Node {
	t.Helper()
	n, err := lab.Node(name, prefixes...)
	must(t, err)
	return n
}

// eventually waits for a condition, ten seconds at most.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	for limit := time.Now().Add(10 * time.Second); !condition(); {
		if time.Now().After(limit) {
			t.Fatalf("in ten seconds never: %s", what)
		}
		<-time.After(time.Millisecond)
	}
}

// linkLocal is the link-local address of a node's interface.
func linkLocal(t testing.TB, n *netlab.Node, ifname string) netip.Addr {
	t.Helper()
	prefixes, err := n.Addresses(ifname)
	must(t, err)
	for _, p := range prefixes {
		if p.Addr().Is6() && p.Addr().IsLinkLocalUnicast() {
			return p.Addr()
		}
	}
	t.Fatalf("%s has no link-local address on %s", n.Name(), ifname)
	return netip.Addr{}
}

// hardware is the hardware address of a node's interface.
func hardware(t testing.TB, n *netlab.Node, ifname string) [6]byte {
	t.Helper()
	link, err := n.Netlink().LinkByName(ifname)
	must(t, err)
	return [6]byte(link.Attrs().HardwareAddr)
}

// inject sends frames as they are.
func inject(t testing.TB, n *netlab.Node, ifname string, frames ...[]byte) {
	t.Helper()
	must(t, n.Do(func() error {
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		to := &unix.SockaddrLinklayer{Ifindex: n.Index(ifname)}
		for _, f := range frames {
			if err := unix.Sendto(fd, f, 0, to); err != nil {
				return err
			}
		}
		return nil
	}))
}

// frame is an IP packet with a VRRP message, built by hand: none of what is tested has a part in it.
type frame struct {
	to      [6]byte // absent: the group's, or broadcast for unicast
	from    [6]byte // absent: 02:00:00:00:00:aa
	src     string
	dst     string // absent: the group
	ttl     uint8  // absent: 255, unless zeroTTL
	options []byte // IPv4
	message []byte
	padding int // octets after the IP packet
	zeroTTL bool
	proto   uint8 // absent: 112
}

// bytes builds the frame.
func (f frame) bytes() []byte {
	src := addr(f.src)
	dst := vrrp.IPv4.Group()
	if src.Is6() {
		dst = vrrp.IPv6.Group()
	}
	if f.dst != "" {
		dst = addr(f.dst)
	}
	if f.to == [6]byte{} {
		f.to = [6]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
		if dst.IsMulticast() && dst.Is4() {
			a := dst.As4()
			f.to = [6]byte{1, 0, 0x5e, a[1] & 0x7f, a[2], a[3]}
		} else if dst.IsMulticast() {
			a := dst.As16()
			f.to = [6]byte{0x33, 0x33, a[12], a[13], a[14], a[15]}
		}
	}
	if f.from == [6]byte{} {
		f.from = [6]byte{2, 0, 0, 0, 0, 0xaa}
	}
	if f.ttl == 0 && !f.zeroTTL {
		f.ttl = 255
	}
	if f.proto == 0 {
		f.proto = 112
	}
	b := append(append([]byte{}, f.to[:]...), f.from[:]...)
	if src.Is4() {
		b = append(b, 0x08, 0x00)
		header := make([]byte, 20+len(f.options))
		header[0] = 0x40 | byte(len(header)/4)
		header[1] = 0xc0
		binary.BigEndian.PutUint16(header[2:], uint16(len(header)+len(f.message)))
		header[8], header[9] = f.ttl, f.proto
		s, d := src.As4(), dst.As4()
		copy(header[12:], s[:])
		copy(header[16:], d[:])
		copy(header[20:], f.options)
		binary.BigEndian.PutUint16(header[10:], onesComplement(header))
		b = append(b, header...)
	} else {
		b = append(b, 0x86, 0xdd, 0x6c, 0, 0, 0)
		b = binary.BigEndian.AppendUint16(b, uint16(len(f.message)))
		b = append(b, f.proto, f.ttl)
		s, d := src.As16(), dst.As16()
		b = append(append(b, s[:]...), d[:]...)
	}
	b = append(b, f.message...)
	return append(b, make([]byte, f.padding)...)
}

// onesComplement is the Internet checksum (RFC 1071).
func onesComplement(b []byte) uint16 {
	var sum uint32
	for i := 0; i < len(b); i += 2 {
		sum += uint32(b[i]) << 8
		if i+1 < len(b) {
			sum += uint32(b[i+1])
		}
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

// message3 builds a version 3 message from src to dst; dst "" is the group. Its checksum covers the pseudo-header.
func message3(vrid, priority uint8, centiseconds uint16, src, dst string, addresses ...string) []byte {
	b := []byte{0x31, vrid, priority, byte(len(addresses)), byte(centiseconds >> 8), byte(centiseconds), 0, 0}
	for _, a := range addresses {
		b = append(b, addr(a).AsSlice()...)
	}
	return seal(b, src, dst)
}

// seal sets the checksum of a version 3 message, with pseudo-header.
func seal(b []byte, src, dst string) []byte {
	s := addr(src)
	d := vrrp.IPv4.Group()
	if s.Is6() {
		d = vrrp.IPv6.Group()
	}
	if dst != "" {
		d = addr(dst)
	}
	b[6], b[7] = 0, 0
	pseudo := append(s.AsSlice(), d.AsSlice()...)
	if s.Is6() {
		pseudo = append(pseudo, 0, 0, byte(len(b)>>8), byte(len(b)), 0, 0, 0, 112)
	} else {
		pseudo = append(pseudo, 0, 112, byte(len(b)>>8), byte(len(b)))
	}
	binary.BigEndian.PutUint16(b[6:], onesComplement(append(pseudo, b...)))
	return b
}

// macvlan makes a macvlan on a node's eth0, with a hardware address, and sets it up.
func macvlan(t testing.TB, n *netlab.Node, name string, mode netlink.MacvlanMode, mac [6]byte) {
	t.Helper()
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.ParentIndex, attrs.HardwareAddr = name, n.Index("eth0"), mac[:]
	must(t, n.Netlink().LinkAdd(&netlink.Macvlan{LinkAttrs: attrs, Mode: mode}))
	link, err := n.Netlink().LinkByName(name)
	must(t, err)
	must(t, n.Netlink().LinkSetUp(link))
	eventually(t, name+" is up", func() bool {
		link, err := n.Netlink().LinkByName(name)
		return err == nil && link.Attrs().OperState == netlink.OperUp
	})
}
