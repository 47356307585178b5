// SPDX-License-Identifier: Apache-2.0

package answer

import (
	"bufio"
	"bytes"
	"net/netip"
	"net/textproto"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestSMTPGreetsWith421(t *testing.T) {
	t.Parallel()
	netGolden(t, "smtp", func(string) Stream { return &SMTP{} }, nil)
}

// A service without a name is called by its address, as mail servers without one are.
func TestSMTPSaysWhoSpeaks(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ service, local, want string }{
		{"mail.example.org", "10.0.0.101:25", "mail.example.org "},
		{"mail_1", "10.0.0.101:25", "mail_1 "},
		{"mail for all", "10.0.0.101:25", "mail-for-all "},
		{"Bücher\r\n250 ok", "10.0.0.101:25", "B-cher--250-ok "},
		{"\x00\xff", "10.0.0.101:25", "-- "},
		{"", "10.0.0.101:25", "[10.0.0.101] "},
		{"", "[::ffff:10.0.0.101]:25", "[10.0.0.101] "},
		{"", "[2001:db8::25]:25", "[IPv6:2001:db8::25] "},
		{"", "[fe80::25%eth0]:25", "[IPv6:fe80::25] "},
		{"", "", ""},
	} {
		f := facts()
		f.Service, f.Local = c.service, netip.AddrPort{}
		if c.local != "" {
			f.Local = netip.MustParseAddrPort(c.local)
		}
		reply, v := dbHold(t, &SMTP{}, f)
		if want := "421 4.3.2 " + c.want + "Service not available, closing transmission channel\r\n"; string(reply) != want || v != Close {
			t.Errorf("%q at %q: want %q, got %q, %v", c.service, c.local, want, reply, v)
		}
	}
}

// Whatever the service is called, it is one line that a mail server takes (RFC 5321 §4.5.3.1.5).
func TestSMTPIsOneLine(t *testing.T) {
	t.Parallel()
	one := regexp.MustCompile(`^421 4\.3\.2 [A-Za-z0-9._:\[\]-]+ Service not available, closing transmission channel\r\n$`)
	rapid.Check(t, func(t *rapid.T) {
		f := facts()
		f.Service = string(rapid.SliceOf(rapid.Byte()).Draw(t, "service")) + strings.Repeat("é", rapid.IntRange(0, 600).Draw(t, "more"))
		reply, used, v := (&SMTP{}).Hear(f, []byte("early"), nil)
		if !one.Match(reply) || len(reply) > 512 || used != 5 || v != Close {
			t.Fatalf("%q, %d, %v", reply, used, v)
		}
		code, text, err := textproto.NewReader(bufio.NewReader(bytes.NewReader(reply))).ReadResponse(421)
		if err != nil || code != 421 || !strings.HasPrefix(text, "4.3.2 ") {
			t.Fatalf("%d %q: %v", code, text, err)
		}
	})
}

func TestSMTPIsReadByWireshark(t *testing.T) {
	t.Parallel()
	reply, _ := dbHold(t, &SMTP{}, facts())
	const want = "421|4.3.2 orders Service not available, closing transmission channel"
	for _, port := range []uint16{25, 587} {
		if got := netTCP(t, port, nil, reply, "smtp.response.code", "smtp.rsp.parameter"); got != want {
			t.Errorf("want %s, got %s", want, got)
		}
	}
}

func TestSMTPTakesNoMemory(t *testing.T) {
	f := facts()
	netFrugal(t, func(out []byte) { (&SMTP{}).Hear(f, nil, out) })
	f.Service = ""
	netFrugal(t, func(out []byte) { (&SMTP{}).Hear(f, nil, out) })
}

func FuzzSMTP(f *testing.F) {
	f.Add("orders", []byte("EHLO a\r\n"))
	f.Add("a\r\n250 b", []byte{})
	f.Fuzz(func(t *testing.T, service string, says []byte) {
		who := facts()
		who.Service = service
		reply, v := dbHold(t, &SMTP{}, who, says)
		if v != Close || len(reply) > 512 || bytes.IndexByte(reply, '\n') != len(reply)-1 {
			t.Errorf("%q, %v", reply, v)
		}
	})
}
