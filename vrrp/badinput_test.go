// SPDX-License-Identifier: Apache-2.0

package vrrp

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// statistics are the counters that one packet may move.
type statistics struct {
	Router Counters
	Node   GlobalCounters
}

// input is one packet that is bad or odd. Package transport has the same table from the wire.
type input struct {
	name   string
	config func() Config   // nil: config4
	packet func(c *Config) // what the sender is told; nil: the same
	p      Priority        // 0: 150
	src    string          // "": 10.0.0.9, fe80::9
	dst    string          // "": the group
	edit   func(*Packet)   // afterwards
	seal   bool            // with a checksum that is good again
	accept bool
	want   Discard
	count  func(*statistics)
}

// The counters of RFC 8347 and our own.
func countTTL(s *statistics)         { s.Node.TTLErrors++ }
func countVersion(s *statistics)     { s.Node.VersionErrors++ }
func countChecksum(s *statistics)    { s.Node.ChecksumErrors++ }
func countVRID(s *statistics)        { s.Node.VRIDErrors++ }
func countOwn(s *statistics)         { s.Node.OwnPackets++ }
func countType(s *statistics)        { s.Router.InvalidTypePktsRcvd++ }
func countLength(s *statistics)      { s.Router.PacketLengthErrors++ }
func countNodeLength(s *statistics)  { s.Node.PacketLengthErrors++ }
func countInterval(s *statistics)    { s.Router.IntervalErrors++ }
func countList(s *statistics)        { s.Router.AddressListErrors++ }
func countAuth(s *statistics)        { s.Router.AuthErrors++ }
func countSource(s *statistics)      { s.Router.SourceErrors++ }
func countDestination(s *statistics) { s.Router.DestinationErrors++ }

// message edits the octets.
func message(f func([]byte) []byte) func(*Packet) {
	return func(p *Packet) { p.Message = f(p.Message) }
}

// set sets one octet.
func set(i int, b byte) func(*Packet) {
	return message(func(m []byte) []byte { m[i] = b; return m })
}

func from(s string) func(*Packet) { return func(p *Packet) { p.Source = netip.MustParseAddr(s) } }

func ttl(n uint8) func(*Packet) { return func(p *Packet) { p.TTL = n } }

func flip(p *Packet) { p.Message[6] ^= 0x40 }

func plain() Config { c := config2(); c.Auth = Auth{}; return c }

func unicast() Config { c := config4(); c.Peers = []netip.Addr{higher4}; return c }

func unicast6() Config { c := config6(); c.Peers = addrs("fd00::9"); return c }

func strict6() Config { c := config6(); c.RequireLinkLocal = true; return c }

func owner() Config { c := config4(); c.Priority = Owner; return c }

func accepts(what Checksum) func() Config {
	return func() Config { c := config4(); c.AcceptChecksum = what; return c }
}

func sealsPlain(c *Config) { c.Checksum = MessageOnly }

func otherList(c *Config) { c.Addresses = addrs("10.0.1.99") }

func password(s string) func(*Config) {
	return func(c *Config) { c.Auth = Auth{Type: AuthPass}; copy(c.Auth.Data[:], s) }
}

// inputs are the lines of the table, in its order.
func inputs() []input {
	return append([]input{
		{name: "TTL 254", edit: ttl(254), want: DiscardTTL, count: countTTL},
		{name: "TTL 0", edit: ttl(0), want: DiscardTTL, count: countTTL},
		{name: "hop limit 254", config: config6, edit: ttl(254), want: DiscardTTL, count: countTTL},
		{name: "version 4", edit: set(0, 0x41), seal: true, want: DiscardVersion, count: countVersion},
		{name: "version 0", edit: set(0, 0x01), seal: true, want: DiscardVersion, count: countVersion},
		{name: "version 2 at a version 3 router", packet: func(c *Config) { c.Version = 2 }, want: DiscardVersion, count: countVersion},
		{name: "version 3 at a version 2 router", config: plain, packet: func(c *Config) { c.Version = 3 }, want: DiscardVersion, count: countVersion},
		{name: "version 2 over IPv6", config: config6, edit: set(0, 0x21), seal: true, want: DiscardVersion, count: countVersion},
		{name: "type 2", edit: set(0, 0x32), seal: true, want: DiscardType, count: countType},
		{name: "type 0, version 2", config: plain, edit: set(0, 0x20), seal: true, want: DiscardType, count: countType},
		{name: "bad checksum", edit: flip, want: DiscardChecksum, count: countChecksum},
		{name: "bad checksum, version 2", config: config2, edit: flip, want: DiscardChecksum, count: countChecksum},
		{name: "bad checksum over IPv6", config: config6, edit: flip, want: DiscardChecksum, count: countChecksum},
		{name: "checksum of RFC 9568", packet: sealsPlain, accept: true},
		{name: "checksum of RFC 9568 where it alone is accepted", config: accepts(MessageOnly), packet: sealsPlain, accept: true},
		{name: "checksum with a pseudo-header where it is not accepted", config: accepts(MessageOnly), want: DiscardChecksum, count: countChecksum},
		{name: "checksum of RFC 9568 where it is not accepted", config: accepts(PseudoHeader), packet: sealsPlain, want: DiscardChecksum, count: countChecksum},
		{name: "unknown VRID", edit: set(1, 52), seal: true, want: DiscardVRID, count: countVRID},
		{name: "VRID 0", edit: set(1, 0), seal: true, want: DiscardVRID, count: countVRID},
		{name: "another interface", edit: func(p *Packet) { p.Interface = 2 }, want: DiscardVRID, count: countVRID},
		{name: "nothing", edit: message(func([]byte) []byte { return nil }), want: DiscardLength, count: countNodeLength},
		{name: "one octet", edit: message(func(m []byte) []byte { return m[:1] }), want: DiscardLength, count: countNodeLength},
		{name: "7 octets", edit: message(func(m []byte) []byte { return m[:7] }), want: DiscardLength, count: countLength},
		{name: "7 octets over IPv6", config: config6, edit: message(func(m []byte) []byte { return m[:7] }), want: DiscardLength, count: countLength},
		{name: "7 octets for another VRID", edit: message(func(m []byte) []byte { m[1] = 52; return m[:7] }), want: DiscardLength, count: countNodeLength},
		{name: "version 2 without authentication data", config: plain, edit: message(func(m []byte) []byte { return m[:12] }), seal: true,
			want: DiscardLength, count: countLength},
		{name: "count above the octets", edit: set(3, 2), seal: true, want: DiscardLength, count: countLength},
		{name: "count 255", edit: set(3, 255), seal: true, want: DiscardLength, count: countLength},
		{name: "count below the octets", packet: func(c *Config) { c.Addresses = addrs("10.0.1.51", "10.0.1.52") }, edit: set(3, 1), seal: true,
			want: DiscardLength, count: countLength},
		{name: "4 trailing octets", edit: message(func(m []byte) []byte { return append(m, 1, 2, 3, 4) }), seal: true, want: DiscardLength, count: countLength},
		{name: "1 trailing octet", edit: message(func(m []byte) []byte { return append(m, 0) }), seal: true, want: DiscardLength, count: countLength},
		{name: "count 0", packet: func(c *Config) { c.Addresses = nil }, want: DiscardCount, count: countLength},
		{name: "count 0 over IPv6", config: config6, packet: func(c *Config) { c.Addresses = nil }, want: DiscardCount, count: countLength},
		{name: "count 0, version 2", config: plain, packet: func(c *Config) { c.Addresses = nil }, want: DiscardCount, count: countLength},
		{name: "interval 0", packet: func(c *Config) { c.Interval = 0 }, want: DiscardInterval, count: countInterval},
		{name: "interval 0 under reserved bits", packet: func(c *Config) { c.Interval = 0 }, edit: set(4, 0xf0), seal: true, want: DiscardInterval, count: countInterval},
		{name: "interval 0, version 2", config: plain, packet: func(c *Config) { c.Interval = 0 }, want: DiscardInterval, count: countInterval},
		{name: "another interval, version 3", packet: func(c *Config) { c.Interval = 2500 * time.Millisecond }, accept: true, want: NoteInterval, count: countInterval},
		{name: "another interval, version 2", config: plain, packet: func(c *Config) { c.Interval = 2 * time.Second }, want: DiscardInterval, count: countInterval},
		{name: "reserved bits", edit: message(func(m []byte) []byte { m[4] |= 0xf0; return m }), seal: true, accept: true},
		{name: "another address, version 3", packet: otherList, accept: true, want: NoteAddressList, count: countList},
		{name: "one address more", packet: func(c *Config) { c.Addresses = addrs("10.0.1.51", "10.0.1.52") }, accept: true, want: NoteAddressList, count: countList},
		{name: "the same addresses in another order", config: func() Config { c := config4(); c.Addresses = addrs("10.0.1.51", "10.0.1.52"); return c },
			packet: func(c *Config) { c.Addresses = addrs("10.0.1.52", "10.0.1.51") }, accept: true},
		{name: "another address, version 2", config: plain, packet: otherList, want: DiscardAddressList, count: countList},
		{name: "another address from the owner, version 2", config: plain, packet: otherList, p: Owner, accept: true, want: NoteAddressList, count: countList},
		{name: "no password", config: config2, packet: func(c *Config) { c.Auth = Auth{} }, want: DiscardAuthType, count: countAuth},
		{name: "password where there is none", config: plain, packet: password("secret"), want: DiscardAuthType, count: countAuth},
		{name: "authentication type 2", config: config2, packet: func(c *Config) { c.Auth.Type = 2 }, want: DiscardAuthType, count: countAuth},
		{name: "wrong password", config: config2, packet: password("secreT"), want: DiscardAuthData, count: countAuth},
		{name: "longer password", config: config2, packet: password("secret1"), want: DiscardAuthData, count: countAuth},
		{name: "right password", config: config2, accept: true},
		{name: "authentication data of type 0", config: plain, packet: func(c *Config) { c.Auth.Data[0] = 1 }, accept: true},
		{name: "first IPv6 address not link-local", config: strict6, packet: func(c *Config) { c.Addresses = addrs("fd00::51", "fe80::1:51") },
			want: DiscardLinkLocal, count: countList},
		{name: "first IPv6 address not link-local, not required", config: config6, packet: func(c *Config) { c.Addresses = addrs("fd00::51", "fe80::1:51") },
			accept: true, want: NoteLinkLocal, count: countList},
		{name: "unicast to a multicast router", dst: "10.0.0.5", want: DiscardDestination, count: countDestination},
		{name: "unicast to a multicast router over IPv6", config: config6, dst: "fe80::5", want: DiscardDestination, count: countDestination},
		{name: "multicast to a unicast router", config: unicast, want: DiscardDestination, count: countDestination},
		{name: "unicast to a unicast router", config: unicast, dst: "10.0.0.5", accept: true},
		{name: "another group", dst: "224.0.0.1", want: DiscardDestination, count: countDestination},
		{name: "no destination", edit: func(p *Packet) { p.Destination = netip.Addr{} }, want: DiscardDestination, count: countDestination},
		{name: "our own packet", src: "10.0.0.5", want: DiscardOwn, count: countOwn},
		{name: "our own packet over IPv6", config: config6, src: "fe80::5", want: DiscardOwn, count: countOwn},
		{name: "source 0.0.0.0", src: "0.0.0.0", want: DiscardSource, count: countSource},
		{name: "source ::", config: config6, src: "::", want: DiscardSource, count: countSource},
		{name: "multicast source", src: "224.0.0.18", want: DiscardSource, count: countSource},
		{name: "loopback source", src: "127.0.0.1", want: DiscardSource, count: countSource},
		{name: "broadcast source", src: "255.255.255.255", want: DiscardSource, count: countSource},
		{name: "source of the other family", edit: from("fe80::9"), want: DiscardSource, count: countSource},
		{name: "no source", edit: func(p *Packet) { p.Source = netip.Addr{} }, want: DiscardSource, count: countSource},
		{name: "IPv6 source not link-local", config: config6, src: "fd00::9", want: DiscardSource, count: countSource},
		{name: "IPv6 source not link-local to a unicast router", config: unicast6, src: "fd00::9", dst: "fd00::5", accept: true},
		{name: "CARP", edit: message(func([]byte) []byte { return append([]byte{0x21, 51, 0, 7, 0, 1, 0, 0}, make([]byte, 28)...) }), seal: true,
			want: DiscardLength, count: countLength},
		{name: "another owner, from a higher address", config: owner, p: Owner, accept: true, want: NoteOwner},
		{name: "a good one", accept: true},
		{name: "a good one over IPv6", config: config6, accept: true},
	}, append(optionInputs(), trailerInputs()...)...)
}

// make returns the packet and the configuration of who hears it.
func (in input) make() (Config, Packet) {
	cfg := config4()
	if in.config != nil {
		cfg = in.config()
	}
	sender := cfg
	if in.packet != nil {
		in.packet(&sender)
	}
	p := in.p
	if p == 0 {
		p = 150
	}
	src, dst := higher4, cfg.Family.Group()
	if cfg.Family == IPv6 {
		src = higher6
	}
	if in.src != "" {
		src = netip.MustParseAddr(in.src)
	}
	if in.dst != "" {
		dst = netip.MustParseAddr(in.dst)
	}
	packet := Packet{Interface: 1, Family: cfg.Family, Source: src, Destination: dst, TTL: 255, Message: AppendMessage(nil, &sender, p, src, dst)}
	if in.edit != nil {
		in.edit(&packet)
	}
	if in.seal {
		binary.BigEndian.PutUint16(packet.Message[6:], 0)
		covers := sender.Checksum
		if packet.Message[0]>>4 == 2 {
			covers = MessageOnly
		}
		binary.BigEndian.PutUint16(packet.Message[6:], ^checksum(packet.Message, covers, src, dst))
	}
	return cfg, packet
}

// Each line is heard by a Backup and by an Active. What is discarded moves its counter, is reported, and changes nothing else.
func TestBadInput(t *testing.T) {
	t.Parallel()
	seen := map[Discard]bool{
		// Of adverts that are good: see preempt_test.go.
		NoteLowerPriority: true, NotePreemptDelay: true, NoteReleased: true,
		NoteGroup:     true, // needs two virtual routers: TestFollowerNotesBetterActive
		DiscardReplay: true, // needs two packets: TestReplaysAreRefusedPerSource
	}
	for _, in := range inputs() {
		seen[in.want] = true
		for _, state := range []State{Backup, Active} {
			if cfg, _ := in.make(); cfg.Priority == Owner && state == Backup {
				continue // it is Active from its start
			}
			t.Run(in.name+"/"+state.String(), func(t *testing.T) {
				t.Parallel()
				cfg, p := in.make()
				s := newStation(t, cfg)
				s.up(1)
				if state == Active {
					for st, _ := s.r.Status(1); st.State != Active; st, _ = s.r.Status(1) {
						s.next()
					}
				}
				s.state(1, state)
				in.judge(t, s, p)
			})
		}
	}
	for d := DiscardNone; d < discards; d++ {
		if !seen[d] {
			t.Errorf("no line is about %q", d)
		}
	}
}

func (in input) judge(t *testing.T, s *station, p Packet) {
	t.Helper()
	s.now = s.now.Add(tenth)
	s.r.SetWall(s.now, today)
	before, _ := s.r.Status(1)
	due, original := s.r.Deadline(), bytes.Clone(p.Message)
	want := statistics{before.Counters, s.r.Global()}
	out := s.r.Receive(s.now, p, nil)
	after, _ := s.r.Status(1)
	var notes []Discard
	for _, a := range out {
		if a.Kind == Discarded {
			notes = append(notes, a.Discard)
		}
	}
	var reports []Discard
	if in.want != DiscardNone {
		reports = []Discard{in.want}
	}
	if diff := cmp.Diff(reports, notes); diff != "" {
		t.Errorf("reports (-want +got):\n%s", diff)
	}
	if in.count != nil {
		in.count(&want)
	}
	if in.accept {
		want.Router.AdvertisementRcvd++
		want.Router.AdvertisementSent = after.Counters.AdvertisementSent
		if before.State == Backup && s.r.Deadline() != s.now.Add(after.ActiveDownInterval) {
			t.Error("it was accepted and does not count as a sign of life")
		}
		if before.State == Active && after.State != Backup {
			t.Error("it was accepted and has not won")
		}
	} else {
		if s.r.Deadline() != due {
			t.Errorf("a discarded packet moved the deadline by %s", s.r.Deadline().Sub(due))
		}
		unchanged := after
		unchanged.Counters = before.Counters
		if diff := cmp.Diff(before, unchanged, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
			t.Errorf("a discarded packet changed something (-want +got):\n%s", diff)
		}
		if len(out) != len(notes) {
			t.Errorf("a discarded packet caused %q", words(out))
		}
	}
	if diff := cmp.Diff(want, statistics{after.Counters, s.r.Global()}); diff != "" {
		t.Errorf("counters (-want +got):\n%s", diff)
	}
	if !bytes.Equal(p.Message, original) {
		t.Error("the packet was written to")
	}
}

// The same reason is reported once in ten seconds, and counted each time; another reason has a time of its own.
func TestReportsAreLimitedAndCountersAreNot(t *testing.T) {
	t.Parallel()
	s := newStation(t, config4())
	s.up(1)
	bad, foreign, wrong := packet(config4(), 150, higher4), packet(config4(), 150, higher4), packet(config4(), 150, higher4)
	bad.TTL, foreign.Interface = 1, 7
	wrong.Message[6] ^= 1
	reports := 0
	for range 100 {
		for _, p := range []Packet{bad, foreign, wrong} {
			reports += len(s.r.Receive(s.now, p, nil))
		}
		s.now = s.now.Add(noteEvery / 40)
	}
	if want := 3 * 3; reports != want {
		t.Errorf("%d reports in 25 s, want %d", reports, want)
	}
	if g := s.r.Global(); g.TTLErrors != 100 || g.VRIDErrors != 100 || g.ChecksumErrors != 100 {
		t.Errorf("counted %+v, want 100 each", g)
	}
}

// What belongs to no virtual router of ours is counted for the node, with one action without an ID.
func TestPacketsOfNobodyAreCounted(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		edit func(*Packet)
		want GlobalCounters
	}{
		{"TTL", ttl(1), GlobalCounters{TTLErrors: 1}},
		{"length", message(func(m []byte) []byte { return m[:9] }), GlobalCounters{PacketLengthErrors: 1}},
		{"version", set(0, 0x71), GlobalCounters{VersionErrors: 1}},
		{"type", set(0, 0x33), GlobalCounters{InvalidTypePktsRcvd: 1}},
		{"checksum", flip, GlobalCounters{ChecksumErrors: 1}},
		{"VRID", func(*Packet) {}, GlobalCounters{VRIDErrors: 1}},
		{"source", from("::1"), GlobalCounters{SourceErrors: 1}},
		{"destination", func(p *Packet) { p.Destination = IPv6.Group() }, GlobalCounters{DestinationErrors: 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := NewRouter()
			p := packet(config4(), 150, higher4)
			tt.edit(&p)
			if out := r.Receive(1, p, nil); len(out) != 1 || out[0].Kind != Discarded || out[0].ID != 0 {
				t.Errorf("actions %+v, want one report of the node", out)
			}
			if diff := cmp.Diff(tt.want, r.Global()); diff != "" {
				t.Errorf("counters (-want +got):\n%s", diff)
			}
		})
	}
}
