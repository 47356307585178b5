// SPDX-License-Identifier: Apache-2.0

package vrrp

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// today is what the wall clock of tests shows, unless they set it.
var today = time.Date(2026, 9, 21, 12, 0, 0, 0, time.UTC)

// Keys of tests.
var (
	shortKey = []byte("0123456789abcdef0123456789abcdef")
	longKey  = bytes.Repeat([]byte{'k'}, 64)
)

// sealed is a virtual router with trailers.
func sealed(edits ...func(*Config)) func() Config {
	return func() Config {
		c := config4()
		c.HMAC = &HMAC{Keys: map[uint8][]byte{7: shortKey, 9: longKey}, Active: 7}
		for _, edit := range edits {
			edit(&c)
		}
		return c
	}
}

// mode sets the mode of trailers.
func trailerMode(m HMACMode) func(*Config) { return func(c *Config) { c.HMAC.Mode = m } }

// reference is the trailer, as the description of the format has it and not as the package computes it.
func reference(family byte, src netip.Addr, advert []byte, id byte, key []byte, sequence uint64) []byte {
	input := append([]byte{family, advert[0] >> 4, advert[1], 0}, src.AsSlice()...)
	input = append(input, make([]byte, 20-len(input))...)
	trailer := binary.BigEndian.AppendUint64([]byte{1, id, 0, 0}, sequence)
	input = append(input, advert[:6]...)
	input = append(input, 0, 0)
	input = append(input, advert[8:]...)
	input = append(input, trailer...)
	input = append(input, make([]byte, 16)...)
	mac := hmac.New(sha256.New, key)
	mac.Write(input)
	return append(trailer, mac.Sum(nil)[:16]...)
}

// trail appends the reference trailer, so much later than today, and then edits it.
func trail(id byte, key []byte, late time.Duration, edits ...func([]byte)) func(*Packet) {
	return func(p *Packet) {
		family := byte(4)
		if p.Family == IPv6 {
			family = 6
		}
		t := reference(family, p.Source, p.Message, id, key, Sequence(today.Add(late)))
		for _, edit := range edits {
			edit(t)
		}
		p.Message = append(p.Message, t...)
		if p.Family == IPv6 {
			p.Message[6], p.Message[7] = 0, 0
			binary.BigEndian.PutUint16(p.Message[6:], ^checksum(p.Message, PseudoHeader, p.Source, p.Destination))
		}
	}
}

// octet edits one octet of a trailer.
func octet(i int, b byte) func([]byte) { return func(t []byte) { t[i] = b } }

// trailerInputs are the lines of the table of bad input that are about trailers, in the order of the checks.
func trailerInputs() []input {
	c, permissive := sealed(), sealed(trailerMode(HMACPermissive))
	monotonic := sealed(func(c *Config) { c.HMAC.Monotonic = true })
	return []input{
		{name: "a trailer", config: c, edit: trail(7, shortKey, 0), accept: true},
		{name: "a trailer of the other key", config: c, edit: trail(9, longKey, 0), accept: true},
		{name: "a trailer over IPv6", config: sealed(func(c *Config) { h := c.HMAC; *c = config6(); c.HMAC = h }), edit: trail(7, shortKey, 0), accept: true},
		{name: "a trailer in version 2", config: sealed(func(c *Config) { h := c.HMAC; *c = plain(); c.HMAC = h }), edit: trail(7, shortKey, 0), accept: true},
		{name: "no trailer", config: c, want: DiscardHMACMissing, count: countAuth},
		{name: "no trailer, permissive", config: permissive, accept: true},
		{name: "no trailer, receive-only", config: sealed(trailerMode(HMACReceiveOnly)), accept: true},
		{name: "a trailer where there is none", edit: trail(7, shortKey, 0), want: DiscardTrailer, count: countLength},
		{name: "another type, and stale", config: c, edit: trail(7, shortKey, time.Hour, octet(0, 2)), want: DiscardHMACMalformed, count: countAuth},
		{name: "reserved octets, permissive", config: permissive, edit: trail(7, shortKey, 0, octet(3, 1)), want: DiscardHMACMalformed, count: countAuth},
		{name: "stale, of an unknown key", config: c, edit: trail(8, shortKey, -5*time.Second-time.Millisecond), want: DiscardHMACStale, count: countAuth},
		{name: "from the future", config: c, edit: trail(7, shortKey, 5*time.Second+time.Millisecond), want: DiscardHMACStale, count: countAuth},
		{name: "just not stale", config: c, edit: trail(7, shortKey, -5*time.Second), accept: true},
		{name: "stale, monotonic", config: monotonic, edit: trail(7, shortKey, -time.Hour), accept: true},
		{name: "an unknown key", config: c, edit: trail(8, shortKey, 0), want: DiscardHMACKey, count: countAuth},
		{name: "a wrong trailer", config: c, edit: trail(7, longKey, 0), want: DiscardHMAC, count: countAuth},
		{name: "a wrong octet", config: c, edit: trail(7, shortKey, 0, func(t []byte) { t[27] ^= 1 }), want: DiscardHMAC, count: countAuth},
		{name: "another counter", config: c, edit: trail(7, shortKey, 0, octet(11, 1)), want: DiscardHMAC, count: countAuth},
		{name: "another source", config: c, edit: func(p *Packet) {
			trail(7, shortKey, 0)(p)
			p.Source = lower4
			p.Message[6], p.Message[7] = 0, 0
			binary.BigEndian.PutUint16(p.Message[6:], ^checksum(p.Message[:12], PseudoHeader, p.Source, p.Destination))
		}, want: DiscardHMAC, count: countAuth},
		{name: "a trailer of a peer", config: sealed(func(c *Config) { c.Peers = addrs("10.0.0.9") }), dst: "10.0.0.5", edit: trail(7, shortKey, 0), accept: true},
		{name: "a trailer of no peer", config: sealed(func(c *Config) { c.Peers = addrs("10.0.0.8") }), dst: "10.0.0.5", edit: trail(7, shortKey, 0),
			want: DiscardPeer, count: countSource},
	}
}

// Bytes that were computed by another program.
func TestGoldenTrailers(t *testing.T) {
	t.Parallel()
	counting := make([]byte, 32)
	for i := range counting {
		counting[i] = byte(i + 1)
	}
	for _, tt := range []struct {
		family       Family
		id           uint8
		key          []byte
		src, dst     string
		advert, want string
	}{
		{IPv4, 7, counting, "10.99.0.1", "224.0.0.18", "31339601006442ad0a630064", "010700006ab13b8080000003e63692b7469a22cb3b396904725edf56"},
		{IPv4, 9, longKey, "10.99.0.1", "224.0.0.18", "213496010101cf790a63006e7365637265743132", "010900006ab13b808000000305b304e314382d0481277bccd4a05c49"},
		{IPv6, 7, counting, "fe80::ff:fe00:1", "ff02::12", "3133960200640bcbfe80000000000000000000000099010020010db8009900000000000000000100",
			"010700006ab13b8080000003c101abc24b289572206350fef63f78bc"},
	} {
		advert, _ := hex.DecodeString(tt.advert)
		src, dst := netip.MustParseAddr(tt.src), netip.MustParseAddr(tt.dst)
		const sequence = 1790000000<<32 | 0x8000<<16 | 3
		h := &HMAC{Keys: map[uint8][]byte{tt.id: tt.key}, Active: tt.id}
		got := AppendTrailer(bytes.Clone(advert), h, tt.family, src, dst, sequence)
		front, trailer := SplitTrailer(tt.family, got)
		if hex.EncodeToString(trailer) != tt.want {
			t.Errorf("%s: trailer\n got %x\nwant %s", tt.family, trailer, tt.want)
		}
		if diff := cmp.Diff(trailer, reference(byte(tt.family), src, advert, tt.id, tt.key, sequence)); diff != "" {
			t.Errorf("the reference is another one:\n%s", diff)
		}
		if tt.family == IPv4 && !bytes.Equal(front, advert) {
			t.Errorf("the advert in front is %x, want %s", front, tt.advert)
		}
		if tt.family == IPv6 && !GoodChecksum(got, 3, Either, src, dst) {
			t.Error("the IPv6 checksum does not cover the trailer")
		}
	}
}

// What a router sends another one accepts, once; each advert has a number of its own, whatever the clock does.
func TestSealedRoutersHearEachOther(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string]func(*Config){
		"IPv4":      func(*Config) {},
		"IPv6":      func(c *Config) { h := c.HMAC; *c = config6(); c.HMAC = h },
		"version 2": func(c *Config) { h := c.HMAC; *c = plain(); c.HMAC = h },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := sealed(edit)()
			a, b := newStation(t, c).elect(), newStation(t, c)
			src := higher4
			if c.Family == IPv6 {
				src = higher6
			}
			a.r.Up(a.now, 1, Link{Interface: 1, Source: src}, nil)
			b.up(1)
			wall := today
			for i := range 200 {
				a.r.SetWall(a.now, wall)
				b.r.SetWall(b.now, wall)
				m := bytes.Clone(a.r.Message(1, 100, c.Family.Group()))
				p := Packet{Interface: 1, Family: c.Family, Source: src, Destination: c.Family.Group(), TTL: 255, Message: m}
				if out := b.r.Receive(b.now, p, nil); len(out) != 0 {
					t.Fatalf("advert %d: %q", i, words(out))
				}
				if out := b.r.Receive(b.now.Add(20*time.Second), p, nil); kinds(out, Discarded) > 0 && out[0].Discard != DiscardHMACStale {
					t.Fatalf("advert %d a second time: %q", i, words(out))
				}
				if i%3 == 0 {
					wall = wall.Add(time.Duration(i%7-3) * 300 * time.Millisecond)
				}
			}
			st, _ := b.r.Statistics(1)
			if st.AdvertRcvd != 200 || st.AuthExtStale != 200 {
				t.Errorf("%+v, want 200 received and 200 stale", st)
			}
		})
	}
}

func TestReplaysAreRefusedPerSource(t *testing.T) {
	t.Parallel()
	c := sealed()()
	s := newStation(t, c)
	s.up(1)
	s.r.SetWall(s.now, today)
	hears := func(src string, late time.Duration) Discard {
		p := packet(c, 150, netip.MustParseAddr(src))
		trail(7, shortKey, late)(&p)
		s.now++
		before := s.r.Global()
		got, _ := s.r.Status(1)
		s.r.machines[1].noted = [discards]Time{}
		for _, a := range s.r.Receive(s.now, p, nil) {
			if a.Kind == Discarded {
				return a.Discard
			}
		}
		if after, _ := s.r.Status(1); after.Counters.AdvertisementRcvd != got.Counters.AdvertisementRcvd+1 {
			t.Fatalf("not received: %+v %+v", before, after)
		}
		return DiscardNone
	}
	steps := []struct {
		src  string
		late time.Duration
		want Discard
	}{
		{"10.0.0.11", 0, DiscardNone}, {"10.0.0.11", 0, DiscardReplay}, {"10.0.0.11", -time.Second, DiscardReplay}, {"10.0.0.11", 1, DiscardReplay},
		{"10.0.0.11", time.Second, DiscardNone}, {"10.0.0.12", 0, DiscardNone}, {"10.0.0.13", 0, DiscardNone}, {"10.0.0.14", 0, DiscardNone},
		{"10.0.0.11", time.Second, DiscardReplay}, {"10.0.0.12", 0, DiscardReplay}, // four are remembered
		{"10.0.0.11", 2 * time.Second, DiscardNone}, {"10.0.0.15", 0, DiscardNone}, // 12 was heard least recently: a replay is no sign of life
		{"10.0.0.12", 0, DiscardNone}, {"10.0.0.11", 2 * time.Second, DiscardReplay}, {"10.0.0.15", 0, DiscardReplay},
	}
	for i, step := range steps {
		if got := hears(step.src, step.late); got != step.want {
			t.Errorf("step %d, %s after %s: %s, want %s", i, step.src, step.late, got, step.want)
		}
	}
	s.r.Update(s.now, 1, sealed(func(c *Config) { c.HMAC.Active = 9 })(), nil) // a reload forgets nothing
	if got := hears("10.0.0.11", 2*time.Second); got != DiscardReplay {
		t.Errorf("after a reload: %s", got)
	}
	st, _ := s.r.Statistics(1)
	if st.AuthExtReplay != 8 || st.AuthFailure != 0 {
		t.Errorf("%d replays and %d failures, want 8 and 0", st.AuthExtReplay, st.AuthFailure)
	}
}

// Unicast peers have a place each, however many there are.
func TestPeersAreRememberedApart(t *testing.T) {
	t.Parallel()
	var peers []netip.Addr
	for i := range 20 {
		peers = append(peers, netip.AddrFrom4([4]byte{10, 0, 0, byte(100 + i)}))
	}
	c := sealed(func(c *Config) { c.Peers = peers })()
	s := newStation(t, c)
	s.up(1)
	s.r.SetWall(s.now, today)
	for round := range 2 {
		for _, src := range peers {
			p := Packet{Interface: 1, Family: IPv4, Source: src, Destination: self4, TTL: 255, Message: AppendMessage(nil, &c, 150, src, self4)}
			trail(7, shortKey, 0)(&p)
			s.r.Receive(s.now, p, nil)
		}
		if st, _ := s.r.Statistics(1); st.AdvertRcvd != 20 || st.AuthExtReplay != uint64(20*round) {
			t.Errorf("round %d: %d received, %d replays", round, st.AdvertRcvd, st.AuthExtReplay)
		}
	}
}

// The numbers grow whatever the clock does, but start again from a clock that was set back by more than others bear.
func TestSequenceNumbers(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		window := time.Duration(rapid.IntRange(1, 300).Draw(t, "window")) * time.Second
		monotonic := rapid.Bool().Draw(t, "monotonic")
		s := newSeal(&HMAC{Keys: map[uint8][]byte{1: shortKey}, Active: 1, Monotonic: monotonic})
		wall, last := today, uint64(0)
		for range rapid.IntRange(1, 50).Draw(t, "adverts") {
			wall = wall.Add(time.Duration(rapid.IntRange(-400_000, 400_000).Draw(t, "ms")) * time.Millisecond)
			clock, n := Sequence(wall), s.next(wall, window)
			ahead := last >= clock && last+1-clock > distance(window)
			switch {
			case ahead && !monotonic:
				if n != clock {
					t.Fatalf("%x, want the clock's %x: %x is too far ahead", n, clock, last)
				}
			case n != max(clock, last+1):
				t.Fatalf("%x after %x at %x", n, last, clock)
			}
			last = n
		}
	})
	if got := Sequence(time.Unix(0x12345678, 500_000_000)); got != 0x12345678_8000_0000 {
		t.Errorf("half a second is %x", got)
	}
	if got := Sequence(time.Unix(1<<32+5, 999_999_999)); got != 5<<32|0xffff<<16 {
		t.Errorf("after 2106: %x", got)
	}
}

func TestUnusableTrailersAreRefused(t *testing.T) {
	t.Parallel()
	for name, h := range map[string]HMAC{
		"no key":            {Active: 1},
		"key 0":             {Keys: map[uint8][]byte{0: shortKey}},
		"a short key":       {Keys: map[uint8][]byte{1: shortKey[:31]}, Active: 1},
		"a long key":        {Keys: map[uint8][]byte{1: append(bytes.Clone(longKey), 'k')}, Active: 1},
		"an unknown active": {Keys: map[uint8][]byte{1: shortKey}, Active: 2},
		"a short window":    {Keys: map[uint8][]byte{1: shortKey}, Active: 1, Window: time.Second - 1},
		"a long window":     {Keys: map[uint8][]byte{1: shortKey}, Active: 1, Window: 301 * time.Second},
		"another mode":      {Keys: map[uint8][]byte{1: shortKey}, Active: 1, Mode: 3},
	} {
		c := config4()
		c.HMAC = &h
		if err := NewRouter().Add(1, c); err == nil {
			t.Errorf("%s: no error", name)
		} else if strings.Contains(err.Error(), string(shortKey[:31])) {
			t.Errorf("%s: the error tells the key", name)
		}
	}
	c := sealed(trailerMode(HMACReceiveOnly), func(c *Config) { c.HMAC.Active = 0 })()
	s := newStation(t, c)
	s.up(1)
	if m := s.r.Message(1, 100, IPv4.Group()); len(m) != 12 {
		t.Errorf("receive-only sends %x", m)
	}
	if text := fmt.Sprintf("%v %+v", c.HMAC, c.HMAC); strings.Contains(text, string(shortKey)) || strings.Contains(text, fmt.Sprint(shortKey[:4])) {
		t.Errorf("it tells its keys: %s", text)
	}
}

// FuzzTrailer: whatever comes in front of and as a trailer, only what was signed with the key is believed, and nothing is written to.
func FuzzTrailer(f *testing.F) {
	good := packet(sealed()(), 150, higher4)
	trail(7, shortKey, 0)(&good)
	f.Add(good.Message[:12], good.Message[12:])
	f.Add([]byte{}, []byte{})
	f.Add(good.Message, good.Message[12:])
	f.Fuzz(func(t *testing.T, advert, trailer []byte) {
		c := sealed()()
		s := newStation(t, c)
		s.up(1)
		s.r.SetWall(s.now, today)
		p := good
		p.Message = append(bytes.Clone(advert), trailer...)
		if len(p.Message) >= 8 {
			front, _ := SplitTrailer(IPv4, p.Message)
			front[6], front[7] = 0, 0
			binary.BigEndian.PutUint16(front[6:], ^checksum(front, PseudoHeader, p.Source, p.Destination))
		}
		original := bytes.Clone(p.Message)
		s.r.Receive(s.now, p, nil)
		if !bytes.Equal(p.Message, original) {
			t.Error("the packet was written to")
		}
		st, _ := s.r.Status(1)
		if st.Counters.AdvertisementRcvd == 0 {
			return
		}
		front, tail := SplitTrailer(IPv4, p.Message)
		key := map[byte][]byte{7: shortKey, 9: longKey}[tail[1]]
		if want := reference(4, p.Source, front, tail[1], key, binary.BigEndian.Uint64(tail[4:])); !bytes.Equal(tail, want) {
			t.Errorf("believed %x, want %x", tail, want)
		}
	})
}
