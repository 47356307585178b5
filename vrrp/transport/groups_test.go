// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"net/netip"
	"testing"
	"time"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/internal/netlab"
	"github.com/regent-ha/regent/vrrp"
)

func TestFilterOfAnotherGroup(t *testing.T) {
	four := func(dst string) []byte { return ipv4Datagram(20, 255, "10.99.0.1", dst, nil) }
	six := func(dst string) []byte { return ipv6Datagram(255, "fe80::1", dst, nil) }
	for _, test := range []struct {
		name    string
		group   string
		unicast bool
		packet  []byte
		want    int
	}{
		{"its group", "224.0.0.77", true, four("224.0.0.77"), keep4},
		{"its group, without unicast", "224.0.0.77", false, four("224.0.0.77"), keep4},
		{"the usual group", "224.0.0.77", true, four("224.0.0.18"), 0},
		{"the usual group, without unicast", "224.0.0.77", false, four("224.0.0.18"), 0},
		{"unicast", "224.0.0.77", true, four("10.99.0.2"), keep4},
		{"unicast that another port hears", "224.0.0.77", false, four("10.99.0.2"), 0},
		{"lowest unicast that another port hears", "224.0.0.77", false, four("0.0.0.0"), 0},
		{"broadcast", "239.255.255.255", true, four("255.255.255.255"), 0},
		{"IPv6, its group", "ff05::1:2:3", true, six("ff05::1:2:3"), keep6},
		{"IPv6, its group, without unicast", "ff05::1:2:3", false, six("ff05::1:2:3"), keep6},
		{"IPv6, the usual group", "ff05::1:2:3", true, six("ff02::12"), 0},
		{"IPv6, unicast", "ff05::1:2:3", true, six("fe80::2"), keep6},
		{"IPv6, unicast that another port hears", "ff05::1:2:3", false, six("fe80::2"), 0},
		{"IPv6, unspecified", "ff05::1:2:3", false, six("::"), 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			vm, err := bpf.NewVM(fromNetworkHeader(keepAdverts(addr(test.group), test.unicast)))
			must(t, err)
			got, err := vm.Run(test.packet)
			must(t, err)
			if got != test.want {
				t.Errorf("filter keeps %d octets, want %d", got, test.want)
			}
		})
	}
}

// in is a virtual router in a group of its own, with where it lives.
func (s *speaker) in(id vrrp.ID, c vrrp.Config, source netip.Addr, group string) Binding {
	s.t.Helper()
	if group != "" {
		c.Group = addr(group)
	}
	s.add(id, c)
	b := s.bind(id, source)
	b.Group = c.Group
	return b
}

func TestGroupsOfOneInterfaceAreApart(t *testing.T) {
	t.Parallel()
	lab := netlab.Test(t)
	a := speak(t, newNode(t, lab, "a", "10.99.0.1/24"))
	b := speak(t, newNode(t, lab, "b", "10.99.0.2/24"))
	wire, err := lab.Capture("groups", "ip proto 112 or ip6 proto 112")
	must(t, err)
	groups := map[vrrp.ID]string{1: "", 2: "224.0.0.77", 3: "", 4: "ff02::77"}
	for i, s := range []*speaker{a, b} {
		priority := vrrp.Priority(200 - 50*i)
		four, six := addr([]string{"10.99.0.1", "10.99.0.2"}[i]), linkLocal(t, s.node, "eth0")
		s.attach(
			s.in(1, config4(51, priority, testInterval), four, groups[1]),
			s.in(2, config4(52, priority, testInterval), four, groups[2]),
			s.in(3, config6(53, priority, testInterval), six, groups[3]),
			s.in(4, config6(54, priority, testInterval), six, groups[4]),
		)
		if n := s.loop.Stats().Ports; n != 4 {
			t.Errorf("%d ports, want one for each group", n)
		}
	}
	for id := range groups {
		a.awaitState(id, vrrp.Active)
		b.awaitState(id, vrrp.Backup)
		eventually(t, "b hears a", func() bool { return b.status(id).Counters.AdvertisementRcvd >= 3 })
	}
	for id := range groups {
		if n := b.entered(id, vrrp.Active); n != 0 {
			t.Errorf("virtual router %d of b was active %d times: it did not hear its group", id, n)
		}
	}

	// What comes to another group, and by unicast, is counted: once, whatever port is there.
	odd := func(vrid uint8, dst string) []byte {
		return frame{to: hardware(t, b.node, "eth0"), src: "10.99.0.9", dst: dst, message: message3(vrid, 250, 20, "10.99.0.9", dst, vip4)}.bytes()
	}
	errors := func(id vrrp.ID) uint64 { return b.status(id).Counters.DestinationErrors }
	inject(t, a.node, "eth0", odd(52, "224.0.0.18"), odd(52, "10.99.0.2"), odd(51, "10.99.0.2"))
	eventually(t, "b counts what it does not want", func() bool { return errors(1) >= 1 && errors(2) >= 2 })
	must(t, b.loop.Detach(1, vrrp.ReasonShutdown)) // with it the port that heard unicast
	inject(t, a.node, "eth0", odd(52, "10.99.0.2"))
	eventually(t, "the other port hears unicast", func() bool { return errors(2) >= 3 })
	if n := errors(2); n != 3 {
		t.Errorf("%d errors, want 3", n)
	}
	b.attach(b.bind(1, addr("10.99.0.2")))
	inject(t, a.node, "eth0", odd(51, "10.99.0.2"), odd(52, "224.0.0.18"))
	eventually(t, "both ports hear", func() bool { return errors(1) >= 2 && errors(2) >= 4 })
	if one, two := errors(1), errors(2); one != 2 || two != 4 {
		t.Errorf("%d and %d errors, want 2 and 4", one, two)
	}

	for i, got := range adverts(t, wire) {
		id := vrrp.ID(got.VRID - 50)
		want := vrrp.IPv4.Group()
		if id > 2 {
			want = vrrp.IPv6.Group()
		}
		if g := groups[id]; g != "" {
			want = addr(g)
		}
		if got.Source == addr("10.99.0.9") {
			continue
		}
		if got.Destination != want || got.TTL != 255 || got.Checksum != netlab.ChecksumGood {
			t.Errorf("advert %d: %+v, want it to %s", i+1, got, want)
		}
	}
}

func TestManyGroupsOfOneInterfaceAreHeard(t *testing.T) {
	t.Parallel()
	lab := netlab.Test(t)
	s := speak(t, newNode(t, lab, "a", "10.99.0.1/24"))
	peer := newNode(t, lab, "b", "10.99.0.2/24")
	var bindings []Binding
	var frames [][]byte
	const count = 30 // more than a socket may join
	for i := range count {
		group := netip.AddrFrom4([4]byte{239, 1, 1, byte(i)}).String()
		bindings = append(bindings, s.in(vrrp.ID(i+1), config4(vrrp.VRID(i+1), 100, time.Second), addr("10.99.0.1"), group))
		frames = append(frames, frame{src: "10.99.0.2", dst: group, message: message3(uint8(i+1), 200, 100, "10.99.0.2", group, vip4)}.bytes())
	}
	s.attach(bindings...)
	inject(t, peer, "eth0", frames...)
	for i := range count {
		id := vrrp.ID(i + 1)
		eventually(t, "its group is heard", func() bool { return s.status(id).Counters.AdvertisementRcvd == 1 })
	}
}

func TestUnicastLeavesWithItsTTL(t *testing.T) {
	t.Parallel()
	lab := netlab.Test(t)
	a := speak(t, newNode(t, lab, "a", "10.99.0.1/24", "fd99::1/64"))
	newNode(t, lab, "b", "10.99.0.2/24", "fd99::2/64")
	wire, err := lab.Capture("ttl", "ip proto 112 or ip6 proto 112")
	must(t, err)
	four, six := config4(51, 200, testInterval), config6(52, 200, testInterval)
	plain := config4(53, 200, testInterval)
	four.Peers, six.Peers, plain.Peers = []netip.Addr{addr("10.99.0.2")}, []netip.Addr{addr("fd99::2")}, []netip.Addr{addr("10.99.0.2")}
	a.add(1, four)
	a.add(2, six)
	a.add(3, plain)
	a.add(4, config4(54, 200, testInterval))
	bindings := []Binding{a.bind(1, addr("10.99.0.1"), four.Peers...), a.bind(2, addr("fd99::1"), six.Peers...),
		a.bind(3, addr("10.99.0.1"), plain.Peers...), a.bind(4, addr("10.99.0.1"))}
	bindings[0].TTL, bindings[1].TTL, bindings[3].TTL = 64, 63, 9 // by multicast it has no effect
	a.attach(bindings...)
	if n := a.loop.Stats().Ports; n != 2 {
		t.Errorf("%d ports, want one for each family", n)
	}
	for id := range vrrp.ID(4) {
		a.awaitState(id+1, vrrp.Active)
	}
	bindings[0].TTL = 65
	a.attach(bindings[0])
	sent := a.status(1).Counters.AdvertisementSent
	eventually(t, "a sends with the other TTL", func() bool { return a.status(1).Counters.AdvertisementSent > sent })
	if n := a.entered(1, vrrp.Active); n != 1 {
		t.Errorf("active %d times, want once: the TTL changes in place", n)
	}
	seen := map[int]map[int]bool{51: {}, 52: {}, 53: {}, 54: {}}
	for _, got := range adverts(t, wire) {
		seen[got.VRID][got.TTL] = true
	}
	for vrid, want := range map[int][]int{51: {64, 65}, 52: {63}, 53: {255}, 54: {255}} {
		for _, ttl := range want {
			if !seen[vrid][ttl] || len(seen[vrid]) != len(want) {
				t.Errorf("VRID %d left with TTLs %v, want %v", vrid, seen[vrid], want)
			}
		}
	}
}

func TestHopsAreWhatTheKernelExpects(t *testing.T) {
	for family, want := range map[vrrp.Family][2]int32{vrrp.IPv4: {unix.IPPROTO_IP, unix.IP_TTL}, vrrp.IPv6: {unix.IPPROTO_IPV6, unix.IPV6_HOPLIMIT}} {
		b := appendHops(appendSource(nil, 7, addr("10.99.0.1")), family, 64)
		messages, err := unix.ParseSocketControlMessage(b)
		if err != nil || len(messages) != 2 {
			t.Fatalf("%s: %d control messages, error %v", family, len(messages), err)
		}
		h, data := messages[1].Header, messages[1].Data
		if h.Level != want[0] || h.Type != want[1] || len(data) != 4 || data[0]+data[3] != 64 || len(b)%wordSize != 0 {
			t.Errorf("%s: level %d type %d data % x in %d octets", family, h.Level, h.Type, data, len(b))
		}
	}
}
