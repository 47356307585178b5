// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"github.com/regent-ha/regent/vrrp"
)

var (
	us, heir = netip.MustParseAddr("10.99.0.1"), netip.MustParseAddr("10.99.0.2")
	today    = time.Date(2026, 9, 21, 12, 0, 0, 0, time.UTC)
	keys     = map[uint8][]byte{1: bytes.Repeat([]byte{1}, 32), 2: bytes.Repeat([]byte{2}, 32)}
)

// speaker is what a node is told about the virtual router of these tests.
func speaker(edit func(*vrrp.Config)) vrrp.Config {
	c := vrrp.Config{Family: vrrp.IPv4, VRID: 51, Version: 3, Priority: 100, Interval: time.Second, Addresses: []netip.Addr{netip.MustParseAddr("10.99.0.101")}}
	if edit != nil {
		edit(&c)
	}
	return c
}

// bequeathed is the will of such a node.
func bequeathed(edit func(*Entry)) *Entry {
	c := speaker(nil)
	e := &Entry{Name: "orders", Interface: "eth0", Index: 2, Family: vrrp.IPv4, VRID: 51, Source: us,
		Adverts: []Advert{{vrrp.IPv4.Group(), vrrp.AppendMessage(nil, &c, vrrp.Release, us, vrrp.IPv4.Group())}}}
	if edit != nil {
		edit(e)
	}
	return e
}

func unicastTo(e *Entry) { e.Adverts[0].Destination = heir }

func peer(c *vrrp.Config) { c.Peers = []netip.Addr{us} }

func TestHeirIsWhoTheWorkerWouldHear(t *testing.T) {
	seal := func(id uint8, at time.Time) func(*vrrp.Packet) {
		return func(p *vrrp.Packet) {
			h := &vrrp.HMAC{Keys: keys, Active: id}
			p.Message = vrrp.AppendTrailer(p.Message, h, p.Family, p.Source, p.Destination, vrrp.Sequence(at))
		}
	}
	guarded := func(mode vrrp.HMACMode) func(*Entry) {
		return func(e *Entry) { e.HMAC = &vrrp.HMAC{Keys: map[uint8][]byte{1: keys[1]}, Active: 1, Mode: mode} }
	}
	hops := func(least, most uint8) func(*Entry) {
		return func(e *Entry) { unicastTo(e); e.Hops.Least, e.Hops.Most = least, most }
	}
	ttl := func(n uint8) func(*vrrp.Packet) { return func(p *vrrp.Packet) { p.TTL = n } }
	for _, test := range []struct {
		name   string
		entry  func(*Entry)
		config func(*vrrp.Config)
		packet func(*vrrp.Packet)
		want   bool
	}{
		{name: "an advert", want: true},
		{name: "a release", packet: func(p *vrrp.Packet) {
			c := speaker(nil)
			p.Message = vrrp.AppendMessage(nil, &c, vrrp.Release, heir, p.Destination)
		}},
		{name: "our own", packet: func(p *vrrp.Packet) { p.Source = us }},
		{name: "another interface", packet: func(p *vrrp.Packet) { p.Interface = 3 }},
		{name: "another virtual router", config: func(c *vrrp.Config) { c.VRID = 52 }},
		{name: "a wrong checksum", packet: func(p *vrrp.Packet) { p.Message[6] ^= 1 }},
		{name: "a checksum of RFC 9568", config: func(c *vrrp.Config) { c.Checksum = vrrp.MessageOnly }, want: true},
		{name: "cut short", packet: func(p *vrrp.Packet) { p.Message = p.Message[:11] }},
		{name: "empty", packet: func(p *vrrp.Packet) { p.Message = nil }},
		{name: "TTL 254", packet: ttl(254)},
		{name: "TTL 254 by unicast", entry: unicastTo, config: peer, packet: ttl(254)},
		{name: "the least TTL", entry: hops(64, 0), config: peer, packet: ttl(64), want: true},
		{name: "below the least TTL", entry: hops(64, 0), config: peer, packet: ttl(63)},
		{name: "above the most TTL", entry: hops(0, 64), config: peer, packet: ttl(65)},
		{name: "TTL 64 by multicast", entry: func(e *Entry) { e.Hops = Hops{Least: 1} }, packet: ttl(64)},
		{name: "an old checksum", entry: unicastTo, config: func(c *vrrp.Config) { peer(c); c.OldChecksum = vrrp.OldAlways }, want: true},
		{name: "a trailer nobody expects", packet: seal(1, today)},
		{name: "a trailer", entry: guarded(vrrp.HMACEnforce), packet: seal(1, today), want: true},
		{name: "no trailer", entry: guarded(vrrp.HMACEnforce)},
		{name: "no trailer, permissive", entry: guarded(vrrp.HMACPermissive), want: true},
		{name: "an unknown key", entry: guarded(vrrp.HMACPermissive), packet: seal(2, today)},
		{name: "a stale trailer", entry: guarded(vrrp.HMACEnforce), packet: seal(1, today.Add(-time.Minute))},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, e := speaker(test.config), bequeathed(test.entry)
			dst := vrrp.IPv4.Group()
			if e.unicast() {
				dst = us
			}
			p := &vrrp.Packet{Interface: 2, Family: vrrp.IPv4, Source: heir, Destination: dst, TTL: 255}
			p.Message = vrrp.AppendMessage(nil, &c, 100, heir, dst)
			if test.packet != nil {
				test.packet(p)
			}
			if got := e.inherits(p, &vrrp.Advert{}, today); got != test.want {
				t.Errorf("inherits: %v, want %v", got, test.want)
			}
		})
	}
}

func TestWillIsSignedWhenItIsSent(t *testing.T) {
	for _, family := range []vrrp.Family{vrrp.IPv4, vrrp.IPv6} {
		c := speaker(nil)
		source, virtual := us, c.Addresses[0]
		if family == vrrp.IPv6 {
			source, virtual = netip.MustParseAddr("fe80::1"), netip.MustParseAddr("fe80::101")
		}
		c.Family, c.Addresses = family, []netip.Addr{virtual}
		plain := vrrp.AppendMessage(nil, &c, vrrp.Release, source, family.Group())
		e := &Entry{Family: family, VRID: 51, Source: source, Adverts: []Advert{{family.Group(), bytes.Clone(plain)}},
			HMAC: &vrrp.HMAC{Keys: keys, Active: 2}}
		for _, at := range []time.Time{today, today.Add(time.Hour)} {
			message := e.sealed(e.Adverts[0], at)
			advert, trailer := vrrp.SplitTrailer(family, message)
			p := &vrrp.Packet{Family: family, Source: source, Destination: family.Group(), Message: message}
			if why := e.HMAC.Verify(p, advert, trailer, at); why != vrrp.DiscardNone || trailer == nil {
				t.Errorf("%s: %s, trailer % x", family, why, trailer)
			}
			if family == vrrp.IPv6 && !vrrp.GoodChecksum(message, 3, vrrp.Either, source, family.Group()) {
				t.Error("the checksum does not cover the trailer")
			}
		}
		if !bytes.Equal(e.Adverts[0].Message, plain) {
			t.Errorf("%s: the will was written to", family)
		}
		e.HMAC.Mode = vrrp.HMACReceiveOnly
		if got := e.sealed(e.Adverts[0], today); !bytes.Equal(got, plain) {
			t.Errorf("%s: receive-only sends % x", family, got)
		}
		e.HMAC = nil
		if got := e.sealed(e.Adverts[0], today); !bytes.Equal(got, plain) {
			t.Errorf("%s: without a key % x is sent", family, got)
		}
	}
}

func TestGroupsAndHopsOfAWill(t *testing.T) {
	group := netip.MustParseAddr("224.0.0.77")
	for name, test := range map[string]struct {
		edit  func(*Entry)
		group netip.Addr
		hops  int
	}{
		"multicast":     {nil, vrrp.IPv4.Group(), 255},
		"another group": {func(e *Entry) { e.Adverts[0].Destination, e.Hops.Sent = group, 9 }, group, 255},
		"unicast":       {func(e *Entry) { unicastTo(e); e.Hops.Sent = 64 }, vrrp.IPv4.Group(), 64},
		"usual unicast": {unicastTo, vrrp.IPv4.Group(), 255},
		"no adverts":    {func(e *Entry) { e.Adverts, e.Family = nil, vrrp.IPv6 }, vrrp.IPv6.Group(), 255},
	} {
		e := bequeathed(test.edit)
		if e.group() != test.group || e.hops() != test.hops {
			t.Errorf("%s: group %s, hops %d: want %s and %d", name, e.group(), e.hops(), test.group, test.hops)
		}
	}
}
