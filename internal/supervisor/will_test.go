// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/regent-ha/regent/vrrp"
)

// equal compares what is sent: an absent list is an empty one.
var equal = cmp.Options{cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{}), cmpopts.EquateEmpty()}

func drawAddr() *rapid.Generator[netip.Addr] {
	return rapid.Custom(func(t *rapid.T) netip.Addr {
		if rapid.Bool().Draw(t, "IPv4") {
			return netip.AddrFrom4([4]byte(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "address")))
		}
		return netip.AddrFrom16([16]byte(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "address")))
	})
}

func drawEntry() *rapid.Generator[*Entry] {
	return rapid.Custom(func(t *rapid.T) *Entry {
		return &Entry{
			Name:      rapid.String().Draw(t, "name"),
			Interface: rapid.StringN(1, 15, 15).Draw(t, "interface"),
			Index:     rapid.IntRange(1, 1<<31-1).Draw(t, "index"),
			Family:    rapid.SampledFrom([]vrrp.Family{vrrp.IPv4, vrrp.IPv6}).Draw(t, "family"),
			VRID:      vrrp.VRID(rapid.Byte().Draw(t, "VRID")),
			Source:    drawAddr().Draw(t, "source"),
			Adverts: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Advert {
				return Advert{drawAddr().Draw(t, "destination"), rapid.SliceOf(rapid.Byte()).Draw(t, "message")}
			}), 0, 4).Draw(t, "adverts"),
			Addresses: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Address {
				a := drawAddr().Draw(t, "address")
				return Address{netip.PrefixFrom(a, rapid.IntRange(0, a.BitLen()).Draw(t, "bits")), rapid.IntRange(0, 1<<31-1).Draw(t, "link")}
			}), 0, 4).Draw(t, "addresses"),
			Down: time.Duration(rapid.Int64().Draw(t, "down")),
			Hops: Hops{rapid.Byte().Draw(t, "hops"), rapid.Byte().Draw(t, "least"), rapid.Byte().Draw(t, "most")},
			HMAC: rapid.Ptr(rapid.Custom(func(t *rapid.T) vrrp.HMAC {
				return vrrp.HMAC{
					Keys:   rapid.MapOfN(rapid.Uint8Min(1), rapid.SliceOfN(rapid.Byte(), 32, 64), 1, 3).Draw(t, "keys"),
					Active: rapid.Byte().Draw(t, "active"), Window: time.Duration(rapid.Int64().Draw(t, "window")),
					Monotonic: rapid.Bool().Draw(t, "monotonic"), Mode: vrrp.HMACMode(rapid.Byte().Draw(t, "mode")),
				}
			}), true).Draw(t, "hmac"),
		}
	})
}

func drawMessage() *rapid.Generator[message] {
	return rapid.Custom(func(t *rapid.T) message {
		m := message{
			Verb:  rapid.SampledFrom([]verb{verbPut, verbDelete, verbBeat, verbLimit, verbReady, verbReloading, verbStopping, verbFarewell, verbHold}).Draw(t, "verb"),
			ID:    vrrp.ID(rapid.Uint32Min(1).Draw(t, "ID")),
			Limit: time.Duration(rapid.Int64().Draw(t, "limit")),
			Text:  rapid.String().Draw(t, "text"),
			FD:    int(rapid.Int32().Draw(t, "fd")),
		}
		if m.Verb == verbPut {
			m.Entry = drawEntry().Draw(t, "entry")
		}
		return m
	})
}

// frame is an encoded message.
func frame(t testing.TB, m message) []byte {
	t.Helper()
	b, err := appendFrame(nil, m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestFramesRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOfN(drawMessage(), 1, 6).Draw(t, "messages")
		var line, buf []byte
		var err error
		for _, m := range want {
			if line, err = appendFrame(line, m); err != nil {
				t.Fatal(err)
			}
		}
		r := iotest.HalfReader(bytes.NewReader(line)) // a stream keeps no boundaries
		var got []message
		for range want {
			var m message
			if m, buf, err = readFrame(r, buf); err != nil {
				t.Fatal(err)
			}
			got = append(got, m)
		}
		if d := cmp.Diff(want, got, equal); d != "" {
			t.Error(d)
		}
		if _, _, err := readFrame(r, buf); err != io.EOF {
			t.Errorf("after the last frame: %v, want io.EOF", err)
		}
	})
}

// The buffer is used again for the next frame: what was read before must not change with it.
func TestReadMessageDoesNotShareTheBuffer(t *testing.T) {
	first := message{Verb: verbPut, ID: 1, Entry: &Entry{Name: "a", Interface: "eth0", Adverts: []Advert{{Message: []byte{1, 2, 3}}}}}
	second := message{Verb: verbReady, Text: strings.Repeat("x", 1000)}
	r := bytes.NewReader(append(frame(t, first), frame(t, second)...))
	got, buf, err := readFrame(r, make([]byte, 4096))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := readFrame(r, buf); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(first, got, equal); d != "" {
		t.Error(d)
	}
}

func TestFullWillOfOneRouterFits(t *testing.T) {
	e := &Entry{Name: strings.Repeat("n", 63), Interface: "enp129s0f0np0v0", Family: vrrp.IPv6, Source: netip.MustParseAddr("fe80::1234:5678:9abc:def0")}
	for i := range 255 {
		a := netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, byte(i)})
		e.Addresses = append(e.Addresses, Address{netip.PrefixFrom(a, 128), 1 << 30})
		if i < 64 { // unicast peers
			e.Adverts = append(e.Adverts, Advert{a, make([]byte, 8+255*16)})
		}
	}
	b, err := appendFrame(nil, message{Verb: verbPut, ID: 1<<32 - 1, Entry: e})
	if err != nil {
		t.Fatal(err)
	}
	m, _, err := readFrame(bytes.NewReader(b), nil)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(e, m.Entry) { // go-cmp takes seconds here
		t.Error("the will has changed on the way")
	}
}

func TestTooLongMessageIsNotEncoded(t *testing.T) {
	before := frame(t, message{Verb: verbBeat})
	b, err := appendFrame(before, message{Verb: verbReady, Text: strings.Repeat("x", frameLimit)})
	if err == nil {
		t.Error("a message beyond the limit was encoded")
	}
	if !bytes.Equal(b, before) {
		t.Errorf("the failure left %d bytes, want the %d from before", len(b), len(before))
	}
}

func TestAnnouncedLengthIsBounded(t *testing.T) {
	for _, n := range []uint32{0, frameLimit + 1, 1<<32 - 1} {
		_, buf, err := readFrame(bytes.NewReader(binary.BigEndian.AppendUint32(nil, n)), nil)
		if !errors.Is(err, errFrame) {
			t.Errorf("length %d: %v, want %v", n, err, errFrame)
		}
		if cap(buf) != 0 {
			t.Errorf("length %d: %d bytes allocated", n, cap(buf))
		}
	}
}

func TestTruncatedFrameIsNotTheEnd(t *testing.T) {
	whole := frame(t, message{Verb: verbReady, Text: "3 services"})
	for n := 1; n < len(whole); n++ {
		if _, _, err := readFrame(bytes.NewReader(whole[:n]), nil); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%d of %d bytes: %v, want %v", n, len(whole), err, io.ErrUnexpectedEOF)
		}
	}
}

func TestGarbageIsNoFrame(t *testing.T) {
	for _, body := range []string{
		"panic: runtime error", "{", `{"verb":7}`, `{"verb":"put"}`, `{"verb":"put","id":3}`, `{"verb":"put","entry":{}}`,
		`{"verb":"put","id":-1,"entry":{}}`, `{"verb":"put","id":1,"entry":{"source":"10.0.0"}}`,
		`{"verb":"put","id":1,"entry":{"addresses":[{"prefix":"10.0.0.1/33"}]}}`, `{"verb":"beat"} {}`, "[]", "\x00\x00",
	} {
		b := append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...)
		if m, _, err := readFrame(bytes.NewReader(b), nil); !errors.Is(err, errFrame) {
			t.Errorf("%q: %+v, %v, want %v", body, m, err, errFrame)
		}
	}
	// Text without a length before it.
	if _, _, err := readFrame(strings.NewReader("panic: runtime error"), nil); !errors.Is(err, errFrame) {
		t.Errorf("plain text: %v, want %v", err, errFrame)
	}
}

// A put replaces, a delete withdraws, everything else leaves the will alone.
func TestWillIsWhatWasPutLast(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		got, want := will{}, will{}
		for range rapid.IntRange(0, 30).Draw(t, "length") {
			m := drawMessage().Draw(t, "message")
			m.ID = vrrp.ID(rapid.Uint32Range(1, 4).Draw(t, "router"))
			switch m.Verb {
			case verbPut:
				want[m.ID] = m.Entry
			case verbDelete:
				delete(want, m.ID)
			case verbBeat, verbLimit, verbReady, verbReloading, verbStopping, verbFarewell, verbHold:
			}
			b, err := appendFrame(nil, m)
			if err != nil {
				t.Fatal(err)
			}
			read, _, err := readFrame(bytes.NewReader(b), nil)
			if err != nil {
				t.Fatal(err)
			}
			got.note(read)
		}
		if d := cmp.Diff(want, got, equal); d != "" {
			t.Error(d)
		}
	})
}

// Whatever a worker writes, its parent lives; what it takes for a message is one.
func FuzzReadFrame(f *testing.F) {
	for _, m := range []message{
		{Verb: verbBeat},
		{Verb: verbLimit, Limit: time.Second},
		{Verb: verbDelete, ID: 7},
		{Verb: verbHold, FD: 12},
		{Verb: verbPut, ID: 7, Entry: &Entry{
			Name: "orders", Interface: "eth0", Index: 2, Family: vrrp.IPv4, VRID: 51, Source: netip.MustParseAddr("10.99.0.1"),
			Adverts:   []Advert{{netip.MustParseAddr("224.0.0.18"), []byte{0x31, 51, 0, 1}}},
			Addresses: []Address{{netip.MustParsePrefix("10.99.0.101/24"), 2}}, Down: 3 * time.Second,
		}},
	} {
		f.Add(frame(f, m))
	}
	f.Add([]byte("panic: runtime error"))
	f.Add([]byte{0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, line []byte) {
		r := bytes.NewReader(line)
		var buf []byte
		w := will{}
		for {
			m, b, err := readFrame(r, buf)
			if cap(b) > frameLimit {
				t.Fatalf("%d bytes allocated", cap(b))
			}
			if err != nil {
				if err == io.EOF && r.Len() > 0 {
					t.Fatalf("the end with %d bytes unread", r.Len())
				}
				return
			}
			buf = b
			w.note(m)
			again, err := appendFrame(nil, m)
			if err != nil {
				continue // longer than it was, by escapes
			}
			same, _, err := readFrame(bytes.NewReader(again), nil)
			if err != nil {
				t.Fatalf("%+v cannot be read again: %v", m, err)
			}
			if d := cmp.Diff(m, same, equal); d != "" {
				t.Fatal(d)
			}
		}
	})
}

func TestSharedRoutesStayWhileAnotherEntryIsOpen(t *testing.T) {
	t.Parallel()
	a := &Entry{Routes: []string{"r1", "shared"}, Rules: []string{"u1", "both"}}
	b := &Entry{Routes: []string{"shared"}, Rules: []string{"both"}}
	routes, rules := a.alone(will{2: b})
	if d := cmp.Diff([2][]string{{"r1"}, {"u1"}}, [2][]string{routes, rules}); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if routes, rules = b.alone(will{}); len(routes)+len(rules) != 2 {
		t.Errorf("the last one removes %v %v, want all", routes, rules)
	}
}
