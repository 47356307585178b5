// SPDX-License-Identifier: Apache-2.0

package vrrp

import (
	"net/netip"
	"testing"
	"time"
)

// Both families of a service wake from one sleep. The IPv4 side alone judges whether it was too long, or the IPv6 side would
// wait for a leader that never moved.
func TestFollowerIsLateWithItsLeaderOnly(t *testing.T) {
	t.Parallel()
	const interval = 100 * time.Millisecond
	r := NewRouter()
	leader := Config{Family: IPv4, VRID: 51, Version: 3, Priority: Owner, Interval: interval, Addresses: []netip.Addr{netip.MustParseAddr("10.0.1.51")}}
	follower := leader
	follower.Family, follower.Leader, follower.Addresses = IPv6, 1, []netip.Addr{netip.MustParseAddr("fe80::1:51")}
	for id, c := range []Config{leader, follower} {
		if err := r.Add(ID(id+1), c); err != nil {
			t.Fatal(err)
		}
	}
	r.Up(0, 1, Link{Interface: 1, Source: netip.MustParseAddr("10.0.0.1")}, nil)
	r.Up(0, 2, Link{Interface: 1, Source: netip.MustParseAddr("fe80::1")}, nil)
	// Priority 0 of the IPv4 side of another node starts the timer of ours anew; that of its IPv6 side was lost.
	src, dst := netip.MustParseAddr("10.0.0.2"), IPv4.Group()
	now := Time(interval / 2)
	r.Receive(now, Packet{Interface: 1, Family: IPv4, Source: src, Destination: dst, TTL: 255, Message: AppendMessage(nil, &leader, Release, src, dst)}, nil)
	s, _ := r.Status(1)
	now = Time(interval).Add(s.ActiveDownInterval + interval/4) // too late for the IPv6 side's deadline, not for the other
	r.Expire(now, nil)
	for id, want := range map[ID]State{1: Active, 2: Active} {
		if s, _ := r.Status(id); s.State != want {
			t.Errorf("virtual router %d is %s after the sleep, want %s", id, s.State, want)
		}
	}
	now = now.Add(time.Minute)
	src, dst = netip.MustParseAddr("fe80::2"), IPv6.Group()
	for range 3 { // what waited in the IPv6 socket is read first
		r.Receive(now, Packet{Interface: 1, Family: IPv6, Source: src, Destination: dst, TTL: 255, Message: AppendMessage(nil, &follower, Owner, src, dst)}, nil)
	}
	r.Expire(now, nil)
	for id, want := range map[ID]State{1: Backup, 2: Backup} {
		if s, _ := r.Status(id); s.State != want {
			t.Errorf("virtual router %d is %s after a sleep that was too long for both, want %s", id, s.State, want)
		} else if s.Counters.LateWakeups != 1 {
			t.Errorf("virtual router %d woke late %d times, want 1", id, s.Counters.LateWakeups)
		}
	}
}
