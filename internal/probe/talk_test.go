// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/regent-ha/regent/requestor"
)

func pgMessage(kind byte, body string) string {
	return string(binary.BigEndian.AppendUint32([]byte{kind}, uint32(4+len(body)))) + body
}

// says listens on the loopback, reads a request, and says something; "" closes, "…" says nothing.
func says(t *testing.T, words string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				c.Read(make([]byte, 1000)) //nolint:errcheck // what it asks does not matter
				if words == "…" {
					time.Sleep(5 * time.Second) // silent for longer than any client waits
					return
				}
				for i := range words { // in small pieces
					if _, err := c.Write([]byte{words[i]}); err != nil {
						return
					}
				}
			}()
		}
	}()
	return l.Addr().String()
}

func fails(code string) string {
	return pgMessage('E', "SFATAL\x00C"+code+"\x00Mthe database system is\tstarting up\x00\x00")
}

func TestPostgreSQLIsAskedInItsWords(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, says, detail string
		want               requestor.Outcome
	}{
		{"asks for a password", pgMessage('R', "\x00\x00\x00\x0a"), "takes clients", requestor.Answered},
		{"does not know the user", fails("28000"), "28000: the database system is starting up", requestor.Answered},
		{"cannot connect now", fails("57P03"), "57P03: the database system is starting up", requestor.Refused},
		{"shutting down", fails("57P01"), "57P01", requestor.Refused},
		{"too many clients", fails("53300"), "53300", requestor.Failed},
		{"garbage", "HTTP/1.1 400 Bad Request\r\n", "not an answer of PostgreSQL", requestor.Failed},
		{"half an answer", fails("57P03")[:20], "the answer ends in the middle", requestor.Failed},
		{"an answer of any length", "E\x7f\xff\xff\xff", "not an answer of PostgreSQL", requestor.Failed},
		{"silence", "…", "no answer", requestor.Timeout},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r, err := Run(t.Context(), []string{"postgresql://" + says(t, c.says) + "/orders"}, Options{Timeout: 300 * time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			if a := r.Attempts[0]; a.Outcome != c.want || !strings.Contains(a.Detail, c.detail) {
				t.Errorf("%s, %q: want %s, %q", a.Outcome, a.Detail, c.want, c.detail)
			}
		})
	}
}

// A node that refuses in words has not answered: the next address is tried.
func TestRefusalInWordsMovesOn(t *testing.T) {
	t.Parallel()
	away := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "5")
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer away.Close()
	here := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "here") }))
	defer here.Close()
	moved := httptest.NewServer(http.RedirectHandler("http://elsewhere.example/", http.StatusTemporaryRedirect))
	defer moved.Close()
	list := []string{"postgresql://" + says(t, fails("57P03")), away.URL + "/x", here.URL}
	r, err := Run(t.Context(), list, Options{Timeout: 5 * time.Second})
	if err != nil || r.Answered == nil || *r.Answered != here.URL || len(r.Attempts) != 3 {
		t.Fatalf("%+v, %v", r, err)
	}
	if a := r.Attempts[1]; a.Outcome != requestor.Failed || a.Detail != `503 Service Unavailable, try again after "5"` {
		t.Errorf("503: %s, %s", a.Outcome, a.Detail)
	}
	r, err = Run(t.Context(), []string{moved.URL}, Options{Timeout: 5 * time.Second})
	if err != nil || r.Answered == nil || r.Attempts[0].Detail != `307 Temporary Redirect, to "http://elsewhere.example/"` {
		t.Errorf("%+v, %v", r, err)
	}
	r, err = Run(t.Context(), []string{"http://127.0.0.1:1/"}, Options{Timeout: 5 * time.Second})
	if err != nil || r.Attempts[0].Outcome != requestor.Refused || r.Attempts[0].Detail != "connect: connection refused" {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestDNSIsAskedInItsWords(t *testing.T) {
	t.Parallel()
	for code, want := range map[dnsmessage.RCode]requestor.Outcome{
		dnsmessage.RCodeSuccess: requestor.Answered, dnsmessage.RCodeNameError: requestor.Answered,
		dnsmessage.RCodeRefused: requestor.Refused, dnsmessage.RCodeServerFailure: requestor.Failed,
	} {
		p, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		go func() {
			b := make([]byte, 1000)
			n, from, err := p.ReadFrom(b)
			if err != nil {
				return
			}
			b[2], b[3] = 0x81, byte(code)
			p.WriteTo(b[:n], from) //nolint:errcheck // the test would see
		}()
		r, err := Run(t.Context(), []string{"dns/" + p.LocalAddr().String()}, Options{Timeout: 5 * time.Second})
		if err != nil || r.Attempts[0].Outcome != want {
			t.Errorf("%v: %+v, %v: want %s", code, r, err, want)
		}
	}
	r, err := Run(t.Context(), []string{"dns/127.0.0.1:1"}, Options{Timeout: 5 * time.Second})
	if err != nil || r.Attempts[0].Outcome != requestor.Refused {
		t.Errorf("nobody: %+v, %v", r, err)
	}
}

func TestInterruptedProbeEndsAtOnce(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	start := time.Now()
	if _, err := Run(ctx, []string{"postgresql://" + says(t, "…")}, Options{Timeout: 10 * time.Second}); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestAddressesOfUnknownProtocolsAreNamed(t *testing.T) {
	t.Parallel()
	_, err := Run(t.Context(), []string{"gopher://a:1", "http://", "dns/a", "postgresql://:5432"}, Options{})
	if err == nil || strings.Count(err.Error(), "\n") != 3 || !strings.Contains(err.Error(), "want tcp, udp, dns, postgresql, http or https") {
		t.Errorf("%v", err)
	}
}

func FuzzAnswers(f *testing.F) {
	f.Add([]byte(fails("57P03")), true)
	f.Add([]byte(pgMessage('R', "\x00\x00\x00\x00")), true)
	f.Add(dnsQuery, false)
	f.Fuzz(func(t *testing.T, b []byte, pg bool) {
		judge := dnsJudge
		if pg {
			judge = pgJudge
		}
		if v, done := judge(b); done && (v.outcome == "" || strings.ContainsAny(v.detail, "\x00\x1b\n")) {
			t.Errorf("%q: %+v", b, v)
		}
	})
}
