// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/regent-ha/regent/conf"
	"github.com/regent-ha/regent/takeover"
	"github.com/regent-ha/regent/vrrp"
)

// testRouter is a router on link 2 with the given addresses.
func testRouter(state vrrp.State, prefixes ...string) *router {
	r := &router{link: 2, state: state, held: map[takeover.Address]bool{}}
	r.service = &conf.Service{Name: "orders", Interface: "eth0"}
	for _, p := range prefixes {
		r.prefixes = append(r.prefixes, netip.MustParsePrefix(p))
	}
	return r
}

func on(link int, prefixes ...string) []takeover.Address {
	var out []takeover.Address
	for _, p := range prefixes {
		out = append(out, takeover.Address{Prefix: netip.MustParsePrefix(p), Link: link})
	}
	return out
}

func (r *router) holds(as ...takeover.Address) *router {
	for _, a := range as {
		r.held[a] = true
	}
	return r
}

func TestReconcileBringsAddressesInLineWithStates(t *testing.T) {
	const a, b = "10.0.0.101/24", "10.0.0.102/24"
	releasing := testRouter(vrrp.Initialize, a).holds(on(2, a)...)
	releasing.releasing = true
	detached := testRouter(vrrp.Active, a)
	detached.link = 0
	moved := testRouter(vrrp.Active, a).holds(on(7, a)...)
	for _, c := range []struct {
		name       string
		routers    []*router
		take, give []takeover.Address
	}{
		{"a Backup holds nothing", []*router{testRouter(vrrp.Backup, a)}, nil, nil},
		{"a new Active takes all", []*router{testRouter(vrrp.Active, a, b)}, on(2, a, b), nil},
		{"an Active that has all is left alone", []*router{testRouter(vrrp.Active, a).holds(on(2, a)...)}, nil, nil},
		{"a lost address is taken again", []*router{testRouter(vrrp.Active, a, b).holds(on(2, a)...)}, on(2, b), nil},
		{"a new Backup gives all", []*router{testRouter(vrrp.Backup, a).holds(on(2, a)...)}, nil, on(2, a)},
		{"an address left out of the configuration goes", []*router{testRouter(vrrp.Active, a).holds(on(2, a, b)...)}, nil, on(2, b)},
		{"a planned release keeps answering", []*router{releasing}, nil, nil},
		{"a detached router takes nothing", []*router{detached}, nil, nil},
		{"an address moves with the interface", []*router{moved}, on(2, a), on(7, a)},
		{"an address that another router wants stays",
			[]*router{testRouter(vrrp.Backup, a).holds(on(2, a)...), testRouter(vrrp.Active, a)}, on(2, a), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := reconcile(c.routers, c.routers)
			if diff := cmp.Diff(c.take, addressesOrNil(got.take), cmp.Comparer(sameAddress)); diff != "" {
				t.Errorf("take (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.give, addressesOrNil(got.give), cmp.Comparer(sameAddress)); diff != "" {
				t.Errorf("give (-want +got):\n%s", diff)
			}
		})
	}
}

func sameAddress(a, b takeover.Address) bool { return a == b }

func addressesOrNil(hs []holding) []takeover.Address {
	if len(hs) == 0 {
		return nil
	}
	out := addressesOf(hs)
	slices.SortFunc(out, func(a, b takeover.Address) int { return a.Prefix.Addr().Compare(b.Prefix.Addr()) })
	return out
}

func TestSourceIsTheFirstAddressOfTheNodesOwn(t *testing.T) {
	own := takeover.InterfaceAddr{Prefix: netip.MustParsePrefix("10.0.0.11/24"), Permanent: true}
	second := takeover.InterfaceAddr{Prefix: netip.MustParsePrefix("10.0.0.12/24"), Permanent: true, Secondary: true}
	marked := takeover.InterfaceAddr{Prefix: netip.MustParsePrefix("10.0.0.99/24"), Proto: takeover.Protocol}
	virtual := takeover.InterfaceAddr{Prefix: netip.MustParsePrefix("10.0.0.101/24")}
	local := takeover.InterfaceAddr{Prefix: netip.MustParsePrefix("fe80::11/64"), Permanent: true}
	early := takeover.InterfaceAddr{Prefix: netip.MustParsePrefix("fe80::11/64"), Tentative: true}
	global := takeover.InterfaceAddr{Prefix: netip.MustParsePrefix("2001:db8::11/64"), Permanent: true}
	ours := map[netip.Addr]bool{virtual.Prefix.Addr(): true}
	link := func(as ...takeover.InterfaceAddr) takeover.LinkState {
		return takeover.LinkState{Index: 2, Name: "eth0", Up: true, Addrs: as}
	}
	down := link(own)
	down.Up = false
	for _, c := range []struct {
		name   string
		link   takeover.LinkState
		family vrrp.Family
		source string
		want   string
		err    string
	}{
		{"the first", link(own, second), vrrp.IPv4, "", "10.0.0.11", ""},
		{"not a virtual one", link(virtual, marked, own), vrrp.IPv4, "", "10.0.0.11", ""},
		{"the configured one", link(own, second), vrrp.IPv4, "10.0.0.12", "10.0.0.12", ""},
		{"link-local for IPv6", link(global, local), vrrp.IPv6, "", "fe80::11", ""},
		{"the IPv4 source says nothing of IPv6", link(local), vrrp.IPv6, "10.0.0.11", "fe80::11", ""},
		{"no interface", takeover.LinkState{}, vrrp.IPv4, "", "", "interface eth0 does not exist"},
		{"down", down, vrrp.IPv4, "", "", "interface eth0 is down"},
		{"down and untracked", down, vrrp.IPv4, "", "10.0.0.11", ""},
		{"only virtual ones", link(virtual, marked), vrrp.IPv4, "", "", "interface eth0 has no IPv4 address of its own"},
		{"configured one absent", link(own), vrrp.IPv4, "10.0.0.77", "", "source 10.0.0.77 is not on interface eth0"},
		{"tentative", link(early), vrrp.IPv6, "", "", "the ipv6 address of interface eth0 is still tentative"},
		{"no link-local", link(global), vrrp.IPv6, "", "", "interface eth0 has no IPv6 link-local address"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &spec{service: &conf.Service{Interface: "eth0", TrackInterface: c.name != "down and untracked"}, vrrp: vrrp.Config{Family: c.family}}
			if c.source != "" {
				s.service.Source = netip.MustParseAddr(c.source)
			}
			got, err := source(c.link, s, ours)
			if c.err != "" {
				if err == nil || err.Error() != c.err {
					t.Fatalf("error %v, want %q", err, c.err)
				}
				return
			}
			if err != nil || got != netip.MustParseAddr(c.want) {
				t.Errorf("source %v, %v; want %s", got, err, c.want)
			}
		})
	}
}
