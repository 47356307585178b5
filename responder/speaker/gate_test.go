// SPDX-License-Identifier: Apache-2.0

package speaker

import (
	"net/netip"
	"testing"
	"time"
)

func source4(i int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
}

func TestGateBoundsConversations(t *testing.T) {
	now := time.Unix(0, 0)
	g := newGate(5, 3, 100)
	a, b := source4(1), source4(2)
	for i, c := range []struct {
		from netip.Addr
		in   bool
	}{{a, true}, {a, true}, {a, true}, {a, false}, {b, true}, {b, true}, {b, false}, {source4(3), false}} {
		if got := g.enter(now, c.from); got != c.in {
			t.Errorf("conversation %d with %v: let in %t, want %t", i, c.from, got, c.in)
		}
	}
	g.leave(a)
	if !g.enter(now, b) || g.enter(now, a) {
		t.Error("the place that became free went to nobody, or to two")
	}
}

func TestGateBoundsTheRateOfASource(t *testing.T) {
	now := time.Unix(0, 0)
	g := newGate(1000, 1000, 10)
	enter := func(n int) (in int) {
		for range n {
			if g.enter(now, source4(1)) {
				in++
				g.leave(source4(1))
			}
		}
		return in
	}
	if got := enter(100); got != 20 {
		t.Errorf("at once: %d, want a burst of 20", got)
	}
	now = now.Add(500 * time.Millisecond)
	if got := enter(100); got != 5 {
		t.Errorf("after half a second: %d, want 5", got)
	}
	now = now.Add(time.Hour)
	if got := enter(100); got != 20 {
		t.Errorf("after an hour: %d, want a burst of 20", got)
	}
}

// Many sources, as of an attacker, take a bounded memory; what is known of those that have conversations stays.
func TestGateRemembersABoundedNumberOfSources(t *testing.T) {
	now := time.Unix(0, 0)
	g := newGate(1<<30, 1, 10)
	held := source4(0xffffff)
	if !g.enter(now, held) {
		t.Fatal("the first is not let in")
	}
	for i := range 3 * sourcesLimit {
		if g.enter(now, source4(i)) {
			g.leave(source4(i))
		}
	}
	if n := len(g.sources); n > sourcesLimit+1 {
		t.Errorf("%d sources are remembered, want %d at most", n, sourcesLimit)
	}
	if g.enter(now, held) {
		t.Error("the source that has a conversation was forgotten")
	}
	now = now.Add(time.Minute)
	g.enter(now, source4(0xfffff0)) // a new one has the others looked through
	g.leave(source4(0xfffff0))
	if n := len(g.sources); n > 3 {
		t.Errorf("after a minute %d sources are remembered", n)
	}
	g.leave(held)
	if g.open != 0 {
		t.Errorf("%d conversations are counted, none is there", g.open)
	}
}

func TestSourceIsAHost(t *testing.T) {
	for text, want := range map[string]string{
		"10.0.0.1": "10.0.0.1", "::ffff:10.0.0.1": "10.0.0.1", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::", "fe80::1%eth0": "fe80::",
	} {
		if got := sourceOf(netip.MustParseAddr(text)).String(); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}
