// SPDX-License-Identifier: Apache-2.0

package vmac

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"

	"github.com/regent-ha/regent/internal/netlab"
)

func TestAnInterfaceIsMadeKeptAndRemoved(t *testing.T) {
	t.Parallel()
	lab := netlab.Test(t)
	n := node(t, lab, "a", "10.99.0.1/24", "fd99::1/64")
	must(t, n.SetSysctl("net.ipv4.conf.eth0.arp_announce", "1"))
	k := kernel(t, n)
	wants := []Want{four(51, "eth0"), six(51, "eth0")}
	places := set(t, n, k, wants...)

	type state struct {
		MAC, Mode string
		Up        bool
		Settings  string
	}
	settings := func(name string) string {
		var out []string
		for _, s := range []string{"ipv4 arp_ignore", "ipv4 arp_announce", "ipv4 rp_filter", "ipv6 disable_ipv6", "ipv6 addr_gen_mode", "ipv6 accept_ra"} {
			family, key, _ := strings.Cut(s, " ")
			out = append(out, sysctl(t, n, family, name, key))
		}
		return strings.Join(out, " ")
	}
	got := map[string]state{}
	for name, m := range macvlans(t, n) {
		mode := "other"
		if m.Mode == netlink.MACVLAN_MODE_BRIDGE {
			mode = "bridge"
		}
		got[name] = state{m.HardwareAddr.String(), mode, m.Flags&1 != 0, settings(name)}
	}
	want := map[string]state{
		"vrrp.51":  {"00:00:5e:00:01:33", "bridge", true, "1 2 2 1 1 0"},
		"vrrp6.51": {"00:00:5e:00:02:33", "bridge", true, "1 2 2 0 1 0"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if list, err := n.Addresses("vrrp6.51"); err != nil || len(list) > 0 {
		t.Errorf("it has addresses of its own: %v, %v", list, err)
	}
	base := func() string {
		return sysctl(t, n, "ipv4", "eth0", "arp_ignore") + sysctl(t, n, "ipv4", "eth0", "arp_announce")
	}
	if got := base(); got != "12" {
		t.Errorf("arp_ignore and arp_announce of the base are %s", got)
	}

	if again := set(t, n, k, wants...); cmp.Diff(places, again) != "" {
		t.Errorf("what is there is not left alone: %v, then %v", places, again)
	}
	must(t, n.Netlink().LinkDel(macvlans(t, n)["vrrp.51"]))
	must(t, n.Netlink().LinkSetDown(macvlans(t, n)["vrrp6.51"]))
	again := set(t, n, k, wants...)
	if m := macvlans(t, n)["vrrp.51"]; m == nil || again[0].Index != m.Index || again[0].Index == places[0].Index {
		t.Errorf("who deletes it does not get it back: %v", again)
	}
	if macvlans(t, n)["vrrp6.51"].Flags&1 == 0 {
		t.Error("who sets it down does not get it back")
	}

	set(t, n, k, wants[1])
	if m := macvlans(t, n); len(m) != 1 || base() != "12" {
		t.Errorf("one of two is left over: %v, base %s", m, base())
	}
	must(t, n.Do(func() error { return k.Close(true) }))
	if m := macvlans(t, n); len(m) != 0 || base() != "01" || listing(t, n) != "" {
		t.Errorf("after the end: %v, base %s, table %s", m, base(), listing(t, n))
	}
	k.table = newTable(k.warn) // for the second Close
	must(t, n.Do(func() (err error) { k.route, err = netlink.NewHandle(); return err }))
}

func TestWhatAnEarlierRunLeft(t *testing.T) {
	t.Parallel()
	lab := netlab.Test(t)
	n := node(t, lab, "a", "10.99.0.1/24", "fd99::1/64")
	first := kernel(t, n)
	places := set(t, n, first, four(51, "eth0"), four(52, "eth0"))
	show(t, n, first, map[int][]netip.Addr{places[0].Index: {netip.MustParseAddr("10.99.0.100")}})
	addAddress(t, n, places[0].Index, "10.99.0.100/24")

	// It died: nothing was closed in order. The next one knows what the base was like before.
	second := kernel(t, n)
	if again := set(t, n, second, four(51, "eth0")); again[0] != places[0] {
		t.Errorf("not adopted: %v, then %v", places[0], again[0])
	}
	if list, _ := n.Addresses("vrrp.51"); len(list) != 1 {
		t.Errorf("what still answers was taken away: %v", list)
	}
	if m := macvlans(t, n); len(m) != 1 {
		t.Errorf("what nobody wants stays: %v", m)
	}
	set(t, n, second)
	if got := sysctl(t, n, "ipv4", "eth0", "arp_ignore") + sysctl(t, n, "ipv4", "eth0", "arp_announce"); got != "00" {
		t.Errorf("arp_ignore and arp_announce of the base are %s", got)
	}
}

func TestWhatKeepalivedLeft(t *testing.T) {
	t.Parallel()
	lab := netlab.Test(t)
	n := node(t, lab, "a", "10.99.0.1/24", "fd99::1/64")
	attrs := netlink.NewLinkAttrs()
	mac := RFC(51, false)
	attrs.Name, attrs.ParentIndex, attrs.HardwareAddr = "vrrp.51", n.Index("eth0"), mac[:]
	must(t, n.Netlink().LinkAdd(&netlink.Macvlan{LinkAttrs: attrs, Mode: netlink.MACVLAN_MODE_PRIVATE}))
	index := n.Index("vrrp.51")
	addAddress(t, n, index, "10.99.0.100/24")
	places := set(t, n, kernel(t, n), four(51, "eth0"))
	if places[0].Index != index {
		t.Errorf("not adopted: %v", places)
	}
	if m := macvlans(t, n)["vrrp.51"]; m.Mode != netlink.MACVLAN_MODE_BRIDGE || m.Flags&1 == 0 {
		t.Errorf("left as it was: %+v", m)
	}
	if list, _ := n.Addresses("vrrp.51"); len(list) != 0 {
		t.Errorf("addresses of somebody who is gone: %v", list)
	}
}

// A new name is given to the interface that is there, with what is on it.
func TestAnInterfaceIsRenamed(t *testing.T) {
	t.Parallel()
	lab := netlab.Test(t)
	n := node(t, lab, "a", "10.99.0.1/24", "fd99::1/64")
	k := kernel(t, n)
	w := four(51, "eth0")
	before := set(t, n, k, w)[0]
	show(t, n, k, map[int][]netip.Addr{before.Index: {netip.MustParseAddr("10.99.0.100")}})
	addAddress(t, n, before.Index, "10.99.0.100/24")
	w.Name = "gw"
	after := set(t, n, k, w)[0]
	if after.Index != before.Index || after.Name != "gw" || n.Index("gw") != before.Index {
		t.Errorf("%v, then %v", before, after)
	}
	if list, _ := n.Addresses("gw"); len(list) != 1 || macvlans(t, n)["gw"].Flags&1 == 0 {
		t.Errorf("what answered was taken away: %v", list)
	}
	if got := listing(t, n); !strings.Contains(got, `device "gw"`) || strings.Contains(got, "vrrp.51") {
		t.Errorf("the table knows it by its former name:\n%s", got)
	}
}

// Settings that somebody changes while it runs are put back.
func TestSettingsArePutBack(t *testing.T) {
	t.Parallel()
	lab := netlab.Test(t)
	n := node(t, lab, "a", "10.99.0.1/24")
	k := kernel(t, n)
	k.log = slog.New(slog.DiscardHandler) // it warns
	set(t, n, k, four(51, "eth0"))
	changed := [][3]string{{"eth0", "arp_ignore", "0"}, {"eth0", "arp_announce", "0"}, {"vrrp.51", "rp_filter", "1"}, {"vrrp.51", "arp_ignore", "0"}}
	must(t, n.Do(func() error {
		for _, c := range changed {
			if err := os.WriteFile(interfacePath("ipv4", c[0], c[1]), []byte(c[2]), 0o644); err != nil {
				return err
			}
		}
		k.Check()
		return nil
	}))
	for i, want := range []string{"1", "2", "2", "1"} {
		if got := sysctl(t, n, "ipv4", changed[i][0], changed[i][1]); got != want {
			t.Errorf("%s of %s is %s, want %s", changed[i][1], changed[i][0], got, want)
		}
	}
}

// A router that forwards reports the groups it is in as soon as an interface is up: a new one is mute before it is.
func TestANewInterfaceSaysNothing(t *testing.T) {
	t.Parallel()
	lab := netlab.Test(t)
	n := node(t, lab, "a", "10.99.0.1/24", "fd99::1/64")
	peer := node(t, lab, "b", "10.99.0.9/24")
	must(t, n.Forward())
	// The reports come at once, not some time within a second.
	must(t, n.SetSysctl("net.ipv6.conf.default.force_mld_version", "1"))
	wire, err := lab.Capture("wire", "")
	must(t, err)
	k := kernel(t, n)
	set(t, n, k, four(51, "eth0"), six(51, "eth0"))
	show(t, n, k, map[int][]netip.Addr{})
	c, err := peer.ListenPacket("udp", "10.99.0.9:0") // a frame that comes later than all others
	must(t, err)
	defer c.Close()
	_, err = c.WriteTo([]byte("hello"), net.UDPAddrFromAddrPort(netip.MustParseAddrPort("10.99.0.1:9")))
	must(t, err)
	ctx, end := context.WithTimeout(t.Context(), 5*time.Second)
	defer end()
	_, err = wire.Wait(ctx, time.Time{}, func(f netlab.Frame) bool {
		src, _, proto, _, ok := f.IP()
		return ok && proto == 17 && src == netip.MustParseAddr("10.99.0.9")
	})
	must(t, err)
	for _, f := range wire.Frames() {
		if m := f.SourceMAC(); m[2] == 0x5e {
			t.Errorf("it says %x", f.Data)
		}
	}
}

// Firewalls are reloaded with a flush of all rules: that is told, and what we change ourselves is not.
func TestChangesByOthersAreTold(t *testing.T) {
	t.Parallel()
	lab := netlab.Test(t)
	n := node(t, lab, "a", "10.99.0.1/24")
	told := make(chan struct{}, 100)
	var k *Kernel
	must(t, n.Do(func() (err error) {
		k, err = Open(slog.New(slog.DiscardHandler), func() { told <- struct{}{} })
		return err
	}))
	t.Cleanup(func() { must(t, n.Do(func() error { return k.Close(true) })) })
	p := set(t, n, k, four(51, "eth0"))[0]
	show(t, n, k, map[int][]netip.Addr{p.Index: {netip.MustParseAddr("10.99.0.100")}})
	for _, change := range [][]string{{"flush", "ruleset"}, {"delete", "table", "netdev", tableName}, {"flush", "table", "netdev", tableName}} {
		if out, err := n.Command(t.Context(), "nft", change...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v: %s", change, err, out)
		}
		select {
		case <-told:
		case <-time.After(5 * time.Second):
			t.Fatalf("nobody was told of %v", change)
		}
		must(t, n.Do(func() error { k.Mend(); return nil }))
		if got := listing(t, n); !strings.Contains(got, "10.99.0.100 : 00:00:5e:00:01:33") || !strings.Contains(got, "egress") {
			t.Errorf("after %v:\n%s", change, got)
		}
	}
	if len(told) > 3 {
		t.Errorf("told %d times more", len(told))
	}
}

func TestErrorsNameThePlace(t *testing.T) {
	t.Parallel()
	lab := netlab.Test(t)
	n := node(t, lab, "a", "10.99.0.1/24")
	k := kernel(t, n)
	var places []Place
	var errs []error
	must(t, n.Do(func() error {
		places, errs = k.Set([]Want{four(51, "eth7"), four(52, "lo"), four(53, "eth0")})
		return nil
	}))
	for i, want := range []string{"interface eth7 does not exist", "virtual MAC 00:00:5e:00:01:34 on lo: make interface vrrp.52: "} {
		if errs == nil || errs[i] == nil || !strings.HasPrefix(errs[i].Error(), want) {
			t.Errorf("want %q: %v", want, errs)
		}
	}
	if errs[2] != nil || places[2].Index == 0 {
		t.Errorf("one that can be made suffers from others: %v", errs)
	}
}

// The base is down, then up, then away, then there again.
func TestTheBaseComesAndGoes(t *testing.T) {
	t.Parallel()
	lab := netlab.Test(t)
	n := node(t, lab, "a", "10.99.0.1/24")
	k := kernel(t, n)
	base := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "up0", TxQLen: 1000}, PeerName: "up1"}
	must(t, n.Netlink().LinkAdd(base))
	places := set(t, n, k, four(51, "up0")) // it is down
	must(t, n.Netlink().LinkSetUp(base))
	if again := set(t, n, k, four(51, "up0")); again[0] != places[0] {
		t.Errorf("made anew: %v", again)
	}
	show(t, n, k, map[int][]netip.Addr{places[0].Index: {netip.MustParseAddr("10.9.0.1")}})
	must(t, n.Netlink().LinkDel(base))
	if m := macvlans(t, n); len(m) != 0 {
		t.Fatalf("without its base: %v", m)
	}
	must(t, n.Do(func() error {
		if _, errs := k.Set([]Want{four(51, "up0")}); errs == nil {
			t.Error("no error without the base")
		}
		return nil
	}))
	must(t, n.Netlink().LinkAdd(base))
	again := set(t, n, k, four(51, "up0"))
	show(t, n, k, map[int][]netip.Addr{})
	if again[0].Index == 0 || sysctl(t, n, "ipv4", "up0", "arp_ignore") != "1" || !strings.Contains(listing(t, n), `device "up0"`) {
		t.Errorf("not there again: %v\n%s", again, listing(t, n))
	}
}

func TestTheTableMendsItself(t *testing.T) {
	t.Parallel()
	lab := netlab.Test(t)
	n := node(t, lab, "a", "10.99.0.1/24")
	k := kernel(t, n)
	p := set(t, n, k, four(51, "eth0"))[0]
	show(t, n, k, map[int][]netip.Addr{})
	if got := listing(t, n); !strings.Contains(got, `elements = { "vrrp.51" }`) {
		t.Errorf("not mute:\n%s", got)
	}
	out, err := n.Command(t.Context(), "nft", "flush", "ruleset").CombinedOutput()
	if err != nil {
		t.Fatalf("flush: %v: %s", err, out)
	}
	show(t, n, k, map[int][]netip.Addr{p.Index: {netip.MustParseAddr("10.99.0.100")}})
	if got := listing(t, n); !strings.Contains(got, "10.99.0.100 : 00:00:5e:00:01:33") || strings.Contains(got, `{ "vrrp.51" }`) {
		t.Errorf("not back:\n%s", got)
	}
}

// No host learns the MAC of the base for a virtual address, whoever speaks first, and nothing from that address has it. Nor does
// anybody learn the virtual MAC for an address of the host itself.
func TestNobodyLearnsTheWrongMAC(t *testing.T) {
	t.Parallel()
	lab := netlab.Test(t)
	n := node(t, lab, "a", "10.99.0.1/24", "fd99::1/64")
	peer := node(t, lab, "b", "10.99.0.9/24", "fd99::9/64")
	must(t, n.SetSysctl("net.ipv4.conf.all.rp_filter", "1"))
	k := kernel(t, n)
	places := set(t, n, k, four(51, "eth0"), six(51, "eth0"))
	v4, v6 := netip.MustParseAddr("10.99.0.100"), netip.MustParseAddr("fd99::100")
	own4, own6 := netip.MustParseAddr("10.99.0.1"), netip.MustParseAddr("fd99::1")
	wire, err := lab.Capture("wire", "")
	must(t, err)
	show(t, n, k, map[int][]netip.Addr{places[0].Index: {v4}, places[1].Index: {v6}})
	addAddress(t, n, places[0].Index, "10.99.0.100/24")
	addAddress(t, n, places[1].Index, "fd99::100/64")
	echo(t, n)
	for range 2 {
		for _, a := range []netip.Addr{v4, v6, own4, own6} {
			forget(t, peer)
			forget(t, n) // so that it has to ask, too
			call(t, peer, a)
		}
	}
	// The host speaks first, from the virtual address and from its own.
	for from, to := range map[netip.Addr]string{v4: "10.99.0.9:9", v6: "[fd99::9]:9", own4: "10.99.0.9:9", own6: "[fd99::9]:9"} {
		forget(t, n)
		c, err := n.ListenPacket("udp", netip.AddrPortFrom(from, 0).String())
		must(t, err)
		at := netip.MustParseAddrPort(to)
		_, err = c.WriteTo([]byte("hello"), netUDP(at))
		must(t, err)
		ctx, end := context.WithTimeout(t.Context(), 5*time.Second)
		_, err = wire.Wait(ctx, time.Time{}, func(f netlab.Frame) bool {
			src, _, proto, _, ok := f.IP()
			return ok && src == from && proto == 17
		})
		end()
		if err != nil {
			t.Errorf("nothing comes from %s: %v", from, err)
		}
		must(t, c.Close())
	}
	call(t, peer, v4)
	call(t, peer, own4)
	call(t, peer, v6)
	call(t, peer, own6)
	table := neighbours(t, peer)
	physical := n.Port("eth0").MAC().String()
	for a, want := range map[netip.Addr]string{v4: "00:00:5e:00:01:33", v6: "00:00:5e:00:02:33", own4: physical, own6: physical} {
		if table[a] != want {
			t.Errorf("%s is believed to be at %s, want %s", a, table[a], want)
		}
	}
	judge(t, wire, map[netip.Addr]string{v4: "00:00:5e:00:01:33", v6: "00:00:5e:00:02:33", own4: physical, own6: physical})
}

// A router that is not Active takes nothing that a switch floods to it, and says nothing but adverts.
func TestWhoIsNotActiveIsMute(t *testing.T) {
	t.Parallel()
	lab := netlab.Test(t)
	n := node(t, lab, "a", "10.99.0.1/24", "fd99::1/64")
	peer := node(t, lab, "b", "10.99.0.9/24", "fd99::9/64")
	must(t, n.Forward())
	k := kernel(t, n)
	places := set(t, n, k, four(51, "eth0"), six(51, "eth0"))
	v4 := netip.MustParseAddr("10.99.0.100")
	addAddress(t, n, places[0].Index, "10.99.0.100/24") // which is not so in life
	echo(t, n)
	show(t, n, k, map[int][]netip.Addr{})
	wire, err := lab.Capture("wire", "")
	must(t, err)
	ctx, end := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer end()
	if c, err := peer.Dial(ctx, "tcp", netip.AddrPortFrom(v4, 7).String()); err == nil {
		must(t, c.Close())
		t.Error("a mute router answers")
	}
	if out, err := n.Command(t.Context(), "ip", "link", "set", "vrrp6.51", "down").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	set(t, n, k, four(51, "eth0"), six(51, "eth0")) // up again: the kernel would report its groups
	show(t, n, k, map[int][]netip.Addr{places[0].Index: {v4}})
	call(t, peer, v4)
	for _, f := range wire.Frames() {
		if mac := f.SourceMAC().String(); mac == "00:00:5e:00:02:33" {
			t.Errorf("a mute router says something: %x", f.Data)
		}
	}
}
