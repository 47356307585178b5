// SPDX-License-Identifier: Apache-2.0

package vrrp

import (
	"net/netip"
	"testing"
	"time"
)

// pair are both families of a service: 1 is IPv4 and leads, 2 is IPv6.
func pair(t *testing.T) *station {
	t.Helper()
	follower := config6()
	follower.Leader = 1
	return newStation(t, config4(), follower)
}

const (
	comes = "2: backup to active: moves with the IPv4 side"
	goes  = "2: active to backup: moves with the IPv4 side"
)

func TestFollowerMovesWithItsLeaderInOneBatch(t *testing.T) {
	t.Parallel()
	s := pair(t)
	s.up(1, 2)
	s.due(dead) // the leader's; the follower waits for nothing
	wants(t, s.next(), "send 100", timesOut, "2: send 100", comes)
	wants(t, s.hear(1, 200, lower4), "send 100", "2: send 100", losesByPriority, goes)
	s.due(dead)
	wants(t, s.hear(1, Release, lower4), releases)
	wants(t, s.next(), "send 100", isReleased, "2: send 100", comes)
	wants(t, s.r.Yield(s.now, 1, ReasonYield, nil), "active to backup: stepped back", goes)
	s.next()
	wants(t, s.r.Yield(s.now, 2, ReasonYield, nil), "active to backup: stepped back", goes) // asked of either
	s.next()
	wants(t, s.r.Release(s.now, 1, nil), "send 0", stops, "2: send 0", "2: active to initialize: stopped")
	wants(t, s.hear(1, 50, lower4), "inherited: another node is active")
	wants(t, s.hear(2, 50, lower6), "2: inherited: another node is active")
}

// Each side of a pair starts and stops in any order.
func TestFollowerStartsWhereItsLeaderIs(t *testing.T) {
	t.Parallel()
	s := pair(t)
	s.up(1)
	s.next()
	wants(t, s.up(2), "2: initialize to backup: started", "2: send 100", comes)
	wants(t, s.r.Down(s.now, 2, ReasonLink, nil), "2: send 0", "2: active to initialize: the interface cannot be used")
	s.state(1, Active)
	wants(t, s.up(2), "2: initialize to backup: started", "2: send 100", comes)
	wants(t, s.r.Down(s.now, 1, ReasonLink, nil), "send 0", "active to initialize: the interface cannot be used", "2: send 0", goes)
	s.due(dead) // from now on it acts alone
	wants(t, s.next(), "2: send 100", "2"+": "+timesOut)
	wants(t, s.up(1), becomesBackup) // it is where the other is not, until the leader hears of another or becomes Active
	s.state(2, Active)
	wants(t, s.hear(1, 200, higher4), goes)
}

func TestOwnersFollowerIsActiveWithIt(t *testing.T) {
	t.Parallel()
	follower := config6()
	follower.Leader, follower.Priority = 1, Owner
	s := newStation(t, owner(), follower)
	wants(t, s.up(2, 1), "2: send 255", "2: initialize to active: owns the address", "send 255", "initialize to active: owns the address")
	s = newStation(t, owner(), follower)
	wants(t, s.up(1, 2), "send 255", "initialize to active: owns the address", "2: initialize to backup: started", "2: send 255", comes)
}

// IPv6 adverts decide nothing while there is a leader: neither a higher priority nor a higher address, nor silence.
func TestFollowerNotesBetterActive(t *testing.T) {
	t.Parallel()
	s := pair(t).elect()
	wants(t, s.hear(2, 200, lower6), "2: note: "+NoteGroup.String())
	wants(t, s.hear(2, 100, higher6))
	wants(t, s.hear(2, Release, higher6), "2: send 100")
	wants(t, s.hear(2, 50, higher6), "2: send 100", "2: "+tellsRival)
	s.state(2, Active)
	s.hear(1, 200, higher4)
	s.hear(2, Release, higher6)
	for range 100 { // IPv4 goes on, IPv6 is silent: nobody moves
		s.hear(1, 200, higher4)
		wants(t, s.pass(time.Second))
	}
	s.state(2, Backup)
}

// Two nodes disagree about IPv6 alone, as when only its adverts are lost. The IPv4 sides decide, and each IPv6 side follows.
func TestFamiliesNeverEndApart(t *testing.T) {
	t.Parallel()
	for _, first := range []Family{IPv4, IPv6} {
		a, b := pair(t).elect(), pair(t).elect()
		for id := range ID(2) {
			b.r.machines[id+1].link.Source = []netip.Addr{higher4, lower6}[id] // ties differ by family
		}
		for range 3 {
			for _, f := range []Family{first, IPv4 + IPv6 - first} {
				id, fromA, fromB := ID(1), self4, higher4
				if f == IPv6 {
					id, fromA, fromB = 2, self6, lower6
				}
				if st, _ := a.r.Status(id); st.State == Active {
					b.hear(id, 100, fromA)
				}
				if st, _ := b.r.Status(id); st.State == Active {
					a.hear(id, 100, fromB)
				}
			}
		}
		for id := range ID(2) {
			a.state(id+1, Backup)
			b.state(id+1, Active)
		}
	}
}

func TestFollowerOutlivesItsLeader(t *testing.T) {
	t.Parallel()
	s := pair(t).elect()
	wants(t, s.r.Remove(s.now, 1, nil), "send 0", stops, "2: send 0", goes)
	wants(t, s.next(), "2: send 100", "2: "+timesOut)
	wants(t, s.hear(2, 200, lower6), "2: send 100", "2: "+losesByPriority) // it decides for itself
	wants(t, s.r.Remove(s.now, 2, nil), "2: backup to initialize: stopped")
	if s.r.Len() != 0 || s.r.Deadline() != Never {
		t.Error("something is left")
	}
}

// Alone, an IPv6 side steps in where nobody is, and pre-empts nobody.
func TestAloneFollowerDoesNotPreempt(t *testing.T) {
	t.Parallel()
	s := pair(t)
	s.up(2)
	for range 100 {
		wants(t, s.hear(2, 1, lower6))
		wants(t, s.pass(time.Second))
	}
	s.hear(2, Release, lower6)
	wants(t, s.next(), "2: send 100", "2: "+isReleased)
}

// After a sleep whichever socket is read first wakes both sides: neither speaks, and neither is left where the other is not.
func TestFamiliesWakeTogether(t *testing.T) {
	t.Parallel()
	for id := range ID(2) {
		s := pair(t).elect()
		s.now = s.now.Add(time.Minute)
		wants(t, s.hear(id+1, 50, []netip.Addr{lower4, lower6}[id]), isLate, goes, []string{"", "2: "}[id]+preemptsSoon)
		wants(t, s.r.Expire(s.now, nil))
		s.due(dead)
	}
}
