// SPDX-License-Identifier: Apache-2.0

package answer

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/dns/dnsmessage"
)

func facts() *Facts {
	return &Facts{
		Service: "orders", Local: netip.MustParseAddrPort("10.0.0.101:5432"), Remote: netip.MustParseAddrPort("10.0.0.9:40000"),
		Next: "10.0.0.102:5432", Reason: "its owner is gone", Now: time.Unix(1800000000, 0), Nonce: 0x0123456789abcdef,
	}
}

const said = "orders is not available here: its owner is gone; try 10.0.0.102:5432"

// raw is a text with hexadecimal digits between angle brackets.
func raw(s string) []byte {
	var out []byte
	for s != "" {
		text, rest, found := strings.Cut(s, "<")
		out = append(out, text...)
		if !found {
			break
		}
		digits, rest, _ := strings.Cut(rest, ">")
		b, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
		if err != nil {
			panic(err)
		}
		out, s = append(out, b...), rest
	}
	return out
}

// talk is a conversation with an answer: what the client says, what it hears, and how it ends.
type talk struct {
	name       string
	stream     Stream
	says, want string
	end        Verdict
}

func literalOf(t testing.TB, onRequest, reset bool, steps ...Step) *Literal {
	t.Helper()
	l, err := NewLiteral(steps, onRequest, reset)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func preset(t testing.TB, name string) Stream {
	t.Helper()
	s, ok := Preset(name)
	if !ok {
		t.Fatalf("no preset %s", name)
	}
	return s
}

const sipInvite = "INVITE sip:bob@b.example SIP/2.0\r\nv: SIP/2.0/UDP a.example:5060;rport;branch=z9hG4bK1, SIP/2.0/UDP c.example;branch=z9hG4bK0\r\n" +
	"Max-Forwards: 70\r\nf: <sip:alice@a.example>;tag=1\r\nTo: Bob\r\n <sip:bob@b.example>\r\nCall-ID: 77@a\r\nCSeq: 1 INVITE\r\nContent-Length: 4\r\n\r\nv=0\n"

const sipPadding = "User-Agent: a telephone that says more of itself than anybody ever wanted to know, at length\r\n"

const sipReply = "SIP/2.0 503 Service Unavailable\r\nVia: SIP/2.0/UDP a.example:5060;rport=40000;branch=z9hG4bK1;received=10.0.0.9, SIP/2.0/UDP c.example;branch=z9hG4bK0\r\n" +
	"From: <3c>sip:alice@a.example>;tag=1\r\nTo: Bob <3c>sip:bob@b.example>;tag=2mhw3dhcjz\r\nCall-ID: 77@a\r\nCSeq: 1 INVITE\r\nRetry-After: 5\r\n"

func httpReply(status, extra, body string) string {
	return "HTTP/1.1 " + status + "\r\n" + extra + "Date: Fri, 15 Jan 2027 08:00:00 GMT\r\nCache-Control: no-store\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 69\r\n\r\n" + body
}

func talks(t testing.TB) []talk {
	pg := "E<00000060>SFATAL<00>VFATAL<00>C57P03<00>M" + said + "<00 00>"
	dns := "<001d 1234 8105 0001 0000 0000 0000 03>www<07>example<00 0001 0001>"
	return []talk{
		{"postgresql", &PostgreSQL{}, "<00000016 00030000>user<00>alice<00 00 00 00>", pg, Close},
		{"postgresql after encryption was declined", &PostgreSQL{}, "<00000008 04d21630 00000008 04d2162f 00000009 00030000 00>", "NN" + pg, Close},
		{"postgresql, words of the owner", &PostgreSQL{Message: "moved\nfor good"}, "<00000009 00030000 00>",
			"E<0000002a>SFATAL<00>VFATAL<00>C57P03<00>Mmoved for good<00 00>", Close},
		{"postgresql, cancel", &PostgreSQL{}, "<00000010 04d2162e 00000001 00000002>", "", Close},
		{"postgresql, version 2", &PostgreSQL{}, "<00000128 00020000>", "", Reset},
		{"postgresql, too long", &PostgreSQL{}, "<7fffffff 00030000>", "", Reset},
		{"postgresql, TLS at once", &PostgreSQL{}, "<16030100 a5010000>", "", Reset},
		{"mysql", &MySQL{}, "", "<4d0000 00 ff 1d04>#08S01" + said, Close},
		{"tns", &TNS{}, "<003a 0000 01 00 0000" + strings.Repeat("00", 50) + ">",
			"<005f 0000 04 00 0000 22 00 0053>(DESCRIPTION=(TMP=)(VSNNUM=0)(ERR=12528)(ERROR_STACK=(ERROR=(CODE=12528)(EMFI=4))))", Close},
		{"tns, no connect", &TNS{}, "<003a 0000 06 00 0000>", "", Reset},
		{"cql", &CQL{}, "<04 00 0007 05 00000000>", "<84 00 0007 00 0000004a 00001002 0044>" + said, Close},
		{"cql, version 5", &CQL{}, "<05 00 0001 01 00000002 abcd>", "<85 00 0001 00 0000004a 00001002 0044>" + said, Close},
		{"cql, a response", &CQL{}, "<84 00 0007 00 00000000>", "", Reset},
		{"cql, too long", &CQL{}, "<04 00 0007 05 7fffffff>", "", Reset},
		{"mqtt 3.1.1", &MQTT{Refer: true}, "<10 0c 0004>MQTT<04 02 003c 0000>", "<20 02 00 03>", Close},
		{"mqtt 3.1", &MQTT{}, "<10 0e 0006>MQIsdp<03 02 003c 0000>", "<20 02 00 03>", Close},
		{"mqtt 5", &MQTT{}, "<10 0d 0004>MQTT<05 02 003c 00 0000>", "<20 03 00 88 00>", Close},
		{"mqtt 5, referred", &MQTT{Refer: true}, "<10 0d 0004>MQTT<05 02 003c 00 0000>", "<20 15 00 9c 12 1c 000f>10.0.0.102:5432", Close},
		{"mqtt, length that never ends", &MQTT{}, "<10 ff ff ff ff>", "", Reset},
		{"mqtt, no connect", &MQTT{}, "<30 02 0000>", "", Reset},
		{"smtp", &SMTP{}, "", "421 4.3.2 orders Service not available, closing transmission channel\r\n", Close},
		{"http", &HTTP{}, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", httpReply("503 Service Unavailable", "", said+"\n"), Close},
		{"http, head, try again", &HTTP{RetryAfter: 1500 * time.Millisecond}, "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
			httpReply("503 Service Unavailable", "Retry-After: 2\r\n", ""), Close},
		{"http, another status", &HTTP{Status: 502}, "GET / HTTP/1.0\n\n", httpReply("502 Bad Gateway", "", said+"\n"), Close},
		{"http, redirected", &HTTP{Status: 307, Location: "http://10.0.0.102"}, "POST /a?b=c HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nx=y",
			httpReply("307 Temporary Redirect", "Location: http://10.0.0.102/a?b=c\r\n", said+"\n"), Close},
		{"http, redirected to a page", &HTTP{Status: 302, Location: "http://a/away"}, "GET /x HTTP/1.1\r\n\r\n",
			httpReply("302 Found", "Location: http://a/away\r\n", said+"\n"), Close},
		{"http, redirected, proxy form", &HTTP{Status: 307, Location: "http://a/"}, "GET http://b/x HTTP/1.1\r\n\r\n",
			httpReply("307 Temporary Redirect", "Location: http://a/\r\n", said+"\n"), Close},
		{"http/2", &HTTP{}, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n<000000 04 00 00000000>", httpReply("503 Service Unavailable", "", said+"\n"), Close},
		{"http, TLS", &HTTP{}, "<160301 0200 01>", "", Reset},
		{"dns", &DNS{}, "<001d 1234 0100 0001 0000 0000 0000 03>www<07>example<00 0001 0001>", dns, Wait},
		{"dns, two at once", &DNS{}, strings.Repeat("<001d 1234 0100 0001 0000 0000 0000 03>www<07>example<00 0001 0001>", 2), dns + dns, Wait},
		{"dns, an answer", &DNS{}, "<001d 1234 8100 0001 0000 0000 0000 03>www<07>example<00 0001 0001>", "", Reset},
		{"sip", &SIP{}, strings.ReplaceAll(sipInvite, "<", "<3c>"), sipReply + "Content-Length: 0\r\n\r\n", Close},
		{"sip, ack", &SIP{}, strings.Replace(strings.ReplaceAll(sipInvite, "<", "<3c>"), "INVITE", "ACK", 1), "", Wait},
		{"sip, a response", &SIP{}, "SIP/2.0 200 OK\r\n\r\n", "", Reset},
		{"literal on connect", literalOf(t, false, false, Step{Send: []byte("away\n")}), "", "away\n", Close},
		{"literal on request, reset", literalOf(t, true, true, Step{Send: []byte("away\n")}), "hi", "away\n", Reset},
		{"literal, template", literalOf(t, false, false, Step{Send: []byte("{{.Service}} {{.Next}} {{.Remote}}"), Template: true}), "", "orders 10.0.0.102:5432 10.0.0.9:40000", Close},
		{"literal, steps", literalOf(t, true, false, Step{Match: []byte{0x2f}, Offset: 3, Send: []byte("N"), Continue: true}, Step{Match: []byte("ab"), Send: []byte("E")}),
			"<0000002f>abcd", "NE", Close},
		{"literal, no step fits", literalOf(t, true, false, Step{Match: []byte("ab"), Send: []byte("E")}), "xy", "", Reset},
		{"ftp", preset(t, "ftp"), "", "421 Service not available, closing control connection.\r\n", Close},
		{"imap", preset(t, "imap"), "", "* BYE [UNAVAILABLE] Service not available here\r\n", Close},
		{"pop3", preset(t, "pop3"), "", "-ERR [SYS/TEMP] Service not available here\r\n", Close},
		{"nntp", preset(t, "nntp"), "", "400 Service not available here\r\n", Close},
		{"ssh", preset(t, "ssh"), "", "Service not available here\r\n", Close},
		{"redis", preset(t, "redis"), "*1\r\n$4\r\nPING\r\n", "-LOADING Service not available here\r\n", Close},
		{"memcached", preset(t, "memcached"), "get a\r\n", "SERVER_ERROR service not available here\r\n", Close},
		{"ldap", preset(t, "ldap"), "<30 0c 02 01 01 60 07 02 01 03 04 00 80 00>", "<30 24 02 01 00 78 1f 0a 01 34 04 00 04 00 8a 16>1.3.6.1.4.1.1466.20036", Close},
		{"amqp", preset(t, "amqp"), "AMQP<00 00 09 01>", "AMQP<00 00 09 01>", Close},
		{"tls-alert", preset(t, "tls-alert"), "<16 03 01 00 a5>", "<15 03 03 00 02 02 50>", Close},
		{"tls-alert, no TLS", preset(t, "tls-alert"), "GET / HTTP/1.1\r\n", "", Reset},
	}
}

// padded is the request, of a length.
func padded(n int) []byte {
	const header = "X: \r\n"
	field := "X: " + strings.Repeat("x", n-len(sipInvite)-len(header)) + "\r\n"
	return []byte(strings.Replace(sipInvite, "Max-Forwards", field+"Max-Forwards", 1))
}

// hold lets a client say its pieces one after the other, and returns what it hears, as the speaker does.
func hold(t testing.TB, s Stream, pieces ...[]byte) (reply []byte, v Verdict) {
	t.Helper()
	var heard []byte
	for i := -1; i < len(pieces); i++ {
		if i >= 0 {
			heard = append(heard, pieces[i]...)
		}
		for {
			before := len(reply)
			var used int
			reply, used, v = s.Hear(facts(), heard, reply)
			if used < 0 || used > len(heard) || len(reply) < before {
				t.Fatalf("%d of %d octets used, reply of %d octets became %d", used, len(heard), before, len(reply))
			}
			if v != Wait {
				return reply, v
			}
			heard = heard[used:]
			if used == 0 || len(heard) == 0 {
				break
			}
		}
	}
	return reply, v
}

func TestConversations(t *testing.T) {
	for _, c := range talks(t) {
		t.Run(c.name, func(t *testing.T) {
			says, want := raw(c.says), raw(c.want)
			got, end := hold(t, c.stream, says)
			if d := cmp.Diff(string(want), string(got)); d != "" || end != c.end {
				t.Errorf("want %v, got %v; reply (-want +got):\n%s", c.end, end, d)
			}
		})
	}
}

// What is said does not depend on how it is cut into segments.
func TestConversationsCutAnywhereAreTheSame(t *testing.T) {
	for _, c := range talks(t) {
		if strings.HasPrefix(c.name, "literal, steps") || strings.HasPrefix(c.name, "literal on request") || c.name == "redis" || c.name == "memcached" || c.name == "ldap" || c.name == "amqp" {
			continue // a literal answer to anything is given to the first piece
		}
		says := raw(c.says)
		want, wantEnd := hold(t, c.stream, says)
		for at := range len(says) {
			got, end := hold(t, c.stream, says[:at], says[at:])
			if !bytes.Equal(got, want) || end != wantEnd {
				t.Errorf("%s, cut at %d: %q, %v; whole: %q, %v", c.name, at, got, end, want, wantEnd)
			}
		}
		var octets [][]byte
		for i := range says {
			octets = append(octets, says[i:i+1])
		}
		if got, end := hold(t, c.stream, octets...); !bytes.Equal(got, want) || end != wantEnd {
			t.Errorf("%s, octet by octet: %q, %v; whole: %q, %v", c.name, got, end, want, wantEnd)
		}
	}
}

func FuzzStreams(f *testing.F) {
	all := talks(f)
	for i, c := range all {
		f.Add(uint8(i), raw(c.says), uint16(3))
	}
	f.Fuzz(func(t *testing.T, which uint8, says []byte, cut uint16) {
		c := all[int(which)%len(all)]
		at := min(int(cut), len(says))
		reply, _ := hold(t, c.stream, says[:at], says[at:])
		if limit := 4<<10 + 2*len(says); len(reply) > limit {
			t.Errorf("%s: %d octets for %d", c.name, len(reply), len(says))
		}
	})
}

func datagrams(t testing.TB) map[string]Datagram {
	return map[string]Datagram{"dns": &DNS{}, "quic": &QUIC{}, "sip": &SIP{}, "literal": literalOf(t, true, false, Step{Match: []byte("ab"), Send: []byte("no")}, Step{Send: []byte("no words")})}
}

func quicFirst() []byte {
	b := append(raw("<c3 00000001 08 1112131415161718 04 a1a2a3a4 00>"), make([]byte, 1200)...)
	return b[:1200]
}

func TestDatagrams(t *testing.T) {
	all := datagrams(t)
	query := "<1234 0100 0001 0000 0000 0000 03>www<07>example<00 0001 0001>"
	withOPT := "<1234 2130 0001 0000 0000 0001 03>www<07>example<00 0001 0001 00 0029 04d0 00000000 0000>"
	for _, c := range []struct {
		name, which string
		request     []byte
		want        string // "": none
	}{
		{"dns", "dns", raw(query), "<1234 8105 0001 0000 0000 0000 03>www<07>example<00 0001 0001>"},
		{"dns with OPT", "dns", raw(withOPT), "<1234 a115 0001 0000 0000 0001 03>www<07>example<00 0001 0001 00 0029 04d0 00000000 0000>"},
		{"dns, an answer", "dns", raw(strings.Replace(query, "0100", "8180", 1)), ""},
		{"dns, two questions", "dns", raw(strings.Replace(query, "0001 0000", "0002 0000", 1)), ""},
		{"dns, a name that points at itself", "dns", raw("<1234 0100 0001 0000 0000 0000 c00c 0001 0001>"), ""},
		{"dns, cut short", "dns", raw(query)[:20], ""},
		{"quic", "quic", quicFirst(), "<e7 00000000 04 a1a2a3a4 08 1112131415161718 8aaacaea>"},
		{"quic, short header", "quic", append([]byte{0x43}, quicFirst()[1:]...), ""},
		{"quic, too short to be a first one", "quic", quicFirst()[:1199], ""},
		{"quic, itself a negotiation", "quic", append(raw("<c3 00000000>"), quicFirst()[5:]...), ""},
		{"sip", "sip", []byte(strings.Replace(sipInvite, "Max-Forwards", sipPadding+"Max-Forwards", 1)), sipReply + "Content-Length: 0\r\n\r\n"},
		{"sip, no room for what may be left out", "sip", padded(len(raw(sipReply)) + 10), sipReply + "\r\n"},
		{"sip, hardly room", "sip", []byte(sipInvite), "SIP/2.0 503 \r\nv:SIP/2.0/UDP a.example:5060;rport=40000;branch=z9hG4bK1;received=10.0.0.9, SIP/2.0/UDP c.example;branch=z9hG4bK0\r\n" +
			"f:<3c>sip:alice@a.example>;tag=1\r\nt:Bob <3c>sip:bob@b.example>;tag=2mhw3dhcjz\r\ni:77@a\r\nCSeq: 1 INVITE\r\nRetry-After: 5\r\n\r\n"},
		{"sip, ack", "sip", []byte(strings.Replace(sipInvite, "INVITE", "ACK", 1)), ""},
		{"literal", "literal", []byte("abc"), "no"},
		{"literal, longer than the request", "literal", []byte("xyz"), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, ok := all[c.which].Answer(facts(), c.request, nil)
			if !ok {
				got = nil
			}
			if d := cmp.Diff(string(raw(c.want)), string(got)); d != "" {
				t.Errorf("reply to %d octets (-want +got):\n%s", len(c.request), d)
			}
		})
	}
}

// No datagram is answered with a longer one, whatever it is: nobody is to be flooded through us.
func FuzzDatagrams(f *testing.F) {
	all := datagrams(f)
	names := []string{"dns", "quic", "sip", "literal"}
	f.Add(uint8(0), raw("<1234 0100 0001 0000 0000 0000 03>www<07>example<00 0001 0001>"))
	f.Add(uint8(1), quicFirst())
	f.Add(uint8(2), []byte(sipInvite))
	f.Add(uint8(3), []byte("ab"))
	f.Fuzz(func(t *testing.T, which uint8, request []byte) {
		name := names[int(which)%len(names)]
		reply, ok := all[name].Answer(facts(), request, nil)
		if ok && (len(reply) > len(request) || len(reply) == 0) {
			t.Errorf("%s: %d octets for %d", name, len(reply), len(request))
		}
		if name == "dns" && ok {
			if again, ok := all[name].Answer(facts(), reply, nil); ok {
				t.Errorf("an answer is answered: %x", again)
			}
		}
	})
}

// Readers that others wrote understand the answers.
func TestAnswersAreReadByOthers(t *testing.T) {
	reply, _ := (&DNS{}).Answer(facts(), raw("<1234 0100 0001 0000 0000 0001 03>www<07>example<00 001c 0001 00 0029 1000 00008000 0000>"), nil)
	var m dnsmessage.Message
	if err := m.Unpack(reply); err != nil {
		t.Fatal(err)
	}
	if m.RCode != dnsmessage.RCodeRefused || !m.Response || len(m.Questions) != 1 || m.Questions[0].Name.String() != "www.example." || len(m.Additionals) != 1 {
		t.Errorf("dns: %+v", m)
	}
	text, _ := hold(t, &HTTP{RetryAfter: 5 * time.Second}, []byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n"))
	res, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(text)), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != 503 || res.Header.Get("Retry-After") != "5" || !res.Close || res.ContentLength != 69 {
		t.Errorf("http: %+v", res)
	}
}

func TestTemplatesAreTriedBeforeTheyAreNeeded(t *testing.T) {
	for _, text := range []string{"{{.Servce}}", "{{.Service", "{{range 5000}}a{{end}}"} {
		if _, err := NewLiteral([]Step{{Send: []byte(text), Template: true}}, false, false); err == nil {
			t.Errorf("%q was accepted", text)
		}
	}
}

func TestPresetsAreKnownByName(t *testing.T) {
	names := Presets()
	if len(names) != len(presets) || !slices.IsSorted(names) {
		t.Errorf("names: %v", names)
	}
	if _, ok := Preset("gopher"); ok {
		t.Error("a preset that nobody wrote")
	}
}
