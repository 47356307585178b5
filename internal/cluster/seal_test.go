// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"bytes"
	"io"
	"net"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var (
	here  = netip.MustParseAddrPort("10.0.0.1:7946")
	there = netip.MustParseAddrPort("10.0.0.2:7946")
)

func sealerOf(t testing.TB, name string, at netip.AddrPort, keys ...[]byte) *sealer {
	t.Helper()
	ring, err := newKeyring(keys)
	if err != nil {
		t.Fatal(err)
	}
	s, err := newSealer(name, at, ring)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func sealed1(t testing.TB, s *sealer, to netip.AddrPort, text string) (out []byte) {
	t.Helper()
	if err := s.seal(to, []byte(text), func(b []byte) error { out = b; return nil }); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestDatagramsOpenForWhomTheyAreMeantOnce(t *testing.T) {
	t.Parallel()
	b := sealerOf(t, "shop", there, keyB, keyA)
	for name, c := range map[string]struct {
		from *sealer
		to   netip.AddrPort
		harm func([]byte) []byte
		want refusal
	}{
		"first key":        {sealerOf(t, "shop", here, keyB), there, nil, fine},
		"second key":       {sealerOf(t, "shop", here, keyA, keyC), there, nil, fine},
		"unknown key":      {sealerOf(t, "shop", here, keyC), there, nil, wrongKey},
		"other cluster":    {sealerOf(t, "shoq", here, keyB), there, nil, foreign},
		"other receiver":   {sealerOf(t, "shop", here, keyB), here, nil, wrongKey},
		"changed text":     {sealerOf(t, "shop", here, keyB), there, func(b []byte) []byte { b[len(b)-1] ^= 1; return b }, wrongKey},
		"changed number":   {sealerOf(t, "shop", here, keyB), there, func(b []byte) []byte { b[31] ^= 1; return b }, wrongKey},
		"changed salt":     {sealerOf(t, "shop", here, keyB), there, func(b []byte) []byte { b[8] ^= 1; return b }, wrongKey},
		"cut":              {sealerOf(t, "shop", here, keyB), there, func(b []byte) []byte { return b[:sealHeader+sealTag-1] }, garbage},
		"cut in its text":  {sealerOf(t, "shop", here, keyB), there, func(b []byte) []byte { return b[:len(b)-1] }, wrongKey},
		"other version":    {sealerOf(t, "shop", here, keyB), there, func(b []byte) []byte { b[3]++; return b }, garbage},
		"nothing":          {sealerOf(t, "shop", here, keyB), there, func([]byte) []byte { return nil }, garbage},
		"longer than said": {sealerOf(t, "shop", here, keyB), there, func(b []byte) []byte { return append(b, 0) }, wrongKey},
	} {
		wire := sealed1(t, c.from, c.to, "text")
		if c.harm != nil {
			wire = c.harm(wire)
		}
		got, why := b.open(wire)
		if why != c.want || (why == fine) != (string(got) == "text") {
			t.Errorf("%s: %q, %s, want %s", name, got, why, c.want)
		}
		if why == fine {
			if _, why := b.open(wire); why != replayed {
				t.Errorf("%s: a second time: %s", name, why)
			}
		}
	}
}

// A run keeps its numbers when keys change, and a forgotten key opens nothing more.
func TestForgottenKeyOpensNothing(t *testing.T) {
	t.Parallel()
	a, b := sealerOf(t, "shop", here, keyA), sealerOf(t, "shop", there, keyA)
	first, late := sealed1(t, a, there, "1"), sealed1(t, a, there, "2")
	if _, why := b.open(first); why != fine {
		t.Fatal(why)
	}
	ring, err := newKeyring([][]byte{keyB})
	if err != nil {
		t.Fatal(err)
	}
	b.ring.Store(ring)
	if _, why := b.open(late); why != wrongKey {
		t.Errorf("the forgotten key: %s", why)
	}
	a.ring.Store(ring)
	wire := sealed1(t, a, there, "3")
	for i, want := range []refusal{fine, replayed} {
		if _, why := b.open(wire); why != want {
			t.Errorf("the new key, time %d: %s", i, why)
		}
	}
	if len(b.runs) != 1 {
		t.Errorf("%d runs of one sender", len(b.runs))
	}
}

func TestRunsThatAreRememberedAreBounded(t *testing.T) {
	t.Parallel()
	b, steady := sealerOf(t, "shop", there, keyA), sealerOf(t, "shop", here, keyA)
	old := sealed1(t, steady, there, "old")
	b.open(old)
	for range 3 * runsKept {
		if _, why := b.open(sealed1(t, sealerOf(t, "shop", here, keyA), there, "x")); why != fine {
			t.Fatal(why)
		}
		if _, why := b.open(sealed1(t, steady, there, "y")); why != fine {
			t.Fatal(why)
		}
	}
	if len(b.runs) != runsKept {
		t.Errorf("%d runs", len(b.runs))
	}
	if _, why := b.open(old); why != replayed {
		t.Errorf("a run that is heard was forgotten: %s", why)
	}
	forger := sealerOf(t, "shop", here, keyC)
	for range 2 * runsKept {
		b.open(sealed1(t, forger, there, "z"))
	}
	if _, why := b.open(old); why != replayed {
		t.Errorf("forged datagrams push out real ones: %s", why)
	}
}

// stream connects two sealers.
func stream(t *testing.T, caller, called *sealer) (near, far *sealed, why refusal) {
	t.Helper()
	n, f := net.Pipe()
	t.Cleanup(func() { n.Close(); f.Close() })
	type answer struct {
		s       *sealed
		purpose byte
		why     refusal
	}
	answers := make(chan answer, 1)
	go func() {
		s, purpose, why, err := called.answer(f, there)
		if err != nil {
			f.Close()
		}
		answers <- answer{s, purpose, why}
	}()
	near, err := caller.call(n, there, 7, patient)
	got := <-answers
	if got.why != fine {
		return nil, nil, got.why
	}
	if err != nil || got.purpose != 7 {
		t.Fatalf("purpose %d, %v", got.purpose, err)
	}
	return near, got.s, fine
}

func TestStreamsCarryBothWays(t *testing.T) {
	t.Parallel()
	near, far, why := stream(t, sealerOf(t, "shop", here, keyA, keyB), sealerOf(t, "shop", there, keyB, keyA))
	if why != fine {
		t.Fatal(why)
	}
	text := bytes.Repeat([]byte("0123456789"), frameText/5)
	for _, d := range []struct{ from, to *sealed }{{near, far}, {far, near}, {near, far}} {
		go d.from.Write(text) //nolint:errcheck // read by the other side
		got := make([]byte, len(text))
		if _, err := io.ReadFull(d.to, got); err != nil || !bytes.Equal(got, text) {
			t.Fatalf("%d bytes differ: %v", len(got), err)
		}
	}
}

func TestStreamsOfStrangersDoNotOpen(t *testing.T) {
	t.Parallel()
	if _, _, why := stream(t, sealerOf(t, "shoq", here, keyA), sealerOf(t, "shop", there, keyA)); why != foreign {
		t.Errorf("another cluster: %s", why)
	}
	near, far, _ := stream(t, sealerOf(t, "shop", here, keyC), sealerOf(t, "shop", there, keyA))
	var refused []refusal
	far.refuse = func(r refusal) { refused = append(refused, r) }
	go near.Write([]byte("text")) //nolint:errcheck // refused by the other side
	if _, err := far.Read(make([]byte, 4)); err == nil {
		t.Error("another key opened")
	}
	if diff := cmp.Diff([]refusal{wrongKey}, refused); diff != "" {
		t.Error(diff)
	}
}

func TestEnvelopesSurviveTheWire(t *testing.T) {
	t.Parallel()
	for _, e := range []envelope{*from(kindRecord, 1, 2, 3, 4, "x"), *from(kindMessage, 1<<63, 0, 3, 0, ""), *from(kindGoodbye, 1, 2, 3, 4, "")} {
		got, err := parseEnvelope(e.append(nil))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(e.append(nil)), string(got.append(nil))); diff != "" || got.kind != e.kind || got.edition != e.edition {
			t.Errorf("%+v became %+v", e, got)
		}
	}
	for what, e := range map[string]*envelope{
		"kind": from(9, 1, 1, 1, 1, ""), "payload of a beat": from(kindBeat, 1, 1, 1, 1, "x"), "nobody": {kind: kindBeat, to: "n1"}, "to nobody": {kind: kindBeat, from: "n1"},
		"too long": {kind: kindRecord, from: "n1", to: "n2", payload: make([]byte, payloadLimit+1)},
	} {
		if _, err := parseEnvelope(e.append(nil)); err == nil {
			t.Errorf("%s was parsed", what)
		}
	}
	if _, err := parsePassed(appendPassed(nil, from(kindMessage, 1, 1, 1, 0, "x").append(nil))); err == nil {
		t.Error("a message was passed on")
	}
}

func FuzzParseEnvelope(f *testing.F) {
	for _, k := range []kind{kindRecord, kindMessage, kindBeat, kindWant, kindGoodbye} {
		f.Add(from(k, 1, 2, 3, 4, "").append(nil))
	}
	f.Add(from(kindRecord, 1, 2, 3, 4, "payload").append(nil))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := parseEnvelope(b)
		if err != nil {
			return
		}
		if got := string(e.append(nil)); got != string(b) {
			t.Errorf("% x became % x", b, got)
		}
	})
}

func FuzzParsePassed(f *testing.F) {
	one := from(kindRecord, 1, 2, 3, 4, "payload").append(nil)
	f.Add(appendPassed(appendPassed(nil, one), one))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		all, err := parsePassed(b)
		if err != nil {
			return
		}
		var again []byte
		for i := range all {
			again = appendPassed(again, all[i].append(nil))
		}
		if !bytes.Equal(again, b) {
			t.Errorf("% x became % x", b, again)
		}
	})
}

// What comes from the network opens only if it was sealed.
func FuzzOpen(f *testing.F) {
	a := sealerOf(f, "shop", here, keyA)
	a.salt = [saltSize]byte{1, 2, 3} // the same in every process of the fuzzer
	good := sealed1(f, a, there, "text")
	f.Add(good)
	f.Add(good[:sealHeader])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		s := sealerOf(t, "shop", there, keyB, keyA)
		if _, why := s.open(b); why == fine && !bytes.Equal(b, good) {
			t.Errorf("% x opened", b)
		}
	})
}

// bytesConn is a connection on which b arrives.
type bytesConn struct {
	net.Conn
	in *bytes.Reader
}

func (c bytesConn) Read(b []byte) (int, error) { return c.in.Read(b) }

// Frames from the network end the stream unless they were sealed.
func FuzzFrame(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x14aaaaaaaaaaaaaaaaaaaa"))
	f.Add([]byte("\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s := sealerOf(t, "shop", there, keyA)
		greeting, err := s.greeting(forEnvelope)
		if err != nil {
			t.Fatal(err)
		}
		in, out, err := s.halves(greeting, greeting, there)
		if err != nil {
			t.Fatal(err)
		}
		c := &sealed{Conn: bytesConn{in: bytes.NewReader(b)}, in: in, out: out}
		if n, err := c.Read(make([]byte, 1000)); err == nil {
			t.Errorf("% x became %d bytes", b, n)
		}
	})
}
