// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestAddressesFallIntoTheirSets(t *testing.T) {
	t.Parallel()
	address := func(text string, link int) Address { return Address{netip.MustParseAddr(text), link} }
	got, err := elementsOf([]Address{address("fe80::1", 3), address("10.0.0.1", 7), address("2001:db8::1", 3), address("fe80::1", 2), address("10.0.0.1", 0)})
	want := []element{{four, netip.MustParseAddr("10.0.0.1"), 0}, {six, netip.MustParseAddr("2001:db8::1"), 0},
		{local, netip.MustParseAddr("fe80::1"), 2}, {local, netip.MustParseAddr("fe80::1"), 3}}
	if !slices.Equal(got, want) || err != nil {
		t.Errorf("%v %v", got, err)
	}
	for _, bad := range []Address{{}, address("fe80::1", 0), address("::ffff:10.0.0.1", 0), {netip.MustParseAddr("fe80::1%eth0"), 2}} {
		if _, err := elementsOf([]Address{bad}); err == nil {
			t.Errorf("%v: no error", bad)
		}
	}
}

func TestKeysAreReadBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a := Address{Link: rapid.IntRange(1, 1<<20).Draw(t, "link")}
		b := rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "address")
		switch rapid.IntRange(0, 2).Draw(t, "kind") {
		case 0:
			b = b[:4]
		case 1:
			b[0], b[1] = 0xfe, 0x80
		}
		a.Addr, _ = netip.AddrFromSlice(b) // of a right length
		e, err := elementOf(a)
		if err != nil {
			return // mapped
		}
		got, ok := parseKey(e.set, e.key())
		if e.set != local {
			a.Link = 0
		}
		if !ok || got != a {
			t.Fatalf("%v became %v %v", a, got, ok)
		}
	})
}

func FuzzParseKey(f *testing.F) {
	f.Add(uint8(local), make([]byte, 20))
	f.Fuzz(func(t *testing.T, s uint8, b []byte) {
		a, ok := parseKey(set(s)%sets, b)
		if !ok {
			return
		}
		if e, err := elementOf(a); err != nil || string(e.key()) != string(b) {
			t.Errorf("%x became %v", b, a)
		}
	})
}

func TestDiffLeadsFromOneToTheOther(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string) []element {
			var as []Address
			for _, n := range rapid.SliceOf(rapid.ByteRange(1, 9)).Draw(t, name) {
				as = append(as, Address{Addr: netip.AddrFrom4([4]byte{10, 0, 0, n})})
			}
			es, err := elementsOf(as)
			if err != nil {
				t.Fatal(err)
			}
			return es
		}
		have, want := draw("have"), draw("want")
		add, remove := diff(have, want)
		got := slices.DeleteFunc(slices.Clone(have), func(e element) bool { return slices.Contains(remove, e) })
		got = append(got, add...)
		slices.SortFunc(got, element.compare)
		if !slices.Equal(got, want) {
			t.Fatal(cmp.Diff(want, got, cmp.AllowUnexported(element{}), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })))
		}
	})
}
