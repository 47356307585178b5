// SPDX-License-Identifier: Apache-2.0

package event

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// sender is a mailer for the server; roots are what it trusts.
func sender(t *testing.T, s *mailServer, user string, trusts bool) *mailer {
	t.Helper()
	c := SMTP{Server: s.address, From: "Regent <regent@example.org>", To: []string{"ops@example.org", "b@example.org"}, User: user, Password: "s3cret"}
	roots := s.roots
	if !trusts {
		_, roots = certificate(t)
	}
	m, err := newMailer(c, roots)
	if err != nil {
		t.Fatal(err)
	}
	m.hello, m.implicit = "db1", s.implicit
	return m
}

func encoded(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

const (
	envelope = "MAIL FROM:<regent@example.org> BODY=8BITMIME\nRCPT TO:<ops@example.org>\nRCPT TO:<b@example.org>\nDATA\nQUIT"
	secured  = "TLS MAIL FROM:<regent@example.org> BODY=8BITMIME\nTLS RCPT TO:<ops@example.org>\nTLS RCPT TO:<b@example.org>\nTLS DATA\nTLS QUIT"
)

func TestMailIsSentAsSecurelyAsTheServerCan(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		server *mailServer
		user   string
		trusts bool
		heard  string // the whole session
		fails  string // and why
	}{
		{"a relay without TLS", &mailServer{}, "", false, "EHLO db1\n" + envelope, ""},
		{"a relay with a certificate of its own making", &mailServer{starttls: true}, "", false, "EHLO db1\nSTARTTLS\nTLS EHLO db1\n" + secured, ""},
		{"PLAIN over STARTTLS", &mailServer{starttls: true, auth: "LOGIN PLAIN"}, "me", true,
			"EHLO db1\nSTARTTLS\nTLS EHLO db1\nTLS AUTH PLAIN " + encoded("\x00me\x00s3cret") + "\n" + secured, ""},
		{"LOGIN over STARTTLS", &mailServer{starttls: true, auth: "LOGIN XOAUTH2"}, "me", true,
			"EHLO db1\nSTARTTLS\nTLS EHLO db1\nTLS AUTH LOGIN\nTLS " + encoded("me") + "\nTLS " + encoded("s3cret") + "\n" + secured, ""},
		{"TLS from the start", &mailServer{implicit: true, auth: "PLAIN"}, "me", true,
			"TLS EHLO db1\nTLS AUTH PLAIN " + encoded("\x00me\x00s3cret") + "\n" + secured, ""},
		{"no password without TLS", &mailServer{auth: "PLAIN"}, "me", true, "EHLO db1", "not sent in the clear"},
		{"no password to an unknown certificate", &mailServer{starttls: true, auth: "PLAIN"}, "me", false, "EHLO db1\nSTARTTLS", "certificate"},
		{"no mail to an unknown certificate on the TLS port", &mailServer{implicit: true}, "", false, "", "certificate"},
		{"no way to authenticate", &mailServer{starttls: true, auth: "CRAM-MD5"}, "me", true, "EHLO db1\nSTARTTLS\nTLS EHLO db1", "neither"},
		{"STARTTLS that is offered and refused", &mailServer{starttls: true, answers: map[string]string{"STARTTLS": "454 no"}}, "", false,
			"EHLO db1\nSTARTTLS", "STARTTLS: 454"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := startMail(t, c.server)
			err := sender(t, s, c.user, c.trusts).send(t.Context(), anAlert())
			heard, mails := s.saw()
			if diff := cmp.Diff(c.heard, heard); diff != "" {
				t.Errorf("session (-want +got):\n%s", diff)
			}
			if c.fails != "" {
				if err == nil || !strings.Contains(err.Error(), c.fails) || len(mails) != 0 {
					t.Errorf("error %v, %d mails", err, len(mails))
				}
				return
			}
			if err != nil || len(mails) != 1 || !strings.Contains(mails[0], "Subject: [regent] db1: orders has no other node") {
				t.Errorf("error %v, mails %q", err, mails)
			}
		})
	}
}

func TestMailTellsWhatIsWorthAnotherAttempt(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		answers map[string]string
		want    string // empty: no error
		again   bool
		mails   int
	}{
		{"full for now", map[string]string{"greeting": "421 busy"}, "greeting: 421", true, 0},
		{"grey list", map[string]string{"RCPT": "450 later"}, "ops@example.org: 450", true, 0},
		{"one later, one never", map[string]string{"RCPT TO:<ops": "550 nobody", "RCPT TO:<b@": "450 later"}, "b@example.org: 450", true, 0},
		{"nobody known", map[string]string{"RCPT": "550 nobody"}, "ops@example.org: 550", false, 0},
		{"one known", map[string]string{"RCPT TO:<ops": "450 later"}, "1 of 2 receivers were refused: ops@example.org: 450", false, 1},
		{"sender refused", map[string]string{"MAIL": "553 not you"}, "MAIL: 553", false, 0},
		{"message refused", map[string]string{"message": "554 spam"}, "DATA: 554", false, 0},
		{"no goodbye", map[string]string{"QUIT": "500 what"}, "", false, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := startMail(t, &mailServer{answers: c.answers})
			err := sender(t, s, "", false).send(t.Context(), anAlert())
			if _, mails := s.saw(); len(mails) != c.mails {
				t.Errorf("%d mails", len(mails))
			}
			if c.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			var f final
			if err == nil || !strings.Contains(err.Error(), c.want) || errors.As(err, &f) == c.again {
				t.Errorf("error %v, want %q, again %t", err, c.want, c.again)
			}
		})
	}
}

func TestMailServerThatHangsOrBabblesIsLeft(t *testing.T) {
	t.Parallel()
	for name, babble := range map[string]string{"silent": "", "endless line": strings.Repeat("x", 1<<16), "endless lines": strings.Repeat("220-hello\r\n", 1<<12)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			sent := make(chan int, 1)
			go func() {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				defer conn.Close()
				if babble == "" {
					io.Copy(io.Discard, conn) //nolint:errcheck // until it is closed
				}
				total := 0
				for babble != "" {
					n, err := io.WriteString(conn, babble)
					if total += n; err != nil {
						break
					}
				}
				sent <- total
			}()
			defer l.Close()
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			if babble != "" {
				ctx, cancel = context.WithTimeout(t.Context(), 20*time.Second)
			}
			defer cancel()
			start := time.Now()
			if err := sender(t, &mailServer{address: l.Addr().String()}, "", false).send(ctx, anAlert()); err == nil {
				t.Error("counts as sent")
			}
			if took := time.Since(start); took > 10*time.Second {
				t.Errorf("took %s", took)
			}
			if total := <-sent; total > 32<<20 { // what was read and what the kernel holds
				t.Errorf("%d bytes were taken", total)
			}
		})
	}
}

func TestMailPasswordStaysOutOfTheLog(t *testing.T) {
	t.Parallel()
	blob := encoded("\x00me\x00s3cret")
	srv := startMail(t, &mailServer{starttls: true, auth: "PLAIN", answers: map[string]string{"AUTH": "535 not s3cret, " + encoded("s3cret") + " or " + blob}})
	log := newBook(slog.LevelInfo)
	s, err := NewSinks(log, SinkConfig{Roots: srv.roots, SMTP: &SMTP{Server: srv.address, From: "a@example.org", To: []string{"b@example.org"}, User: "me", Password: "s3cret"}})
	if err != nil {
		t.Fatal(err)
	}
	raise(slog.New(s), "a")
	s.Close()
	lost := log.losses(t)
	if len(lost) != 1 || !strings.Contains(lost[0].Text, "AUTH: 535") || !strings.Contains(lost[0].Text, "1 attempt") {
		t.Errorf("losses %+v", lost)
	}
	for _, secret := range []string{"s3cret", encoded("s3cret"), blob} {
		if strings.Contains(fmt.Sprint(lost), secret) {
			t.Errorf("the log holds %+v", lost)
		}
	}
}
