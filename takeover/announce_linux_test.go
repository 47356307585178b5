// SPDX-License-Identifier: Apache-2.0

package takeover

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/regent-ha/regent/internal/netlab"
)

// announcer opens an Announcer in the namespace of a node.
func announcer(t testing.TB, n *netlab.Node) *Announcer {
	t.Helper()
	var a *Announcer
	must(t, n.Do(func() (err error) {
		a, err = NewAnnouncer(quiet())
		return err
	}))
	t.Cleanup(func() { must(t, a.Close()) })
	return a
}

// announce makes announcements of addresses from eth0 of a node.
func announce(n *netlab.Node, mac MAC, router bool, addrs ...string) []Announcement {
	var as []Announcement
	for _, a := range addrs {
		as = append(as, Announcement{netip.MustParseAddr(a), n.Index("eth0"), mac, router})
	}
	return as
}

func waitSent(t testing.TB, a *Announcer, n uint64) {
	t.Helper()
	eventually(t, 5*time.Second, "all announcements have left", func() bool { return a.Stats().Sent == n })
}

func TestTsharkReadsTheAnnouncements(t *testing.T) {
	t.Parallel()
	lab, a, _ := pair(t)
	c, err := lab.Capture("announce", "arp or icmp6[0] = 136")
	must(t, err)
	ann := announcer(t, a)
	ann.Start(announce(a, vmac, false, "10.99.0.101", "fd99::101", "fe80::101"), Policy{Repeat: 2})
	waitSent(t, ann, 6)
	ann.Start(announce(a, vmac, true, "fd99::102"), Policy{})
	waitSent(t, ann, 7)
	path, err := c.Stop()
	must(t, err)

	arp := []string{
		"eth.src", "eth.dst", "frame.len", "arp.opcode", "arp.isgratuitous", "arp.src.hw_mac", "arp.src.proto_ipv4",
		"arp.dst.hw_mac", "arp.dst.proto_ipv4",
	}
	nd := []string{
		"eth.src", "eth.dst", "frame.len", "ipv6.src", "ipv6.dst", "ipv6.hlim", "icmpv6.type", "icmpv6.code",
		"icmpv6.checksum.status", "icmpv6.nd.na.flag.r", "icmpv6.nd.na.flag.s", "icmpv6.nd.na.flag.o",
		"icmpv6.nd.na.target_address", "icmpv6.opt.type", "icmpv6.opt.linkaddr",
	}
	const broadcast = "ff:ff:ff:ff:ff:ff"
	garp := []string{vmac.String(), broadcast, "42", "1", "1", vmac.String(), "10.99.0.101", broadcast, "10.99.0.101"}
	na := func(addr, router string) []string {
		return []string{
			vmac.String(), "33:33:00:00:00:01", "86", addr, "ff02::1", "255", "136", "0", "1", router, "0", "1", addr, "2",
			vmac.String(),
		}
	}
	for _, judged := range []struct {
		filter string
		fields []string
		want   [][]string
	}{
		{"arp", arp, [][]string{garp, garp}},
		{"icmpv6", nd, [][]string{
			na("fd99::101", "0"), na("fe80::101", "0"), na("fd99::101", "0"), na("fe80::101", "0"), na("fd99::102", "1"),
		}},
	} {
		rows, err := netlab.Tshark(t.Context(), path, judged.filter, judged.fields...)
		must(t, err)
		var got [][]string
		for _, row := range rows {
			var values []string
			for _, f := range judged.fields {
				v := row[f]
				switch v { // tshark versions differ in how they write a flag
				case "True":
					v = "1"
				case "False":
					v = "0"
				}
				values = append(values, v)
			}
			got = append(got, values)
		}
		if diff := cmp.Diff(judged.want, got); diff != "" {
			t.Errorf("%s of %v (-want +got):\n%s", judged.filter, judged.fields, diff)
		}
	}
	odd, err := netlab.Tshark(t.Context(), path, "_ws.expert.severity >= warning && !arp.duplicate-address-detected", "frame.number")
	must(t, err)
	if len(odd) != 0 {
		t.Errorf("tshark finds fault with frames %v", odd)
	}
}

func TestNeighboursLearnTheNewPlace(t *testing.T) {
	t.Parallel()
	lab, a, b := pair(t)
	client := node(t, lab, "client", "10.99.0.9/24", "fd99::9/64")
	ka, kb := kernel(t, a), kernel(t, b)
	vip := []string{"10.99.0.101/24", "fd99::101/64"}
	none(t, ka.Add(on(a, vip...), time.Minute))
	refused(t, client, "10.99.0.101")
	refused(t, client, "fd99::101")
	none(t, ka.Delete(on(a, vip...)))
	none(t, kb.Add(on(b, vip...), time.Minute))
	announcer(t, b).Start(announce(b, MAC{2, 0, 0, 0, 0, 2}, false, "10.99.0.101", "fd99::101"), Policy{})
	took := eventually(t, time.Second, "the client has learned both", func() bool {
		return strings.Count(run(t, client, "ip", "neigh"), "02:00:00:00:00:02") == 2
	})
	t.Logf("learned after %s", took)
	refused(t, client, "10.99.0.101")
	refused(t, client, "fd99::101")
}

func TestAnnouncerSurvivesItsInterface(t *testing.T) {
	t.Parallel()
	_, a, _ := pair(t)
	ann := announcer(t, a)
	as := announce(a, vmac, false, "10.99.0.101")
	run(t, a, "ip", "link", "set", "eth0", "down")
	ann.Start(as, Policy{})
	eventually(t, time.Second, "sending fails", func() bool { return ann.Stats().Failed > 0 })
	run(t, a, "ip", "link", "set", "eth0", "up")
	waitSent(t, ann, 1)

	run(t, a, "ip", "link", "del", "eth0")
	ann.Start(as, Policy{})
	failed := ann.Stats().Failed
	eventually(t, time.Second, "sending fails", func() bool { return ann.Stats().Failed > failed })
	ann.Stop(as)
	run(t, a, "ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth9")
	run(t, a, "ip", "link", "set", "eth9", "up")
	run(t, a, "ip", "link", "set", "eth0", "up")
	peer, err := a.Capture("eth9", "anew", "arp")
	must(t, err)
	again := announce(a, vmac, false, "10.99.0.101")
	if again[0].Link == as[0].Link {
		t.Fatal("the interface made anew has the old index")
	}
	start := time.Now()
	ann.Start(again, Policy{})
	waitSent(t, ann, 2)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if _, err := peer.Wait(ctx, start, func(f netlab.Frame) bool { return f.Announces(again[0].Address) }); err != nil {
		t.Errorf("announcement on the interface made anew: %v", err)
	}
}

// A node that inherits a thousand addresses has all of them, and all announced once, in a few tens of milliseconds,
// and no address is announced twice before all were announced once.
func TestAThousandAddressesAreAnnouncedInOrder(t *testing.T) {
	t.Parallel()
	lab, a, _ := pair(t)
	k := kernel(t, a)
	ann := announcer(t, a)
	c, err := lab.Capture("thousand", "arp")
	must(t, err)
	var as []Address
	var told []Announcement
	for i := range 1000 {
		ip := netip.AddrFrom4([4]byte{10, 98, byte(i >> 8), byte(i)})
		as = append(as, Address{netip.PrefixFrom(ip, 32), a.Index("eth0")})
		told = append(told, Announcement{ip, a.Index("eth0"), vmac, false})
	}
	start := time.Now()
	none(t, k.Add(as, time.Minute))
	added := time.Since(start)
	ann.Start(told, Policy{Repeat: 2})
	waitSent(t, ann, 2000)
	t.Logf("1000 addresses added in %s, added and announced twice in %s", added, time.Since(start))
	// Frames are written to the capture in their order; the last one is the last to arrive.
	eventually(t, 10*time.Second, "the capture has all", func() bool { return len(c.Frames()) >= 2000 })
	path, err := c.Stop()
	must(t, err)
	rows, err := netlab.Tshark(t.Context(), path, "arp.isgratuitous == 1", "arp.src.proto_ipv4")
	must(t, err)
	var order []string
	for _, r := range rows {
		order = append(order, r["arp.src.proto_ipv4"])
	}
	if len(order) != 2000 {
		t.Fatalf("%d announcements, want 2000", len(order))
	}
	first := slices.Clone(order[:1000])
	slices.Sort(first)
	if n := len(slices.Compact(first)); n != 1000 {
		t.Errorf("the first 1000 announcements are of %d addresses", n)
	}
	if diff := cmp.Diff(order[:1000], order[1000:]); diff != "" {
		t.Errorf("the second round differs in order from the first:\n%s", diff)
	}
}

func TestSendErrorsAreSorted(t *testing.T) {
	t.Parallel()
	_, a, _ := pair(t)
	var s sender
	must(t, a.Do(func() error {
		ann, err := NewAnnouncer(quiet())
		if err == nil {
			t.Cleanup(func() { must(t, ann.Close()) })
			s = ann.out
		}
		return err
	}))
	frame, err := appendFrame(nil, announcements(a.Index("eth0"), 1, 1)[0])
	must(t, err)
	if err := s.send(a.Index("eth0"), frame); err != nil {
		t.Errorf("send: %v", err)
	}
	if err := s.send(4242, frame); !errors.Is(err, errDown) {
		t.Errorf("send on a link that is not there: %v", err)
	}
	if err := s.send(a.Index("eth0"), make([]byte, 9000)); err == nil || errors.Is(err, errDown) || errors.Is(err, errFull) {
		t.Errorf("send a frame that is too long: %v, want an error for good", err)
	}
}

// BenchmarkAnnounce sends announcements through the packet socket.
func BenchmarkAnnounce(b *testing.B) {
	lab := netlab.Test(b)
	a := node(b, lab, "a", "10.99.0.1/24")
	ann := announcer(b, a)
	as := announcements(a.Index("eth0"), 1, 1000)
	var sent uint64
	for b.Loop() {
		ann.Start(as, Policy{})
		sent += 1000
		for ann.Stats().Sent < sent {
			time.Sleep(100 * time.Microsecond)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/1e3/float64(sent), "µs/address")
}
