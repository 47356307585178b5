// SPDX-License-Identifier: Apache-2.0

package answer

import (
	"bufio"
	"bytes"
	"fmt"
	"net/netip"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func sipWith(name string) *SIP {
	if strings.HasPrefix(name, "later") {
		return &SIP{RetryAfter: 90 * time.Second}
	}
	return &SIP{}
}

func TestSIPIsNotAvailableHere(t *testing.T) {
	t.Parallel()
	netGolden(t, "sip", func(name string) Stream { return sipWith(name) }, func(name string) Datagram { return sipWith(name) })
}

// sipAsk is a request with some more of it.
func sipAsk(method, via, more string) []byte {
	return []byte(method + " sip:b@b SIP/2.0\r\n" + via + "From: <sip:a@a>;tag=1\r\nTo: <sip:b@b>\r\nCall-ID: 7@a\r\nCSeq: 1 " + method + "\r\n" + more + "\r\n")
}

// sipHeard reads a response as any reader of such headers does.
func sipHeard(t interface{ Fatalf(string, ...any) }, reply []byte) (status string, header textproto.MIMEHeader) {
	r := textproto.NewReader(bufio.NewReader(bytes.NewReader(reply)))
	status, err := r.ReadLine()
	if err != nil {
		t.Fatalf("%v: %q", err, reply)
	}
	if header, err = r.ReadMIMEHeader(); err != nil {
		t.Fatalf("%v: %q", err, reply)
	}
	if rest, _ := r.R.Peek(1); len(rest) > 0 {
		t.Fatalf("something is behind the end of %q", reply)
	}
	return status, header
}

// As much is said as there is room for, and nothing where there is none.
func TestSIPSaysWhatThereIsRoomFor(t *testing.T) {
	t.Parallel()
	const via = "Via: SIP/2.0/UDP 10.0.0.9;branch=z9hG4bK1\r\n"
	bare := len(sipAsk("INVITE", via, ""))
	var sizes [sipLevels]int
	r, _ := sipRead(sipAsk("INVITE", via, ""))
	for level := range sipLevels {
		sizes[level] = len((&SIP{}).respond(facts(), &r, nil, level))
	}
	if sizes[0] <= sizes[1] || sizes[1] <= sizes[2] {
		t.Fatalf("%v", sizes)
	}
	for n := bare + 8; n < sizes[0]+5; n++ {
		request := sipAsk("INVITE", via, "X: "+strings.Repeat("x", n-bare-5)+"\r\n")
		reply, ok := netAsk(t, &SIP{}, facts(), request)
		want := 0
		for _, size := range sizes {
			if size <= len(request) {
				want = size
				break
			}
		}
		if len(request) != n || len(reply) != want || ok != (want > 0) {
			t.Errorf("%d octets: want %d, got %d: %q", n, want, len(reply), reply)
		}
	}
	long := netip.MustParseAddrPort("[2001:db8:1111:2222:3333:4444:5555:6666]:65535")
	f := facts()
	f.Remote = long
	if reply, ok := netAsk(t, &SIP{}, f, sipAsk("INVITE", "v:SIP/2.0/UDP a;rport\r\n", "")); ok {
		t.Errorf("%q", reply)
	}
}

// A client sees itself in its Via as others see it.
func TestSIPSaysWhereARequestCameFrom(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ remote, via, want string }{
		{"10.0.0.9:40000", "SIP/2.0/UDP 10.0.0.9", "SIP/2.0/UDP 10.0.0.9"},
		{"[::ffff:10.0.0.9]:40000", "SIP/2.0/UDP 10.0.0.9", "SIP/2.0/UDP 10.0.0.9"},
		{"10.0.0.9:40000", "SIP/2.0/UDP 10.0.0.99", "SIP/2.0/UDP 10.0.0.99;received=10.0.0.9"},
		{"10.0.0.9:40000", "SIP/2.0/UDP a", "SIP/2.0/UDP a;received=10.0.0.9"},
		{"10.0.0.9:40000", "SIP/2.0/UDP 10.0.0.9;rport", "SIP/2.0/UDP 10.0.0.9;rport=40000;received=10.0.0.9"},
		{"10.0.0.9:40000", "SIP/2.0/UDP 10.0.0.9; RPort ;a", "SIP/2.0/UDP 10.0.0.9;rport=40000;a;received=10.0.0.9"},
		{"10.0.0.9:40000", "SIP/2.0/UDP 10.0.0.9;xrport;rportx", "SIP/2.0/UDP 10.0.0.9;xrport;rportx"},
		{"10.0.0.9:40000", "SIP/2.0/UDP a,SIP/2.0/UDP 10.0.0.9;rport", "SIP/2.0/UDP a;received=10.0.0.9,SIP/2.0/UDP 10.0.0.9;rport"},
		{"[2001:db8::9]:5060", "SIP/2.0/UDP [2001:db8::9]:5060", "SIP/2.0/UDP [2001:db8::9]:5060"},
		{"[2001:db8::9]:5060", "SIP/2.0/UDP [2001:db8::8]:5060;rport", "SIP/2.0/UDP [2001:db8::8]:5060;rport=5060;received=2001:db8::9"},
		{"[fe80::9%eth0]:5060", "SIP/2.0/UDP a", "SIP/2.0/UDP a;received=fe80::9"},
		{"10.0.0.9:40000", "nonsense", "nonsense;received=10.0.0.9"},
		{"10.0.0.9:40000", ";", ";;received=10.0.0.9"},
		{"10.0.0.9:40000", `SIP/2.0/UDP a;x="`, `SIP/2.0/UDP a;x=";received=10.0.0.9`},
		{"", "SIP/2.0/UDP a;rport;received=1.2.3.4", "SIP/2.0/UDP a;rport"},
	} {
		f := facts()
		f.Remote = netip.AddrPort{}
		if c.remote != "" {
			f.Remote = netip.MustParseAddrPort(c.remote)
		}
		if got := string(sipReceived(nil, f, []byte(c.via))); got != c.want {
			t.Errorf("%s from %s: want %q, got %q", c.via, c.remote, c.want, got)
		}
	}
}

// A request that comes again gets the same tag, its CANCEL too; others get others, and another node says another.
func TestSIPTag(t *testing.T) {
	t.Parallel()
	const via = "Via: SIP/2.0/UDP 10.0.0.9;branch=z9hG4bK1\r\n"
	more := "User-Agent: " + strings.Repeat("x", 100) + "\r\n"
	tag := func(f *Facts, request []byte) string {
		reply, ok := netAsk(t, &SIP{}, f, request)
		_, header := sipHeard(t, reply)
		_, tag, found := strings.Cut(header.Get("To"), ";tag=")
		if !ok || !found || len(tag) < 4 {
			t.Fatalf("%q", reply)
		}
		return tag
	}
	f, later, other := facts(), facts(), facts()
	later.Nonce, later.Now = 1, later.Now.Add(time.Second)
	other.Local = netip.MustParseAddrPort("10.0.0.102:5060")
	invite := sipAsk("INVITE", via, more)
	first := tag(f, invite)
	if tag(later, invite) != first || tag(f, sipAsk("CANCEL", via, more)) != first {
		t.Error("a request that comes again has another tag")
	}
	seen := map[string]string{first: "the first"}
	for name, got := range map[string]string{
		"another node":    tag(other, invite),
		"another call":    tag(f, bytes.Replace(invite, []byte("7@a"), []byte("8@a"), 1)),
		"another caller":  tag(f, bytes.Replace(invite, []byte("tag=1"), []byte("tag=2"), 1)),
		"another request": tag(f, bytes.Replace(invite, []byte("CSeq: 1"), []byte("CSeq: 2"), 1)),
	} {
		if same, ok := seen[got]; ok {
			t.Errorf("%s has the tag of %s", name, same)
		}
		seen[got] = name
	}
}

func TestSIPRetryAfter(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		own, fact time.Duration
		want      string
	}{{0, 0, "5"}, {0, 7 * time.Second, "7"}, {1500 * time.Millisecond, 7 * time.Second, "2"}, {-1, 0, "5"}, {1<<63 - 1, 0, "9223372037"}} {
		f := facts()
		f.RetryAfter = c.fact
		reply, _ := dbHold(t, &SIP{RetryAfter: c.own}, f, sipAsk("OPTIONS", "v: SIP/2.0/TCP a\r\n", ""))
		if _, header := sipHeard(t, reply); header.Get("Retry-After") != c.want {
			t.Errorf("%v, %v: want %s: %q", c.own, c.fact, c.want, reply)
		}
	}
}

// Whatever a client says, the response has its words in the right places, and no line more.
func TestSIPRepeatsWhatItWasTold(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.StringMatching(`[a-zA-Z0-9<>";,=:@\\é.-]([ -~]{0,20}(\r\n [ \t]?)?[a-z0-9<>";,=:@\\.-]){0,4}`)
		blank := rapid.SampledFrom([]string{"", " ", "\t", "\r\n "})
		name := func(names ...string) string {
			n := rapid.SampledFrom(names).Draw(t, "name")
			if rapid.Bool().Draw(t, "in upper case") {
				n = strings.ToUpper(n)
			}
			return n + rapid.SampledFrom([]string{"", " "}).Draw(t, "blank before") + ":" + blank.Draw(t, "blank behind")
		}
		vias := rapid.SliceOfN(value, 1, 4).Draw(t, "via")
		from, to, call := value.Draw(t, "from"), value.Draw(t, "to"), rapid.StringMatching(`[!-~]{1,20}`).Draw(t, "call")
		number := rapid.Uint32Range(0, 1<<31-1).Draw(t, "number")
		fields := []string{name("from", "f") + from, name("to", "t") + to, name("call-id", "i") + call, name("cseq") + fmt.Sprint(number, " INVITE"), "X: y", "Subject:"}
		for _, via := range vias {
			fields = append(fields, "")
			copy(fields[1:], fields)
			fields[0] = name("via", "v") + via
		}
		request := []byte("INVITE sip:b SIP/2.0\r\n" + strings.Join(fields, "\r\n") + "\r\n\r\n")
		reply, used, v := (&SIP{}).Hear(facts(), request, nil)
		if v != Close || used != len(request) {
			t.Fatalf("%v: %q", v, request)
		}
		status, header := sipHeard(t, reply)
		if lines := bytes.Count(reply, []byte("\r\n")); status != "SIP/2.0 503 Service Unavailable" || lines != 1+len(vias)+4+2+1 {
			t.Fatalf("%d lines: %q for %q", lines, reply, request)
		}
		words := func(s string) string { return strings.Join(strings.Fields(s), " ") }
		got := header["Via"]
		for i := range vias { // they were put in front of each other
			want := words(vias[len(vias)-1-i])
			if i > 0 && words(got[i]) != want {
				t.Fatalf("via %d: want %q: %q for %q", i, want, reply, request)
			}
		}
		if words(header.Get("From")) != words(from) || !strings.HasPrefix(words(header.Get("To")), words(to)) || header.Get("Call-Id") != call || header.Get("Cseq") != fmt.Sprint(number, " INVITE") {
			t.Fatalf("%q for %q", reply, request)
		}
	})
}

// A head is borne up to a limit, the same however it comes.
func TestSIPHeadLimit(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		size int
		want Verdict
	}{{sipHeadLimit, Close}, {sipHeadLimit + 1, Reset}, {2 * sipHeadLimit, Reset}} {
		bare := sipAsk("OPTIONS", "v: SIP/2.0/TCP a\r\n", "X: \r\n")
		says := bytes.Replace(bare, []byte("X: "), []byte("X: "+strings.Repeat("x", c.size-len(bare))), 1)
		for _, at := range []int{0, 1, 100, sipHeadLimit - 1, sipHeadLimit, len(says) - 1} {
			if _, v := dbHold(t, &SIP{}, facts(), says[:at], says[at:]); v != c.want {
				t.Errorf("%d octets, cut at %d: %v", c.size, at, v)
			}
		}
	}
}

func TestSIPIsReadByWireshark(t *testing.T) {
	t.Parallel()
	fields := []string{"sip.Status-Code", "sip.Retry-After", "sip.Call-ID", "sip.CSeq.method", "sip.from.tag", "sip.to.tag", "sip.Via.rport", "sip.Via.received"}
	const want = "503|5|7@a|REGISTER|1|2npupfgf6z|40000|10.0.0.9"
	says := sipAsk("REGISTER", "Via: SIP/2.0/TCP a.example;branch=z9hG4bK1;rport\r\n", "Content-Length: 0\r\n")
	reply, _ := dbHold(t, &SIP{}, facts(), says)
	if got := netTCP(t, 5060, says, reply, fields...); got != want {
		t.Errorf("over tcp: want %s, got %s", want, got)
	}
	for name, more := range map[string]string{"full": "User-Agent: " + strings.Repeat("x", 100) + "\r\n", "compact": "Contact: <sip:alice@10.0.0.9>\r\n"} {
		says := sipAsk("REGISTER", "Via: SIP/2.0/UDP a.example;branch=z9hG4bK1;rport\r\n", more)
		reply, _ := netAsk(t, &SIP{}, facts(), says)
		if bytes.Contains(reply, []byte("\r\nv:")) != (name == "compact") {
			t.Errorf("%s: %q", name, reply)
		}
		if got := netUDP(t, 5060, says, reply, fields...); got != want {
			t.Errorf("%s over udp: want %s, got %s", name, want, got)
		}
	}
}

func TestSIPTakesNoMemory(t *testing.T) {
	f := facts()
	says := sipAsk("REGISTER", "Via: SIP/2.0/UDP a.example;branch=z9hG4bK1;rport\r\n", "A-Name-That-Is-Longer-Than-Most-Names-Of-Headers: x\r\nContent-Length: 0\r\n"+strings.Repeat("X: y\r\n", 30))
	netFrugal(t, func(out []byte) { (&SIP{}).Answer(f, says, out) })
	netFrugal(t, func(out []byte) { (&SIP{}).Hear(f, says, out) })
}

func FuzzSIP(f *testing.F) {
	for _, c := range netTalks(f, "sip") {
		f.Add(c.says, uint16(1), uint16(8))
	}
	f.Fuzz(func(t *testing.T, says []byte, a, b uint16) {
		if reply, ok := netAsk(t, &SIP{}, facts(), says); ok && !bytes.HasSuffix(reply, []byte("\r\n\r\n")) {
			t.Errorf("%q for %q", reply, says)
		}
		first := min(int(a), len(says))
		second := first + min(int(b), len(says)-first)
		whole, end := dbHold(t, &SIP{}, facts(), says)
		if got, v := dbHold(t, &SIP{}, facts(), says[:first], says[first:second], says[second:]); !bytes.Equal(got, whole) || v != end {
			t.Errorf("cut at %d and %d: %q, %v; whole: %q, %v", first, second, got, v, whole, end)
		}
		if (end == Close) != (len(whole) > 0) || len(whole) > 2*sipHeadLimit {
			t.Fatalf("%v: %q for %q", end, whole, says)
		}
		if end == Close { // one response: no line of the client's ends it early
			if d := cmp.Diff(len(whole)-4, bytes.Index(whole, []byte("\r\n\r\n"))); d != "" || bytes.ContainsAny(bytes.ReplaceAll(whole, []byte("\r\n"), nil), "\r\n\x00") {
				t.Errorf("%q for %q", whole, says)
			}
		}
	})
}
