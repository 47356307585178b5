// SPDX-License-Identifier: Apache-2.0

package takeover

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/regent-ha/regent/internal/netlab"
)

// shown is an address as `ip -j addr` shows it, but for lifetimes and marks.
type shown struct {
	Family, Local, Address, Broadcast, Scope, Label              string
	Prefixlen                                                    int
	Home, Nodad, Deprecated, Mngtmpaddr, Noprefixroute, Autojoin bool
	PreferredLife                                                uint32 `json:"preferred_life_time"`
}

// show returns the addresses of a link by address, those that the kernel made itself left out.
func show(t testing.TB, n *netlab.Node, link string) map[string]shown {
	t.Helper()
	var links []struct {
		AddrInfo []shown `json:"addr_info"`
	}
	text := run(t, n, "ip", "-j", "addr", "show", "dev", link)
	if err := json.Unmarshal([]byte(text), &links); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	out := map[string]shown{}
	for _, l := range links {
		for _, a := range l.AddrInfo {
			if !strings.HasPrefix(a.Local, "fe80:") {
				out[fmt.Sprintf("%s/%d", a.Local, a.Prefixlen)] = a
			}
		}
	}
	return out
}

// dressed reads lines and dresses a kernel with them.
func dressed(t testing.TB, k *Kernel, n *netlab.Node, lines ...string) []Address {
	t.Helper()
	var as []Address
	look := map[Address]Attributes{}
	for _, line := range lines {
		s, err := ParseAddress(line, "eth0")
		must(t, err)
		a := Address{s.Prefix, n.Index(s.Device)}
		as = append(as, a)
		look[a] = s.Attributes
	}
	k.Dress(look)
	return as
}

func TestAddressesAreDressed(t *testing.T) {
	t.Parallel()
	_, a, _ := pair(t)
	k := kernel(t, a)
	as := dressed(t, k, a,
		"10.5.0.1/24 label eth0:9 brd + scope link",
		"10.5.1.1 peer 10.5.1.2/30",
		"10.5.2.1/24 noprefixroute preferred_lft 0",
		"fd05::1/64 preferred_lft forever",
		"fd05::2/64 home -nodad",
		"fd05::3/64 mngtmpaddr noprefixroute",
		"fd05::4/64 peer fd05::5/126",
		"fd05::6/64 preferred_lft 30",
	)
	before := show(t, a, "eth0")
	none(t, k.Add(as, time.Minute))
	none(t, k.Refresh(as, time.Minute))
	got := show(t, a, "eth0")
	maps.DeleteFunc(got, func(p string, _ shown) bool { _, ok := before[p]; return ok })
	for p, a := range got {
		a.PreferredLife = (a.PreferredLife + 9) / 10 * 10 // what ran out meanwhile
		got[p] = a
	}
	want := map[string]shown{}
	for _, w := range []shown{
		{Family: "inet", Local: "10.5.0.1", Prefixlen: 24, Broadcast: "10.5.0.255", Scope: "link", Label: "eth0:9", PreferredLife: 60},
		{Family: "inet", Local: "10.5.1.1", Address: "10.5.1.2", Prefixlen: 30, Scope: "global", Label: "eth0", PreferredLife: 60},
		{Family: "inet", Local: "10.5.2.1", Prefixlen: 24, Scope: "global", Label: "eth0", Noprefixroute: true, Deprecated: true},
		{Family: "inet6", Local: "fd05::1", Prefixlen: 64, Scope: "global", Nodad: true, PreferredLife: 60},
		{Family: "inet6", Local: "fd05::2", Prefixlen: 64, Scope: "global", Home: true, Deprecated: true},
		{Family: "inet6", Local: "fd05::3", Prefixlen: 64, Scope: "global", Nodad: true, Deprecated: true, Mngtmpaddr: true, Noprefixroute: true},
		{Family: "inet6", Local: "fd05::4", Address: "fd05::5", Prefixlen: 126, Scope: "global", Nodad: true, Deprecated: true},
		{Family: "inet6", Local: "fd05::6", Prefixlen: 64, Scope: "global", Nodad: true, PreferredLife: 30},
	} {
		want[fmt.Sprintf("%s/%d", w.Local, w.Prefixlen)] = w
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("addresses (-want +got):\n%s", diff)
	}
	left, err := k.Leftovers()
	must(t, err)
	slices.SortFunc(as, compareAddress)
	slices.SortFunc(left, compareAddress)
	if diff := cmp.Diff(as, left, compareAddrs); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
	none(t, kernel(t, a).Delete(left)) // by somebody who knows of no peer
	if diff := cmp.Diff(before, show(t, a, "eth0")); diff != "" {
		t.Errorf("after Delete (-before +now):\n%s", diff)
	}
}

func TestAnAddressChangesItsDress(t *testing.T) {
	t.Parallel()
	_, a, _ := pair(t)
	k := kernel(t, a)
	line := func(verb func([]Address, time.Duration) []error, l string) shown {
		t.Helper()
		as := dressed(t, k, a, l)
		none(t, verb(as, time.Minute))
		all := show(t, a, "eth0")
		got, ok := all[as[0].Prefix.String()]
		if !ok || len(all) != 3 {
			t.Errorf("%s: there is %v", l, all)
		}
		return got
	}
	if got := line(k.Add, "10.5.0.1/32"); got.Label != "eth0" {
		t.Errorf("plain: %+v", got)
	}
	if got := line(k.Refresh, "10.5.0.1/32 peer 10.5.0.9"); got.Address != "" {
		t.Errorf("Refresh changes an address: %+v", got)
	}
	if got := line(k.Add, "10.5.0.1 label eth0:x"); got.Label != "eth0:x" {
		t.Errorf("label: %+v", got)
	}
	if got := line(k.Add, "10.5.0.1 label eth0:x peer 10.5.0.9"); got.Address != "10.5.0.9" {
		t.Errorf("peer: %+v", got)
	}
	if got := line(k.Add, "10.5.0.1"); got.Label != "eth0" || got.Address != "" {
		t.Errorf("plain again: %+v", got)
	}
	run(t, a, "ip", "addr", "add", "10.6.0.1/24", "brd", "+", "scope", "link", "dev", "eth0")
	foreign := on(a, "10.6.0.1/24")
	none(t, k.Adopt(foreign, time.Minute))
	if got := show(t, a, "eth0")["10.6.0.1/24"]; got.Scope != "link" || got.Broadcast != "10.6.0.255" {
		t.Errorf("adopted, and never dressed: %+v", got)
	}
	k.Dress(map[Address]Attributes{foreign[0]: {}})
	none(t, k.Adopt(foreign, time.Minute))
	if got := show(t, a, "eth0")["10.6.0.1/24"]; got.Scope != "global" || got.Broadcast != "" {
		t.Errorf("adopted with a plain dress: %+v", got)
	}
}

// The lines mean what they mean to keepalived. Three things are left to Regent: an IPv6 address is no source unless that
// is asked for, a lonely one needs no route of its subnet, and preferred_lft counts for IPv4, too.
func TestAddressesLookAsThoseOfKeepalived(t *testing.T) {
	t.Parallel()
	netlab.Require(t, "keepalived", "ip")
	lab, a, b := pair(t)
	lines := []string{
		"10.5.0.1/24 dev eth0 label eth0:9 brd + scope link",
		"10.5.1.1/24 dev eth0 brd 10.5.1.255",
		"10.5.2.1/24 dev eth0 broadcast -",
		"10.5.4.1 peer 10.5.4.2 dev eth0",
		"10.5.5.1/24 dev eth0 noprefixroute",
		"10.5.8.1/24 dev eth0 scope 100",
		"10.5.9.1 dev eth0 scope link",
		"fd05::1/64 dev eth0 preferred_lft forever",
		"fd05::2/128 dev eth0",
		"fd05::3/64 dev eth0 -nodad home preferred_lft forever",
		"fd05::4/64 dev eth0 mngtmpaddr noprefixroute preferred_lft forever",
		"fd05::7/128 dev eth0 preferred_lft forever",
		"fd05::8/64 dev eth0 preferred_lft 3000",
	}
	k := kernel(t, a)
	none(t, k.Add(dressed(t, k, a, lines...), 0))
	dir := lab.Dir()
	conf := filepath.Join(dir, "keepalived.conf")
	must(t, os.WriteFile(conf, []byte("static_ipaddress {\n "+strings.Join(lines, "\n ")+"\n}\n"+
		"vrrp_instance v {\n interface eth0\n virtual_router_id 51\n priority 1\n virtual_ipaddress { 10.99.0.200 }\n}\n"), 0o600))
	daemon, err := b.Start(context.Background(), "keepalived", "-n", "-l", "-f", conf,
		"-p", filepath.Join(dir, "parent.pid"), "-r", filepath.Join(dir, "vrrp.pid"))
	must(t, err)
	t.Cleanup(func() { must(t, daemon.Stop(5*time.Second)) })
	eventually(t, 10*time.Second, "keepalived adds its addresses", func() bool { return len(show(t, b, "eth0")) >= len(lines)+2 })
	look := func(n *netlab.Node) map[string]shown {
		all := show(t, n, "eth0")
		maps.DeleteFunc(all, func(p string, _ shown) bool { return !strings.HasPrefix(p, "10.5.") && !strings.HasPrefix(p, "fd05:") })
		for p, a := range all {
			if a.PreferredLife != forever && a.PreferredLife > 0 {
				a.PreferredLife = 3000
			}
			a.Noprefixroute = a.Noprefixroute && a.Prefixlen != 128
			all[p] = a
		}
		return all
	}
	if diff := cmp.Diff(look(b), look(a)); diff != "" {
		t.Errorf("addresses (-keepalived +regent):\n%s", diff)
	}
}
