// SPDX-License-Identifier: Apache-2.0

package answer

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// quicHello is a first datagram.
func quicHello(version uint32, to, from []byte, size int) []byte {
	b := binary.BigEndian.AppendUint32([]byte{0xc3}, version)
	b = append(append(b, byte(len(to))), to...)
	b = append(append(b, byte(len(from))), from...)
	for len(b) < size {
		b = append(b, byte(len(b)))
	}
	return b
}

// quicOffer is what a client reads in Version Negotiation (RFC 8999 §6).
type quicOffer struct {
	Long     bool
	Version  uint32
	To, From string
	Versions []uint32
}

// quicRead reads it as a client does, by the rules that hold for every version.
func quicRead(b []byte) (o quicOffer, ok bool) {
	if len(b) < 7 {
		return o, false
	}
	o.Long, o.Version = b[0]&0x80 != 0, binary.BigEndian.Uint32(b[1:])
	b = b[5:]
	for _, id := range []*string{&o.To, &o.From} {
		if len(b) < 1 || len(b) < 1+int(b[0]) {
			return o, false
		}
		*id, b = string(b[1:1+int(b[0])]), b[1+int(b[0]):]
	}
	for ; len(b) >= 4; b = b[4:] {
		o.Versions = append(o.Versions, binary.BigEndian.Uint32(b))
	}
	return o, len(b) == 0
}

func TestQUICOffersAVersionThatNobodyHas(t *testing.T) {
	t.Parallel()
	id := func(n int) []byte { return bytes.Repeat([]byte{byte(n)}, n) }
	for _, c := range []struct {
		name    string
		request []byte
		want    []byte // nil: port unreachable
	}{
		{"version 1", quicHello(1, []byte("\x11\x12\x13\x14\x15\x16\x17\x18"), []byte("\xa1\xa2\xa3\xa4"), 1200),
			[]byte("\xe7\x00\x00\x00\x00\x04\xa1\xa2\xa3\xa4\x08\x11\x12\x13\x14\x15\x16\x17\x18\x8a\xaa\xca\xea")},
		{"version 2, without an id of its own", quicHello(0x6b3343cf, id(8), nil, 1472), []byte("\xe7\x00\x00\x00\x00\x00\x08" + string(id(8)) + "\x8a\xaa\xca\xea")},
		{"a draft", quicHello(0xff00001d, id(20), id(20), 1200), []byte("\xe7\x00\x00\x00\x00\x14" + string(id(20)) + "\x14" + string(id(20)) + "\x8a\xaa\xca\xea")},
		{"the very version that would be offered", quicHello(0x8aaacaea, id(8), id(1), 1200), []byte("\xe7\x00\x00\x00\x00\x01\x01\x08" + string(id(8)) + "\x9a\xaa\xca\xea")},
		{"a version to come, with the longest ids", quicHello(0x12345678, id(255), id(254), 1200),
			[]byte("\xe7\x00\x00\x00\x00\xfe" + string(id(254)) + "\xff" + string(id(255)) + "\x8a\xaa\xca\xea")},
		{"version 1, id of 21 octets", quicHello(1, id(21), id(8), 1200), nil},
		{"version 2, own id of 21 octets", quicHello(0x6b3343cf, id(8), id(21), 1200), nil},
		{"itself a negotiation", quicHello(0, id(8), id(8), 1200), nil},
		{"too short for a first one", quicHello(1, id(8), id(8), 1199), nil},
		{"short header", append([]byte{0x43}, quicHello(1, id(8), id(8), 1200)[1:]...), nil},
		{"nothing", nil, nil},
		{"one octet", []byte{0xc3}, nil},
		{"DTLS", append([]byte("\x16\xfe\xfd"), make([]byte, 1300)...), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, ok := netAsk(t, &QUIC{}, facts(), c.request)
			if d := cmp.Diff(c.want, got); d != "" || ok != (c.want != nil) {
				t.Errorf("answered: %v (-want +got):\n%s", ok, d)
			}
		})
	}
}

// A client takes it as meant for its attempt, whatever ids and version it chose and whatever was drawn, and has none of the
// versions (RFC 9000 §6.2: one that lists its own would be thrown away).
func TestQUICIsTakenByEveryClient(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		version := rapid.OneOf(rapid.SampledFrom([]uint32{1, 0x6b3343cf, 0x1a2a3a4a, 0x8aaacaea}), rapid.Uint32Min(1)).Draw(t, "version")
		limit := 255
		if version == quicVersion1 || version == quicVersion2 {
			limit = 20
		}
		ids := rapid.SliceOfN(rapid.Byte(), 0, limit)
		to, from := ids.Draw(t, "to"), ids.Draw(t, "from")
		f := facts()
		f.Nonce = rapid.Uint64().Draw(t, "nonce")
		if rapid.Bool().Draw(t, "the nonce is of the version") {
			f.Nonce = f.Nonce&^0xffffffff | uint64(version)
		}
		request := quicHello(version, to, from, rapid.IntRange(1200, 1500).Draw(t, "size"))
		reply, ok := (&QUIC{}).Answer(f, request, nil)
		if !ok || len(reply) > len(request) {
			t.Fatalf("%d octets for %d: %v", len(reply), len(request), ok)
		}
		o, whole := quicRead(reply)
		if !whole || !o.Long || reply[0]&0x40 == 0 || o.Version != 0 || o.To != string(from) || o.From != string(to) {
			t.Fatalf("%x: %+v", reply, o)
		}
		if len(o.Versions) != 1 || o.Versions[0] == version || o.Versions[0]&0x0f0f0f0f != 0x0a0a0a0a {
			t.Fatalf("%#x, answered with %#x", version, o.Versions)
		}
	})
}

// A datagram that ends within its ids is not read beyond.
func TestQUICIDsThatDoNotEnd(t *testing.T) {
	t.Parallel()
	for n := range 256 {
		if id, rest, ok := quicID(append([]byte{byte(n)}, make([]byte, 255)...)[:1+n]); !ok || len(id) != n || len(rest) != 0 {
			t.Errorf("%d: %x, %x, %v", n, id, rest, ok)
		}
		if n > 0 {
			if _, _, ok := quicID(append([]byte{byte(n)}, make([]byte, 255)...)[:n]); ok {
				t.Errorf("%d of %d octets are an id", n-1, n)
			}
		}
	}
}

func TestQUICIsReadByWireshark(t *testing.T) {
	t.Parallel()
	request := quicHello(1, []byte("\x11\x12\x13\x14\x15\x16\x17\x18"), []byte("\xa1\xa2\xa3\xa4"), 1200)
	reply, _ := netAsk(t, &QUIC{}, facts(), request)
	got := netUDP(t, 443, request, reply, "quic.header_form", "quic.version", "quic.dcid", "quic.scid", "quic.supported_version")
	if want := "1|0x00000000|a1a2a3a4|1112131415161718|0x8aaacaea"; got != want {
		t.Errorf("want %s, got %s", want, got)
	}
}

func TestQUICTakesNoMemory(t *testing.T) {
	f, request := facts(), quicHello(1, []byte("12345678"), []byte("1234"), 1200)
	netFrugal(t, func(out []byte) { (&QUIC{}).Answer(f, request, out) })
}

func FuzzQUIC(f *testing.F) {
	f.Add(quicHello(1, []byte("12345678"), []byte("1234"), 1200), uint64(1))
	f.Add(quicHello(0x12345678, make([]byte, 255), make([]byte, 255), 1200), uint64(0x12345678))
	f.Add(quicHello(0, nil, nil, 1200), uint64(0))
	f.Fuzz(func(t *testing.T, request []byte, nonce uint64) {
		who := facts()
		who.Nonce = nonce
		for len(request) > 0 && len(request) < 1200 { // what matters is at the beginning
			request = append(request, 0)
		}
		reply, ok := netAsk(t, &QUIC{}, who, request)
		if o, whole := quicRead(reply); ok && (!whole || o.Version != 0 || len(o.Versions) != 1) {
			t.Errorf("%x for %x", reply, request)
		}
	})
}
