// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/mail"
	"net/smtp"
	"os"
	"strings"
	"time"
)

// Mail is how changes of state are mailed.
type Mail struct {
	Server   string // host:port
	From     string
	To       []string
	RouterID string // in the subject; "": the host's name
	Helo     string // "": the host's name
	Timeout  time.Duration
	Faults   bool
}

// Poster mails changes, one after the other, in the words of keepalived. Its methods may be called from several goroutines, and
// do not wait, but for Close.
type Poster struct {
	m     Mail
	log   *slog.Logger
	queue chan Change
	done  chan struct{}
	now   func() time.Time
	end   context.CancelFunc
}

// letters is how many mails may wait; beyond, changes are not mailed: the log has them.
const letters = 100

// NewPoster starts a Poster.
func NewPoster(m Mail, log *slog.Logger) *Poster {
	if name, err := os.Hostname(); err == nil {
		if m.Helo == "" {
			m.Helo = name
		}
		if m.RouterID == "" {
			m.RouterID = name
		}
	}
	ctx, end := context.WithCancel(context.Background())
	p := &Poster{m: m, log: log, queue: make(chan Change, letters), done: make(chan struct{}), now: time.Now, end: end}
	go p.run(ctx)
	return p
}

// Post mails a change, if the settings want that.
func (p *Poster) Post(c Change) {
	if _, _, ok := p.m.words(c); !ok {
		return
	}
	select {
	case p.queue <- c:
	default:
		p.log.Warn("a change of state is not mailed: too many mails wait", "name", c.Name, "state", string(c.State), "server", p.m.Server)
	}
}

// Close sends what waits, for so long, and ends.
func (p *Poster) Close(limit time.Duration) {
	close(p.queue)
	timer := time.AfterFunc(limit, p.end)
	<-p.done
	timer.Stop()
	p.end()
}

func (p *Poster) run(ctx context.Context) {
	defer close(p.done)
	for c := range p.queue {
		if err := p.send(ctx, c); err != nil {
			p.log.Warn("a change of state is not mailed", "name", c.Name, "state", string(c.State), "server", p.m.Server, "error", err)
		}
	}
}

func (p *Poster) send(ctx context.Context, c Change) error {
	ctx, cancel := context.WithTimeout(ctx, p.m.Timeout)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", p.m.Server)
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // Quit closes it, or it is broken
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	host, _, err := net.SplitHostPort(p.m.Server)
	if err != nil {
		return err
	}
	client, err := smtp.NewClient(conn, host)
	if err != nil {
		return err
	}
	if err := client.Hello(p.m.Helo); err != nil {
		return err
	}
	if err := client.Mail(bare(p.m.From)); err != nil {
		return err
	}
	for _, to := range p.m.To {
		if err := client.Rcpt(bare(to)); err != nil {
			return err
		}
	}
	w, err := client.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write(p.m.compose(c, p.now())); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return client.Quit()
}

// bare is an address without a name.
func bare(text string) string {
	if a, err := mail.ParseAddress(text); err == nil {
		return a.Address
	}
	return text
}

// words are the end of the subject and the body; false if the change is not mailed.
func (m Mail) words(c Change) (subject, body string, ok bool) {
	state := "Entering " + string(c.State) + " state"
	group := c.Kind == Group
	switch c.State {
	case Master:
		body = "=> VRRP Instance is now owning VRRP VIPs <="
	case Backup:
		body = "=> VRRP Instance is no longer owning VRRP VIPs <="
	case Fault:
		body, ok = "=> VRRP Instance is no longer owning VRRP VIPs <=", m.Faults
		if !ok {
			return "", "", false
		}
	case Stop:
		state, body = "Stopping", "=> VRRP Instance stopping <="
	case Deleted:
		state, body = "Deleted", "=> VRRP Deleted at reload <="
	default:
		return "", "", false
	}
	what := "VRRP Instance "
	if group {
		what = "VRRP Group "
		switch c.State {
		case Stop:
			body = "=> All VRRP group instances are now stopping <="
		case Master, Backup, Fault:
			body = "=> All VRRP group instances are now in " + string(c.State) + " state <="
		}
	}
	return what + c.Name + " - " + state, body, true
}

// compose is the mail. No byte of a name can begin another header.
func (m Mail) compose(c Change, now time.Time) []byte {
	plain := func(s string) string {
		return strings.Map(func(r rune) rune {
			if r < ' ' || r == 0x7f {
				return ' '
			}
			return r
		}, s)
	}
	subject, body, _ := m.words(c)
	return fmt.Appendf(nil, "Date: %s\r\nFrom: %s\r\nSubject: [%s] %s\r\nX-Mailer: Keepalived\r\nTo: %s\r\n\r\n%s\r\n",
		now.Format(time.RFC1123Z), plain(m.From), plain(m.RouterID), plain(subject), plain(strings.Join(m.To, ", ")), body)
}
