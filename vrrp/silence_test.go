// SPDX-License-Identifier: Apache-2.0

package vrrp

import (
	"testing"
	"time"
)

// elected starts everything and lets virtual router 1 become Active.
func elected(s *station) *station {
	s.up(1, 2)
	s.pass(dead)
	s.state(1, Active)
	return s
}

// A silence is what the Active_Down_Timer measures, whatever (re)started it.
func TestEveryTimerOfABackupBeginsASilence(t *testing.T) {
	t.Parallel()
	c4, c6 := config4(), config6()
	c4.Suspect, c6.Suspect = true, true
	c6.Leader = 1
	for name, begin := range map[string]func(s *station) ID{
		"stepped back": func(s *station) ID { elected(s).r.Yield(s.now, 1, ReasonYield, nil); return 1 },
		"slept": func(s *station) ID {
			elected(s).now = s.now.Add(time.Minute)
			s.r.Expire(s.now, nil)
			return 1
		},
		"without its leader": func(s *station) ID { elected(s).r.Down(s.now, 1, ReasonLink, nil); return 2 },
		"another interval": func(s *station) ID {
			s.up(1)
			c := c4
			c.Interval = 2 * time.Second
			s.r.Update(s.now, 1, c, nil)
			s.pass(2500 * time.Millisecond)
			return 1
		},
		"the option is set": func(s *station) ID {
			s.r.machines[1].cfg.Suspect = false
			s.up(1)
			s.r.Update(s.now, 1, c4, nil)
			return 1
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStation(t, c4, c6)
			id := begin(s)
			acts := s.pass(2500 * time.Millisecond)
			if kinds(acts, Suspect) != 1 || acts[0].ID != id || acts[0].Peer.IsValid() {
				t.Errorf("did %+v, want a suspicion of nobody by %d", acts, id)
			}
		})
	}
}

// The Active that was held is another one than that which is pre-empted: nobody waits for the first one any more.
func TestHeldSilenceDoesNotProtectALowerPriority(t *testing.T) {
	t.Parallel()
	s := suspicious(t)
	s.pass(2500 * time.Millisecond)
	s.hold(true)
	s.pass(dead)
	s.hear(1, 50, lower4)
	s.due(2*dead - 2500*time.Millisecond - dead)
	s = suspicious(t)
	s.pass(2500 * time.Millisecond)
	s.hold(true)
	s.hear(1, 50, lower4)
	s.due(dead)
}

// After a sleep what waits is heard first.
func TestNothingIsHeldAfterASleep(t *testing.T) {
	t.Parallel()
	s := suspicious(t)
	s.pass(2500 * time.Millisecond)
	s.now = s.now.Add(time.Minute)
	s.hold(false)
}

// Who is the Active is known from adverts alone, and from being it.
func TestActiveIsForgottenWithItsEnd(t *testing.T) {
	t.Parallel()
	s := newStation(t, config4()).elect()
	s.r.Yield(s.now, 1, ReasonYield, nil)
	if st, _ := s.r.Status(1); st.ActiveAddress.IsValid() || st.ActivePriority != 0 {
		t.Errorf("after it stepped back the active node is %s (%d), want nobody", st.ActiveAddress, st.ActivePriority)
	}
	s.hear(1, 200, higher4)
	s.r.Down(s.now, 1, ReasonLink, nil)
	s.up(1)
	if st, _ := s.r.Status(1); st.ActiveAddress.IsValid() {
		t.Errorf("after a new start the active node is %s, want nobody", st.ActiveAddress)
	}
}

// A release is one of the whole group, also where the leader is down already.
func TestReleaseTakesFollowersOfALeaderThatIsDown(t *testing.T) {
	t.Parallel()
	s := pair(t)
	s.up(2)
	s.next()
	s.state(2, Active)
	wants(t, s.r.Release(s.now, 1, nil), "2: send 0", "2: active to initialize: stopped")
	wants(t, s.r.Release(s.now, 1, nil))
	wants(t, s.hear(2, 50, lower6), "2: inherited: another node is active")
}
