// SPDX-License-Identifier: Apache-2.0

package vrrp

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// dialect is a version and a family, with the addresses and intervals of a test. The addresses are ordered as unsigned
// integers and not as text. The peer's interval is another one where the version allows it.
type dialect struct {
	name                string
	version             uint8
	family              Family
	self, lower, higher netip.Addr
	vips                []netip.Addr
	own, peers          time.Duration
}

var (
	ipv4v2 = dialect{"version 2", 2, IPv4, ip("10.0.0.100"), ip("10.0.0.9"), ip("10.0.0.200"), []netip.Addr{ip("10.0.1.51")}, 2 * time.Second, 2 * time.Second}
	ipv4v3 = dialect{"version 3 over IPv4", 3, IPv4, ip("10.0.0.100"), ip("10.0.0.9"), ip("10.0.0.200"), []netip.Addr{ip("10.0.1.51")},
		2 * time.Second, 3 * time.Second}
	ipv6v3 = dialect{"version 3 over IPv6", 3, IPv6, ip("fe80::64"), ip("fe80::9"), ip("fe80::c8"), []netip.Addr{ip("fe80::1:51"), ip("fd00::51")},
		2 * time.Second, time.Second}
	dialects = []dialect{ipv4v2, ipv4v3, ipv6v3}
)

func ip(s string) netip.Addr { return netip.MustParseAddr(s) }

// config is the virtual router under test.
func (d dialect) config(p Priority) Config {
	return Config{Family: d.family, VRID: 51, Version: d.version, Priority: p, Interval: d.own, Addresses: d.vips,
		AcceptChecksum: Either, PreemptBelow: 255}
}

// skew and down are Skew_Time and Active_Down_Interval as the RFCs have them: RFC 3768 §6.1 in seconds, RFC 9568 §6.1 in the
// interval of the Active.
func (d dialect) skew(p Priority, interval time.Duration) time.Duration {
	if d.version == 2 {
		return (256 - time.Duration(p)) * time.Second / 256
	}
	return (256 - time.Duration(p)) * interval / 256
}

func (d dialect) down(p Priority, interval time.Duration) time.Duration {
	return 3*interval + d.skew(p, interval)
}

// advert is what another node sends: the priority and the source are given, and what else is different.
func (d dialect) advert(p Priority, src netip.Addr, edits ...func(*Config)) Packet {
	c := d.config(p)
	c.Interval = d.peers
	for _, edit := range edits {
		edit(&c)
	}
	dst := d.family.Group()
	return Packet{Interface: 1, Family: d.family, Source: src, Destination: dst, TTL: 255, Message: AppendMessage(nil, &c, p, src, dst)}
}

// sealed changes octets of a message and makes its checksum right again.
func (p Packet) sealed(version uint8, change func(msg []byte)) Packet {
	change(p.Message)
	p.Message[6], p.Message[7] = 0, 0
	covers := PseudoHeader
	if version == 2 {
		covers = MessageOnly
	}
	binary.BigEndian.PutUint16(p.Message[6:], ^checksum(p.Message, covers, p.Source, p.Destination))
	return p
}

// rig is one virtual router and the instant.
type rig struct {
	t   *testing.T
	d   dialect
	r   *Router
	now Time
}

// newRig makes one in Initialize, at an instant that is not zero.
func newRig(t *testing.T, d dialect, p Priority, edits ...func(*Config)) *rig {
	t.Helper()
	g := &rig{t: t, d: d, r: NewRouter(), now: Time(time.Hour)}
	c := d.config(p)
	for _, edit := range edits {
		edit(&c)
	}
	if err := g.r.Add(1, c); err != nil {
		t.Fatal(err)
	}
	return g
}

func (g *rig) up() []Action { return g.r.Up(g.now, 1, Link{Interface: 1, Source: g.d.self}, nil) }

// backup and active bring it there; owners pass through the other state.
func (g *rig) backup() *rig {
	g.up()
	g.r.Yield(g.now, 1, ReasonYield, nil)
	return g.is(Backup)
}

func (g *rig) active() *rig {
	g.up()
	if g.status().State == Backup {
		g.fire()
	}
	return g.is(Active)
}

// fire lets the timer expire.
func (g *rig) fire() []Action {
	g.t.Helper()
	if g.r.Deadline() == Never {
		g.t.Fatal("no timer runs")
	}
	g.now = g.r.Deadline()
	return g.r.Expire(g.now, nil)
}

func (g *rig) hear(p Packet) []Action { return g.r.Receive(g.now, p, nil) }

func (g *rig) after(d time.Duration) *rig {
	g.now = g.now.Add(d)
	return g
}

func (g *rig) status() Status {
	s, _ := g.r.Status(1)
	return s
}

// is checks the state.
func (g *rig) is(want State) *rig {
	g.t.Helper()
	if got := g.status().State; got != want {
		g.t.Errorf("state is %s, want %s", got, want)
	}
	return g
}

// waits checks how long from now the timer runs.
func (g *rig) waits(want time.Duration) {
	g.t.Helper()
	if got := g.r.Deadline(); got != g.now.Add(want) {
		g.t.Errorf("the timer runs for %s, want %s", got.Sub(g.now), want)
	}
}

// does checks what was done.
func (g *rig) does(got []Action, want string) {
	g.t.Helper()
	if got := deeds(got); got != want {
		g.t.Errorf("does %q, want %q", got, want)
	}
}

// notes checks what was reported of adverts.
func (g *rig) notes(got []Action, want ...Discard) {
	g.t.Helper()
	var list []Discard
	for _, a := range got {
		if a.Kind == Discarded {
			list = append(list, a.Discard)
		}
	}
	if diff := cmp.Diff(want, list); diff != "" {
		g.t.Errorf("reports (-want +got):\n%s", diff)
	}
}

// refuses checks that a packet is discarded, with a reason, and changes nothing.
func (g *rig) refuses(p Packet, why Discard) {
	g.t.Helper()
	before, due := g.status(), g.r.Deadline()
	got := g.hear(p)
	g.notes(got, why)
	g.does(got, "")
	after := g.status()
	if after.Counters.AdvertisementRcvd != before.Counters.AdvertisementRcvd {
		g.t.Error("it is counted as received")
	}
	before.Counters, after.Counters = Counters{}, Counters{}
	if diff := cmp.Diff(before, after, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		g.t.Errorf("status (-before +after):\n%s", diff)
	}
	if got := g.r.Deadline(); got != due {
		g.t.Errorf("the timer moved by %s", got.Sub(due))
	}
}

// accepts checks that a packet is taken for an advert of the Active.
func (g *rig) accepts(p Packet, notes ...Discard) {
	g.t.Helper()
	before := g.status().Counters.AdvertisementRcvd
	g.notes(g.hear(p), notes...)
	s := g.status()
	if s.Counters.AdvertisementRcvd != before+1 || s.ActiveAddress != p.Source {
		g.t.Errorf("%d adverts received, the active node is %s; want %d and %s", s.Counters.AdvertisementRcvd, s.ActiveAddress, before+1, p.Source)
	}
}

// deeds are the actions as text, in their order; reports are not among them.
func deeds(actions []Action) string {
	var list []string
	for _, a := range actions {
		switch a.Kind {
		case SendAdvert:
			list = append(list, fmt.Sprintf("advert %d", a.Priority))
		case Enter:
			list = append(list, fmt.Sprintf("%s→%s: %s", a.From, a.To, a.Reason))
		case Announce:
			list = append(list, "announce: "+a.Reason.String())
		case Inherited:
			list = append(list, "inherited: "+a.Reason.String())
		case Discarded:
		}
	}
	return strings.Join(list, "; ")
}
