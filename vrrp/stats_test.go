// SPDX-License-Identifier: Apache-2.0

package vrrp

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestStatisticsOfARouter(t *testing.T) {
	t.Parallel()
	s := newStation(t, config2())
	s.up(1)
	edits := []func(*Packet){
		ttl(1),
		message(func(m []byte) []byte { return m[:9] }),
		set(0, 0x22),
	}
	for n, edit := range edits { // n+1 of each
		for range n + 1 {
			p := packet(config2(), 200, higher4)
			edit(&p)
			s.r.Receive(s.now, p, nil)
		}
	}
	for n, edit := range []func(*Config){
		func(c *Config) { c.Interval = 7 * time.Second },
		func(c *Config) { c.Auth.Type = 9 },
		func(c *Config) { c.Auth.Type = 2 },
		func(c *Config) { c.Auth.Data[0] = 'S' },
		otherList,
	} {
		c := config2()
		edit(&c)
		for range n + 4 {
			s.r.Receive(s.now, packet(c, 200, higher4), nil)
		}
	}
	s.hear(1, 200, higher4)
	s.hear(1, Release, higher4)
	s.next()
	s.hear(1, 200, higher4)
	s.pass(dead)
	s.r.Down(s.now, 1, ReasonLink, nil)
	want := Statistics{
		AdvertRcvd: 3, AdvertSent: 4, BecomeMaster: 2, ReleaseMaster: 2, PacketLenErr: 2, AdvertIntervalErr: 4, IPTTLErr: 1, InvalidTypeRcvd: 3,
		AddrListErr: 8, InvalidAuthType: 5, AuthTypeMismatch: 6, AuthFailure: 7, PriZeroRcvd: 1, PriZeroSent: 1, MasterPriority: 200,
	}
	got, ok := s.r.Statistics(1)
	if diff := cmp.Diff(want, got); !ok || diff != "" {
		t.Errorf("statistics (-want +got):\n%s", diff)
	}
	if _, ok := s.r.Statistics(2); ok {
		t.Error("there are statistics of nobody")
	}
}

// Each losing advert is told of, as often as it may be answered; whether it is answered is another matter.
func TestActiveTellsOfRivals(t *testing.T) {
	t.Parallel()
	for _, silent := range []bool{false, true} {
		c := config4()
		c.Rivals, c.LowerPrioNoAdvert = true, silent
		s := newStation(t, c).elect()
		out := s.hear(1, 50, higher4)
		if i := len(out) - 2; i < 0 || out[i].Kind != Rival || out[i].Peer != higher4 || out[i].PeerPriority != 50 {
			t.Errorf("did %+v, want a rival before the announcement", out)
		}
		rivals, answers := 0, 0
		for range 1000 {
			s.now = s.now.Add(time.Millisecond)
			out := s.hear(1, 50, higher4)
			rivals, answers = rivals+kinds(out, Rival), answers+kinds(out, SendAdvert)
		}
		if want := map[bool]int{false: 4, true: 0}[silent]; rivals != 4 || answers != want {
			t.Errorf("%d rivals and %d answers in an interval, want 4 and %d", rivals, answers, want)
		}
		if out := s.hear(1, 200, higher4); kinds(out, Rival) != 0 {
			t.Error("a better one is a rival")
		}
	}
}
