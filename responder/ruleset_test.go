// SPDX-License-Identifier: Apache-2.0

package responder

import (
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// names renders elements as "set address port" for comparison.
func names(list []element) []string {
	var s []string
	for _, e := range list {
		name := e.set.String() + " " + e.addr.String()
		if e.port != (Port{}) {
			name += " " + e.port.String()
		}
		s = append(s, name)
	}
	return s
}

func TestElementsOfTargets(t *testing.T) {
	a4, a6 := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("fd00::1")
	ssh, dns := Port{TCP, 22}, Port{UDP, 53}
	for _, c := range []struct {
		name    string
		targets []Target
		want    []string
	}{
		{"nothing", nil, nil},
		{"whole IPv4 address", []Target{{Address: a4}}, []string{"address4 10.0.0.1", "reset4 10.0.0.1", "unreach4 10.0.0.1"}},
		{"whole IPv6 address", []Target{{Address: a6}}, []string{"address6 fd00::1", "reset6 fd00::1", "unreach6 fd00::1"}},
		{"IPv4 written as IPv6", []Target{{Address: netip.MustParseAddr("::ffff:10.0.0.1")}}, []string{"address4 10.0.0.1", "reset4 10.0.0.1", "unreach4 10.0.0.1"}},
		{"link-local with its zone", []Target{{Address: netip.MustParseAddr("fe80::1%eth0"), Ports: []Port{ssh}}}, []string{"address6 fe80::1", "port6 fe80::1 tcp/22"}},
		{
			"a port with words of its own", []Target{{Address: a6, Spoken: []Port{ssh}}, {Address: a4, Ports: []Port{dns, ssh}, Spoken: []Port{dns, dns}}},
			[]string{"address4 10.0.0.1", "address6 fd00::1", "reset6 fd00::1", "unreach6 fd00::1", "port4 10.0.0.1 tcp/22", "port4 10.0.0.1 udp/53",
				"spoken4 10.0.0.1 udp/53", "spoken6 fd00::1 tcp/22"},
		},
		{"ports", []Target{{Address: a4, Ports: []Port{dns, ssh, dns}}}, []string{"address4 10.0.0.1", "port4 10.0.0.1 tcp/22", "port4 10.0.0.1 udp/53"}},
		{
			"ports of two services at one address", []Target{{Address: a4, Ports: []Port{dns}}, {Address: a4, Ports: []Port{ssh}}},
			[]string{"address4 10.0.0.1", "port4 10.0.0.1 tcp/22", "port4 10.0.0.1 udp/53"},
		},
		{
			"whole wins over ports named before", []Target{{Address: a4, Ports: []Port{dns}}, {Address: a4}},
			[]string{"address4 10.0.0.1", "reset4 10.0.0.1", "unreach4 10.0.0.1"},
		},
		{
			"whole wins over ports named after", []Target{{Address: a4}, {Address: a4, Ports: []Port{dns}}},
			[]string{"address4 10.0.0.1", "reset4 10.0.0.1", "unreach4 10.0.0.1"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := elements(c.targets)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, names(got)); d != "" {
				t.Errorf("elements (-want +got):\n%s", d)
			}
		})
	}
}

func TestUnusableTargetsAreAllNamed(t *testing.T) {
	_, err := elements([]Target{
		{}, {Address: netip.MustParseAddr("0.0.0.0")}, {Address: netip.MustParseAddr("ff02::1")},
		{Address: netip.MustParseAddr("10.0.0.1"), Ports: []Port{{TCP, 0}, {132, 80}}},
	})
	want := []string{
		"refuse invalid IP: not the address of a host", "refuse 0.0.0.0: not the address of a host",
		"refuse ff02::1: not the address of a host", "port tcp/0: want 1 to 65535", "port protocol 132/80: want tcp or udp",
	}
	if err == nil {
		t.Fatal("no error")
	}
	if d := cmp.Diff(want, strings.Split(err.Error(), "\n")); d != "" {
		t.Errorf("errors (-want +got):\n%s", d)
	}
}

// drawTargets makes targets from few addresses and ports, so that they meet.
func drawTargets(t *rapid.T, label string) []Target {
	addr := rapid.SampledFrom([]netip.Addr{
		netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("fd00::1"), netip.MustParseAddr("fd00::2"),
	})
	port := rapid.Custom(func(t *rapid.T) Port {
		return Port{rapid.SampledFrom([]uint8{TCP, UDP}).Draw(t, "proto"), rapid.Uint16Range(1, 3).Draw(t, "number")}
	})
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Target {
		return Target{addr.Draw(t, "address"), rapid.SliceOfN(port, 0, 3).Draw(t, "ports"), rapid.SliceOfN(port, 0, 2).Draw(t, "spoken")}
	}), 0, 6).Draw(t, label)
}

// Applying the difference between any two states to the first gives the second, and touches nothing that stays.
func TestDiffLeadsFromOneStateToTheOther(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		have, err := elements(drawTargets(t, "have"))
		if err != nil {
			t.Fatal(err)
		}
		want, err := elements(drawTargets(t, "want"))
		if err != nil {
			t.Fatal(err)
		}
		add, remove := diff(have, want)
		state := map[element]bool{}
		for _, e := range have {
			state[e] = true
		}
		for _, e := range remove {
			if !state[e] {
				t.Fatalf("removes %v, which is not there", e)
			}
			delete(state, e)
		}
		for _, e := range add {
			if state[e] {
				t.Fatalf("adds %v, which is there", e)
			}
			state[e] = true
		}
		got := slices.SortedFunc(maps.Keys(state), element.compare)
		if d := cmp.Diff(names(want), names(got)); d != "" {
			t.Fatalf("(-want +got):\n%s", d)
		}
		for _, e := range append(add, remove...) {
			back, ok := parseKey(e.set, e.appendKey(nil))
			if !ok || back != e {
				t.Fatalf("key of %v reads %v", e, back)
			}
		}
	})
}

// A packet to a whole or partly refused address must pass the gate: an address of any element is in it, and only those.
func TestGateHoldsExactlyTheRefusedAddresses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list, err := elements(drawTargets(t, "targets"))
		if err != nil {
			t.Fatal(err)
		}
		gate, refused := map[netip.Addr]bool{}, map[netip.Addr]bool{}
		for _, e := range list {
			if e.set.role == roleAddress {
				gate[e.addr] = true
			} else {
				refused[e.addr] = true
			}
		}
		if d := cmp.Diff(refused, gate, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); d != "" {
			t.Fatalf("(-refused +gate):\n%s", d)
		}
	})
}

func FuzzParseKey(f *testing.F) {
	a4, a6 := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("fd00::1")
	for _, s := range allSets() {
		e := element{set: s, addr: a4}
		if s.v6 {
			e.addr = a6
		}
		if s.ported() {
			e.port = Port{TCP, 80}
		}
		f.Add(uint8(s.role), s.v6, e.appendKey(nil))
	}
	f.Fuzz(func(t *testing.T, r uint8, v6 bool, key []byte) {
		e, ok := parseKey(setID{role(r % uint8(roles)), v6}, key)
		if ok && !slices.Equal(e.appendKey(nil), key) {
			t.Errorf("%x reads %v, which writes %x", key, e, e.appendKey(nil))
		}
	})
}
