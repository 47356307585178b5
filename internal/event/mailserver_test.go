// SPDX-License-Identifier: Apache-2.0

package event

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// mailServer is a mail server of the test. It notes what it hears, with "TLS " before what comes over TLS.
type mailServer struct {
	address  string
	roots    *x509.CertPool    // that know its certificate
	implicit bool              // TLS from the start
	starttls bool              // offered
	auth     string            // what AUTH offers, over TLS; empty: no AUTH
	answers  map[string]string // by the beginning of a command: what is answered in place of the usual

	certificate tls.Certificate
	mu          sync.Mutex
	heard       []string
	mails       []string
}

// startMail starts a server on a port of its own.
func startMail(t *testing.T, s *mailServer) *mailServer {
	t.Helper()
	s.certificate, s.roots = certificate(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.address = l.Addr().String()
	var sessions sync.WaitGroup
	sessions.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			sessions.Go(func() {
				defer conn.Close()
				conn.SetDeadline(time.Now().Add(10 * time.Second)) //nolint:errcheck // a test that hangs fails anyway
				s.serve(conn)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		sessions.Wait()
	})
	return s
}

// certificate is one for 127.0.0.1 that only the returned roots know.
func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, roots
}

func (s *mailServer) serve(conn net.Conn) {
	secure := s.implicit
	config := &tls.Config{Certificates: []tls.Certificate{s.certificate}}
	if secure {
		conn = tls.Server(conn, config)
	}
	r := bufio.NewReader(conn)
	say := func(format string, args ...any) { fmt.Fprintf(conn, format+"\r\n", args...) }
	hear := func() (string, bool) {
		row, err := r.ReadString('\n')
		row = strings.TrimSuffix(row, "\r\n")
		if err == nil {
			s.mu.Lock()
			s.heard = append(s.heard, map[bool]string{true: "TLS "}[secure]+row)
			s.mu.Unlock()
		}
		return row, err == nil
	}
	greeting := s.answers["greeting"]
	if greeting == "" {
		greeting = "220 test ESMTP"
	}
	say("%s", greeting)
	for {
		row, ok := hear()
		if !ok {
			return
		}
		verb, _, _ := strings.Cut(row, " ")
		other := ""
		for beginning, answer := range s.answers {
			if strings.HasPrefix(row, beginning) {
				other = answer
			}
		}
		switch {
		case other != "":
			say("%s", other)
		case verb == "EHLO":
			say("250-test")
			if s.starttls && !secure {
				say("250-STARTTLS")
			}
			if s.auth != "" && secure {
				say("250-AUTH %s", s.auth)
			}
			say("250 8BITMIME")
		case verb == "STARTTLS":
			say("220 go on")
			conn, secure = tls.Server(conn, config), true
			r = bufio.NewReader(conn)
		case row == "AUTH LOGIN":
			say("334 VXNlcm5hbWU6")
			hear()
			say("334 UGFzc3dvcmQ6")
			hear()
			say("235 welcome")
		case verb == "AUTH":
			say("235 welcome")
		case verb == "DATA":
			say("354 go on")
			var mail strings.Builder
			for {
				row, err := r.ReadString('\n')
				if err != nil {
					return
				}
				if row == ".\r\n" {
					break
				}
				mail.WriteString(strings.TrimPrefix(row, "."))
			}
			if a := s.answers["message"]; a != "" {
				say("%s", a)
				continue
			}
			s.mu.Lock()
			s.mails = append(s.mails, mail.String())
			s.mu.Unlock()
			say("250 queued")
		case verb == "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

func (s *mailServer) saw() (heard string, mails []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.heard, "\n"), append([]string(nil), s.mails...)
}
