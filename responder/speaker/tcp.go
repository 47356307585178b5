// SPDX-License-Identifier: Apache-2.0

package speaker

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/regent-ha/regent/responder/answer"
)

// acceptPause is how long accepting rests when the process has no descriptors left.
const acceptPause = 10 * time.Millisecond

// saidLimit bounds what a client is told: an answer to each octet of its could come to much.
const saidLimit = 64 << 10

// drainLimit bounds what is read and thrown away at the end of a conversation.
const drainLimit = 8 << 20

// buffers are what conversations read into and write from; they grow with what is heard.
var buffers = sync.Pool{New: func() any { return &buffer{make([]byte, 0, 1024), make([]byte, 0, 512)} }}

type buffer struct{ heard, out []byte }

// accept serves a listener until it is closed.
func (s *Speaker) accept(l *net.TCPListener) {
	for {
		c, err := l.AcceptTCP()
		switch {
		case err == nil:
			s.meet(c)
		case errors.Is(err, net.ErrClosed):
			return
		default:
			s.log.Debug("the speaker cannot accept", "error", err)
			time.Sleep(acceptPause)
		}
	}
}

// meet begins a conversation, or resets a client that is one too many.
func (s *Speaker) meet(c *net.TCPConn) {
	local, remote := c.LocalAddr().(*net.TCPAddr).AddrPort(), c.RemoteAddr().(*net.TCPAddr).AddrPort()
	l := s.line(local, TCP)
	if l == nil || l.Stream == nil {
		reset(c) // not handed over by the table, or no longer spoken
		return
	}
	now, source := time.Now(), sourceOf(remote.Addr())
	if !s.gate.enter(now, source) {
		l.resets.Add(1)
		reset(c)
		return
	}
	s.mu.Lock()
	s.open[c] = struct{}{}
	s.mu.Unlock()
	s.running.Go(func() {
		defer s.gate.leave(source)
		s.converse(c, l, l.facts(local, remote, now), now.Add(s.o.Time))
		s.mu.Lock()
		delete(s.open, c)
		s.mu.Unlock()
	})
	if s.closing.Load() {
		reset(c)
	}
}

// converse hears and answers until one side has enough.
func (s *Speaker) converse(c *net.TCPConn, l *line, f answer.Facts, until time.Time) {
	b := buffers.Get().(*buffer)
	defer func() {
		b.heard, b.out = b.heard[:0], b.out[:0]
		buffers.Put(b)
	}()
	if err := c.SetDeadline(until); err != nil {
		reset(c)
		return
	}
	total, written, said, verdict := 0, 0, false, answer.Wait
	for {
		reply, used, v := l.Stream.Hear(&f, b.heard, b.out[:0])
		b.out, verdict = reply, v
		if len(reply) > 0 {
			if written += len(reply); written > saidLimit {
				verdict = answer.Reset
			} else if _, err := c.Write(reply); err != nil {
				verdict = answer.Reset
			} else if !said {
				said = true
				l.answers.Add(1)
			}
		}
		if verdict != answer.Wait {
			break
		}
		b.heard = b.heard[:copy(b.heard, b.heard[used:])]
		if used > 0 && len(b.heard) > 0 {
			continue // the rest may be the next request
		}
		if total >= s.o.Heard {
			verdict = answer.Reset
			break
		}
		n, err := readMore(c, b, s.o.Heard-total)
		total += n
		if n == 0 && err != nil {
			verdict = answer.Close // it said all that it had to say, or nothing more in time
			if !said && !errors.Is(err, io.EOF) {
				verdict = answer.Reset
			}
			break
		}
	}
	if verdict == answer.Reset {
		if !said {
			l.resets.Add(1)
		}
		reset(c)
		return
	}
	s.part(c)
}

// readMore reads up to limit bytes behind what was heard.
func readMore(c *net.TCPConn, b *buffer, limit int) (int, error) {
	if len(b.heard) == cap(b.heard) {
		b.heard = append(b.heard, 0)[:len(b.heard)]
	}
	room := b.heard[len(b.heard):cap(b.heard)]
	n, err := c.Read(room[:min(len(room), limit)])
	b.heard = b.heard[:len(b.heard)+n]
	return n, err
}

// part ends a conversation so that the client reads what it was told: FIN, then its last words are thrown away.
func (s *Speaker) part(c *net.TCPConn) {
	defer c.Close() //nolint:errcheck // nothing is left to be lost
	if c.CloseWrite() != nil || c.SetReadDeadline(time.Now().Add(s.o.Drain)) != nil {
		return
	}
	_, _ = io.CopyN(io.Discard, c, drainLimit)
}

// reset ends a connection with a reset.
func reset(c *net.TCPConn) {
	_ = c.SetLinger(0)
	_ = c.Close()
}

// sourceOf is whom the limits are about: an address, or the /64 that one IPv6 host has as its own.
func sourceOf(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	if a.Is6() {
		p, _ := a.Prefix(64) // 64 is never too long
		return p.Addr()
	}
	return a
}
