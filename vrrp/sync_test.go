// SPDX-License-Identifier: Apache-2.0

package vrrp

import (
	"cmp"
	"slices"
	"testing"
	"time"
)

// mates is a sync group of virtual routers 1 and 3 with VRIDs 51 and 53; 2 is the IPv6 side of 1. Each edit is for 1 or 3.
func mates(t *testing.T, edits ...func(a, b *Config)) *station {
	t.Helper()
	a, b, follower := config4(), config4(), config6()
	b.VRID, follower.Leader = 53, 1
	for _, edit := range edits {
		edit(&a, &b)
	}
	follower.Priority = a.Priority
	s := newStation(t, a, follower, b)
	wants(t, s.r.SetGroup(s.now, []ID{1, 2, 3}, nil))
	return s
}

// together makes such a group Active.
func together(t *testing.T, edits ...func(a, b *Config)) *station {
	t.Helper()
	s := mates(t, edits...)
	s.up(1, 2, 3)
	s.pass(dead)
	for id := range ID(3) {
		s.state(id+1, Active)
	}
	return s
}

const (
	joins  = "3: backup to active: moves with its sync group"
	leaves = "3: active to backup: moves with its sync group"
)

// The one whose timer ends last is first, the rest comes with it.
func TestGroupWaitsForItsLastMember(t *testing.T) {
	t.Parallel()
	s := mates(t)
	s.up(3)
	s.now = s.now.Add(second / 2)
	s.up(1, 2)
	wants(t, s.pass(dead-second/2))
	if st, _ := s.r.Status(3); !st.Waiting || st.State != Backup {
		t.Errorf("%s, waiting %t; want a backup that waits", st.State, st.Waiting)
	}
	wants(t, s.pass(second/2), "send 100", timesOut, "2: send 100", comes, "3: send 100", joins)
	if out := s.pass(second); kinds(out, SendAdvert) != 3 || len(out) != 3 {
		t.Errorf("did %q, want an advert of each", words(out))
	}
}

// Who waits is ready as long as nobody better is heard.
func TestMemberWaitsAsLongAsItTakes(t *testing.T) {
	t.Parallel()
	s := mates(t)
	s.up(1, 2)
	s.pass(time.Minute)
	s.state(1, Backup)
	s.up(3)
	s.pass(dead)
	s.state(1, Active)
	s.state(3, Active)

	s = mates(t)
	s.up(1, 2, 3)
	for range 60 {
		s.hear(3, 200, higher4)
		s.pass(second)
	}
	s.hear(1, 200, higher4) // its wish is over
	s.pass(second)
	s.hear(3, Release, higher4)
	s.pass(skewed)
	s.state(3, Backup)
	s.pass(dead - second - skewed)
	s.state(1, Active)
	s.state(3, Active)
}

// A member that hears an Active of lower priority is ready before its own timer ends.
func TestBestHeardMemberDoesNotKeepTheGroupWaiting(t *testing.T) {
	t.Parallel()
	s := mates(t)
	s.up(1, 2, 3)
	s.pass(2 * second)
	s.hear(3, 200, higher4)
	s.hear(3, 50, lower4)
	s.hear(1, Release, higher4)
	s.pass(skewed)
	s.state(1, Active)
	s.state(3, Active)
}

// After a sleep it has listened for a whole Active_Down_Interval first.
func TestMemberThatSleptIsNotTheBestAtOnce(t *testing.T) {
	t.Parallel()
	s := mates(t, func(_, b *Config) { b.Interval = 10 * time.Second })
	s.up(1, 2, 3)
	s.pass(29 * second)
	s.now = s.now.Add(9 * second) // the timer of 3 ends in it, the sleep is too long for 1
	wants(t, s.r.Expire(s.hearsLower(1), nil))
	s.state(1, Backup)
	s.pass(dead)
	s.state(1, Active)
	s.state(3, Active)
}

// hearsLower hears an Active of lower priority, and returns the instant.
func (s *station) hearsLower(id ID) Time {
	s.hear(id, 50, lower4)
	return s.now
}

// A follower that was Active alone goes back with a leader that has to wait for its group; it does not if that is over within
// the time to its next advert.
func TestFollowerDoesNotOutrunTheGroup(t *testing.T) {
	t.Parallel()
	s := mates(t)
	s.up(2)
	s.pass(dead)
	s.state(2, Active)
	s.up(1)
	s.pass(dead - 1)
	s.state(2, Active)
	s.pass(second)
	s.state(2, Backup)
	s.up(3)
	s.pass(dead)
	s.state(2, Active)

	s = mates(t)
	s.up(2)
	s.pass(dead + second/2)
	s.up(1)
	s.now = s.now.Add(time.Millisecond)
	s.up(3)
	for _, a := range s.pass(time.Minute) {
		if a.ID == 2 && a.Kind == Enter {
			t.Errorf("it went to %s", a.To)
		}
	}
}

// Better for one member and worse for another: who is Active stays.
func TestAsymmetricPrioritiesMoveNobody(t *testing.T) {
	t.Parallel()
	s := mates(t, func(_, b *Config) { b.Priority = 200 })
	s.up(1, 2, 3)
	for range 60 {
		s.hear(1, 150, higher4)
		s.hear(3, 150, higher4)
		if n := kinds(s.pass(second), Enter); n != 0 {
			t.Fatalf("%d transitions", n)
		}
	}
	s.hear(1, Release, higher4)
	s.pass(skewed)
	s.state(3, Active) // it was ready all the time
	s.state(1, Active)
}

// A wish to pre-empt that is no longer true does not count, and does not block the group for ever.
func TestLoweredMemberWishesAnew(t *testing.T) {
	t.Parallel()
	s := mates(t, func(_, b *Config) { b.Priority = 200 })
	s.up(1, 2, 3)
	for range 5 {
		s.hear(1, 150, higher4)
		s.hear(3, 150, higher4)
		s.pass(second)
	}
	s.r.SetPriority(s.now, 3, 100, nil)
	s.hear(1, 150, higher4)
	s.hear(3, 150, higher4)
	s.due(dead)
	s.pass(dead) // now the other node is gone
	s.state(1, Active)
	s.state(3, Active)
}

func TestOneMemberOutvotedTakesAllBack(t *testing.T) {
	t.Parallel()
	s := together(t)
	wants(t, s.hear(3, 200, higher4), "3: send 100", "3: active to backup: a node with a higher priority is active",
		"send 0", "2: send 0", "active to backup: moves with its sync group", goes)
	s.due(dead)
	s = together(t)
	wants(t, s.hear(1, 200, higher4), "send 100", "2: send 100", losesByPriority, goes, "3: send 0", leaves)
	s.due(dead)
}

func TestOneMemberDownTakesAllBack(t *testing.T) {
	t.Parallel()
	s := together(t)
	wants(t, s.r.Down(s.now, 3, ReasonLink, nil), "3: send 0", "3: active to initialize: the interface cannot be used",
		"send 0", "2: send 0", "active to backup: moves with its sync group", goes)
	wants(t, s.pass(time.Minute))
	s.up(3)
	s.pass(dead - 1)
	s.state(1, Backup)
	s.pass(1)
	s.state(1, Active)
	s.state(3, Active)
	wants(t, s.r.Down(s.now, 2, ReasonLink, nil), "2: send 0", "2: active to initialize: the interface cannot be used") // no member
}

// Who may say nothing leaves without a word, and so does its group.
func TestGroupYieldsAndSleepsInSilence(t *testing.T) {
	t.Parallel()
	s := together(t)
	wants(t, s.r.Yield(s.now, 3, ReasonYield, nil), "3: active to backup: stepped back", "active to backup: moves with its sync group", goes)
	s = together(t)
	s.now = s.now.Add(time.Minute)
	got := s.r.Expire(s.now, nil)
	if n := kinds(got, Enter); n != 3 || n != len(got) {
		t.Errorf("did %q, want three steps back and nothing else", words(got))
	}
	s.due(dead)
	s = mates(t, func(_, b *Config) { b.Interval = 10 * time.Second })
	s.up(1, 2, 3)
	s.pass(time.Minute)
	s.state(1, Active)
	s.now = s.now.Add(6 * time.Second) // too long for one, and not for the other, which says so
	wants(t, s.r.Expire(s.now, nil), isLate, goes, "3: send 0", leaves)
}

func TestReleasedGroupsWaitForTheirHeirs(t *testing.T) {
	t.Parallel()
	s := together(t)
	out := s.r.Release(s.now, 1, nil)
	wants(t, s.r.Release(s.now, 3, out), "send 0", stops, "2: send 0", "2: active to initialize: stopped", "3: send 0", "3: active to initialize: stopped")
	wants(t, s.r.Expire(s.now, nil))
	wants(t, s.hear(3, 50, lower4), "3: inherited: another node is active")
	s = together(t)
	s.r.Release(s.now, 1, nil)
	s.state(3, Active)
	s.due(0)
	wants(t, s.r.Expire(s.now, nil), "3: send 0", leaves)
}

func TestGroupOfOwnersStartsAtOnce(t *testing.T) {
	t.Parallel()
	s := mates(t, func(a, b *Config) { a.Priority, b.Priority = Owner, Owner })
	s.up(1, 2)
	wants(t, s.r.Expire(s.now, nil))
	s.state(1, Backup)
	s.up(3)
	wants(t, s.r.Expire(s.now, nil), "3: send 255", "3: backup to active: owns the address", "send 255", "backup to active: moves with its sync group",
		"2: send 255", comes)
	s = mates(t, func(_, b *Config) { b.Priority = Owner })
	s.up(1, 2, 3)
	s.pass(dead)
	s.state(1, Active)
	s.state(3, Active)
}

// Who shall be in a group and does not exist is missed; who is removed is not.
func TestMembershipChanges(t *testing.T) {
	t.Parallel()
	s := newStation(t, config4())
	s.r.SetGroup(s.now, []ID{1, 2}, nil)
	s.up(1)
	s.pass(time.Minute)
	s.state(1, Backup)
	b := config4()
	b.VRID = 52
	if err := s.r.Add(2, b); err != nil {
		t.Fatal(err)
	}
	s.pass(time.Minute)
	s.state(1, Backup)
	wants(t, s.r.Remove(s.now, 2, nil), "send 100", timesOut)

	s = together(t)
	wants(t, s.r.Remove(s.now, 3, nil), "3: send 0", "3: active to initialize: stopped")
	s.state(1, Active)

	s = together(t)
	wants(t, s.r.SetGroup(s.now, []ID{3, 2, 1}, nil)) // the same one
	wants(t, s.r.SetGroup(s.now, []ID{1, 7}, nil), "send 0", "2: send 0", "active to backup: moves with its sync group", goes)
	s.state(3, Active)
	s.pass(time.Minute)
	wants(t, s.r.SetGroup(s.now, []ID{1}, nil), "send 100", timesOut, "2: send 100", comes)
	if len(s.r.groups) != 4 { // 7 alone, 1 alone, and 3 with its follower
		t.Errorf("%d virtual routers are in groups", len(s.r.groups))
	}
}

// A group is formed around a member that is Active: the others follow, unless they hear somebody better.
func TestGroupIsFormedAroundAnActive(t *testing.T) {
	t.Parallel()
	form := func() *station {
		s := newStation(t, config4(), config6(), func() Config { c := config4(); c.VRID = 53; return c }())
		s.up(1)
		s.pass(dead)
		s.up(3)
		wants(t, s.r.SetGroup(s.now, []ID{1, 3}, nil))
		s.state(1, Active)
		return s
	}
	s := form()
	s.pass(dead)
	s.state(1, Active)
	s.state(3, Active)
	s = form()
	wants(t, s.hear(3, 200, higher4), "send 0", "active to backup: moves with its sync group")
	s = form()
	wants(t, s.r.Down(s.now, 3, ReasonLink, nil), "3: backup to initialize: the interface cannot be used", "send 0", "active to backup: moves with its sync group")
}

// A rival of one is announced against by all.
func TestGroupAnnouncesAgainTogether(t *testing.T) {
	t.Parallel()
	s := together(t)
	wants(t, s.hear(3, 50, lower4), "3: send 100", "3: "+tellsRival, tellsRival)
}

// Groups of any size, started, broken and repaired: never is one member Active and another not, but between a release and Expire.
func TestGroupIsNeverApart(t *testing.T) {
	t.Parallel()
	var ids []ID
	var configs []Config
	for i := range 40 {
		c := config4()
		c.VRID, c.Priority = VRID(i+1), Priority(100+i)
		configs, ids = append(configs, c), append(ids, ID(i+1))
	}
	s := newStation(t, configs...)
	s.r.SetGroup(s.now, ids, nil)
	steps := []func(id ID){
		func(id ID) { s.up(id) },
		func(id ID) { s.r.Down(s.now, id, ReasonLink, nil); s.up(id) },
		func(id ID) { s.hear(id, 254, higher4) },
		func(id ID) { s.hear(id, 1, lower4) },
		func(id ID) { s.hear(id, Release, lower4) },
		func(id ID) { s.r.Release(s.now, id, nil); s.up(id) },
		func(id ID) { s.r.Yield(s.now, id, ReasonYield, nil) },
		func(ID) { s.now = s.now.Add(time.Minute) },
		func(id ID) { s.r.SetPriority(s.now, id, Priority(id)+50, nil) },
	}
	whole := 0
	s.up(ids...)
	for i := range 2000 {
		steps[i*7%len(steps)](ids[i*11%len(ids)])
		s.r.Expire(s.now, nil)
		if i%3 == 0 {
			s.pass(time.Duration(i%5) * second)
		}
		active := 0
		for _, id := range ids {
			if st, _ := s.r.Status(id); st.State == Active {
				active++
			}
		}
		if active != 0 && active != len(ids) {
			t.Fatalf("step %d: %d of %d are active", i, active, len(ids))
		}
		whole += active / len(ids)
		if first := slices.MinFunc(s.r.queue, func(a, b *machine) int { return cmp.Compare(a.next(), b.next()) }); first.next() != s.r.Deadline() {
			t.Fatalf("step %d: the heap is out of order", i)
		}
	}
	if whole < 100 {
		t.Errorf("active after %d of 2000 steps: the test tests little", whole)
	}
}
