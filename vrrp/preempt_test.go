// SPDX-License-Identifier: Apache-2.0

package vrrp

import (
	"testing"
	"time"
)

// delayed is a router with a delay of 6 s, that was Active and is Backup again, a minute after its start.
func delayed(t *testing.T) *station {
	t.Helper()
	c := config4()
	c.PreemptDelay = 6 * time.Second
	s := newStation(t, c).elect()
	s.pass(time.Minute)
	s.r.Yield(s.now, 1, ReasonYield, nil)
	return s
}

// lower hears a lower priority every second, n times, and reports how often the timer was started anew by it.
func (s *station) lower(n int) int {
	s.t.Helper()
	restarts := 0
	for range n {
		s.hear(1, 50, higher4)
		if s.r.Deadline() == s.now.Add(dead) {
			restarts++
		}
		s.now = s.now.Add(time.Second)
	}
	return restarts
}

// It begins with the first lower priority, not with the state, and is over when it has run: the second one does not prolong it.
func TestPreemptDelayBeginsWithTheFirstLowerPriority(t *testing.T) {
	t.Parallel()
	s := delayed(t)
	s.now = s.now.Add(2 * time.Second)
	if got := s.lower(8); got != 6 {
		t.Errorf("%d adverts were taken for those of the active node, want 6: at 0 to 5 s", got)
	}
	wants(t, s.next(), "send 100", preempts)
}

// An advert that is not lower ends it: the next lower one begins it anew.
func TestPreemptDelayEndsWithAnotherActive(t *testing.T) {
	t.Parallel()
	for _, p := range []Priority{100, 200, Owner} {
		s := delayed(t)
		s.lower(4)
		s.hear(1, p, higher4)
		if got := s.lower(8); got != 6 {
			t.Errorf("after priority %d: %d adverts were tolerated, want 6", p, got)
		}
	}
}

// Neither a new start nor having been Active leaves anything of it.
func TestPreemptDelayBeginsAnewAfterAStart(t *testing.T) {
	t.Parallel()
	s := delayed(t)
	s.lower(8)
	s.r.Down(s.now, 1, ReasonLink, nil)
	s.up(1)
	if got := s.lower(8); got != 6 {
		t.Errorf("after another start: %d adverts were tolerated, want 6", got)
	}
	s.next()
	s.state(1, Active)
	s.r.Yield(s.now, 1, ReasonYield, nil)
	if got := s.lower(8); got != 6 {
		t.Errorf("after it was active: %d adverts were tolerated, want 6", got)
	}
}

// The Active that is tolerated is succeeded when it is silent or releases.
func TestPreemptDelayKeepsNoPlaceEmpty(t *testing.T) {
	t.Parallel()
	s := delayed(t)
	s.hear(1, 50, higher4)
	s.due(dead)
	wants(t, s.next(), "send 100", timesOut)
	s = delayed(t)
	s.hear(1, 50, higher4)
	s.hear(1, Release, higher4)
	s.due(skewed)
	wants(t, s.next(), "send 100", isReleased)
}

func TestPreemptDelayFollowsTheStartDelay(t *testing.T) {
	t.Parallel()
	c := config4()
	c.Delay, c.PreemptDelay = 4*time.Second, 6*time.Second
	s := newStation(t, c)
	s.up(1)
	s.now = s.now.Add(4 * time.Second)
	if got := s.lower(8); got != 6 {
		t.Errorf("%d adverts were tolerated, want 6", got)
	}
}

// Who is pre-empted says farewell. That is no second Active: it is not answered, but what it may have told hosts meanwhile is put
// right. If it advertises again after that, it is one.
func TestFarewellOfThePreemptedIsNoRival(t *testing.T) {
	t.Parallel()
	s := newStation(t, config4())
	s.up(1)
	for range 8 { // until the Active with a lower priority is pre-empted
		s.hear(1, 50, higher4)
		s.pass(config4().Interval / 2)
		if st, _ := s.r.Status(1); st.State == Active {
			break
		}
	}
	s.state(1, Active)
	got := s.hear(1, 50, higher4)
	if len(got) != 1 || got[0].Kind != Announce || got[0].Reason != ReasonPreempt {
		t.Errorf("the farewell makes it do %v, want an announcement alone", got)
	}
	wants(t, s.hear(1, 50, higher4), "send 100", tellsRival)
}

// Whoever is about to be pre-empted, and that it takes a while, is said once in each silence of ten seconds.
func TestPreemptionIsToldBefore(t *testing.T) {
	t.Parallel()
	s := newStation(t, config4()).elect()
	s.r.Yield(s.now, 1, ReasonYield, nil)
	wants(t, s.hear(1, 50, higher4), preemptsSoon)
	wants(t, s.hear(1, 50, higher4))
	s.now = s.now.Add(noteEvery)
	wants(t, s.hear(1, 200, higher4))

	s = delayed(t)
	acts := s.hear(1, 50, higher4)
	wants(t, acts, preemptsLater)
	if acts[0].Interval != 6*time.Second || acts[0].PeerPriority != 50 {
		t.Errorf("told of %v before priority %d is pre-empted, want 6s and 50", acts[0].Interval, acts[0].PeerPriority)
	}
	s.lower(5)
	wants(t, s.hear(1, 200, higher4))
	wants(t, s.hear(1, 50, higher4), preemptsLater)
}

// The interval in force is that of the Active; a change tells both.
func TestAnotherIntervalIsToldWithTheOneBefore(t *testing.T) {
	t.Parallel()
	c := config4()
	s := newStation(t, c).elect()
	s.r.Yield(s.now, 1, ReasonYield, nil)
	other := c
	other.Interval = 3 * c.Interval
	dst := c.Family.Group()
	acts := s.r.Receive(s.now, Packet{Interface: 1, Family: c.Family, Source: higher4, Destination: dst, TTL: 255, Message: AppendMessage(nil, &other, 200, higher4, dst)}, nil)
	if len(acts) != 1 || acts[0].Discard != NoteInterval || acts[0].Before != c.Interval || acts[0].Interval != other.Interval {
		t.Errorf("%+v, want a note from %v to %v", acts, c.Interval, other.Interval)
	}
}

// A release is said once, however often it is sent, until an Active was heard again.
func TestReleaseIsToldOnceInASilence(t *testing.T) {
	t.Parallel()
	s := newStation(t, config4())
	s.up(1)
	s.hear(1, 200, higher4)
	for range 2 {
		wants(t, s.hear(1, Release, higher4), releases)
		wants(t, s.hear(1, Release, higher4))
		wants(t, s.hear(1, 200, higher4))
	}
}
