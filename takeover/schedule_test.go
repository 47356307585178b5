// SPDX-License-Identifier: Apache-2.0

package takeover

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// announcements makes 10.0.0.1, 10.0.0.2 … on a link.
func announcements(link, from, count int) []Announcement {
	var as []Announcement
	for i := range count {
		as = append(as, Announcement{
			Address: netip.AddrFrom4([4]byte{10, 0, byte((from + i) >> 8), byte(from + i)}), Link: link, HardwareAddr: vmac,
		})
	}
	return as
}

// play runs a schedule until a time and writes down what leaves when: "0s link/last-byte-of-address …".
func play(s *schedule, from, until time.Duration) string {
	var b strings.Builder
	at := time.Duration(-1)
	for now := from; ; {
		for a := s.take(epoch.Add(now)); a != nil; a = s.take(epoch.Add(now)) {
			if now != at {
				fmt.Fprintf(&b, "\n%s", now)
				at = now
			}
			ip := a.Address.As4()
			fmt.Fprintf(&b, " %d/%d", a.Link, ip[3])
			s.sent(epoch.Add(now), a)
		}
		d, ok := s.deadline()
		if !ok || d.Sub(epoch) > until {
			return strings.TrimSpace(b.String())
		}
		if d.Sub(epoch) <= now {
			return b.String() + " stuck"
		}
		now = d.Sub(epoch)
	}
}

func TestScheduleOfAnnouncements(t *testing.T) {
	for _, c := range []struct {
		name   string
		policy Policy
		links  int
		until  time.Duration
		want   string
	}{
		{"zero policy is once", Policy{}, 1, time.Hour, "0s 1/1 1/2 1/3"},
		{"first of all before second of any", Policy{Repeat: 2}, 1, time.Hour, "0s 1/1 1/2 1/3 1/1 1/2 1/3"},
		{"on all links", Policy{Repeat: 2}, 2, time.Hour, "0s 1/1 1/2 1/3 2/1 2/2 2/3 1/1 1/2 1/3 2/1 2/2 2/3"},
		{
			"second set and refresh", Policy{Repeat: 2, Delay: 5 * time.Second, Refresh: 20 * time.Second}, 1, 45 * time.Second,
			"0s 1/1 1/2 1/3 1/1 1/2 1/3\n5s 1/1 1/2 1/3 1/1 1/2 1/3\n20s 1/1 1/2 1/3\n40s 1/1 1/2 1/3",
		},
		{
			"several in a refresh", Policy{Refresh: time.Minute, RefreshRepeat: 2}, 1, time.Minute,
			"0s 1/1 1/2 1/3\n1m0s 1/1 1/2 1/3 1/1 1/2 1/3",
		},
		{
			"paced, each link by itself", Policy{Repeat: 2, Interval: 10 * time.Millisecond}, 2, time.Hour,
			"0s 1/1 2/1\n10ms 1/2 2/2\n20ms 1/3 2/3\n30ms 1/1 2/1\n40ms 1/2 2/2\n50ms 1/3 2/3",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			var s schedule
			var as []Announcement
			for l := range c.links {
				as = append(as, announcements(l+1, 1, 3)...)
			}
			s.start(epoch, as, c.policy)
			if diff := cmp.Diff(strings.Split(c.want, "\n"), strings.Split(play(&s, 0, c.until), "\n")); diff != "" {
				t.Errorf("announcements (-want +got):\n%s", diff)
			}
			if c.policy.Refresh == 0 && len(s.places) != 0 {
				t.Errorf("%d addresses are remembered for nothing", len(s.places))
			}
		})
	}
}

func TestNewAddressesOvertakeRepetitions(t *testing.T) {
	var s schedule
	s.start(epoch, announcements(1, 1, 2), Policy{Repeat: 3, Interval: time.Millisecond})
	got := play(&s, 0, 2*time.Millisecond)
	s.start(epoch.Add(2500*time.Microsecond), announcements(1, 7, 2), Policy{Repeat: 1, Interval: time.Millisecond})
	got += "\n" + play(&s, 2500*time.Microsecond, time.Hour)
	want := "0s 1/1\n1ms 1/2\n2ms 1/1\n3ms 1/7\n4ms 1/8\n5ms 1/2\n6ms 1/1\n7ms 1/2"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("announcements (-want +got):\n%s", diff)
	}
}

func TestFailingLinkRestsAndKeepsItsTurn(t *testing.T) {
	var s schedule
	s.start(epoch, append(announcements(1, 1, 2), announcements(2, 1, 2)...), Policy{Repeat: 1})
	a := s.take(epoch)
	s.failed(epoch, a, time.Second)
	got := play(&s, 0, time.Hour)
	if want := "0s 2/1 2/2\n1s 1/1 1/2"; got != want {
		t.Errorf("announcements %q, want %q", got, want)
	}
}

func TestMissedRefreshesAreLeftOut(t *testing.T) {
	var s schedule
	s.start(epoch, announcements(1, 1, 1), Policy{Refresh: time.Second})
	got := play(&s, 0, 0) + "\n" + play(&s, 10500*time.Millisecond, 12*time.Second)
	if want := "0s 1/1\n10.5s 1/1\n11s 1/1\n12s 1/1"; got != want {
		t.Errorf("announcements %q, want %q", got, want)
	}
}

func TestAnnouncementsWithoutEthernetAreLeftOut(t *testing.T) {
	var s schedule
	s.start(epoch, []Announcement{
		{Address: netip.MustParseAddr("10.0.0.1"), Link: 1},
		{Link: 1, HardwareAddr: vmac},
		{Address: netip.MustParseAddr("10.0.0.1"), HardwareAddr: vmac},
	}, Policy{})
	if a := s.take(epoch); a != nil {
		t.Errorf("announces %v", a.Announcement)
	}
}

// Whatever is started, stopped and fails, in any order: nothing leaves for a stopped address, nothing leaves early,
// and an (n+1)-th announcement never leaves while an n-th of the same moment waits on a link that may send.
func TestScheduleProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s schedule
		now := epoch
		type life struct {
			start time.Time
			p     Policy
			n     int
		}
		alive := map[place]*life{}
		t.Repeat(map[string]func(*rapid.T){
			"start": func(t *rapid.T) {
				as := announcements(rapid.IntRange(1, 3).Draw(t, "link"), rapid.IntRange(1, 9).Draw(t, "from"), 4)
				p := Policy{
					Repeat:  rapid.IntRange(0, 3).Draw(t, "repeat"),
					Delay:   time.Duration(rapid.IntRange(0, 3).Draw(t, "delay")) * time.Second,
					Refresh: time.Duration(rapid.IntRange(0, 2).Draw(t, "refresh")) * time.Second,
				}
				s.start(now, as, p)
				for _, a := range as {
					alive[place{a.Address, a.Link}] = &life{start: now, p: p}
				}
			},
			"stop": func(t *rapid.T) {
				a := announcements(rapid.IntRange(1, 3).Draw(t, "link"), rapid.IntRange(1, 12).Draw(t, "address"), 1)[0]
				s.stop(a)
				delete(alive, place{a.Address, a.Link})
			},
			"wait": func(t *rapid.T) {
				now = now.Add(time.Duration(rapid.IntRange(0, 2500).Draw(t, "ms")) * time.Millisecond)
			},
			"send": func(t *rapid.T) {
				first := true
				last := map[int]int{}
				for a := s.take(now); a != nil; a = s.take(now) {
					l := alive[place{a.Address, a.Link}]
					if l == nil {
						t.Fatalf("%v leaves after it was stopped", a.Announcement)
					}
					repeat := max(l.p.Repeat, 1)
					sets := repeat
					if l.p.Delay > 0 {
						sets *= 2
					}
					earliest := l.start
					if l.n >= repeat && l.n < sets {
						earliest = l.start.Add(l.p.Delay)
					} else if l.n >= sets {
						earliest = l.start.Add(l.p.Refresh)
					}
					if now.Before(earliest) {
						t.Fatalf("announcement %d of %v leaves %s early", l.n, a.Announcement, earliest.Sub(now))
					}
					if a.rank < last[0] {
						t.Fatalf("announcement of rank %d leaves after one of rank %d", a.rank, last[0])
					}
					last[0] = a.rank
					l.n++
					if first && rapid.Bool().Draw(t, "fails") {
						l.n--
						s.failed(now, a, time.Millisecond)
						delete(last, 0)
						first = false
						continue
					}
					s.sent(now, a)
				}
			},
			"": func(t *rapid.T) {
				for _, e := range s.places {
					if e.heap == nil || e.position >= e.heap.Len() {
						t.Fatalf("%v is in no heap", e.Announcement)
					}
				}
			},
		})
	})
}
