// SPDX-License-Identifier: Apache-2.0

package vrrp

import (
	"net/netip"
	"testing"
	"time"
)

// aloneFollower is an Active IPv6 virtual router whose IPv4 leader cannot run.
func aloneFollower(t *testing.T, p Priority, host byte) (*Router, Config, netip.Addr) {
	t.Helper()
	r := NewRouter()
	leader := Config{Family: IPv4, VRID: 51, Version: 3, Priority: p, Interval: 100 * time.Millisecond, PreemptBelow: 255,
		Addresses: []netip.Addr{netip.MustParseAddr("10.0.1.51")}}
	follower := leader
	follower.Family, follower.Leader, follower.Addresses = IPv6, 1, []netip.Addr{netip.MustParseAddr("fe80::1:51")}
	for id, c := range []Config{leader, follower} {
		if err := r.Add(ID(id+1), c); err != nil {
			t.Fatal(err)
		}
	}
	src := netip.AddrFrom16([16]byte{0: 0xfe, 1: 0x80, 15: host})
	r.Up(0, 2, Link{Interface: 1, Source: src}, nil)
	r.Expire(r.Deadline(), nil)
	if s, _ := r.Status(2); s.State != Active {
		t.Fatalf("a follower without its leader is %s, want active", s.State)
	}
	return r, follower, src
}

// hear gives a router the advert of another node.
func hear(r *Router, now Time, c Config, p Priority, src netip.Addr) State {
	dst := c.Family.Group()
	r.Receive(now, Packet{Interface: 1, Family: c.Family, Source: src, Destination: dst, TTL: 255, Message: AppendMessage(nil, &c, p, src, dst)}, nil)
	s, _ := r.Status(2)
	return s.State
}

// Two nodes whose IPv4 sides cannot run become Active for IPv6 at once. Their adverts cross, and so do those that say so.
func TestAloneFollowersDoNotGiveWayToEachOther(t *testing.T) {
	t.Parallel()
	a, c, addrA := aloneFollower(t, 100, 1)
	b, _, addrB := aloneFollower(t, 100, 2)
	now := Time(500 * time.Millisecond)
	if got := hear(a, now, c, 100, addrB); got != Backup {
		t.Errorf("the node with the lower address is %s, want backup", got)
	}
	if got := hear(b, now, c, 100, addrA); got != Active {
		t.Errorf("the node with the higher address is %s, want active", got)
	}
	if got := hear(b, now.Add(time.Millisecond), c, 100, addrA); got != Active { // the last advert of the other one
		t.Errorf("the node with the higher address is %s after the other one's last advert, want active", got)
	}
	later := now.Add(time.Minute)
	for b.Deadline() < later {
		b.Expire(b.Deadline(), nil)
	}
	if got := hear(b, later, c, 100, addrA); got != Active { // another time
		t.Errorf("the node with the higher address is %s at the next encounter, want active", got)
	}
}

// A worse Active that goes on moves with its IPv4 side: the one without gives way.
func TestAloneFollowerGivesWayToWhoStays(t *testing.T) {
	t.Parallel()
	r, c, _ := aloneFollower(t, 200, 2)
	other := netip.MustParseAddr("fe80::1")
	now := Time(500 * time.Millisecond)
	if got := hear(r, now, c, 100, other); got != Active {
		t.Errorf("after one advert of a worse Active: %s, want active", got)
	}
	if got := hear(r, now.Add(100*time.Millisecond), c, 100, other); got != Backup {
		t.Errorf("after two adverts of a worse Active: %s, want backup", got)
	}
}
