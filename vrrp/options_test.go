// SPDX-License-Identifier: Apache-2.0

package vrrp

import (
	"net/netip"
	"testing"
	"time"
)

// hops is a unicast router that accepts other TTLs than 255.
func hops(least, most uint8) func() Config {
	return func() Config { c := unicast(); c.MinTTL, c.MaxTTL = least, most; return c }
}

func checked() Config { c := unicast(); c.CheckPeers = true; return c }

func elsewhere() Config { c := config4(); c.Group = netip.MustParseAddr("224.0.0.77"); return c }

// old is a unicast router that deals with old checksums in a way.
func old(how OldChecksum) func() Config {
	return func() Config { c := unicast(); c.OldChecksum = how; return c }
}

func oldStrict() Config { c := old(OldDetect)(); c.AcceptChecksum = MessageOnly; return c }

func sealsOld(c *Config) { c.OldChecksum = OldAlways }

func sealsNew(c *Config) { c.OldChecksum = OldNever }

func anyList() Config { c := plain(); c.AnyAddresses = true; return c }

// optionInputs are the lines of the table that are about options of unicast and of the lists of version 2.
func optionInputs() []input {
	const us = "10.0.0.5"
	return []input{
		{name: "TTL 254 by unicast", config: unicast, dst: us, edit: ttl(254), want: DiscardTTL, count: countTTL},
		{name: "the least TTL", config: hops(64, 128), dst: us, edit: ttl(64), accept: true},
		{name: "below the least TTL", config: hops(64, 128), dst: us, edit: ttl(63), want: DiscardTTL, count: countTTL},
		{name: "the most TTL", config: hops(64, 128), dst: us, edit: ttl(128), accept: true},
		{name: "above the most TTL", config: hops(64, 128), dst: us, edit: ttl(129), want: DiscardTTL, count: countTTL},
		{name: "every TTL", config: hops(0, 255), dst: us, edit: ttl(0), accept: true},
		{name: "TTL 255 where a least one is given alone", config: hops(254, 0), dst: us, accept: true},
		{name: "TTL 253 where a least one of 254 is given alone", config: hops(254, 0), dst: us, edit: ttl(253), want: DiscardTTL, count: countTTL},
		{name: "TTL 64 by multicast where unicast would allow it", config: func() Config { c := config4(); c.MinTTL = 1; return c }, edit: ttl(64),
			want: DiscardTTL, count: countTTL},
		{name: "from a peer", config: checked, dst: us, accept: true},
		{name: "not from a peer", config: checked, src: "10.0.0.8", dst: us, want: DiscardPeer, count: countSource},
		{name: "not from a peer where nobody asks", config: unicast, src: "10.0.0.8", dst: us, accept: true},
		{name: "our own group", config: elsewhere, dst: "224.0.0.77", accept: true},
		{name: "the usual group where ours is another", config: elsewhere, want: DiscardDestination, count: countDestination},
		{name: "old checksum", config: old(OldDetect), dst: us, packet: sealsOld, accept: true, want: NoteChecksum},
		{name: "old checksum where old ones are sent", config: old(OldAlways), dst: us, packet: sealsOld, accept: true},
		{name: "right checksum where old ones are sent", config: old(OldAlways), dst: us, packet: sealsNew, accept: true},
		{name: "right checksum where old ones are detected", config: old(OldDetect), dst: us, accept: true},
		{name: "old checksum where none is wanted", config: unicast, dst: us, packet: sealsOld, want: DiscardChecksum, count: countChecksum},
		{name: "old checksum where that of RFC 9568 alone is accepted", config: oldStrict, dst: us, packet: sealsOld, want: DiscardChecksum, count: countChecksum},
		{name: "wrong checksum where old ones are detected", config: old(OldDetect), dst: us, edit: flip, want: DiscardChecksum, count: countChecksum},
		{name: "another address, version 2, where every list is accepted", config: anyList, packet: otherList, accept: true, want: NoteAddressList, count: countList},
	}
}

func TestUnusableOptionsAreRefused(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string]func(*Config){
		"adverts below zero":   func(c *Config) { c.DownAdverts = -1 },
		"too many adverts":     func(c *Config) { c.DownAdverts = 101 },
		"TTLs upside down":     func(c *Config) { c.MinTTL, c.MaxTTL = 3, 2 },
		"a group of one":       func(c *Config) { c.Group = lower4 },
		"an IPv6 group":        func(c *Config) { c.Group = IPv6.Group() },
		"a delay below zero":   func(c *Config) { c.Delay = -1 },
		"preempting yesterday": func(c *Config) { c.PreemptDelay = -1 },
	} {
		c := config4()
		edit(&c)
		if err := NewRouter().Add(1, c); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	for _, c := range []Config{elsewhere(), hops(1, 255)(), hops(255, 0)()} {
		if err := NewRouter().Add(1, c); err != nil {
			t.Error(err)
		}
	}
}

func TestDownAdvertsCountTheSilence(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 2, 5, 100} {
		c := config4()
		c.DownAdverts = n
		s := newStation(t, c)
		down := time.Duration(n)*time.Second + skewed
		s.up(1)
		s.due(down)
		s.hear(1, 200, higher4)
		s.due(down)
		s.hear(1, Release, higher4) // priority 0 is not silence
		s.due(skewed)
		s.next()
		s.r.Release(s.now, 1, nil) // heirs may take as long
		s.due(down)
	}
}

// A reload counts the silence at hand by the new number.
func TestReloadChangesDownAdverts(t *testing.T) {
	t.Parallel()
	c := config4()
	s := newStation(t, c)
	s.up(1)
	s.hear(1, 200, higher4)
	s.now = s.now.Add(time.Second)
	c.DownAdverts = 5
	s.r.Update(s.now, 1, c, nil)
	s.due(4*time.Second + skewed)
	c.DownAdverts = 1
	s.r.Update(s.now, 1, c, nil)
	s.due(skewed)
	s.hear(1, Release, higher4)
	c.DownAdverts = 7
	s.r.Update(s.now, 1, c, nil)
	s.due(skewed)
}

func TestStartActiveMakesTheFirstElectionShort(t *testing.T) {
	t.Parallel()
	c := config4()
	c.StartActive, c.Suspect = true, true
	s := newStation(t, c)
	wants(t, s.up(1), becomesBackup)
	s.due(time.Second + skewed/4)
	wants(t, s.next(), "send 100", timesOut)
	s.hear(1, 200, higher4)
	s.due(2*time.Second + skewed/4) // the suspicion; the timer is a full one
	s.r.Down(s.now, 1, ReasonLink, nil)
	s.up(1) // not the first one
	s.pass(dead - time.Millisecond)
	s.state(1, Backup)

	s = newStation(t, c)
	s.up(1)
	s.hear(1, 200, higher4) // somebody is there
	s.pass(dead - time.Millisecond)
	s.state(1, Backup)
}

// Of two nodes that both begin so the better one is first.
func TestStartActiveKeepsTheOrderOfPriorities(t *testing.T) {
	t.Parallel()
	last := Never
	for p := Priority(1); p < Owner; p++ {
		c := config4()
		c.StartActive, c.Priority = true, p
		s := newStation(t, c)
		s.up(1)
		if due := s.r.Deadline(); due >= last {
			t.Fatalf("priority %d is not before %d", p, p-1)
		} else {
			last = due
		}
	}
}

func TestDelayPostponesEverything(t *testing.T) {
	t.Parallel()
	const delay = 4 * time.Second
	for name, tt := range map[string]struct {
		edit func(*Config)
		wait time.Duration // after the delay
		want []string
	}{
		"backup":       {func(*Config) {}, dead, []string{"send 100", timesOut}},
		"start active": {func(c *Config) { c.StartActive = true }, time.Second + skewed/4, []string{"send 100", timesOut}},
		"owner":        {func(c *Config) { c.Priority = Owner }, 0, []string{"send 255", "backup to active: owns the address"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := config4()
			c.Delay = delay
			tt.edit(&c)
			s := newStation(t, c)
			wants(t, s.up(1), becomesBackup)
			for _, p := range []Priority{200, Release, 1} {
				wants(t, s.hear(1, p, higher4))
			}
			s.due(delay + tt.wait)
			wants(t, s.next(), tt.want...)
		})
	}
}

func TestDelayCountsFromTheFirstStart(t *testing.T) {
	t.Parallel()
	c := config4()
	c.Delay = 4 * time.Second
	s := newStation(t, c)
	s.up(1)
	s.now = s.now.Add(3 * time.Second)
	s.r.Down(s.now, 1, ReasonLink, nil)
	s.up(1)
	s.due(time.Second + dead)
	s.r.Down(s.now, 1, ReasonLink, nil)
	s.now = s.now.Add(time.Hour)
	s.up(1)
	s.due(dead)
}

// A priority that is no longer the owner's has to be elected.
func TestOwnerThatIsNoneAfterTheDelayWaits(t *testing.T) {
	t.Parallel()
	c := owner()
	c.Delay = 4 * time.Second
	s := newStation(t, c)
	s.up(1)
	s.r.SetPriority(s.now, 1, 100, nil)
	s.due(4*time.Second + dead)
}

func TestActiveMayKeepSilentToLosers(t *testing.T) {
	t.Parallel()
	c := config4()
	c.LowerPrioNoAdvert = true
	s := newStation(t, c).elect()
	wants(t, s.hear(1, 50, higher4), tellsRival)
	wants(t, s.hear(1, Release, higher4), "send 100") // this is none
}

func TestOwnerMayIgnoreAdverts(t *testing.T) {
	t.Parallel()
	c := owner()
	c.OwnerIgnoreAdverts = true
	s := newStation(t, c)
	s.up(1)
	due := s.r.Deadline()
	for _, p := range []Priority{Release, 1, 254} {
		wants(t, s.hear(1, p, higher4))
	}
	wants(t, s.hear(1, Owner, higher4), "note: "+NoteOwner.String())
	if s.r.Deadline() != due {
		t.Error("an advert moved the timer")
	}
	if st, _ := s.r.Status(1); st.State != Active || st.Counters.AdvertisementRcvd != 4 {
		t.Errorf("state %s after %d adverts, want active after 4", st.State, st.Counters.AdvertisementRcvd)
	}
	s.r.SetPriority(s.now, 1, 100, nil) // no owner any more
	wants(t, s.hear(1, 254, higher4), "send 100", losesByPriority)
}
