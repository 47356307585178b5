// SPDX-License-Identifier: Apache-2.0

package answer

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/dns/dnsmessage"
	"pgregory.net/rapid"
)

// dnsAsked is a query, made by other hands.
func dnsAsked(t interface{ Fatal(...any) }, m dnsmessage.Message) []byte {
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// dnsQuestion is a query for a name.
func dnsQuestion(name string, options ...dnsmessage.Option) dnsmessage.Message {
	m := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: 0x1234, RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName(name), Type: dnsmessage.TypeAAAA, Class: dnsmessage.ClassINET}},
	}
	if options != nil {
		m.Additionals = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: dnsmessage.MustNewName("."), Type: dnsmessage.TypeOPT, Class: 4096, TTL: 0x8000},
			Body:   &dnsmessage.OPTResource{Options: options},
		}}
	}
	return m
}

// dnsAnswered is what another reader makes of an answer.
func dnsAnswered(t interface{ Fatalf(string, ...any) }, reply []byte) dnsmessage.Message {
	var m dnsmessage.Message
	if err := m.Unpack(reply); err != nil {
		t.Fatalf("%v: %x", err, reply)
	}
	return m
}

func dnsWith(name string) *DNS {
	switch {
	case strings.HasPrefix(name, "servfail"):
		return &DNS{RCode: 2}
	case strings.HasPrefix(name, "notimp"):
		return &DNS{RCode: 4}
	}
	return &DNS{}
}

func TestDNSIsRefused(t *testing.T) {
	t.Parallel()
	netGolden(t, "dns", func(name string) Stream { return dnsWith(name) }, func(name string) Datagram { return dnsWith(name) })
}

// Whatever is asked, another reader finds the same question, REFUSED, and nothing that was not asked for.
func TestDNSIsReadAsMeant(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		name := strings.Join(append(rapid.SliceOfN(rapid.StringMatching(`[a-zA-Z0-9_*-]{1,15}`), 0, 14).Draw(t, "labels"), ""), ".")
		if name == "" {
			name = "."
		}
		var options []dnsmessage.Option
		cookie := rapid.SliceOfN(rapid.Byte(), 0, 45).Draw(t, "cookie")
		if rapid.Bool().Draw(t, "edns") {
			options = []dnsmessage.Option{{Code: 8, Data: rapid.SliceOfN(rapid.Byte(), 0, 8).Draw(t, "other option")}, {Code: 10, Data: cookie}, {Code: 12, Data: make([]byte, 5)}}
		}
		asked := dnsQuestion(name, options...)
		asked.ID, asked.OpCode = rapid.Uint16().Draw(t, "id"), dnsmessage.OpCode(rapid.IntRange(0, 15).Draw(t, "opcode"))
		asked.RecursionDesired, asked.CheckingDisabled = rapid.Bool().Draw(t, "rd"), rapid.Bool().Draw(t, "cd")
		asked.Authoritative, asked.AuthenticData, asked.Truncated = rapid.Bool().Draw(t, "aa"), rapid.Bool().Draw(t, "ad"), rapid.Bool().Draw(t, "tc")
		asked.Questions[0].Type, asked.Questions[0].Class = dnsmessage.Type(rapid.Uint16().Draw(t, "type")), dnsmessage.Class(rapid.Uint16().Draw(t, "class"))
		if rapid.Bool().Draw(t, "records") { // compressed: they have the name of the question
			soa := dnsmessage.Resource{
				Header: dnsmessage.ResourceHeader{Name: asked.Questions[0].Name, Class: dnsmessage.ClassINET},
				Body:   &dnsmessage.SOAResource{NS: asked.Questions[0].Name, MBox: asked.Questions[0].Name, Serial: 7},
			}
			asked.Answers, asked.Authorities = []dnsmessage.Resource{soa}, []dnsmessage.Resource{soa, soa}
			asked.Additionals = append([]dnsmessage.Resource{soa}, asked.Additionals...)
		}
		want := dnsmessage.Message{Header: asked.Header, Questions: asked.Questions}
		want.Response, want.RCode = true, dnsmessage.RCodeRefused
		want.Authoritative, want.AuthenticData, want.Truncated = false, false, false
		if asked.OpCode == 5 {
			want.RCode = dnsmessage.RCodeServerFailure
		}
		if options != nil {
			opt := &dnsmessage.OPTResource{}
			if len(cookie) >= 16 && len(cookie) <= 40 {
				opt.Options = []dnsmessage.Option{{Code: 10, Data: cookie}}
			}
			want.Additionals = []dnsmessage.Resource{{
				Header: dnsmessage.ResourceHeader{Name: dnsmessage.MustNewName("."), Type: dnsmessage.TypeOPT, Class: 1232, TTL: 0x8000},
				Body:   opt,
			}}
		}
		request := dnsAsked(t, asked)
		reply, ok := (&DNS{}).Answer(facts(), request, nil)
		if !ok || len(reply) > len(request) {
			t.Fatalf("%d octets for %d, %v", len(reply), len(request), ok)
		}
		got := dnsAnswered(t, reply)
		for i := range got.Additionals {
			got.Additionals[i].Header.Length = 0
		}
		dnsTidy(&got)
		dnsTidy(&want)
		if d := cmp.Diff(want, got, cmp.AllowUnexported(dnsmessage.Message{})); d != "" {
			t.Fatalf("%x for %x (-want +got):\n%s", reply, request, d)
		}
	})
}

// dnsTidy makes what is empty nil.
func dnsTidy(m *dnsmessage.Message) {
	for _, s := range []*[]dnsmessage.Resource{&m.Answers, &m.Authorities, &m.Additionals} {
		if len(*s) == 0 {
			*s = nil
		}
	}
}

// Only what moves a resolver on is ever said.
func TestDNSSaysOnlyWhatMovesOn(t *testing.T) {
	t.Parallel()
	request := dnsAsked(t, dnsQuestion("www.example."))
	for rcode := -1; rcode < 70; rcode++ {
		for opcode := range 16 {
			request[2] = byte(opcode << 3)
			reply, ok := netAsk(t, &DNS{RCode: rcode}, facts(), request)
			want := dnsmessage.RCodeRefused
			switch {
			case rcode == 2 || rcode == 4:
				want = dnsmessage.RCode(rcode)
			case opcode == 5:
				want = dnsmessage.RCodeServerFailure
			}
			if m := dnsAnswered(t, reply); !ok || m.RCode != want || int(m.OpCode) != opcode {
				t.Errorf("rcode %d, opcode %d: %v", rcode, opcode, m.Header)
			}
		}
	}
}

// A name may be as long as names get, and no longer; what is no name is no question.
func TestDNSNames(t *testing.T) {
	t.Parallel()
	label := func(n int) string { return string(rune(n)) + strings.Repeat("a", n) }
	long := strings.Repeat(label(63), 3)
	for _, c := range []struct {
		name, octets string
		ok           bool
	}{
		{"the root", "\x00", true},
		{"255 octets", long + label(61) + "\x00", true},
		{"256 octets", long + label(62) + "\x00", false},
		{"many of one letter", strings.Repeat(label(1), 127) + "\x00", true},
		{"one too many", strings.Repeat(label(1), 128) + "\x00", false},
		{"a label of 64", "\x40" + strings.Repeat("a", 64) + "\x00", false},
		{"a pointer to itself", "\xc0\x0c", false},
		{"a pointer to the header", "\x01a\xc0\x00", false},
		{"no end", "\x03www", false},
		{"any octets", "\x04\x00\xff.\n\x00", true},
	} {
		request := []byte("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00" + c.octets + "\x00\x01\x00\x01")
		if _, ok := netAsk(t, &DNS{}, facts(), request); ok != c.ok {
			t.Errorf("%s: %v", c.name, ok)
		}
		if _, ok := netAsk(t, &DNS{}, facts(), request[:len(request)-1]); ok && c.ok {
			t.Errorf("%s: cut short, and answered", c.name)
		}
	}
}

// All queries of a connection are answered, in turn, until something else is said.
func TestDNSAnswersAllOfAConnection(t *testing.T) {
	t.Parallel()
	var says []byte
	for id := range 50 {
		m := dnsQuestion("www.example.", dnsmessage.Option{Code: 10, Data: make([]byte, 24)})
		m.ID = uint16(id)
		b := dnsAsked(t, m)
		says = append(binary.BigEndian.AppendUint16(says, uint16(len(b))), b...)
	}
	reply, v := dbHold(t, &DNS{}, facts(), says)
	if v != Wait || len(reply) > len(says) {
		t.Fatalf("%d octets for %d, %v", len(reply), len(says), v)
	}
	rest := reply
	for id := range 50 {
		n := int(binary.BigEndian.Uint16(rest))
		if m := dnsAnswered(t, rest[2:2+n]); int(m.ID) != id || m.RCode != dnsmessage.RCodeRefused {
			t.Fatalf("%d: %+v", id, m)
		}
		rest = rest[2+n:]
	}
	if len(rest) != 0 {
		t.Errorf("%x is left", rest)
	}
	if again, v := dbHold(t, &DNS{}, facts(), append(says, "GET / HTTP/1.1\r\n\r\n"...)); !bytes.Equal(again, reply) || v != Wait {
		t.Errorf("%d octets, %v", len(again), v) // "GE" is a length: what is missing never comes
	}
	if again, v := dbHold(t, &DNS{}, facts(), append(says, 0, 11)); !bytes.Equal(again, reply) || v != Reset {
		t.Errorf("%d octets, %v", len(again), v)
	}
}

func TestDNSIsReadByWireshark(t *testing.T) {
	t.Parallel()
	fields := []string{"dns.id", "dns.flags.response", "dns.flags.opcode", "dns.flags.rcode", "dns.flags.recdesired", "dns.qry.name", "dns.rr.udp_payload_size", "dns.opt.cookie.client", "dns.opt.cookie.server", "dns.resp.edns0_version", "dns.resp.z.do"}
	asked := dnsAsked(t, dnsQuestion("www.example.", dnsmessage.Option{Code: 10, Data: []byte("ABCDEFGHabcdefgh")}))
	const want = "0x1234|1|0|5|1|www.example|1232|4142434445464748|6162636465666768|0|1"
	reply, _ := netAsk(t, &DNS{}, facts(), asked)
	if got := netUDP(t, 53, asked, reply, fields...); got != want {
		t.Errorf("want %s, got %s", want, got)
	}
	says := append(binary.BigEndian.AppendUint16(nil, uint16(len(asked))), asked...)
	reply, _ = dbHold(t, &DNS{}, facts(), says)
	if got := netTCP(t, 53, says, reply, fields...); got != want {
		t.Errorf("want %s, got %s", want, got)
	}
}

func TestDNSTakesNoMemory(t *testing.T) {
	f, asked := facts(), dnsAsked(t, dnsQuestion("www.example.", dnsmessage.Option{Code: 10, Data: make([]byte, 24)}))
	netFrugal(t, func(out []byte) { (&DNS{}).Answer(f, asked, out) })
	says := append(binary.BigEndian.AppendUint16(nil, uint16(len(asked))), asked...)
	netFrugal(t, func(out []byte) { (&DNS{}).Hear(f, says, out) })
}

func FuzzDNS(f *testing.F) {
	for _, c := range netTalks(f, "dns") {
		f.Add(c.says, uint16(1), uint16(8))
	}
	f.Fuzz(func(t *testing.T, says []byte, a, b uint16) {
		if reply, ok := netAsk(t, &DNS{}, facts(), says); ok {
			if reply[0] != says[0] || reply[1] != says[1] || reply[3]&0x0f != 5 && says[2]>>3&0x0f != 5 {
				t.Errorf("%x for %x", reply, says)
			}
			var p dnsmessage.Parser
			if _, err := p.Start(reply); err != nil {
				t.Errorf("%v: %x", err, reply)
			}
		}
		first := min(int(a), len(says))
		second := first + min(int(b), len(says)-first)
		whole, end := dbHold(t, &DNS{}, facts(), says)
		if got, v := dbHold(t, &DNS{}, facts(), says[:first], says[first:second], says[second:]); !bytes.Equal(got, whole) || v != end {
			t.Errorf("cut at %d and %d: %x, %v; whole: %x, %v", first, second, got, v, whole, end)
		}
		if len(whole) > len(says) {
			t.Errorf("%d octets for %d", len(whole), len(says))
		}
	})
}
