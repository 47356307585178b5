// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/internal/netlab"
	"github.com/regent-ha/regent/vrrp"
)

// inNode runs a program in a node.
func inNode(t testing.TB, n *netlab.Node, name string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if out, err := n.Run(ctx, name, args...); err != nil {
		t.Fatalf("%s %v: %v: %s", name, args, err, out)
	}
}

// owner makes a node with an attached owner, which is Active at once.
func owner(t testing.TB, lab *netlab.Lab, source string, interval time.Duration) *speaker {
	t.Helper()
	s := speak(t, newNode(t, lab, "a", "10.99.0.1/24"))
	c := config4(51, vrrp.Owner, interval)
	if addr(source).Is6() {
		c = config6(51, vrrp.Owner, interval)
	}
	s.add(1, c)
	s.attach(s.bind(1, addr(source)))
	return s
}

// awaitSent waits until n more adverts have left.
func (s *speaker) awaitSent(n uint64) {
	s.t.Helper()
	want := s.loop.Stats().Sent + n
	eventually(s.t, fmt.Sprintf("%s sends %d more adverts", s.node.Name(), n), func() bool { return s.loop.Stats().Sent >= want })
}

// awaitFault waits until the adverts of virtual router 1 are known to fail.
func (s *speaker) awaitFault(class Class) Fault {
	s.t.Helper()
	var f Fault
	eventually(s.t, fmt.Sprintf("%s has a fault: %s", s.node.Name(), class), func() bool {
		var failing bool
		f, failing = s.failing(1)
		return failing && f.Class == class
	})
	if f.At > Now() || Now().Sub(f.At) > time.Minute || f.String() == "" {
		s.t.Errorf("fault %q at %d, now it is %d", f, f.At, Now())
	}
	return f
}

// awaitRecovery waits until they are known to leave again.
func (s *speaker) awaitRecovery() {
	s.t.Helper()
	eventually(s.t, s.node.Name()+" has recovered", func() bool {
		f, failing := s.failing(1)
		return f.ID == 1 && !failing
	})
}

// beats checks that the loop did not stop beating, and did not spin, while f ran.
func (s *speaker) beats(f func()) {
	s.t.Helper()
	before, start := s.loop.Stats(), time.Now()
	beat := s.loop.Beat()
	f()
	after, took := s.loop.Stats(), time.Since(start)
	if took > time.Second && s.loop.Beat() == beat {
		s.t.Errorf("no beat in %v", took)
	}
	// Ten beats, ten adverts and at most ten retries a second and router, and the commands of the test itself.
	if rounds, limit := after.Rounds-before.Rounds, uint64(took/time.Millisecond)+100; rounds > limit {
		s.t.Errorf("%d rounds in %v: the loop spins", rounds, took)
	}
}

func TestAdvertsLeaveAsSoonAsTheAddressIsThere(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, source string
		addAddress   []string
	}{
		{"IPv4", "10.99.0.77", []string{"addr", "add", "10.99.0.77/24", "dev", "eth0"}},
		{"IPv6", "fe80::77", []string{"addr", "add", "fe80::77/64", "dev", "eth0", "nodad"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := owner(t, netlab.Test(t), test.source, 20*time.Second)
			f := a.awaitFault(NotReady)
			if !errors.Is(f.Err, unix.EINVAL) && !errors.Is(f.Err, unix.ENETUNREACH) {
				t.Errorf("fault %v, want the kernel's word for a missing source", f.Err)
			}
			a.beats(func() { <-time.After(300 * time.Millisecond) })
			if s := a.loop.Stats(); s.Sent != 0 || s.Retried == 0 {
				t.Errorf("%d adverts left, %d were tried again; want none and some", s.Sent, s.Retried)
			}
			added := Now()
			inNode(t, a.node, "ip", test.addAddress...)
			a.awaitRecovery()
			// Not with the next advert, which is due in 20 seconds.
			if f, _ := a.failing(1); f.At.Sub(added) > 5*time.Second {
				t.Errorf("the first advert left %v after the address came", f.At.Sub(added))
			}
			if n := a.entered(1, vrrp.Initialize); n != 0 {
				t.Errorf("the router went back to initialize %d times", n)
			}
		})
	}
}

func TestTentativeLinkLocalSourceIsWaitedFor(t *testing.T) {
	t.Parallel()
	lab := netlab.Test(t)
	a := speak(t, newNode(t, lab, "a", "10.99.0.1/24"))
	must(t, a.node.SetSysctl("net.ipv6.conf.eth0.dad_transmits", "2"))
	a.add(1, config6(51, vrrp.Owner, testInterval))
	inNode(t, a.node, "ip", "addr", "add", "fe80::77/64", "dev", "eth0")
	tentative := func() bool {
		link, err := a.node.Netlink().LinkByName("eth0")
		must(t, err)
		list, err := a.node.Netlink().AddrList(link, unix.AF_INET6)
		must(t, err)
		for _, x := range list {
			if x.IP.String() == "fe80::77" {
				return x.Flags&unix.IFA_F_TENTATIVE != 0
			}
		}
		return false
	}
	if !tentative() {
		t.Fatal("the address is not tentative")
	}
	a.attach(a.bind(1, addr("fe80::77")))
	a.awaitFault(NotReady)
	a.beats(func() { eventually(t, "the address is not tentative any more", func() bool { return !tentative() }) })
	a.awaitRecovery()
	a.awaitSent(2)
}

func TestLinkThatGoesDownAndComesBackIsSurvived(t *testing.T) {
	for _, source := range []string{"10.99.0.1", "fe80::77"} {
		t.Run(source, func(t *testing.T) {
			t.Parallel()
			lab := netlab.Test(t)
			a := speak(t, newNode(t, lab, "a", "10.99.0.1/24"))
			if addr(source).Is6() {
				inNode(t, a.node, "ip", "addr", "add", source+"/64", "dev", "eth0", "nodad")
				a.add(1, config6(51, vrrp.Owner, testInterval))
			} else {
				a.add(1, config4(51, vrrp.Owner, testInterval))
			}
			a.attach(a.bind(1, addr(source)))
			b := newNode(t, lab, "b", "10.99.0.2/24", "fe80::b/64")
			heard := openTestPort(t, b, "eth0", a.bind(1, addr(source)).Family)
			hearOne := func() {
				t.Helper()
				in := newReceiver()
				eventually(t, "b hears an advert", func() bool {
					n, _ := in.receive(heard.receive)
					in.reset(n)
					return n > 0
				})
			}
			hearOne()
			for range 2 {
				inNode(t, a.node, "ip", "link", "set", "eth0", "down")
				a.awaitFault(NotReady)
				a.beats(func() { <-time.After(150 * time.Millisecond) })
				inNode(t, a.node, "ip", "link", "set", "eth0", "up")
				if addr(source).Is6() { // the kernel removes IPv6 addresses with the link
					inNode(t, a.node, "ip", "addr", "add", source+"/64", "dev", "eth0", "nodad")
				}
				a.awaitRecovery()
				a.awaitSent(2)
				empty(heard)
				hearOne()
				<-time.After(faultInterval) // what comes and goes is told of once a second
			}
			// And it still hears: the membership outlives the flap.
			before := a.loop.Stats().Received
			last, _ := lastFrame(heard.key.family)
			inject(t, b, "eth0", last)
			eventually(t, "a hears b", func() bool { return a.loop.Stats().Received > before })
		})
	}
}

// empty throws away what a port has received.
func empty(p *port) {
	in := newReceiver()
	for {
		n, _ := in.receive(p.receive)
		if n == 0 {
			return
		}
		in.reset(n)
	}
}

func TestCarrierLossIsSurvived(t *testing.T) {
	t.Parallel()
	lab := netlab.Test(t)
	a := owner(t, lab, "10.99.0.1", testInterval)
	a.awaitSent(2)
	must(t, a.node.LinkDown())
	a.beats(func() { <-time.After(350 * time.Millisecond) })
	must(t, a.node.LinkUp())
	b := openTestPort(t, newNode(t, lab, "b", "10.99.0.2/24"), "eth0", vrrp.IPv4)
	in := newReceiver()
	eventually(t, "b hears a", func() bool { n, _ := in.receive(b.receive); in.reset(n); return n > 0 })
}

func TestInterfaceThatIsRecreatedIsAttachedAgain(t *testing.T) {
	for _, family := range []vrrp.Family{vrrp.IPv4, vrrp.IPv6} {
		t.Run(family.String(), func(t *testing.T) {
			t.Parallel()
			lab := netlab.Test(t)
			a := speak(t, newNode(t, lab, "a", "10.99.0.1/24"))
			b := newNode(t, lab, "b", "10.99.0.2/24")
			sources := map[vrrp.Family]netip.Addr{vrrp.IPv4: addr("10.99.0.1"), vrrp.IPv6: linkLocal(t, a.node, "eth0")}
			c := config4(51, vrrp.Owner, testInterval)
			if family == vrrp.IPv6 {
				c = config6(51, vrrp.Owner, testInterval)
			}
			a.add(1, c)
			a.attach(a.bind(1, sources[family]))
			a.awaitSent(2)
			old := a.node.Index("eth0")
			link, err := a.node.Netlink().LinkByName("eth0")
			must(t, err)
			must(t, a.node.Netlink().LinkDel(link))
			a.awaitFault(NotReady)
			a.beats(func() { <-time.After(250 * time.Millisecond) })

			// The daemon may notice nothing but the new interface.
			_, err = a.node.Attach(lab.LAN(), "eth0", "10.99.0.1/24")
			must(t, err)
			if a.node.Index("eth0") == old {
				t.Fatal("the new interface has the old index")
			}
			if family == vrrp.IPv6 {
				sources[family] = linkLocal(t, a.node, "eth0")
			}
			a.attach(a.bind(1, sources[family]))
			a.awaitSent(3)
			if s := a.loop.Stats(); s.Ports != 1 || s.Routers != 1 {
				t.Errorf("%d ports and %d routers, want one of each", s.Ports, s.Routers)
			}
			before := a.loop.Stats().Received
			last, _ := lastFrame(family)
			inject(t, b, "eth0", last)
			eventually(t, "a hears b", func() bool { return a.loop.Stats().Received > before })
			heard := openTestPort(t, b, "eth0", family)
			in := newReceiver()
			eventually(t, "b hears a", func() bool { n, _ := in.receive(heard.receive); in.reset(n); return n > 0 })
		})
	}
}

func TestInterfaceThatIsRecreatedWithItsOldIndexIsJoinedAgain(t *testing.T) {
	for _, source := range []string{"10.99.0.9", "fe80::9"} {
		t.Run(source, func(t *testing.T) {
			t.Parallel()
			lab := netlab.Test(t)
			a := speak(t, newNode(t, lab, "a", "10.99.0.1/24"))
			b := newNode(t, lab, "b", "10.99.0.2/24")
			create := func() {
				attrs := netlink.NewLinkAttrs()
				attrs.Name, attrs.ParentIndex, attrs.Index = "mv0", a.node.Index("eth0"), 4242
				must(t, a.node.Netlink().LinkAdd(&netlink.Macvlan{LinkAttrs: attrs, Mode: netlink.MACVLAN_MODE_BRIDGE}))
				inNode(t, a.node, "ip", "addr", "add", "10.99.0.9/24", "dev", "mv0")
				inNode(t, a.node, "ip", "link", "set", "mv0", "up")
				inNode(t, a.node, "ip", "addr", "add", "fe80::9/64", "dev", "mv0", "nodad")
			}
			create()
			binding := a.bind(1, addr(source))
			binding.Interface, binding.Index = "mv0", 4242
			if binding.Family == vrrp.IPv6 {
				a.add(1, config6(51, 100, testInterval))
			} else {
				a.add(1, config4(51, 100, testInterval))
			}
			a.attach(binding)
			hears := func() {
				t.Helper()
				before := a.loop.Stats().Received
				last, _ := lastFrame(binding.Family)
				eventually(t, "a hears b", func() bool {
					inject(t, b, "eth0", last)
					return a.loop.Stats().Received > before
				})
			}
			hears()
			a.attach(binding) // nothing has happened
			hears()
			inNode(t, a.node, "ip", "link", "del", "mv0")
			create()
			a.attach(binding)
			hears()
			must(t, a.loop.Detach(1, vrrp.ReasonShutdown))
			if n := a.loop.Stats().Ports; n != 0 {
				t.Errorf("%d ports are still open", n)
			}
		})
	}
}

func TestFullQueueIsSurvived(t *testing.T) {
	for _, source := range []string{"10.99.0.1", "fe80::77"} {
		t.Run(source, func(t *testing.T) {
			t.Parallel()
			lab := netlab.Test(t)
			a := speak(t, newNode(t, lab, "a", "10.99.0.1/24"))
			inNode(t, a.node, "ip", "addr", "add", "fe80::77/64", "dev", "eth0", "nodad")
			var bindings []Binding
			for vrid := vrrp.VRID(1); vrid <= 50; vrid++ {
				c := config4(vrid, vrrp.Owner, testInterval)
				if addr(source).Is6() {
					c = config6(vrid, vrrp.Owner, testInterval)
				}
				a.add(vrrp.ID(vrid), c)
				bindings = append(bindings, a.bind(vrrp.ID(vrid), addr(source)))
			}
			a.attach(bindings...)
			a.awaitSent(100)
			// Room for about two adverts, drained at one or two a second.
			inNode(t, a.node, "tc", "qdisc", "replace", "dev", "eth0", "root", "tbf", "rate", "800bit", "burst", "128", "limit", "200")
			a.awaitFault(Congested)
			a.beats(func() { <-time.After(500 * time.Millisecond) })
			inNode(t, a.node, "tc", "qdisc", "del", "dev", "eth0", "root")
			a.awaitRecovery()
			s := a.loop.Stats()
			if s.Congested == 0 || s.Retried == 0 || s.NotReady+s.Refused > 0 {
				t.Errorf("%+v: want congestion and retries only", s)
			}
			for id := vrrp.ID(1); id <= 50; id++ {
				eventually(t, fmt.Sprintf("virtual router %d has recovered", id), func() bool { _, failing := a.failing(id); return !failing })
			}
		})
	}
}

// Five priority-0 adverts meet a queue that has room for one and lets one go every few milliseconds.
func TestReleaseWaitsForRoomBelow(t *testing.T) {
	lab := netlab.Test(t)
	a := speak(t, newNode(t, lab, "a", "10.99.0.1/24"))
	heard := openTestPort(t, newNode(t, lab, "b", "10.99.0.2/24"), "eth0", vrrp.IPv4)
	var bindings []Binding
	var ids []vrrp.ID
	for id := vrrp.ID(1); id <= 5; id++ {
		a.add(id, config4(vrrp.VRID(id), vrrp.Owner, 20*time.Second))
		bindings, ids = append(bindings, a.bind(id, addr("10.99.0.1"))), append(ids, id)
	}
	a.attach(bindings...)
	empty(heard)
	inNode(t, a.node, "tc", "qdisc", "replace", "dev", "eth0", "root", "tbf", "rate", "200kbit", "burst", "64", "limit", "64")
	must(t, a.loop.DetachAll(ids, vrrp.ReasonShutdown))
	s := a.loop.Stats()
	if s.Congested == 0 {
		t.Error("the queue was never full: the test shows nothing")
	}
	released := map[byte]bool{}
	in := newReceiver()
	eventually(t, "all five releases arrive", func() bool {
		n, _ := in.receive(heard.receive)
		for i := range n {
			var p vrrp.Packet
			if parseIPv4(in.message(i), &p) && p.Message[2] == 0 {
				released[p.Message[1]] = true
			}
		}
		in.reset(n)
		return len(released) == 5
	})
}

// What could not be sent as Active must not be sent later, when the link is back and the router is something else.
func TestAdvertsOfThePastAreNotSentLater(t *testing.T) {
	for _, test := range []struct {
		name string
		act  func(now vrrp.Time, r *vrrp.Router, link vrrp.Link, out []vrrp.Action) []vrrp.Action
	}{
		{"stepped back", func(now vrrp.Time, r *vrrp.Router, _ vrrp.Link, out []vrrp.Action) []vrrp.Action {
			return r.Yield(now, 1, vrrp.ReasonYield, out)
		}},
		{"released and started again", func(now vrrp.Time, r *vrrp.Router, link vrrp.Link, out []vrrp.Action) []vrrp.Action {
			out = r.SetPriority(now, 1, 100, out)
			out = r.Down(now, 1, vrrp.ReasonLink, out)
			return r.Up(now, 1, link, out)
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			a := owner(t, netlab.Test(t), "10.99.0.77", 20*time.Second)
			a.awaitFault(NotReady)
			link := vrrp.Link{Interface: a.node.Index("eth0"), Source: addr("10.99.0.77")}
			must(t, a.loop.Do(func(now vrrp.Time, r *vrrp.Router, out []vrrp.Action) []vrrp.Action {
				return test.act(now, r, link, out)
			}))
			a.awaitState(1, vrrp.Backup)
			inNode(t, a.node, "ip", "addr", "add", "10.99.0.77/24", "dev", "eth0")
			<-time.After(3 * retryLast)
			if s := a.loop.Stats(); s.Sent != 0 {
				t.Errorf("%d adverts left", s.Sent)
			}
		})
	}
}

func TestLongestAdvertsAreCarried(t *testing.T) {
	for _, family := range []vrrp.Family{vrrp.IPv4, vrrp.IPv6} {
		t.Run(family.String(), func(t *testing.T) {
			t.Parallel()
			lab := netlab.Test(t)
			a := speak(t, newNode(t, lab, "a", "10.99.0.1/24", "fe80::a/64"))
			b := speak(t, newNode(t, lab, "b", "10.99.0.2/24", "fe80::b/64"))
			c, sources := config4(51, 100, time.Second), []netip.Addr{addr("10.99.0.1"), addr("10.99.0.2")}
			if family == vrrp.IPv6 {
				c, sources = config6(51, 100, time.Second), []netip.Addr{addr("fe80::a"), addr("fe80::b")}
			}
			for len(c.Addresses) < 255 {
				c.Addresses = append(c.Addresses, c.Addresses[len(c.Addresses)-1].Next())
			}
			c = signs(c, 1, firstKey)
			b.add(1, c)
			b.attach(b.bind(1, sources[1]))
			c.Priority = vrrp.Owner
			a.add(1, c)
			a.attach(a.bind(1, sources[0]))
			eventually(t, "b hears a", func() bool { return b.status(1).Counters.AdvertisementRcvd > 0 })
			if s := b.status(1).Counters; s.AddressListErrors+s.PacketLengthErrors+s.AuthErrors > 0 {
				t.Errorf("%+v: want no errors", s)
			}
		})
	}
}

func TestFirewallThatRefusesAdvertsIsTold(t *testing.T) {
	t.Parallel()
	lab := netlab.Test(t)
	a := owner(t, lab, "10.99.0.1", testInterval)
	a.awaitSent(2)
	inNode(t, a.node, "nft", "add table ip fw; add chain ip fw out { type filter hook output priority 0; }; add rule ip fw out ip protocol 112 drop")
	if f := a.awaitFault(Refused); !errors.Is(f.Err, unix.EPERM) {
		t.Errorf("fault %v, want %v", f.Err, unix.EPERM)
	}
	a.beats(func() { <-time.After(300 * time.Millisecond) })
	if s := a.loop.Stats(); s.Retried > 0 {
		t.Errorf("%d adverts were tried again, want none: it would not help", s.Retried)
	}
	inNode(t, a.node, "nft", "delete table ip fw")
	a.awaitRecovery()
}

func TestICMPErrorsAboutOnePeerHinderNobody(t *testing.T) {
	t.Parallel()
	lab := netlab.Test(t)
	a := speak(t, newNode(t, lab, "a", "10.99.0.1/24"))
	b := newNode(t, lab, "b", "10.99.0.2/24")
	// Nobody listens there: b's kernel answers each advert with "protocol unreachable".
	must(t, b.SetSysctl("net.ipv4.icmp_ratelimit", "0"))
	wire, err := lab.Capture("icmp", "icmp")
	must(t, err)
	c := config4(51, vrrp.Owner, 10*time.Millisecond)
	c.Peers = []netip.Addr{addr("10.99.0.2")}
	a.add(1, c)
	a.attach(a.bind(1, addr("10.99.0.1"), c.Peers...))
	a.awaitSent(100)
	if len(wire.Frames()) < 10 {
		t.Errorf("%d ICMP errors on the wire, want many", len(wire.Frames()))
	}
	if s := a.loop.Stats(); s.Congested+s.NotReady+s.Refused+s.ReceiveErrors > 0 {
		t.Errorf("%+v: want no errors", s)
	}
}
