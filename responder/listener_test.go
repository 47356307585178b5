// SPDX-License-Identifier: Apache-2.0

package responder

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWhichListenersAreInTheWay(t *testing.T) {
	a4, a6 := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("fd00::1")
	any4, any6 := netip.IPv4Unspecified(), netip.IPv6Unspecified()
	ports := func(a netip.Addr) []Target {
		return []Target{{Address: a, Ports: []Port{{TCP, 80}, {UDP, 53}}}}
	}
	for _, c := range []struct {
		name     string
		refused  []Target
		listener Listener
		want     bool
	}{
		{"wildcard on a refused port", ports(a4), Listener{Proto: TCP, Address: any4, Port: 80}, true},
		{"wildcard on another port", ports(a4), Listener{Proto: TCP, Address: any4, Port: 81}, false},
		{"wildcard on the port of another protocol", ports(a4), Listener{Proto: UDP, Address: any4, Port: 80}, false},
		{"wildcard of UDP", ports(a4), Listener{Proto: UDP, Address: any4, Port: 53}, true},
		{"any port of a whole address", whole(a4), Listener{Proto: UDP, Address: any4, Port: 4711}, true},
		{"IPv6 wildcard takes IPv4", ports(a4), Listener{Proto: TCP, Address: any6, Port: 80}, true},
		{"IPv6 wildcard that takes no IPv4", ports(a4), Listener{Proto: TCP, Address: any6, Port: 80, Only6: true}, false},
		{"IPv6 only wildcard against IPv6", ports(a6), Listener{Proto: TCP, Address: any6, Port: 80, Only6: true}, true},
		{"IPv4 wildcard against IPv6", whole(a6), Listener{Proto: TCP, Address: any4, Port: 80}, false},
		{"the refused address itself", ports(a4), Listener{Proto: TCP, Address: a4, Port: 80}, true},
		{"the refused address written as IPv6", whole(a4), Listener{Proto: TCP, Address: netip.MustParseAddr("::ffff:10.0.0.1"), Port: 9}, true},
		{"an address of its own", whole(a4), Listener{Proto: TCP, Address: netip.MustParseAddr("10.0.0.2"), Port: 80}, false},
		{"nothing refused", nil, Listener{Proto: TCP, Address: any6, Port: 80}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			list, err := elements(c.refused)
			if err != nil {
				t.Fatal(err)
			}
			if got := index(list, func(netip.Addr) bool { return false }).inTheWay(c.listener); got != c.want {
				t.Errorf("in the way: want %v, got %v", c.want, got)
			}
			if index(list, func(netip.Addr) bool { return true }).inTheWay(c.listener) {
				t.Error("in the way of an address that is served here")
			}
		})
	}
}

func TestListenersAreReportedOnceAndUDPOnlyIfItStays(t *testing.T) {
	tcp := Listener{Proto: TCP, Address: netip.IPv4Unspecified(), Port: 80}
	udp := Listener{Proto: UDP, Address: netip.IPv4Unspecified(), Port: 53}
	passing := Listener{Proto: UDP, Address: netip.IPv4Unspecified(), Port: 40000}
	var s sightings
	for i, step := range []struct{ now, found, gone []Listener }{
		{now: []Listener{tcp, udp, passing}, found: []Listener{tcp}},
		{now: []Listener{tcp, udp}, found: []Listener{udp}},
		{now: []Listener{udp, tcp, passing, tcp}},
		{now: []Listener{udp}, gone: []Listener{tcp}},
		{now: []Listener{udp, tcp}, found: []Listener{tcp}},
	} {
		found, gone := s.look(step.now)
		type both struct{ Found, Gone []Listener }
		if d := cmp.Diff(both{step.found, step.gone}, both{found, gone}, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); d != "" {
			t.Errorf("look %d (-want +got):\n%s", i, d)
		}
	}
}

func TestListenerSaysWhoAndWhere(t *testing.T) {
	l := Listener{Proto: UDP, Address: netip.IPv6Unspecified(), Port: 53, UID: 101}
	if want, got := "udp [::]:53 by a process of user 101", l.String(); got != want {
		t.Errorf("want %q, got %q", want, got)
	}
	l.Process = "named (process 7)"
	if want, got := "udp [::]:53 by named (process 7)", l.String(); got != want {
		t.Errorf("want %q, got %q", want, got)
	}
}
