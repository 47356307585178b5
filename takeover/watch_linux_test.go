// SPDX-License-Identifier: Apache-2.0

package takeover

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/regent-ha/regent/internal/netlab"
)

// hear receives changes until ok or a limit; it returns how long that took.
func hear(t *testing.T, w *Watcher, limit time.Duration, what string, ok func(Change) bool) time.Duration {
	t.Helper()
	start := time.Now()
	deadline := time.After(limit)
	for {
		select {
		case c, open := <-w.Changes():
			if !open {
				t.Fatalf("the watcher ended before: %s", what)
			}
			if ok(c) {
				return time.Since(start)
			}
		case <-deadline:
			t.Fatalf("not within %s: %s", limit, what)
		}
	}
}

func TestDeletionByHandIsNoticedAtOnce(t *testing.T) {
	t.Parallel()
	_, a, _ := pair(t)
	k := kernel(t, a)
	w := watcher(t, a, watchBuffer)
	as := on(a, "10.99.0.101/24", "fd99::101/64")
	none(t, k.Add(as, time.Minute))
	var added []Address
	hear(t, w, time.Second, "both addresses are told", func(c Change) bool {
		added = append(added, c.Added...)
		return len(added) == 2
	})
	none(t, k.Refresh(as, time.Minute))
	h := a.Netlink()
	link, err := h.LinkByName("eth0")
	must(t, err)
	for _, one := range as {
		list, err := h.AddrList(link, 0)
		must(t, err)
		for _, found := range list {
			if found.IPNet.String() == one.Prefix.String() {
				must(t, h.AddrDel(link, &found))
			}
		}
		took := hear(t, w, time.Second, "the deletion", func(c Change) bool {
			if len(c.Removed) == 0 {
				t.Errorf("a change without a removal: %+v (a renewed lease is none)", c)
			}
			return slices.Contains(c.Removed, one)
		})
		t.Logf("deletion of %s was noticed after %s", one, took)
	}
}

func TestLinksAreFollowed(t *testing.T) {
	t.Parallel()
	_, a, _ := pair(t)
	w := watcher(t, a, watchBuffer)
	old, ok := w.Link("eth0")
	if !ok || !old.Up || old.HardwareAddr != (MAC{2, 0, 0, 0, 0, 1}) || old.MTU != 1500 || old.Index != a.Index("eth0") {
		t.Errorf("eth0 at the beginning: %+v", old)
	}
	if lo, ok := w.Link("lo"); !ok || lo.HardwareAddr != (MAC{}) {
		t.Errorf("lo at the beginning: %+v", lo)
	}
	state := func() LinkState { l, _ := w.Link("eth0"); return l }
	hearLink := func(what string, index int, f func() bool) {
		t.Helper()
		hear(t, w, 2*time.Second, what, func(c Change) bool { return slices.Contains(c.Links, index) && f() })
	}
	must(t, a.LinkDown())
	hearLink("carrier lost", old.Index, func() bool { return !state().Up })
	must(t, a.LinkUp())
	hearLink("carrier back", old.Index, func() bool { return state().Up })
	run(t, a, "ip", "link", "set", "eth0", "down")
	hearLink("set down", old.Index, func() bool { return !state().Up })
	run(t, a, "ip", "link", "set", "eth0", "address", "02:00:00:00:aa:01", "mtu", "1400", "up")
	hearLink("new address and size", old.Index, func() bool {
		return state().Up && state().MTU == 1400 && state().HardwareAddr == MAC{2, 0, 0, 0, 0xaa, 1}
	})
	run(t, a, "ip", "link", "set", "eth0", "name", "wan0")
	hearLink("renamed", old.Index, func() bool { l, ok := w.Link("wan0"); return ok && l.Index == old.Index })

	run(t, a, "ip", "link", "del", "wan0")
	var removed []Address
	hear(t, w, 2*time.Second, "link and addresses gone", func(c Change) bool {
		removed = append(removed, c.Removed...)
		_, ok := w.Link("wan0")
		return !ok && slices.Contains(removed, Address{netip.MustParsePrefix("10.99.0.1/24"), old.Index})
	})
	run(t, a, "ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth9")
	run(t, a, "ip", "link", "set", "eth9", "up")
	run(t, a, "ip", "link", "set", "eth0", "up")
	hear(t, w, 2*time.Second, "link made anew", func(c Change) bool {
		l, ok := w.Link("eth0")
		return ok && l.Up && l.Index != old.Index && slices.Contains(c.Links, l.Index)
	})
}

// The kernel tells of an address only when duplicate address detection has ended; before, it is in what was read.
func TestTentativeLinkLocalTurnsUsable(t *testing.T) {
	t.Parallel()
	_, a, _ := pair(t)
	early := watcher(t, a, watchBuffer)
	k := kernel(t, a)
	among := func(links []LinkState) (tentative, there bool) {
		for _, l := range links {
			for _, a := range l.Addrs {
				if l.Name == "eth0" && a.Prefix.Addr().IsLinkLocalUnicast() {
					return a.Tentative, true
				}
			}
		}
		return false, false
	}
	linkLocal := func(w *Watcher) (tentative, there bool) { return among(w.Snapshot()) }
	must(t, a.SetSysctl("net.ipv6.conf.eth0.accept_dad", "1"))
	must(t, a.SetSysctl("net.ipv6.conf.eth0.dad_transmits", "1"))
	run(t, a, "ip", "link", "set", "eth0", "down")
	hear(t, early, 5*time.Second, "the link-local address goes with the link", func(Change) bool {
		_, there := linkLocal(early)
		return !there
	})
	run(t, a, "ip", "link", "set", "eth0", "up")
	eventually(t, 2*time.Second, "the kernel has a tentative link-local address", func() bool {
		links, err := k.Links()
		must(t, err)
		tentative, _ := among(links)
		return tentative
	})
	late := watcher(t, a, watchBuffer)
	if tentative, there := linkLocal(late); !there || !tentative {
		t.Errorf("link-local address right after the link came up: there %v, tentative %v", there, tentative)
	}
	for name, w := range map[string]*Watcher{"early": early, "late": late} {
		hear(t, w, 5*time.Second, name+" watcher: that it turned usable", func(Change) bool {
			tentative, there := linkLocal(w)
			return there && !tentative
		})
	}
}

func TestDuplicateIsMarked(t *testing.T) {
	t.Parallel()
	_, a, _ := pair(t)
	w := watcher(t, a, watchBuffer)
	must(t, a.SetSysctl("net.ipv6.conf.eth0.accept_dad", "1"))
	must(t, a.SetSysctl("net.ipv6.conf.eth0.dad_transmits", "1"))
	run(t, a, "ip", "addr", "add", "fd99::2/64", "dev", "eth0") // node b has it
	hear(t, w, 5*time.Second, "the duplicate", func(Change) bool {
		l, _ := w.Link("eth0")
		return slices.ContainsFunc(l.Addrs, func(a InterfaceAddr) bool {
			return a.Prefix == netip.MustParsePrefix("fd99::2/64") && a.Duplicate && a.Tentative
		})
	})
}

func TestChangesOfABatchAreGathered(t *testing.T) {
	t.Parallel()
	_, a, _ := pair(t)
	k := kernel(t, a)
	w := watcher(t, a, watchBuffer)
	as := many(a, 500)
	none(t, k.Add(as, time.Minute)) // while nobody receives
	eventually(t, 5*time.Second, "the watcher has seen all", func() bool {
		l, _ := w.Link("eth0")
		return len(l.Addrs) >= 500
	})
	var changes, added int
	hear(t, w, 5*time.Second, "all addresses", func(c Change) bool {
		changes++
		added += len(c.Added)
		return added == 500
	})
	if changes > 10 {
		t.Errorf("%d changes for one batch", changes)
	}
	none(t, k.Refresh(as, 2*time.Minute))
	none(t, k.Delete(as[:1]))
	hear(t, w, 5*time.Second, "the one that was deleted", func(c Change) bool {
		return cmp.Equal([]Address{as[0]}, c.Removed, prefixes) && len(c.Added) == 0
	})
}

func TestLostNotificationsAreMadeUpFor(t *testing.T) {
	t.Parallel()
	_, a, _ := pair(t)
	k := kernel(t, a)
	w := watcher(t, a, 2048) // holds a few notifications
	as := many(a, 600)
	for i := range as {
		as[i].Prefix = netip.PrefixFrom(as[i].Prefix.Addr(), as[i].Prefix.Addr().BitLen())
	}
	has := map[Address]bool{}
	resyncs := 0
	follow := func(c Change) {
		if c.Resync {
			resyncs++
		}
		for _, one := range c.Added {
			if has[one] {
				t.Errorf("%s was added twice", one)
			}
			has[one] = true
		}
		for _, one := range c.Removed {
			if !has[one] {
				t.Errorf("%s was removed and never added", one)
			}
			delete(has, one)
		}
	}
	none(t, k.Add(as, time.Minute))
	hear(t, w, 10*time.Second, "all that was added", func(c Change) bool { follow(c); return len(has) == len(as) })
	none(t, k.Delete(as[100:]))
	hear(t, w, 10*time.Second, "all that was deleted", func(c Change) bool { follow(c); return len(has) == 100 })
	for _, one := range as[:100] {
		if !has[one] {
			t.Errorf("%s is there, and nobody told", one)
		}
	}
	if resyncs == 0 {
		t.Error("nothing was lost, so nothing was shown")
	}
	t.Logf("%d times read anew", resyncs)
}

func TestLeavingABridgeIsNotVanishing(t *testing.T) {
	t.Parallel()
	lab := netlab.Test(t)
	a := node(t, lab, "a", "10.99.0.1/24")
	w := watcher(t, a, watchBuffer)
	run(t, a, "ip", "link", "add", "p0", "type", "veth", "peer", "name", "p1")
	run(t, a, "ip", "link", "add", "br0", "type", "bridge")
	run(t, a, "ip", "link", "set", "p0", "master", "br0")
	run(t, a, "ip", "link", "set", "p0", "nomaster")
	run(t, a, "ip", "link", "set", "br0", "up") // a last change to wait for
	hear(t, w, 2*time.Second, "br0 is set up", func(Change) bool {
		return strings.Contains(run(t, a, "ip", "link", "show", "br0"), "UP")
	})
	if _, ok := w.Link("p0"); !ok {
		t.Error("a port that left its bridge is taken for removed")
	}
}
