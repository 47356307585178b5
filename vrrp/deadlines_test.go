// SPDX-License-Identifier: Apache-2.0

package vrrp

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"
)

// Machines of one group change their deadlines in one call; whoever is next must still be found.
func TestRouterFindsNextDeadlineWhenGroupsMove(t *testing.T) {
	t.Parallel()
	const groups = 8
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 0))
		r := NewRouter()
		var out []Action
		for g := range groups {
			id := ID(2*g + 1)
			c := Config{Family: IPv4, VRID: VRID(g + 1), Version: 3, Priority: 100, Interval: time.Duration(1+rng.IntN(50)) * centi,
				PreemptBelow: 255, Addresses: []netip.Addr{netip.AddrFrom4([4]byte{10, 0, 1, 1})}}
			if err := r.Add(id, c); err != nil {
				t.Fatal(err)
			}
			c.Family, c.Addresses, c.Leader = IPv6, []netip.Addr{netip.MustParseAddr("fe80::1:1")}, id
			if err := r.Add(id+1, c); err != nil {
				t.Fatal(err)
			}
			for _, id := range []ID{id + 1, id} {
				out = r.Up(0, id, Link{Interface: 1, Source: source(id, 5)}, out[:0])
			}
		}
		now := Time(0)
		for range 200 {
			now = now.Add(time.Duration(rng.Int64N(int64(100 * time.Millisecond))))
			id := ID(1 + rng.IntN(2*groups))
			m := r.machines[id]
			switch rng.IntN(6) {
			case 0:
				out = r.Down(now, id, ReasonLink, out[:0])
			case 1:
				out = r.Up(now, id, m.link, out[:0])
			case 2:
				out = r.Yield(now, id, ReasonYield, out[:0])
			default:
				src, dst := source(id, 9), m.cfg.Family.Group()
				p := []Priority{Release, 50, 200}[rng.IntN(3)]
				out = r.Receive(now, Packet{Interface: 1, Family: m.cfg.Family, Source: src, Destination: dst, TTL: 255,
					Message: AppendMessage(nil, &m.cfg, p, src, dst)}, out[:0])
			}
			if rng.IntN(2) == 0 {
				out = r.Expire(now, out[:0])
			}
			want := Never
			for _, m := range r.machines {
				want = min(want, m.deadline)
			}
			if got := r.Deadline(); got != want {
				t.Fatalf("seed %d at %d: next deadline %d, want %d", seed, now, got, want)
			}
		}
	}
}

// source is an address of a node for the family of a virtual router in the test above.
func source(id ID, host byte) netip.Addr {
	if id%2 == 1 {
		return netip.AddrFrom4([4]byte{10, 0, 0, host})
	}
	return netip.AddrFrom16([16]byte{0: 0xfe, 1: 0x80, 15: host})
}
