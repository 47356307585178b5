// SPDX-License-Identifier: Apache-2.0

package vrrp

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// FuzzParseAdvert: what is parsed and written again is what was read, but for the reserved bits and the checksum.
func FuzzParseAdvert(f *testing.F) {
	for _, g := range golden {
		f.Add(AppendMessage(nil, &g.config, g.priority, netip.MustParseAddr(g.src), netip.MustParseAddr(g.dst)), g.config.Family == IPv6)
	}
	for _, in := range inputs() {
		_, p := in.make()
		f.Add(p.Message, p.Family == IPv6)
	}
	f.Fuzz(func(t *testing.T, msg []byte, v6 bool) {
		family := IPv4
		if v6 {
			family = IPv6
		}
		var a, again Advert
		if d := a.Parse(family, msg); d != DiscardNone {
			if d >= NoteInterval {
				t.Fatalf("not parsed, and accepted: %s", d)
			}
			return
		}
		c := Config{Family: family, VRID: a.VRID, Version: a.Version, Interval: a.Interval, Addresses: a.Addresses, Auth: a.Auth}
		got := AppendMessage(nil, &c, a.Priority, source4and6(family), family.Group())
		if !GoodChecksum(got, a.Version, PseudoHeader, source4and6(family), family.Group()) {
			t.Error("the checksum of what was written is not good")
		}
		want := bytes.Clone(msg)
		if a.Version == 3 {
			want[4] &= 0x0f
		}
		copy(want[6:8], got[6:8])
		if !bytes.Equal(got, want) {
			t.Errorf("written again\n got %x\nwant %x", got, want)
		}
		if d := again.Parse(family, got); d != DiscardNone {
			t.Errorf("what was written is not parsed: %s", d)
		}
		if diff := cmp.Diff(a, again, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
			t.Errorf("parsed again (-first +second):\n%s", diff)
		}
	})
}

// FuzzRouterReceive: whatever comes, the router goes on; nothing makes it Active but time; what is discarded changes nothing.
func FuzzRouterReceive(f *testing.F) {
	for _, in := range inputs() {
		_, p := in.make()
		f.Add(p.Message, p.Source.AsSlice(), p.Destination.AsSlice(), p.TTL, p.Family == IPv6, false, uint8(2), uint16(10))
		f.Add(p.Message, p.Source.AsSlice(), p.Destination.AsSlice(), p.TTL, p.Family == IPv6, true, uint8(1), uint16(5000))
	}
	f.Fuzz(func(t *testing.T, msg, src, dst []byte, ttl uint8, v6, seal bool, state uint8, later uint16) {
		p := Packet{Interface: 1, Family: IPv4, TTL: ttl, Message: msg}
		if v6 {
			p.Family = IPv6
		}
		p.Source, _ = netip.AddrFromSlice(src)
		p.Destination, _ = netip.AddrFromSlice(dst)
		if seal && len(msg) >= headerSize { // so that the checksum is not all there is to find
			covers := PseudoHeader
			if msg[0]>>4 == 2 {
				covers = MessageOnly
			}
			p.Message = bytes.Clone(msg)
			binary.BigEndian.PutUint16(p.Message[6:], 0)
			binary.BigEndian.PutUint16(p.Message[6:], ^checksum(p.Message, covers, p.Source, p.Destination))
		}
		s := fuzzed(t, state)
		s.now = s.now.Add(time.Duration(later) * time.Millisecond)
		for range 3 {
			before := s.everything()
			out := s.r.Receive(s.now, p, nil)
			s.judgeReceive(before, out)
			s.now++
		}
		s.pass(10 * time.Second)
		if bad := s.consistent(); bad != "" {
			t.Error(bad)
		}
	})
}

// fuzzed is a router with all kinds of virtual routers, which all are in one state.
func fuzzed(t *testing.T, state uint8) *station {
	t.Helper()
	follower, alone, second := config6(), config6(), config2()
	follower.Leader = 1
	alone.VRID, second.VRID = 52, 53
	s := newStation(t, config4(), follower, alone, second)
	s.up(1, 2, 3, 4)
	switch State(state % 3) {
	case Initialize:
		for id := range ID(4) {
			s.r.Down(s.now, id+1, ReasonLink, nil)
		}
	case Active:
		s.pass(5 * time.Second)
		if state%2 == 0 {
			s.r.Release(s.now, 3, nil)
		}
	case Backup:
	}
	return s
}

// inventory is all that a packet could change.
type inventory struct {
	Status   []Status
	Deadline []Time
}

func (s *station) everything() inventory {
	var e inventory
	for id := range ID(len(s.r.machines)) {
		status, _ := s.r.Status(id + 1)
		e.Status = append(e.Status, status)
		e.Deadline = append(e.Deadline, s.r.machines[id+1].deadline)
	}
	return e
}

func (s *station) judgeReceive(before inventory, out []Action) {
	s.t.Helper()
	if bad := s.consistent(); bad != "" {
		s.t.Error(bad)
	}
	after := s.everything()
	for i := range after.Status {
		if after.Status[i].State == Active && before.Status[i].State != Active {
			s.t.Errorf("virtual router %d became active because of a packet: %q", i+1, words(out))
		}
		accepted := after.Status[i].Counters.AdvertisementRcvd != before.Status[i].Counters.AdvertisementRcvd
		if accepted {
			return // and may change its group
		}
	}
	for i := range after.Status {
		after.Status[i].Counters, before.Status[i].Counters = Counters{}, Counters{}
	}
	if diff := cmp.Diff(before, after, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		s.t.Errorf("a packet that was not accepted changed something (-before +after):\n%s", diff)
	}
	for _, a := range out {
		if a.Kind != Discarded || a.Discard >= NoteInterval {
			s.t.Errorf("a packet that was not accepted caused %q", words(out))
		}
	}
}

// consistent checks what is true of a router at any time; it returns what is not.
func (s *station) consistent() string {
	first := Never
	for id, m := range s.r.machines {
		first = min(first, m.deadline)
		waits := m.state == Active || m.state == Backup && !m.follows() || m.releasing
		switch {
		case waits != (m.deadline != Never):
			return fmt.Sprintf("virtual router %d is %s (releasing %t) and waits: %t", id, m.state, m.releasing, m.deadline != Never)
		case waits != (m.index >= 0) || waits && m.due != m.deadline:
			return fmt.Sprintf("virtual router %d waits for %d and is queued for %d at %d", id, m.deadline, m.due, m.index)
		case m.leader != nil && m.leader.state == Active && m.state == Backup:
			return fmt.Sprintf("virtual router %d is backup, and its leader %d active", id, m.leader.id)
		}
	}
	if got := s.r.Deadline(); got != first {
		return fmt.Sprintf("the router waits for %d, want %d", got, first)
	}
	return ""
}
