// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"bytes"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/internal/netlab"
	"github.com/regent-ha/regent/vrrp"
)

// openTestPort opens a port in a node.
func openTestPort(t testing.TB, n *netlab.Node, ifname string, family vrrp.Family) *port {
	t.Helper()
	var p *port
	must(t, n.Do(func() (err error) {
		p, err = openPort(portKey{place: place{index: n.Index(ifname), family: family}, group: family.Group()}, ifname, true)
		return err
	}))
	t.Cleanup(func() { must(t, p.close()) })
	return p
}

// hear receives from a port until a packet whose message is last arrives, and returns those before it.
func hear(t testing.TB, p *port, last []byte) []vrrp.Packet {
	t.Helper()
	in := newReceiver()
	var heard []vrrp.Packet
	done := false
	eventually(t, "the last advert arrives", func() bool {
		n, errno := in.receive(p.receive)
		if errno != 0 && errno != unix.EAGAIN {
			t.Fatalf("receive: %v", errno)
		}
		for i := range n {
			packet := vrrp.Packet{Interface: p.key.index}
			ok := false
			if p.key.family == vrrp.IPv6 {
				ok = parseIPv6(in.message(i), in.name(i), in.control(i), &packet)
			} else {
				ok = parseIPv4(in.message(i), &packet)
			}
			if !ok {
				t.Fatalf("datagram cannot be taken apart: % x", in.message(i))
			}
			packet.Message = bytes.Clone(packet.Message)
			if bytes.Equal(packet.Message, last) {
				done = true
				continue
			}
			heard = append(heard, packet)
		}
		in.reset(n)
		return done
	})
	return heard
}

// The last advert of each delivery test: what was to come before it has come when it is heard.
var (
	lastSource4 = "10.99.0.250"
	lastSource6 = "fe80::fa"
)

// lastFrame is an ordinary advert of a third party, and its message.
func lastFrame(family vrrp.Family) ([]byte, []byte) {
	src := lastSource4
	if family == vrrp.IPv6 {
		src = lastSource6
	}
	m := []byte{0x31, 250, 0}
	return frame{src: src, message: m}.bytes(), m
}

func TestDeliveryToAPort(t *testing.T) {
	lab := netlab.Test(t)
	a := newNode(t, lab, "a", "10.99.0.1/24", "fd99::1/64")
	b := newNode(t, lab, "b", "10.99.0.2/24", "fd99::2/64")
	own6 := linkLocal(t, b, "eth0").String()
	mac := hardware(t, b, "eth0")
	port4 := openTestPort(t, b, "eth0", vrrp.IPv4)
	port6 := openTestPort(t, b, "eth0", vrrp.IPv6)
	good4 := message3(51, 150, 100, "10.99.0.1", "", "10.99.0.100")
	good6 := message3(51, 150, 100, "fe80::1", "", "fe80::99:100", "2001:db8:99::100")
	bad := func(m []byte) []byte { m = bytes.Clone(m); m[6]++; return m }

	for _, test := range []struct {
		name     string
		frame    frame
		loose    bool // rp_filter 0
		want     bool
		wantTTL  uint8
		wantDest string
	}{
		{name: "advert over IPv4", frame: frame{src: "10.99.0.1", message: good4}, want: true, wantTTL: 255, wantDest: "224.0.0.18"},
		{name: "TTL 64", frame: frame{src: "10.99.0.1", ttl: 64, message: good4}, want: true, wantTTL: 64, wantDest: "224.0.0.18"},
		{name: "bad checksum over IPv4", frame: frame{src: "10.99.0.1", message: bad(good4)}, want: true, wantTTL: 255, wantDest: "224.0.0.18"},
		{name: "IPv4 options", frame: frame{src: "10.99.0.1", options: []byte{1, 1, 1, 0}, message: good4}, want: true, wantTTL: 255, wantDest: "224.0.0.18"},
		{name: "padded to a minimum frame", frame: frame{src: "10.99.0.1", message: good4, padding: 14}, want: true, wantTTL: 255, wantDest: "224.0.0.18"},
		{name: "unicast over IPv4", frame: frame{src: "10.99.0.1", dst: "10.99.0.2", to: mac, message: good4}, want: true, wantTTL: 255, wantDest: "10.99.0.2"},
		{name: "own address as IPv4 source", frame: frame{src: "10.99.0.2", message: good4}},
		{name: "off-subnet IPv4 source, rp_filter 0", frame: frame{src: "192.0.2.1", message: good4}, loose: true, want: true, wantTTL: 255, wantDest: "224.0.0.18"},
		{name: "off-subnet IPv4 source, rp_filter 1", frame: frame{src: "192.0.2.1", message: good4}},
		{name: "another group", frame: frame{src: "10.99.0.1", dst: "224.0.0.1", message: good4}},
		{name: "broadcast", frame: frame{src: "10.99.0.1", dst: "255.255.255.255", message: good4}},
		{name: "advert over IPv6", frame: frame{src: "fe80::1", message: good6}, want: true, wantTTL: 255, wantDest: "ff02::12"},
		{name: "hop limit 64", frame: frame{src: "fe80::1", ttl: 64, message: good6}, want: true, wantTTL: 64, wantDest: "ff02::12"},
		{name: "bad checksum over IPv6", frame: frame{src: "fe80::1", message: bad(good6)}, want: true, wantTTL: 255, wantDest: "ff02::12"},
		{name: "own address as IPv6 source", frame: frame{src: own6, message: good6}, want: true, wantTTL: 255, wantDest: "ff02::12"},
		{name: "IPv6 source not link-local", frame: frame{src: "fd99::1", message: good6}, want: true, wantTTL: 255, wantDest: "ff02::12"},
		{name: "unspecified IPv6 source", frame: frame{src: "::", message: good6}, want: true, wantTTL: 255, wantDest: "ff02::12"},
		{name: "unicast over IPv6", frame: frame{src: "fe80::1", dst: "fd99::2", to: mac, message: good6}, want: true, wantTTL: 255, wantDest: "fd99::2"},
		{name: "all nodes", frame: frame{src: "fe80::1", dst: "ff02::1", message: good6}},
	} {
		t.Run(test.name, func(t *testing.T) {
			filter := "1"
			if test.loose {
				filter = "0"
			}
			must(t, b.SetSysctl("net.ipv4.conf.all.rp_filter", filter))
			p := port4
			if addr(test.frame.src).Is6() {
				p = port6
			}
			last, lastMessage := lastFrame(p.key.family)
			inject(t, a, "eth0", test.frame.bytes(), last)
			heard := hear(t, p, lastMessage)
			if !test.want {
				if len(heard) > 0 {
					t.Errorf("heard %v, want nothing", heard)
				}
				return
			}
			if len(heard) != 1 {
				t.Fatalf("heard %d packets, want 1", len(heard))
			}
			got := heard[0]
			if got.Source != addr(test.frame.src) || got.Destination != addr(test.wantDest) || got.TTL != test.wantTTL {
				t.Errorf("heard %s > %s with TTL %d, want %s > %s with %d",
					got.Source, got.Destination, got.TTL, test.frame.src, test.wantDest, test.wantTTL)
			}
			if !bytes.Equal(got.Message, test.frame.message) {
				t.Errorf("heard % x, want % x", got.Message, test.frame.message)
			}
		})
	}
}

// A peer's advert with our own virtual MAC as its source: which interface hears it depends on the macvlan's mode.
func TestDeliveryBesideAMacvlanWithTheSameMAC(t *testing.T) {
	virtual := [6]byte{0, 0, 0x5e, 0, 1, 51}
	for _, test := range []struct {
		name          string
		mode          netlink.MacvlanMode
		parent, upper int
	}{
		{name: "private", mode: netlink.MACVLAN_MODE_PRIVATE, parent: 0, upper: 1},
		{name: "bridge", mode: netlink.MACVLAN_MODE_BRIDGE, parent: 1, upper: 0},
		{name: "vepa", mode: netlink.MACVLAN_MODE_VEPA, parent: 1, upper: 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			lab := netlab.Test(t)
			a := newNode(t, lab, "a", "10.99.0.1/24")
			b := newNode(t, lab, "b", "10.99.0.2/24")
			macvlan(t, b, "vrrp51", test.mode, virtual)
			// What has our own hardware address as source would otherwise be martian on the macvlan without an address.
			must(t, b.SetSysctl("net.ipv4.conf.vrrp51.rp_filter", "0"))
			parent := openTestPort(t, b, "eth0", vrrp.IPv4)
			upper := openTestPort(t, b, "vrrp51", vrrp.IPv4)
			advert := frame{from: virtual, src: "10.99.0.1", message: message3(51, 150, 100, "10.99.0.1", "", "10.99.0.100")}
			last, lastMessage := lastFrame(vrrp.IPv4)
			inject(t, a, "eth0", advert.bytes(), last)
			if got := len(hear(t, parent, lastMessage)); got != test.parent {
				t.Errorf("the parent hears %d, want %d", got, test.parent)
			}
			if got := len(hear(t, upper, lastMessage)); got != test.upper {
				t.Errorf("the macvlan hears %d, want %d", got, test.upper)
			}
		})
	}
}

// Another socket's membership must not make a port hear what it has not joined, nor one interface's adverts reach another's port.
func TestPortHearsItsOwnInterfaceAndGroupsOnly(t *testing.T) {
	lab := netlab.Test(t)
	a := newNode(t, lab, "a", "10.99.0.1/24")
	b := newNode(t, lab, "b", "10.99.0.2/24")
	second, err := lab.Network("second", netlab.NetworkOptions{})
	must(t, err)
	_, err = b.Attach(second, "eth1", "10.98.0.2/24")
	must(t, err)
	other := openTestPort(t, b, "eth1", vrrp.IPv4)
	own := openTestPort(t, b, "eth0", vrrp.IPv4)
	last, lastMessage := lastFrame(vrrp.IPv4)
	inject(t, a, "eth0", frame{src: "10.99.0.1", message: []byte{0x31, 1, 1}}.bytes(), last)
	if got := len(hear(t, own, lastMessage)); got != 1 {
		t.Errorf("the port hears %d, want 1", got)
	}
	if n, errno := newReceiver().receive(other.receive); n != 0 || errno != unix.EAGAIN {
		t.Errorf("the other interface's port hears %d (%v), want none", n, errno)
	}
	if n, errno := newReceiver().receive(own.send); n != 0 || errno != unix.EAGAIN {
		t.Errorf("the sending socket hears %d (%v), want none", n, errno)
	}
}

// A raw socket exists before it is bound: without a filter from its first moment it collects the adverts of every interface.
func TestPortOpenedInAFloodHearsNothingOfOtherInterfaces(t *testing.T) {
	lab := netlab.Test(t)
	a := newNode(t, lab, "a", "10.99.0.1/24")
	b := newNode(t, lab, "b", "10.99.0.2/24")
	second, err := lab.Network("second", netlab.NetworkOptions{})
	must(t, err)
	_, err = b.Attach(second, "eth1", "10.98.0.2/24")
	must(t, err)
	// A member, so that the flood is delivered to sockets at all.
	flooded := openTestPort(t, b, "eth0", vrrp.IPv4)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		burst := make([][]byte, 50)
		for i := range burst {
			burst[i] = frame{src: "10.99.0.1", message: []byte{0x31, 1, 1}}.bytes()
		}
		for {
			select {
			case <-stop:
				return
			default:
				inject(t, a, "eth0", burst...)
			}
		}
	}()
	in := newReceiver()
	eventually(t, "the flood arrives", func() bool { n, _ := in.receive(flooded.receive); in.reset(n); return n > 0 })
	for limit, tries := time.Now().Add(2*time.Second), 0; tries < 200 && time.Now().Before(limit); tries++ {
		p := openTestPort(t, b, "eth1", vrrp.IPv4)
		if n, errno := in.receive(p.receive); n != 0 || errno != unix.EAGAIN {
			t.Errorf("new port on eth1 hears %d (%v) of the flood on eth0", n, errno)
			break
		}
	}
	close(stop)
	<-stopped
}
