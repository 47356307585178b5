// SPDX-License-Identifier: Apache-2.0

package vrrp

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestTimers(t *testing.T) {
	t.Parallel()
	const µs = time.Microsecond
	for _, tt := range []struct {
		version  uint8
		priority Priority
		interval time.Duration
		skew     time.Duration
	}{
		{3, 1, time.Second, 996093750},
		{3, 100, time.Second, 609375 * µs},
		{3, 200, time.Second, 218750 * µs},
		{3, 254, time.Second, 7812500},
		{3, 255, time.Second, 3906250},
		{3, 254, centi, 78125}, // 78 µs: whole centiseconds would make it 0
		{3, 255, 100 * time.Millisecond, 390625},
		{3, 1, 40950 * time.Millisecond, 40790039062},
		{2, 1, time.Second, 996093750},
		{2, 100, time.Second, 609375 * µs},
		{2, 255, time.Second, 3906250},
		{2, 100, 10 * time.Second, 609375 * µs}, // of a second, whatever the interval
		{2, 100, 255 * time.Second, 609375 * µs},
	} {
		c := config4()
		c.Version, c.Priority, c.Interval, c.Hold = tt.version, tt.priority, tt.interval, time.Nanosecond
		s := newStation(t, c)
		s.up(1)
		st, _ := s.r.Status(1)
		if down := 3*tt.interval + tt.skew; st.SkewTime != tt.skew || st.ActiveDownInterval != down {
			t.Errorf("version %d, priority %d, %s: skew %s and down %s, want %s and %s", tt.version, tt.priority, tt.interval, st.SkewTime,
				st.ActiveDownInterval, tt.skew, down)
		}
		s.due(3*tt.interval + tt.skew)
	}
}

// Of two priorities the higher one is always earlier, by the same time however short the interval is.
func TestSkewOrdersPriorities(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		version := rapid.SampledFrom([]uint8{2, 3}).Draw(t, "version")
		interval := time.Duration(rapid.IntRange(1, 4095).Draw(t, "interval")) * centi
		low := Priority(rapid.IntRange(1, 254).Draw(t, "low"))
		high := Priority(rapid.IntRange(int(low)+1, 255).Draw(t, "high"))
		later, earlier := skew(version, low, interval), skew(version, high, interval)
		if version == 2 {
			interval = time.Second
		}
		if gap := later - earlier; gap < interval/256*time.Duration(high-low) {
			t.Errorf("priority %d is %s before %d", high, gap, low)
		}
		if earlier <= 0 || later >= interval {
			t.Errorf("skew of %d is %s, of %d %s; want between 0 and %s", high, earlier, low, later, interval)
		}
	})
}

// In Backup a new priority moves the end of the timer to where it had been if the priority had been that from its start.
func TestPriorityMovesTheTimerOfABackup(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		s := newStation(t, config4())
		s.up(1)
		started := s.now
		released := rapid.Bool().Draw(rt, "released")
		if released {
			s.hear(1, Release, higher4)
		}
		base := 3 * time.Second
		if released {
			base = 0
		}
		for _, p := range rapid.SliceOf(rapid.IntRange(1, 255)).Draw(rt, "priorities") {
			if s.now = s.now.Add(time.Millisecond); s.r.Deadline() <= s.now {
				return // Active by now
			}
			s.r.SetPriority(s.now, 1, Priority(p), nil)
			want := started.Add(base + skew(3, Priority(p), time.Second))
			if s.r.Deadline() != max(want, s.now) { // what would be past is now
				rt.Fatalf("priority %d: due %s after the start, want %s", p, s.r.Deadline().Sub(started), want.Sub(started))
			}
		}
	})
}

// A raised priority whose time has come makes Active at once.
func TestRaisedPriorityMayBeDueAtOnce(t *testing.T) {
	t.Parallel()
	s := newStation(t, config4())
	s.up(1)
	s.hear(1, Release, higher4)
	s.pass(skewed - 100*time.Millisecond)
	s.r.SetPriority(s.now, 1, 254, nil)
	s.due(0)
	wants(t, s.next(), "send 254", isReleased)
}

// Whatever is reloaded, an Active's next advert is never later than the one before it said, and what Backups go by stays true.
func TestReloadNeverMissesAnAdvert(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		s := newStation(t, config4()).elect()
		told, last := time.Second, s.now
		for range rapid.IntRange(1, 30).Draw(rt, "steps") {
			var out []Action
			switch rapid.IntRange(0, 3).Draw(rt, "what") {
			case 0:
				c := s.r.machines[1].cfg
				c.Interval = time.Duration(rapid.IntRange(1, 300).Draw(rt, "interval")) * centi
				out = s.r.Update(s.now, 1, c, nil)
			case 1:
				c := s.r.machines[1].cfg
				c.Priority = Priority(rapid.IntRange(1, 255).Draw(rt, "priority"))
				out = s.r.Update(s.now, 1, c, nil)
			case 2:
				out = s.r.SetPriority(s.now, 1, Priority(rapid.IntRange(1, 255).Draw(rt, "priority")), nil)
			default:
				d := time.Duration(rapid.IntRange(1, 3000).Draw(rt, "ms")) * time.Millisecond
				for end := s.now.Add(d); s.r.Deadline() <= end; {
					s.now = s.r.Deadline()
					if gap := s.now.Sub(last); gap > told {
						rt.Fatalf("an advert %s after one that said %s", gap, told)
					}
					if out := s.r.Expire(s.now, nil); len(out) != 1 || out[0].Kind != SendAdvert {
						rt.Fatalf("did %q, want an advert", words(out))
					}
					told, last = s.r.machines[1].cfg.Interval, s.now
				}
				s.now = max(s.now, last)
			}
			if len(out) != 0 {
				rt.Fatalf("a reload did %q", words(out))
			}
			s.state(1, Active)
		}
	})
}

// Adverts are at start + n × interval, however late each of them is.
func TestAdvertsDoNotDrift(t *testing.T) {
	t.Parallel()
	s := newStation(t, config4()).elect()
	start := s.now
	for n := 1; n <= 1000; n++ {
		if want := start.Add(time.Duration(n) * time.Second); s.r.Deadline() != want {
			t.Fatalf("advert %d is due %s off", n, s.r.Deadline().Sub(want))
		}
		s.r.Expire(s.r.Deadline().Add(time.Duration(n*7%900)*time.Millisecond), nil)
	}
}

// A loop that was late by some intervals sends one advert and is back in its rhythm.
func TestMissedAdvertsAreLeftOut(t *testing.T) {
	t.Parallel()
	s := newStation(t, config4()).elect()
	start := s.now
	wants(t, s.r.Expire(start.Add(3500*time.Millisecond), nil), "send 100")
	if want := start.Add(4 * time.Second); s.r.Deadline() != want {
		t.Errorf("the next one is due %s off", s.r.Deadline().Sub(want))
	}
}

// Adverts that are due almost now leave with those that are due, and keep their times.
func TestAdvertsAreGathered(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		interval, apart time.Duration
		together        bool
	}{
		{time.Second, 5 * time.Millisecond, true},
		{time.Second, 5*time.Millisecond + 1, false},
		{100 * time.Millisecond, 2 * time.Millisecond, true},
		{100 * time.Millisecond, 2*time.Millisecond + 1, false},
		{centi, 200 * time.Microsecond, true},
		{centi, 201 * time.Microsecond, false},
	} {
		a := owner()
		a.Interval = tt.interval
		b := a
		b.VRID = 52
		s := newStation(t, a, b)
		s.up(1)
		s.now = s.now.Add(tt.apart)
		s.up(2)
		first := s.r.Deadline()
		want := []string{"send 255"}
		if tt.together {
			want = append(want, "2: send 255")
		}
		wants(t, s.r.Expire(first, nil), want...)
		second := first.Add(tt.apart)
		if tt.together {
			second = first.Add(tt.interval)
		}
		if s.r.Deadline() != second {
			t.Errorf("%s, %s apart: next due %s off", tt.interval, tt.apart, s.r.Deadline().Sub(second))
		}
		if tt.together && s.r.machines[2].deadline != second.Add(tt.apart) {
			t.Errorf("%s, %s apart: the early advert moved the rhythm", tt.interval, tt.apart)
		}
	}
}

// A Backup's timer is never early.
func TestBackupsAreNotGathered(t *testing.T) {
	t.Parallel()
	a, b := config4(), config4()
	b.VRID = 52
	s := newStation(t, a, b)
	s.up(1)
	s.now++
	s.up(2)
	wants(t, s.r.Expire(s.r.Deadline(), nil), "send 100", timesOut)
}
