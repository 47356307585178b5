// SPDX-License-Identifier: Apache-2.0

package event

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/smtp"
	"net/textproto"
	"os"
	"slices"
	"strings"
	"time"
)

const (
	implicitTLS = "465"   // the port that speaks TLS from the start
	talkLimit   = 1 << 20 // bytes that a mail server may send in one session
)

// mailer mails each alert.
//
// Where the server offers STARTTLS, it is used. Its certificate is verified when there is a password to protect, and on
// port 465. Without either it is not: whoever could show a false certificate could as well hide the offer, and a relay
// on the same host has as a rule a certificate of its own making.
type mailer struct {
	c          SMTP
	host, port string
	from       *mail.Address
	to         []*mail.Address
	hello      string // our name
	roots      *x509.CertPool
	implicit   bool
}

func newMailer(c SMTP, roots *x509.CertPool) (*mailer, error) {
	m := &mailer{c: c, roots: roots, hello: "localhost"}
	var err error
	if m.host, m.port, err = net.SplitHostPort(c.Server); err != nil || m.host == "" || m.port == "" {
		return nil, fmt.Errorf("smtp.server: %q is not host:port", c.Server)
	}
	m.implicit = m.port == implicitTLS
	if m.from, err = address(c.From); err != nil {
		return nil, fmt.Errorf("smtp.from: %w", err)
	}
	if len(c.To) == 0 {
		return nil, errors.New("smtp.to: write at least one address")
	}
	for _, s := range c.To {
		a, err := address(s)
		if err != nil {
			return nil, fmt.Errorf("smtp.to: %w", err)
		}
		m.to = append(m.to, a)
	}
	if name, err := os.Hostname(); err == nil && name != "" && strings.Trim(name, hostBytes) == "" {
		m.hello = name
	}
	return m, nil
}

// hostBytes is what a host name consists of.
const hostBytes = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-"

func (m *mailer) name() string { return "smtp " + line(m.c.Server, 255) }

// send is one session. A refusal for good (5xx) is final.
func (m *mailer) send(ctx context.Context, a *Alert) error {
	err := m.session(ctx, a)
	var answer *textproto.Error
	if errors.As(err, &answer) && answer.Code >= 500 {
		err = final{err}
	}
	if err == nil {
		return nil
	}
	return scrub(err, m.c.Password, base64.StdEncoding.EncodeToString([]byte(m.c.Password)),
		base64.StdEncoding.EncodeToString([]byte("\x00"+m.c.User+"\x00"+m.c.Password)))
}

func (m *mailer) session(ctx context.Context, a *Alert) error {
	raw, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(m.host, m.port))
	if err != nil {
		return err
	}
	defer raw.Close()                                                           //nolint:errcheck // what counts has been acknowledged by then
	defer context.AfterFunc(ctx, func() { raw.SetDeadline(time.Unix(1, 0)) })() //nolint:errcheck // a closed one needs none
	verified := &tls.Config{ServerName: m.host, RootCAs: m.roots, MinVersion: tls.VersionTLS12}
	var conn net.Conn = &bounded{raw, talkLimit}
	if m.implicit {
		conn = tls.Client(conn, verified)
	}
	c, err := smtp.NewClient(conn, m.host)
	if err != nil {
		return fmt.Errorf("greeting: %w", err)
	}
	if err := c.Hello(m.hello); err != nil {
		return fmt.Errorf("EHLO: %w", err)
	}
	if offered, _ := c.Extension("STARTTLS"); offered && !m.implicit {
		config := verified
		if m.c.User == "" {
			config = &tls.Config{ServerName: m.host, InsecureSkipVerify: true, MinVersion: tls.VersionTLS12} //nolint:gosec // see mailer
		}
		if err := c.StartTLS(config); err != nil {
			return fmt.Errorf("STARTTLS: %w", err)
		}
	}
	if m.c.User != "" {
		if err := m.authenticate(c); err != nil {
			return err
		}
	}
	return m.deliver(c, a)
}

// authenticate says who we are, by PLAIN or LOGIN, over TLS only.
func (m *mailer) authenticate(c *smtp.Client) error {
	if _, secure := c.TLSConnectionState(); !secure {
		return final{errors.New("the server offers no STARTTLS; user and password are not sent in the clear")}
	}
	_, words := c.Extension("AUTH")
	var auth smtp.Auth
	switch ways := strings.Fields(strings.ToUpper(words)); {
	case slices.Contains(ways, "PLAIN"):
		auth = smtp.PlainAuth("", m.c.User, m.c.Password, m.host)
	case slices.Contains(ways, "LOGIN"):
		auth = &login{words: []string{m.c.User, m.c.Password}}
	default:
		return final{errors.New("the server offers neither AUTH PLAIN nor AUTH LOGIN")}
	}
	if err := c.Auth(auth); err != nil {
		return fmt.Errorf("AUTH: %w", err)
	}
	return nil
}

// login is AUTH LOGIN: the server asks for two words.
type login struct{ words []string }

// Start is smtp.Auth's.
func (l *login) Start(s *smtp.ServerInfo) (string, []byte, error) {
	if !s.TLS {
		return "", nil, errors.New("not over TLS")
	}
	return "LOGIN", nil, nil
}

// Next is smtp.Auth's.
func (l *login) Next(_ []byte, more bool) ([]byte, error) {
	if !more {
		return nil, nil
	}
	if len(l.words) == 0 {
		return nil, errors.New("the server asks for a third word")
	}
	word := l.words[0]
	l.words = l.words[1:]
	return []byte(word), nil
}

// deliver sends the message to all receivers that the server accepts. If some are refused it says so, and is not
// repeated: the others have it.
func (m *mailer) deliver(c *smtp.Client, a *Alert) error {
	if err := c.Mail(m.from.Address); err != nil {
		return fmt.Errorf("MAIL: %w", err)
	}
	var refused []error
	for _, t := range m.to {
		if err := c.Rcpt(t.Address); err != nil {
			refused = append(refused, fmt.Errorf("%s: %w", t.Address, err))
		}
	}
	if len(refused) == len(m.to) {
		for _, err := range refused { // one that may be accepted later is worth another attempt
			var answer *textproto.Error
			if !errors.As(err, &answer) || answer.Code < 500 {
				return err
			}
		}
		return refused[0]
	}
	w, err := c.Data()
	if err != nil {
		return fmt.Errorf("DATA: %w", err)
	}
	if _, err := w.Write(m.message(a)); err != nil {
		return fmt.Errorf("DATA: %w", err)
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("DATA: %w", err)
	}
	c.Quit() //nolint:errcheck // the server has taken the message
	if len(refused) > 0 {
		return final{fmt.Errorf("%d of %d receivers were refused: %w", len(refused), len(m.to), refused[0])}
	}
	return nil
}

// bounded is a connection that ends when the other side talks too much.
type bounded struct {
	net.Conn
	left int
}

// Read is net.Conn's.
func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errors.New("the server sends too much")
	}
	n, err := b.Conn.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}
