// SPDX-License-Identifier: Apache-2.0

package vrrp

import (
	"testing"
	"time"
)

// suspicious is a Backup of priority 100 that has just heard its Active, of priority 200.
func suspicious(t *testing.T) *station {
	t.Helper()
	c := config4()
	c.Suspect = true
	s := newStation(t, c)
	s.up(1)
	s.hear(1, 200, higher4)
	return s
}

// kinds counts the actions of a kind.
func kinds(acts []Action, k ActionKind) int {
	n := 0
	for _, a := range acts {
		if a.Kind == k {
			n++
		}
	}
	return n
}

func (s *station) hold(want bool) {
	s.t.Helper()
	if _, did := s.r.Hold(s.now, 1, nil); did != want {
		s.t.Errorf("held: %t, want %t", did, want)
	}
}

func TestBackupThatMissesTwoAdvertsSaysSoOnceASilence(t *testing.T) {
	s := suspicious(t)
	if acts := s.pass(2 * time.Second); len(acts) != 0 {
		t.Fatalf("after two intervals already: %+v", acts)
	}
	acts := s.pass(500 * time.Millisecond)
	if len(acts) != 1 || acts[0].Kind != Suspect || acts[0].Peer != higher4 || acts[0].PeerPriority != 200 {
		t.Fatalf("after two and a half intervals: %+v", acts)
	}
	s.hear(1, 200, higher4) // another silence
	if n := kinds(s.pass(2500*time.Millisecond), Suspect); n != 1 {
		t.Errorf("%d suspicions in the second silence", n)
	}
	s.state(1, Backup)
	if n := kinds(s.pass(2*time.Second), Suspect); n != 0 {
		t.Errorf("%d more suspicions in the same silence", n)
	}
	s.state(1, Active)
}

func TestRouterThatHearsNobodyAtItsStartSaysSo(t *testing.T) {
	c := config4()
	c.Suspect = true
	s := newStation(t, c)
	s.up(1)
	acts := s.pass(2500 * time.Millisecond)
	if len(acts) != 1 || acts[0].Kind != Suspect || acts[0].Peer.IsValid() {
		t.Fatalf("after two and a half intervals: %+v", acts)
	}
	s.hold(true)
	s.pass(3 * time.Second)
	s.state(1, Backup)
}

func TestHoldPutsTheTakeoverOffOnce(t *testing.T) {
	s := suspicious(t)
	s.hold(false) // nothing is suspected yet
	s.pass(2500 * time.Millisecond)
	s.hold(true)
	s.hold(false)
	down := 3*time.Second + 156*time.Second/256
	s.pass(2*down - 2500*time.Millisecond - time.Millisecond)
	s.state(1, Backup)
	s.pass(2 * time.Millisecond)
	s.state(1, Active)
	s.hold(false)
}

func TestAdvertEndsASilenceThatIsHeld(t *testing.T) {
	s := suspicious(t)
	s.pass(2500 * time.Millisecond)
	s.hold(true)
	s.hear(1, 200, higher4)
	s.due(2*time.Second + 156*time.Second/256/4)
	s.pass(2500 * time.Millisecond)
	s.hold(true) // a new silence, a new chance
	s.hear(1, 0, higher4)
	s.pass(156*time.Second/256 + time.Millisecond)
	s.state(1, Active)
}

func TestReleaseRaisesNoSuspicionAndCannotBeHeld(t *testing.T) {
	s := suspicious(t)
	s.hear(1, 0, higher4)
	s.hold(false)
	if n := kinds(s.pass(time.Second), Suspect); n != 0 {
		t.Errorf("%d suspicions", n)
	}
	s.state(1, Active)
}

// An Active that is to be pre-empted is heard all the time: its silence is not the reason.
func TestPreemptionRaisesNoSuspicion(t *testing.T) {
	c := config4()
	c.Suspect = true
	s := newStation(t, c)
	s.up(1)
	for range 5 {
		s.hear(1, 50, lower4)
		if n := kinds(s.pass(time.Second), Suspect); n != 0 {
			t.Fatalf("%d suspicions", n)
		}
	}
	s.state(1, Active)
}

func TestNobodyIsSuspectedWithoutTheOption(t *testing.T) {
	s := newStation(t, config4())
	s.up(1)
	s.hear(1, 200, higher4)
	if n := kinds(s.pass(5*time.Second), Suspect); n != 0 {
		t.Errorf("%d suspicions", n)
	}
	s = suspicious(t)
	c := config4()
	s.r.Update(s.now, 1, c, nil)
	if n := kinds(s.pass(5*time.Second), Suspect); n != 0 {
		t.Errorf("%d suspicions after a reload without the option", n)
	}
}

func TestFollowersAreHeldWithTheirLeader(t *testing.T) {
	c4, c6 := config4(), config6()
	c4.Suspect, c6.Suspect = true, true
	c6.Leader = 1
	s := newStation(t, c4, c6)
	s.up(1, 2)
	s.hear(1, 200, higher4)
	s.hear(2, 200, higher6)
	if n := kinds(s.pass(2500*time.Millisecond), Suspect); n != 1 {
		t.Errorf("%d suspicions, want the leader's alone", n)
	}
	s.hold(true)
	s.pass(3 * time.Second)
	s.state(1, Backup)
	s.state(2, Backup)
}

// What policy does with an Active that may not serve: it releases, and stands by when its heir was heard.
func TestReleaseAndComeBackStandsBy(t *testing.T) {
	s := newStation(t, config4())
	s.up(1)
	s.elect()
	s.state(1, Active)
	s.r.Release(s.now, 1, nil)
	if acts := s.hear(1, 90, lower4); kinds(acts, Inherited) != 1 {
		t.Fatalf("the heir was not noticed: %+v", acts)
	}
	s.r.SetPriority(s.now, 1, 50, nil)
	s.up(1)
	s.state(1, Backup)
	for range 10 {
		s.hear(1, 90, lower4)
		s.pass(time.Second)
		s.state(1, Backup)
	}
}
