// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"context"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/regent-ha/regent/internal/netlab"
	"github.com/regent-ha/regent/vrrp"
)

// testInterval is short enough for a test, and long enough for a machine that is busy with others.
const testInterval = 200 * time.Millisecond

// adverts has tshark read a capture that runs until now.
func adverts(t testing.TB, c *netlab.Capture) []netlab.Advert {
	t.Helper()
	path, err := c.Stop()
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	list, err := netlab.Adverts(ctx, path)
	must(t, err)
	return list
}

func TestTwoNodesElectOneAndHandOverOnTheWire(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name     string
		family   vrrp.Family
		unicast  bool
		checksum vrrp.Checksum
		verdict  netlab.Checksum
		mac      string // destination; "" is the peer's
	}{
		{name: "IPv4 multicast", family: vrrp.IPv4, verdict: netlab.ChecksumGood, mac: "01:00:5e:00:00:12"},
		{name: "IPv4 multicast, checksum of RFC 9568", family: vrrp.IPv4, checksum: vrrp.MessageOnly,
			verdict: netlab.ChecksumRFC9568, mac: "01:00:5e:00:00:12"},
		{name: "IPv4 unicast", family: vrrp.IPv4, unicast: true, verdict: netlab.ChecksumGood},
		{name: "IPv6 multicast", family: vrrp.IPv6, verdict: netlab.ChecksumGood, mac: "33:33:00:00:00:12"},
		{name: "IPv6 unicast", family: vrrp.IPv6, unicast: true, verdict: netlab.ChecksumGood},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			const interval = 500 * time.Millisecond
			lab := netlab.Test(t)
			a := speak(t, newNode(t, lab, "a", "10.99.0.1/24", "fd99::1/64"))
			b := speak(t, newNode(t, lab, "b", "10.99.0.2/24", "fd99::2/64"))
			wire, err := lab.Capture("election", "ip proto 112 or ip6 proto 112")
			must(t, err)
			speakers := []*speaker{a, b}
			sources := []netip.Addr{addr("10.99.0.1"), addr("10.99.0.2")}
			if test.family == vrrp.IPv6 {
				sources = []netip.Addr{linkLocal(t, a.node, "eth0"), linkLocal(t, b.node, "eth0")}
			}
			for i, s := range speakers {
				c := config4(51, vrrp.Priority(200-50*i), interval)
				if test.family == vrrp.IPv6 {
					c = config6(51, vrrp.Priority(200-50*i), interval)
				}
				c.Checksum = test.checksum
				var peers []netip.Addr
				if test.unicast {
					peers = []netip.Addr{sources[1-i]}
				}
				c.Peers = peers
				s.add(1, c)
				s.attach(s.bind(1, sources[i], peers...))
			}
			a.awaitState(1, vrrp.Active)
			b.awaitState(1, vrrp.Backup)
			eventually(t, "b hears a", func() bool { return b.loop.Stats().Received >= 3 })
			must(t, a.loop.Detach(1, vrrp.ReasonShutdown))
			b.awaitState(1, vrrp.Active)
			eventually(t, "b sends", func() bool { return b.loop.Stats().Sent >= 2 })
			eventually(t, "b tells of it", func() bool { return b.entered(1, vrrp.Active) > 0 }) // by another goroutine
			if n := b.entered(1, vrrp.Active); n != 1 {
				t.Errorf("b became active %d times, want once", n)
			}
			if s := a.loop.Stats(); s.Routers != 0 || s.Ports != 0 {
				t.Errorf("a still has %d routers and %d ports", s.Routers, s.Ports)
			}

			macs := []string{test.mac, test.mac}
			if test.mac == "" {
				macs = []string{mac(hardware(t, b.node, "eth0")), mac(hardware(t, a.node, "eth0"))}
			}
			list := adverts(t, wire)
			var released, successor time.Time
			for i, got := range list {
				who := 0
				if got.Source == sources[1] {
					who = 1
				}
				destination := test.family.Group()
				if test.unicast {
					destination = sources[1-who]
				}
				want := got
				want.Source, want.Destination, want.TTL, want.Version, want.VRID = sources[who], destination, 255, 3, 51
				want.Interval, want.Checksum = interval, test.verdict
				if fmt.Sprint(got) != fmt.Sprint(want) {
					t.Errorf("advert %d:\ngot  %v\nwant %v", i+1, got, want)
				}
				switch {
				case who == 0 && got.Priority == 0:
					released = got.Time
				case who == 1 && successor.IsZero():
					successor = got.Time
				case who == 0 && !released.IsZero():
					t.Errorf("advert %d: a sends after its release", i+1)
				}
			}
			if released.IsZero() || successor.Before(released) || successor.Sub(released) > interval {
				t.Errorf("released at %v, successor's first advert at %v: want it within the skew time", released, successor)
			}
			judgeFrames(t, wire.Path(), test.family, macs, sources)
		})
	}
}

// mac writes a hardware address as tshark does.
func mac(b [6]byte) string {
	return fmt.Sprintf("%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3], b[4], b[5])
}

// judgeFrames checks what is below the advert: traffic class, header length, and where the frame goes.
func judgeFrames(t *testing.T, path string, family vrrp.Family, macs []string, sources []netip.Addr) {
	t.Helper()
	class, source := "ip.dsfield", "ip.src"
	if family == vrrp.IPv6 {
		class, source = "ipv6.tclass", "ipv6.src"
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	frames, err := netlab.Tshark(ctx, path, "vrrp", "eth.dst", class, source, "ip.checksum.status")
	must(t, err)
	if len(frames) == 0 {
		t.Fatal("tshark sees no adverts")
	}
	for i, f := range frames {
		who := 0
		if f[source] == sources[1].String() {
			who = 1
		}
		if f["eth.dst"] != macs[who] {
			t.Errorf("frame %d goes to %s, want %s", i+1, f["eth.dst"], macs[who])
		}
		if f[class] != "0xc0" && f[class] != "0x000000c0" {
			t.Errorf("frame %d has class %s, want 0xc0", i+1, f[class])
		}
	}
}

// Two services of one node with different sources use the same port.
func TestServicesWithDifferentSourcesShareAPort(t *testing.T) {
	t.Parallel()
	lab := netlab.Test(t)
	a := speak(t, newNode(t, lab, "a", "10.99.0.1/24", "10.99.0.11/24", "fe80::a1/64"))
	newNode(t, lab, "b", "10.99.0.2/24")
	wire, err := lab.Capture("sources", "ip proto 112 or ip6 proto 112")
	must(t, err)
	sources := map[int]netip.Addr{51: addr("10.99.0.1"), 52: addr("10.99.0.11"), 53: addr("10.99.0.11")}
	sources6 := map[int]netip.Addr{51: linkLocal(t, a.node, "eth0"), 52: addr("fe80::a1")}
	peers := map[int][]netip.Addr{53: {addr("10.99.0.2"), addr("10.99.0.3")}}
	for vrid, source := range sources {
		id := vrrp.ID(vrid)
		c := config4(vrrp.VRID(vrid), vrrp.Owner, testInterval)
		c.Peers = peers[vrid]
		a.add(id, c)
		a.attach(a.bind(id, source, peers[vrid]...))
	}
	for vrid, source := range sources6 {
		a.add(vrrp.ID(100+vrid), config6(vrrp.VRID(vrid), vrrp.Owner, testInterval))
		a.attach(a.bind(vrrp.ID(100+vrid), source))
	}
	eventually(t, "adverts have been sent", func() bool { return a.loop.Stats().Sent > 20 })
	if n := a.loop.Stats().Ports; n != 2 {
		t.Errorf("%d ports are open, want one for each family", n)
	}
	seen := map[string]bool{}
	for i, got := range adverts(t, wire) {
		want := sources[got.VRID]
		if got.Source.Is6() {
			want = sources6[got.VRID]
		}
		if got.Source != want || got.Checksum != netlab.ChecksumGood {
			t.Errorf("advert %d of VRID %d comes from %s with checksum %s, want %s", i+1, got.VRID, got.Source, got.Checksum, want)
		}
		seen[fmt.Sprint(got.VRID, got.Source.Is6(), got.Destination)] = true
	}
	// Nobody answers for 10.99.0.3: its adverts stay in the neighbour queue, and hinder no others.
	for _, want := range []string{"51 false 224.0.0.18", "52 false 224.0.0.18", "53 false 10.99.0.2", "51 true ff02::12", "52 true ff02::12"} {
		if !seen[want] {
			t.Errorf("no advert of VRID, IPv6, destination %s", want)
		}
	}
}

func TestEveryVRIDOfASegmentElectsExactlyOne(t *testing.T) {
	t.Parallel()
	lab := netlab.Test(t)
	a := speak(t, newNode(t, lab, "a", "10.99.0.1/24"))
	b := speak(t, newNode(t, lab, "b", "10.99.0.2/24"))
	const interval = time.Second
	for _, s := range []*speaker{a, b} {
		var bindings []Binding
		for vrid := 1; vrid <= 255; vrid++ {
			// Each node is preferred for one half; every tenth is a tie.
			priority := vrrp.Priority(100)
			if (vrid%2 == 0) == (s == a) && vrid%10 != 0 {
				priority = 200
			}
			c := config4(vrrp.VRID(vrid), priority, interval)
			c.Addresses = []netip.Addr{netip.AddrFrom4([4]byte{10, 99, 1, byte(vrid)})}
			s.add(vrrp.ID(vrid), c)
			bindings = append(bindings, s.bind(vrrp.ID(vrid), map[*speaker]netip.Addr{a: addr("10.99.0.1"), b: addr("10.99.0.2")}[s]))
		}
		s.attach(bindings...)
	}
	active := func(s *speaker) map[vrrp.ID]bool {
		m := map[vrrp.ID]bool{}
		must(t, s.loop.Do(func(_ vrrp.Time, r *vrrp.Router, out []vrrp.Action) []vrrp.Action {
			for id := vrrp.ID(1); id <= 255; id++ {
				if status, _ := r.Status(id); status.State == vrrp.Active {
					m[id] = true
				}
			}
			return out
		}))
		return m
	}
	settled := func() bool {
		atA, atB := active(a), active(b)
		for id := vrrp.ID(1); id <= 255; id++ {
			if atA[id] == atB[id] {
				return false
			}
		}
		return true
	}
	eventually(t, "each VRID has exactly one active node", settled)
	transitions := func() int { return a.entered(0, vrrp.Active) + b.entered(0, vrrp.Active) }
	count, since := transitions(), time.Now()
	eventually(t, "nothing changes for an Active_Down_Interval", func() bool {
		if n := transitions(); n != count {
			count, since = n, time.Now()
		}
		return time.Since(since) > 4*interval
	})
	if !settled() {
		t.Error("the election does not last")
	}
	atA := active(a)
	for id := vrrp.ID(1); id <= 255; id++ {
		// With equal priorities whoever was first stays.
		if id%10 != 0 && atA[id] != (id%2 == 0) {
			t.Errorf("VRID %d: the lower priority is active", id)
		}
	}
	for _, s := range []*speaker{a, b} {
		if stats := s.loop.Stats(); stats.KernelDrops+stats.Congested+stats.NotReady+stats.Refused+stats.Malformed > 0 || stats.Ports != 1 {
			t.Errorf("%s: %+v", s.node.Name(), stats)
		}
	}
}
