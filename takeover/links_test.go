// SPDX-License-Identifier: Apache-2.0

package takeover

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

var prefixes = cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })

func ifaddr(s string) InterfaceAddr { return InterfaceAddr{Prefix: netip.MustParsePrefix(s)} }

func TestChangesAreNet(t *testing.T) {
	table := linkTable{}
	step := func(f func(d *differences)) Change {
		var d differences
		f(&d)
		return d.change()
	}
	a := Address{netip.MustParsePrefix("10.0.0.1/24"), 2}
	eth0 := LinkState{Index: 2, Name: "eth0", Up: true, MTU: 1500}
	for _, c := range []struct {
		name string
		do   func(d *differences)
		want Change
	}{
		{"link appears", func(d *differences) { table.link(eth0, d) }, Change{Links: []int{2}}},
		{"link is told again", func(d *differences) { table.link(eth0, d) }, Change{}},
		{"address on an unknown link", func(d *differences) { table.address(3, ifaddr("10.0.0.1/24"), d) }, Change{}},
		{
			"address appears", func(d *differences) { table.address(2, ifaddr("10.0.0.1/24"), d) },
			Change{Links: []int{2}, Added: []Address{a}},
		},
		{"lease is renewed", func(d *differences) { table.address(2, ifaddr("10.0.0.1/24"), d) }, Change{}},
		{"address turns usable", func(d *differences) {
			table.address(2, InterfaceAddr{Prefix: a.Prefix, Proto: Protocol}, d)
		}, Change{Links: []int{2}}},
		{"gone and back", func(d *differences) {
			table.unaddress(2, a.Prefix, d)
			table.address(2, ifaddr("10.0.0.1/24"), d)
		}, Change{Links: []int{2}}},
		{"there and gone", func(d *differences) {
			table.address(2, ifaddr("10.0.0.9/24"), d)
			table.unaddress(2, netip.MustParsePrefix("10.0.0.9/24"), d)
		}, Change{Links: []int{2}}},
		{"link goes down", func(d *differences) {
			down := eth0
			down.Up = false
			table.link(down, d)
		}, Change{Links: []int{2}}},
		{"link made anew with another index", func(d *differences) {
			table.unlink(2, d)
			anew := eth0
			anew.Index = 7
			table.link(anew, d)
		}, Change{Links: []int{2, 7}, Removed: []Address{a}}},
		{"unknown link vanishes", func(d *differences) { table.unlink(2, d) }, Change{}},
		{"unknown address vanishes", func(d *differences) { table.unaddress(7, a.Prefix, d) }, Change{}},
	} {
		if diff := cmp.Diff(c.want, step(c.do), prefixes); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestSnapshotsDoNotChangeLater(t *testing.T) {
	table := linkTable{}
	var d differences
	table.link(LinkState{Index: 2, Name: "eth0"}, &d)
	table.address(2, ifaddr("10.0.0.1/24"), &d)
	table.address(2, ifaddr("10.0.0.2/24"), &d)
	before := table.snapshot()
	want := fmt.Sprint(before)
	table.address(2, InterfaceAddr{Prefix: netip.MustParsePrefix("10.0.0.1/24"), Tentative: true}, &d)
	table.unaddress(2, netip.MustParsePrefix("10.0.0.2/24"), &d)
	table.address(2, ifaddr("10.0.0.3/24"), &d)
	if got := fmt.Sprint(before); got != want {
		t.Errorf("the snapshot changed from %s to %s", want, got)
	}
}

// A table that was fed with notifications, one that lost some and was read anew, and the differences that either told,
// agree.
func TestTableProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		live, lossy := linkTable{}, linkTable{}
		var told differences
		seen := map[Address]bool{} // what a listener that only hears changes believes
		hear := func(c Change) {
			for _, a := range c.Added {
				if seen[a] {
					t.Fatalf("%s was added twice", a)
				}
				seen[a] = true
			}
			for _, a := range c.Removed {
				if !seen[a] {
					t.Fatalf("%s was removed, but never there", a)
				}
				delete(seen, a)
			}
		}
		event := func(f func(tb linkTable, d *differences)) {
			var ignored differences
			f(live, &ignored)
			if rapid.IntRange(0, 2).Draw(t, "lost") > 0 {
				f(lossy, &told)
			}
		}
		index := rapid.IntRange(1, 3)
		prefix := rapid.Custom(func(t *rapid.T) netip.Prefix {
			return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(rapid.IntRange(1, 5).Draw(t, "host"))}), 24)
		})
		t.Repeat(map[string]func(*rapid.T){
			"link": func(t *rapid.T) {
				l := LinkState{Index: index.Draw(t, "index"), Up: rapid.Bool().Draw(t, "up")}
				event(func(tb linkTable, d *differences) { tb.link(l, d) })
			},
			"unlink": func(t *rapid.T) {
				i := index.Draw(t, "index")
				event(func(tb linkTable, d *differences) { tb.unlink(i, d) })
			},
			"address": func(t *rapid.T) {
				i, p, v := index.Draw(t, "index"), prefix.Draw(t, "prefix"), rapid.Bool().Draw(t, "tentative")
				event(func(tb linkTable, d *differences) { tb.address(i, InterfaceAddr{Prefix: p, Tentative: v}, d) })
			},
			"unaddress": func(t *rapid.T) {
				i, p := index.Draw(t, "index"), prefix.Draw(t, "prefix")
				event(func(tb linkTable, d *differences) { tb.unaddress(i, p, d) })
			},
			"tell": func(*rapid.T) {
				hear(told.change())
				told = differences{}
			},
			"resync": func(t *rapid.T) {
				var later differences
				lossy.replace(live, &later)
				told.merge(&later)
				hear(told.change())
				told = differences{}
				sorted := cmpopts.SortSlices(func(a, b InterfaceAddr) bool { return a.Prefix.Compare(b.Prefix) < 0 })
				if diff := cmp.Diff(live.snapshot(), lossy.snapshot(), prefixes, sorted, cmpopts.EquateEmpty()); diff != "" {
					t.Fatalf("tables differ after reading anew (-want +got):\n%s", diff)
				}
				for _, l := range live.snapshot() {
					for _, a := range l.Addrs {
						if !seen[Address{a.Prefix, l.Index}] {
							t.Fatalf("nobody was told of %s", a.Prefix)
						}
					}
				}
			},
		})
	})
}

func TestRecordedLeavesWhatIsNotOurs(t *testing.T) {
	links := []LinkState{{Index: 2, Name: "eth0", Addrs: []InterfaceAddr{
		{Prefix: netip.MustParsePrefix("10.0.0.1/24"), Permanent: true},
		{Prefix: netip.MustParsePrefix("10.0.0.2/24")},
		{Prefix: netip.MustParsePrefix("10.0.0.3/24"), Permanent: true},
		{Prefix: netip.MustParsePrefix("10.0.0.4/24"), Proto: 3},
		{Prefix: netip.MustParsePrefix("10.0.0.5/24"), Proto: Protocol},
		{Prefix: netip.MustParsePrefix("10.0.0.6/24")},
	}}, {Index: 3, Name: "eth1", Addrs: []InterfaceAddr{{Prefix: netip.MustParsePrefix("10.0.0.2/24")}}}}
	record := func(p, name string, leased bool) Record { return Record{netip.MustParsePrefix(p), name, leased} }
	got := Recorded(links, []Record{
		record("10.0.0.1/24", "eth0", true), record("10.0.0.2/24", "eth0", true), record("10.0.0.3/24", "eth0", false),
		record("10.0.0.4/24", "eth0", true), record("10.0.0.5/24", "eth0", true), record("10.0.0.7/24", "eth0", true),
	})
	var names []string
	for _, a := range got {
		names = append(names, a.String())
	}
	want := []string{"10.0.0.2/24 on link 2", "10.0.0.3/24 on link 2", "10.0.0.5/24 on link 2"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("leftovers (-want +got):\n%s", diff)
	}
	if got := Marked(links); !slices.Equal(got, []Address{{netip.MustParsePrefix("10.0.0.5/24"), 2}}) {
		t.Errorf("marked: %v", got)
	}
}
