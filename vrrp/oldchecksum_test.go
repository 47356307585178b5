// SPDX-License-Identifier: Apache-2.0

package vrrp

import (
	"net/netip"
	"slices"
	"testing"
)

// sends reports for each peer whether the router's adverts to it have an old checksum.
func (s *station) sends(peers ...netip.Addr) (old []bool) {
	s.t.Helper()
	for _, dst := range peers {
		msg := s.r.Message(1, 100, dst)
		now := GoodChecksum(msg, 3, PseudoHeader, self4, dst)
		if aged := GoodChecksum(msg, 3, PseudoHeader, self4, IPv4.Group()); aged == now {
			s.t.Fatalf("to %s: right %v, old %v: want one of them", dst, now, aged)
		}
		old = append(old, !now)
	}
	return old
}

// speak lets a peer send an advert of a priority below ours, with an old checksum or the right one.
func (s *station) speak(src netip.Addr, how OldChecksum) []Action {
	c := old(how)()
	p := Packet{Interface: 1, Family: IPv4, Source: src, Destination: self4, TTL: 255, Message: AppendMessage(nil, &c, 50, src, self4)}
	return s.r.Receive(s.now, p, nil)
}

func TestEachPeerGetsTheChecksumItSends(t *testing.T) {
	c := old(OldDetect)()
	c.Peers = []netip.Addr{lower4, higher4}
	s := newStation(t, c)
	s.up(1)
	check := func(what string, want ...bool) {
		t.Helper()
		if got := s.sends(lower4, higher4); !slices.Equal(got, want) {
			t.Errorf("%s: old to each peer is %v, want %v", what, got, want)
		}
	}
	check("nobody was heard", false, false)
	wants(t, s.speak(higher4, OldAlways), "note: "+NoteChecksum.String(), preemptsSoon)
	wants(t, s.speak(higher4, OldAlways))
	check("one is old", false, true)
	s.speak(lower4, OldNever)
	check("the other is not", false, true)
	s.speak(netip.MustParseAddr("10.0.0.77"), OldAlways)
	check("a stranger is", false, true)
	s.speak(lower4, OldAlways)
	check("both are", true, true)
	s.speak(higher4, OldNever)
	check("one was upgraded", true, false)

	s.r.Update(s.now, 1, c, nil)
	check("after a reload", true, false)
	c.OldChecksum = OldNever
	s.r.Update(s.now, 1, c, nil)
	check("not any more", false, false)
	c.OldChecksum = OldAlways
	s.r.Update(s.now, 1, c, nil)
	check("always", true, true)
}

func TestWhoIsNotAcceptedIsNotTakenForOld(t *testing.T) {
	c := old(OldDetect)()
	c.HMAC = &HMAC{Keys: map[uint8][]byte{1: make([]byte, 32)}, Active: 1}
	s := newStation(t, c)
	s.up(1)
	s.speak(higher4, OldAlways) // without a trailer
	msg := s.r.Message(1, 100, higher4)
	if !GoodChecksum(msg[:len(msg)-28], 3, PseudoHeader, self4, higher4) {
		t.Error("a packet without a trailer changes what is sent")
	}
}

func TestOldChecksumsAreOfUnicastVersion3OverIPv4(t *testing.T) {
	for _, c := range []Config{config4(), config2(), config6(), unicast6()} {
		plain := AppendMessage(nil, &c, 100, source4and6(c.Family), c.Family.Group())
		c.OldChecksum = OldAlways
		if !slices.Equal(plain, AppendMessage(nil, &c, 100, source4and6(c.Family), c.Family.Group())) {
			t.Errorf("version %d over %s, peers %v: the setting changes a message", c.Version, c.Family, c.Peers)
		}
	}
	c := old(OldNever)()
	c.OldChecksum = OldAlways + 1
	if err := NewRouter().Add(1, c); err == nil {
		t.Error("a setting that is none was accepted")
	}
}
