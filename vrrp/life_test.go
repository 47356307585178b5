// SPDX-License-Identifier: Apache-2.0

package vrrp

import (
	"bytes"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func TestReleaseWaitsForTheHeir(t *testing.T) {
	t.Parallel()
	s := newStation(t, config4()).elect()
	wants(t, s.r.Release(s.now, 1, nil), "send 0", stops)
	wants(t, s.r.Release(s.now, 1, nil)) // once
	if st, _ := s.r.Status(1); !st.Releasing {
		t.Error("it does not say that it waits")
	}
	wants(t, s.pass(skewed))
	wants(t, s.hear(1, Release, lower4)) // leaves too
	wants(t, s.hear(1, 1, lower4), "inherited: another node is active")
	wants(t, s.pass(time.Hour))
	if st, _ := s.r.Status(1); st.Releasing {
		t.Error("it waits for ever")
	}
}

func TestReleaseEndsWithoutAnHeir(t *testing.T) {
	t.Parallel()
	s := newStation(t, config4()).elect()
	s.r.Release(s.now, 1, nil)
	wants(t, s.pass(dead-1))
	wants(t, s.pass(1), "inherited: no advert from the active node")
}

func TestPreemptDelayTolerates(t *testing.T) {
	t.Parallel()
	c := config4()
	c.PreemptDelay = 10 * time.Second
	s := newStation(t, c)
	s.up(1)
	wants(t, s.hear(1, 50, higher4), preemptsLater)
	for range 100 { // the last one 9.9 s after the start
		wants(t, s.hear(1, 50, higher4))
		wants(t, s.pass(tenth-time.Millisecond))
		s.now = s.now.Add(time.Millisecond)
	}
	s.hear(1, 50, higher4) // it is not tolerated any more
	last := dead - tenth
	s.due(last)
	wants(t, s.pass(last), "send 100", preempts)
}

// The delay is about an Active with a lower priority, not about silence.
func TestPreemptDelayDoesNotKeepSilence(t *testing.T) {
	t.Parallel()
	c := config4()
	c.PreemptDelay = time.Hour
	s := newStation(t, c)
	s.up(1)
	wants(t, s.pass(dead), "send 100", timesOut)
}

// The delay runs from the first start: a link that flaps does not begin it anew, nor does it make the owner wait.
func TestHoldCountsFromTheFirstStart(t *testing.T) {
	t.Parallel()
	c := owner()
	c.Hold, c.PreemptBelow = 10*time.Second, 255
	s := newStation(t, c)
	wants(t, s.up(1), becomesBackup)
	s.pass(time.Second)
	wants(t, s.r.Down(s.now, 1, ReasonLink, nil), "backup to initialize: the interface cannot be used")
	wants(t, s.up(1), becomesBackup)
	s.r.Down(s.now, 1, ReasonLink, nil)
	s.now = s.now.Add(9 * time.Second)
	wants(t, s.up(1), "send 255", "initialize to active: owns the address")
}

func TestPreemptBelowIsAnEdge(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		below, ours, other Priority
		want               bool
	}{
		{255, 100, 99, true}, {255, 100, 100, false}, {255, 100, 101, false}, {255, 254, 253, true},
		{0, 254, 1, false}, {161, 240, 160, true}, {161, 240, 161, false}, {161, 240, 200, false}, {161, 150, 155, false},
		{0, Owner, 254, true}, {0, Owner, Owner, false},
	} {
		c := config4()
		c.Priority, c.PreemptBelow, c.Hold = tt.ours, tt.below, 1
		s := newStation(t, c)
		s.up(1)
		s.now = s.now.Add(second)
		due := s.r.Deadline()
		s.hear(1, tt.other, higher4)
		if got := s.r.Deadline() == due; got != tt.want {
			t.Errorf("priority %d, edge %d, Active with %d: pre-empts %t, want %t", tt.ours, tt.below, tt.other, got, tt.want)
		}
	}
}

// A machine is late when its deadline is more than its Active_Down_Interval ago, and not before.
func TestLatenessBegins(t *testing.T) {
	t.Parallel()
	s := inState(t, active)
	wants(t, s.r.Expire(s.r.Deadline().Add(dead), nil), "send 100")
	s = inState(t, active)
	wants(t, s.r.Expire(s.r.Deadline().Add(dead+1), nil), isLate)
	s = inState(t, backup)
	wants(t, s.r.Expire(s.r.Deadline().Add(dead), nil), "send 100", timesOut)
	s = inState(t, backup)
	s.now = s.r.Deadline().Add(dead + 1)
	wants(t, s.r.Expire(s.now, nil))
	s.due(dead) // it listens first, and for as long as anybody has to
	if st, _ := s.r.Status(1); st.Counters.LateWakeups != 1 {
		t.Errorf("%d late wake-ups, want 1", st.Counters.LateWakeups)
	}
	wants(t, s.next(), "send 100", timesOut)
}

// A late Active hears what waited, whoever spoke, and says nothing; only then it may become Active again.
func TestLateActiveListensBeforeItSpeaks(t *testing.T) {
	t.Parallel()
	s := newStation(t, config4()).elect()
	s.now = s.now.Add(time.Minute)
	out := s.hear(1, 50, lower4)
	for range 10 {
		out = append(out, s.hear(1, 50, lower4)...)
	}
	wants(t, append(out, s.r.Expire(s.now, nil)...), isLate, preemptsSoon)
	wants(t, s.next(), "send 100", preempts)
}

// A losing Active is answered, four times an interval at most; the hosts are told again in a burst, then once a second.
func TestAnswersToARivalAreBounded(t *testing.T) {
	t.Parallel()
	for _, interval := range []time.Duration{centi, 100 * time.Millisecond, time.Second, 10 * time.Second} {
		c := config4()
		c.Interval = interval
		s := newStation(t, c).elect()
		p := packet(c, 50, higher4)
		adverts, announcements := 0, 0
		const lasts = 20 * time.Second
		for end := s.now.Add(lasts); s.now < end; {
			for _, a := range append(s.r.Receive(s.now, p, nil), s.pass(interval/50)...) {
				switch a.Kind {
				case SendAdvert:
					adverts++
				case Announce:
					announcements++
				case Enter, Inherited, Discarded:
				}
			}
		}
		if most := int(5*lasts/interval) + 1; adverts > most || adverts < int(lasts/interval) {
			t.Errorf("%s: %d adverts in %s, want at most %d", interval, adverts, lasts, most)
		}
		if most := announceBurst + int(lasts/announceEvery); announcements > most || announcements < announceBurst {
			t.Errorf("%s: %d announcements in %s, want at most %d", interval, announcements, lasts, most)
		}
	}
}

// Two nodes were Active on two sides of a split. Whoever's advert arrives first, the winner announces itself.
func TestWinnerAnnouncesItselfAfterASplit(t *testing.T) {
	t.Parallel()
	for _, first := range []string{"loser", "winner"} {
		s := newStation(t, config4()).elect() // the winner
		c := config4()
		c.Priority = 50
		loser := newStation(t, c).elect()
		loser.r.machines[1].link.Source = higher4
		if first == "loser" {
			wants(t, s.hear(1, 50, higher4), "send 100", tellsRival)
			wants(t, loser.hear(1, 100, self4), "send 50", losesByPriority)
		} else {
			wants(t, loser.hear(1, 100, self4), "send 50", losesByPriority)
			wants(t, s.hear(1, 50, higher4), "send 100", tellsRival)
		}
		wants(t, loser.hear(1, 100, self4))
		s.state(1, Active)
		loser.state(1, Backup)
	}
}

// A rival that could not hear us was announced against until the rate allowed no more. When it falls silent the hosts that it
// misled are told with the next advert.
func TestRivalThatFallsSilentIsAnnouncedAgainstAtOnce(t *testing.T) {
	t.Parallel()
	c := config4()
	c.Interval = 50 * time.Millisecond
	s := newStation(t, c).elect()
	p := packet(c, 50, higher4)
	for range 60 { // three seconds, far beyond the burst
		s.r.Receive(s.now, p, nil)
		s.pass(c.Interval)
	}
	s.r.Receive(s.now, p, nil) // its last
	announced := false
	for _, a := range s.pass(3 * c.Interval) {
		announced = announced || a.Kind == Announce
	}
	if !announced {
		t.Error("three intervals after the rival's last advert nothing is announced")
	}
}

func TestMoveToAnotherLink(t *testing.T) {
	t.Parallel()
	s := newStation(t, config4()).elect()
	before := bytes.Clone(s.r.Message(1, 100, IPv4.Group()))
	wants(t, s.r.Up(s.now, 1, Link{Interface: 2, Source: higher4}, nil))
	if bytes.Equal(before, s.r.Message(1, 100, IPv4.Group())) {
		t.Error("the checksum is still that of the old source")
	}
	if st, _ := s.r.Status(1); st.ActiveAddress != higher4 {
		t.Errorf("the Active is at %s, want %s", st.ActiveAddress, higher4)
	}
	wants(t, s.hear(1, 200, lower4), "0: note: "+DiscardVRID.String()) // nobody is on the old interface
	p := packet(config4(), 200, lower4)
	p.Interface = 2
	wants(t, s.r.Receive(s.now, p, nil), "send 100", losesByPriority)
}

func TestMessagesFollowTheConfiguration(t *testing.T) {
	t.Parallel()
	s := newStation(t, config4()).elect()
	if a, b := s.r.Message(1, 100, IPv4.Group()), s.r.Message(1, 100, IPv4.Group()); &a[0] != &b[0] {
		t.Error("the message is built twice")
	}
	for p := range 256 {
		for _, dst := range []netip.Addr{IPv4.Group(), lower4} {
			c := s.r.machines[1].cfg
			if want := AppendMessage(nil, &c, Priority(p), self4, dst); !bytes.Equal(s.r.Message(1, Priority(p), dst), want) {
				t.Errorf("priority %d to %s: another message than the configuration's", p, dst)
			}
		}
		if len(s.r.machines[1].messages) > 8 {
			t.Fatal("messages are kept for ever")
		}
	}
	c := config4()
	c.Addresses, c.Interval = addrs("10.0.1.52"), 2*time.Second
	s.r.Update(s.now, 1, c, nil)
	if want := AppendMessage(nil, &c, 100, self4, IPv4.Group()); !bytes.Equal(s.r.Message(1, 100, IPv4.Group()), want) {
		t.Error("after a reload the message is the old one")
	}
	if s.r.Message(7, 100, IPv4.Group()) != nil || newStation(t, config4()).r.Message(1, 100, IPv4.Group()) != nil {
		t.Error("who is unknown or never started has a message")
	}
}

// Link-local addresses may come with a zone; on the wire there is none.
func TestZoneOfTheSourceIsIgnored(t *testing.T) {
	t.Parallel()
	s := newStation(t, config6())
	s.r.Up(s.now, 1, Link{Interface: 1, Source: self6.WithZone("eth0")}, nil)
	wants(t, s.hear(1, 200, self6), "note: "+DiscardOwn.String())
}

func TestUnknownIDsDoNothing(t *testing.T) {
	t.Parallel()
	s := newStation(t, config4())
	for name, out := range map[string][]Action{
		"Up": s.r.Up(1, 9, Link{}, nil), "Down": s.r.Down(1, 9, ReasonLink, nil), "Release": s.r.Release(1, 9, nil),
		"Remove": s.r.Remove(1, 9, nil), "Update": s.r.Update(1, 9, config4(), nil), "SetPriority": s.r.SetPriority(1, 9, 1, nil),
		"SetPreemptBelow": s.r.SetPreemptBelow(1, 9, 1, nil), "Yield": s.r.Yield(1, 9, ReasonYield, nil),
	} {
		if len(out) != 0 {
			t.Errorf("%s did %q", name, words(out))
		}
	}
	if _, ok := s.r.Status(9); ok || s.r.Deadline() != Never {
		t.Error("there is something")
	}
}

func TestAddRefusesWhatNoMessageCarries(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		id     ID
		change func(*Config)
		want   string
	}{
		{0, func(*Config) {}, "ids begin with 1"},
		{1, func(*Config) {}, "exists already"},
		{2, func(c *Config) { c.Family = 5 }, "family(5)"},
		{2, func(c *Config) { c.Version = 4 }, "version 4"},
		{2, func(c *Config) { c.Family, c.Version = IPv6, 2 }, "version 2 over ipv6"},
		{2, func(c *Config) { c.VRID = 0 }, "VRID 0"},
		{2, func(c *Config) { c.Priority = 0 }, "priority 0"},
		{2, func(c *Config) { c.Interval = 0 }, "interval 0s"},
		{2, func(c *Config) { c.Interval = 5 * time.Millisecond }, "interval 5ms"},
		{2, func(c *Config) { c.Interval = 15 * time.Millisecond }, "interval 15ms"},
		{2, func(c *Config) { c.Interval = 4096 * centi }, "interval 40.96s"},
		{2, func(c *Config) { c.Version, c.Interval = 2, 1500*time.Millisecond }, "interval 1.5s"},
		{2, func(c *Config) { c.Version, c.Interval = 2, 256*time.Second }, "interval 4m16s"},
		{2, func(c *Config) { c.Addresses = nil }, "0 addresses"},
		{2, func(c *Config) { c.Addresses = make([]netip.Addr, 256) }, "256 addresses"},
		{2, func(c *Config) { c.Addresses = addrs("::1") }, "address ::1"},
		{2, func(c *Config) { c.Addresses = []netip.Addr{{}} }, "invalid IP"},
		{2, func(c *Config) { c.Peers = addrs("fe80::1") }, "unicast peer fe80::1"},
		{2, func(c *Config) { c.Peers = addrs("224.0.0.18") }, "unicast peer 224.0.0.18"},
		{2, func(c *Config) { c.Leader = 7 }, "leader 7"},
	} {
		s := newStation(t, config4())
		c := config4()
		tt.change(&c)
		if err := s.r.Add(tt.id, c); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("error %v, want one with %q", err, tt.want)
		}
		if s.r.Len() != 1 {
			t.Errorf("%s: it was added", tt.want)
		}
	}
	if err := newStation(t, config4()).r.Add(1, config4()); !errors.Is(err, ErrExists) {
		t.Errorf("error %v, want ErrExists", err)
	}
}

// What cannot change in place is left as it was.
func TestUpdateKeepsIdentity(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Config){
		"VRID":    func(c *Config) { c.VRID = 9 },
		"version": func(c *Config) { c.Version = 2 },
		"family":  func(c *Config) { *c = config6() },
		"bad":     func(c *Config) { c.Interval = 1 },
	} {
		s := newStation(t, config4()).elect()
		before := bytes.Clone(s.r.Message(1, 100, IPv4.Group()))
		c := config4()
		c.Priority = 200
		change(&c)
		s.r.Update(s.now, 1, c, nil)
		if st, _ := s.r.Status(1); st.Priority != 100 || !bytes.Equal(before, s.r.Message(1, 100, IPv4.Group())) {
			t.Errorf("%s changed in place", name)
		}
	}
}

func TestWordsOfEveryReasonAndDiscard(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for r := ReasonNone; r <= ReasonYield; r++ {
		seen[r.String()] = true
	}
	for d := DiscardNone; d < discards; d++ {
		seen[d.String()] = true
	}
	if want := int(ReasonYield) + 1 + int(discards); len(seen) != want {
		t.Errorf("%d different texts, want %d", len(seen), want)
	}
	for s := range seen {
		if s == "" || strings.Contains(s, "(") && !strings.Contains(s, "priority 255") {
			t.Errorf("text %q", s)
		}
	}
	if Reason(200).String() != "reason(200)" || Discard(200).String() != "discard(200)" {
		t.Error("unknown values have no text")
	}
}
