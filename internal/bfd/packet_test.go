// SPDX-License-Identifier: Apache-2.0

package bfd

import (
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// octets reads hexadecimal, with blanks.
func octets(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// samples are packets and their octets, made by hand from RFC 5880 §4.1. tshark reads them too.
var samples = []struct {
	name   string
	packet Packet
	octets string
	fields string // tshark's: diag, sta, flags p f c a d m, mult, length, my, your, tx, rx, echo (µs)
}{
	{"down, first words", Packet{State: Down, Multiplier: 5, MyDiscriminator: 0x01020304, DesiredMinTX: time.Second, RequiredMinRX: 10 * time.Millisecond},
		"20 40 05 18 01020304 00000000 000f4240 00002710 00000000",
		"0x00|0x01|000000|5|24|0x01020304|0x00000000|1000000|10000|0"},
	{"init, neighbour timed out before", Packet{Diagnostic: DetectionTimeExpired, State: Init, Multiplier: 3, MyDiscriminator: 1, YourDiscriminator: 0xdeadbeef,
		DesiredMinTX: time.Second, RequiredMinRX: 300 * time.Millisecond},
		"21 80 03 18 00000001 deadbeef 000f4240 000493e0 00000000",
		"0x01|0x02|000000|3|24|0x00000001|0xdeadbeef|1000000|300000|0"},
	{"up, polling", Packet{State: Up, Poll: true, Multiplier: 255, MyDiscriminator: 0xffffffff, YourDiscriminator: 2,
		DesiredMinTX: 3312 * time.Microsecond, RequiredMinRX: time.Microsecond},
		"20 e0 ff 18 ffffffff 00000002 00000cf0 00000001 00000000",
		"0x00|0x03|100000|255|24|0xffffffff|0x00000002|3312|1|0"},
	{"up, final, demand, independent, echo", Packet{State: Up, Final: true, Demand: true, Independent: true, Multiplier: 1, MyDiscriminator: 3, YourDiscriminator: 4,
		DesiredMinTX: 4294967295 * time.Microsecond, RequiredMinEchoRX: 50 * time.Millisecond},
		"20 da 01 18 00000003 00000004 ffffffff 00000000 0000c350",
		"0x00|0x03|011010|1|24|0x00000003|0x00000004|4294967295|0|50000"},
	{"admin down", Packet{Diagnostic: AdministrativelyDown, State: AdminDown, Multiplier: 5, MyDiscriminator: 5, YourDiscriminator: 6, DesiredMinTX: time.Second},
		"27 00 05 18 00000005 00000006 000f4240 00000000 00000000",
		"0x07|0x00|000000|5|24|0x00000005|0x00000006|1000000|0|0"},
}

func TestPacketsAreTheseOctets(t *testing.T) {
	t.Parallel()
	for _, s := range samples {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			want := octets(t, s.octets)
			if diff := cmp.Diff(want, s.packet.Append(nil)); diff != "" {
				t.Errorf("written (-want +got):\n%s", diff)
			}
			got, discard := Parse(want)
			if diff := cmp.Diff(s.packet, got); diff != "" || discard != Taken {
				t.Errorf("read, %s (-want +got):\n%s", discard, diff)
			}
		})
	}
}

func TestIntervalsThatDoNotFitAreBroughtToTheNearest(t *testing.T) {
	t.Parallel()
	p, _ := Parse(Packet{State: Down, Multiplier: 1, MyDiscriminator: 1, DesiredMinTX: 2 * time.Hour, RequiredMinRX: -time.Second}.Append(nil))
	if p.DesiredMinTX != 4294967295*time.Microsecond || p.RequiredMinRX != 0 {
		t.Errorf("%v, %v", p.DesiredMinTX, p.RequiredMinRX)
	}
}

func TestPacketsAreDiscardedInTheOrderOfTheRFC(t *testing.T) {
	t.Parallel()
	const tail = " 000f4240 00002710 00000000"
	for _, c := range []struct {
		name, octets string
		want         Discard
	}{
		{"nothing", "", BadLength},
		{"version 0", "00 40 05 18 00000001 00000000" + tail, BadVersion},
		{"version 2, and all else wrong", "40 c1 00 00", BadVersion},
		{"version 7", "e0 40 05 18 00000001 00000000" + tail, BadVersion},
		{"one octet short", "20 40 05 18 00000001 00000000 000f4240 00002710 000000", BadLength},
		{"says 23", "20 40 05 17 00000001 00000000" + tail, BadLength},
		{"says 25 and has 24", "20 40 05 19 00000001 00000000" + tail, BadLength},
		{"authentication, says 25", "20 44 05 19 00000001 00000000" + tail + "0101", BadLength},
		{"authentication, says 26 and has 25", "20 44 05 1a 00000001 00000000" + tail + "01", BadLength},
		{"bad length before zero multiplier", "20 41 00 17 00000000 00000000" + tail, BadLength},
		{"zero multiplier before multipoint", "20 41 00 18 00000000 00000000" + tail, ZeroMultiplier},
		{"multipoint before zero discriminator", "20 41 05 18 00000000 00000000" + tail, Multipoint},
		{"zero discriminator before no discriminator", "20 c0 05 18 00000000 00000000" + tail, ZeroDiscriminator},
		{"up without discriminator", "20 c0 05 18 00000001 00000000" + tail, NoDiscriminator},
		{"init without discriminator", "20 80 05 18 00000001 00000000" + tail, NoDiscriminator},
		{"down without discriminator", "20 40 05 18 00000001 00000000" + tail, Taken},
		{"admin down without discriminator", "20 00 05 18 00000001 00000000" + tail, Taken},
		{"trailer", "20 40 05 18 00000001 00000000" + tail + "ffff", Taken},
		{"authentication", "20 44 05 1a 00000001 00000000" + tail + "0102", Taken}, // the session has its say
		{"reserved diagnostic", "3f 40 05 18 00000001 00000000" + tail, Taken},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if _, got := Parse(octets(t, c.octets)); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

// drawPacket draws a packet that a session could send.
func drawPacket(t *rapid.T) Packet {
	micros := func(name string) time.Duration {
		return time.Duration(rapid.Uint32().Draw(t, name)) * time.Microsecond
	}
	p := Packet{
		Diagnostic: Diagnostic(rapid.Uint8Range(0, 31).Draw(t, "diagnostic")), State: State(rapid.Uint8Range(0, 3).Draw(t, "state")),
		Poll: rapid.Bool().Draw(t, "poll"), Final: rapid.Bool().Draw(t, "final"), Independent: rapid.Bool().Draw(t, "independent"),
		Demand: rapid.Bool().Draw(t, "demand"), Multiplier: rapid.Uint8Range(1, 255).Draw(t, "multiplier"),
		MyDiscriminator: rapid.Uint32Min(1).Draw(t, "my"), YourDiscriminator: rapid.Uint32().Draw(t, "your"),
		DesiredMinTX: micros("tx"), RequiredMinRX: micros("rx"), RequiredMinEchoRX: micros("echo"),
	}
	if p.YourDiscriminator == 0 {
		p.State = State(rapid.Uint8Range(0, 1).Draw(t, "not up"))
	}
	return p
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := drawPacket(t)
		trailer := rapid.SliceOfN(rapid.Byte(), 0, 8).Draw(t, "trailer")
		got, discard := Parse(append(want.Append(nil), trailer...))
		if diff := cmp.Diff(want, got); diff != "" || discard != Taken {
			t.Fatalf("%s (-want +got):\n%s", discard, diff)
		}
	})
}

// Whatever comes, a packet that is taken keeps its promises, is written back as it was, and does a session no harm.
func FuzzParse(f *testing.F) {
	for _, s := range samples {
		f.Add(octets(f, s.octets))
	}
	f.Add(octets(f, "20 44 05 1a 00000001 00000000 000f4240 00002710 00000000 0102"))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, discard := Parse(b)
		if discard != Taken {
			if p != (Packet{}) {
				t.Errorf("%s, and yet a packet: %+v", discard, p)
			}
			return
		}
		if p.Multiplier == 0 || p.MyDiscriminator == 0 || p.YourDiscriminator == 0 && p.State > Down {
			t.Errorf("taken: %+v", p)
		}
		again := append([]byte(nil), b[:packetLength]...)
		again[1] &^= bitAuthenticated
		again[3] = packetLength
		if diff := cmp.Diff(again, p.Append(nil)); diff != "" {
			t.Errorf("written back (-read +written):\n%s", diff)
		}
		s := NewSession(0, Config{Neighbor: neighbor4}, 7)
		now := Time(0)
		for range 4 {
			now = now.Add(time.Millisecond)
			out, _ := s.Receive(now, p, 255, 1<<31)
			if out.Send && out.Packet.Poll && out.Packet.Final {
				t.Errorf("polls and answers at once: %+v", out.Packet)
			}
			s.Tick(now, 0)
			if d := s.Deadline(); d <= now && p.DesiredMinTX > 0 {
				t.Errorf("at %v, with all done, the deadline is %v", now, d)
			}
		}
	})
}
