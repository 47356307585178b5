// SPDX-License-Identifier: Apache-2.0

package vrrp

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Addresses of tests: ours is between the other two.
var (
	self4, lower4, higher4 = netip.MustParseAddr("10.0.0.5"), netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.9")
	self6, lower6, higher6 = netip.MustParseAddr("fe80::5"), netip.MustParseAddr("fe80::1"), netip.MustParseAddr("fe80::9")
)

// config4 is a usual virtual router over IPv4: VRID 51, priority 100, 1 s, pre-empts as RFC 9568 says.
func config4() Config {
	return Config{Family: IPv4, VRID: 51, Version: 3, Priority: 100, Interval: time.Second, AcceptChecksum: Either, PreemptBelow: 255,
		Addresses: []netip.Addr{netip.MustParseAddr("10.0.1.51")}}
}

// config6 is the same over IPv6.
func config6() Config {
	c := config4()
	c.Family, c.Addresses = IPv6, []netip.Addr{netip.MustParseAddr("fe80::1:51"), netip.MustParseAddr("fd00::51")}
	return c
}

// config2 is the same in version 2 with a password.
func config2() Config {
	c := config4()
	c.Version, c.Auth = 2, Auth{Type: AuthPass, Data: [8]byte{'s', 'e', 'c', 'r', 'e', 't'}}
	return c
}

// source4and6 is our address of a family.
func source4and6(f Family) netip.Addr {
	if f == IPv6 {
		return self6
	}
	return self4
}

// station is a router under test and its clock.
type station struct {
	t   testing.TB
	r   *Router
	now Time
}

// newStation makes a router with virtual routers 1, 2, ….
func newStation(t testing.TB, configs ...Config) *station {
	t.Helper()
	s := &station{t: t, r: NewRouter(), now: Time(time.Hour)}
	for i, c := range configs {
		if err := s.r.Add(ID(i+1), c); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// up starts virtual routers on interface 1.
func (s *station) up(ids ...ID) []Action {
	var out []Action
	for _, id := range ids {
		out = s.r.Up(s.now, id, Link{Interface: 1, Source: source4and6(s.r.machines[id].cfg.Family)}, out)
	}
	return out
}

// pass lets time pass, and does all that becomes due, each at its instant.
func (s *station) pass(d time.Duration) []Action {
	var out []Action
	end := s.now.Add(d)
	for s.r.Deadline() <= end {
		s.now = max(s.now, s.r.Deadline())
		out = s.r.Expire(s.now, out)
	}
	s.now = end
	return out
}

// next lets time pass until something is due, and does it.
func (s *station) next() []Action {
	s.now = max(s.now, s.r.Deadline())
	return s.r.Expire(s.now, nil)
}

// elect makes virtual router 1 Active.
func (s *station) elect() *station {
	s.t.Helper()
	for id := range ID(len(s.r.machines)) {
		s.up(id + 1)
	}
	s.next()
	s.state(1, Active)
	return s
}

// packet is the advert that a router with this configuration sends with a priority.
func packet(c Config, p Priority, src netip.Addr) Packet {
	dst := c.Family.Group()
	return Packet{Interface: 1, Family: c.Family, Source: src, Destination: dst, TTL: 255, Message: AppendMessage(nil, &c, p, src, dst)}
}

// hear receives such an advert for a virtual router.
func (s *station) hear(id ID, p Priority, src netip.Addr) []Action {
	return s.r.Receive(s.now, packet(s.r.machines[id].cfg, p, src), nil)
}

// state checks in which state a virtual router is.
func (s *station) state(id ID, want State) {
	s.t.Helper()
	if got, _ := s.r.Status(id); got.State != want {
		s.t.Errorf("virtual router %d is %s, want %s", id, got.State, want)
	}
}

// due checks how long from now the router waits.
func (s *station) due(want time.Duration) {
	s.t.Helper()
	if got := s.r.Deadline(); got != s.now.Add(want) {
		s.t.Errorf("due in %s, want in %s", got.Sub(s.now), want)
	}
}

// words are actions as text.
func words(actions []Action) []string {
	out := []string{}
	for _, a := range actions {
		name := ""
		if a.ID != 1 {
			name = fmt.Sprintf("%d: ", a.ID)
		}
		switch a.Kind {
		case SendAdvert:
			name += fmt.Sprintf("send %d", a.Priority)
		case Enter:
			name += fmt.Sprintf("%s to %s: %s", a.From, a.To, a.Reason)
		case Announce:
			name += fmt.Sprintf("announce: %s", a.Reason)
		case Inherited:
			name += fmt.Sprintf("inherited: %s", a.Reason)
		case Discarded:
			name += fmt.Sprintf("note: %s", a.Discard)
		}
		out = append(out, name)
	}
	return out
}

// wants checks actions, as text.
func wants(t testing.TB, got []Action, want ...string) {
	t.Helper()
	if diff := cmp.Diff(append([]string{}, want...), words(got)); diff != "" {
		t.Errorf("actions (-want +got):\n%s", diff)
	}
}

// What tests expect most often.
const (
	releases        = "note: the active node releases the address"
	preemptsSoon    = "note: its priority is lower than ours: its sender is about to be pre-empted"
	preemptsLater   = "note: accepted: its priority is lower than ours, and its sender is pre-empted after the delay"
	becomesBackup   = "initialize to backup: started"
	timesOut        = "backup to active: no advert from the active node"
	isReleased      = "backup to active: the active node released the address"
	preempts        = "backup to active: its priority is above that of the active node"
	losesByPriority = "active to backup: a node with a higher priority is active"
	losesByAddress  = "active to backup: a node with the same priority and a higher address is active"
	isLate          = "active to backup: the daemon slept too long"
	stops           = "active to initialize: stopped"
	tellsRival      = "announce: a second active node lost the election"
)
