// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"bytes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"
)

// A sealed stream begins with a greeting of each side: magic, name, what it is for, a fresh salt. Each direction has its own
// key, derived from a key of the cluster and both salts, so that a stream that was captured opens to nobody a second
// time. Then come frames: length, and what AES-GCM makes of the text; the nonce is the number of the frame.
const (
	greetingSize = 4 + 4 + 1 + saltSize
	frameText    = 32 << 10
	greetWithin  = 2 * time.Second
)

var errFrame = errors.New("frame of the cluster channel does not open")

// sealed is one end of a stream.
type sealed struct {
	net.Conn
	out, in half
	write   cipher.AEAD // nil before the first frame
	rest    []byte
	refuse  func(refusal)
	closed  func()
}

// half is a direction: the ciphers of all keys, in the order of the ring, until the first frame has shown the one in use.
type half struct {
	ciphers []cipher.AEAD
	counter uint64
}

func (s *sealer) greeting(purpose byte) ([]byte, error) {
	b := append(append(append([]byte{}, sealMagic[:]...), s.tag[:]...), purpose)
	salt := make([]byte, saltSize)
	if _, err := rand.Read(salt); err != nil {
		return nil, err
	}
	return append(b, salt...), nil
}

// hears reads the other side's greeting.
func (s *sealer) hears(c net.Conn) ([]byte, refusal, error) {
	b := make([]byte, greetingSize)
	if n, err := io.ReadFull(c, b); err != nil {
		if n > 0 && [4]byte(b[:4]) != sealMagic {
			return nil, garbage, err
		}
		return nil, fine, err // it hung up, which is no offence
	}
	switch {
	case [4]byte(b[:4]) != sealMagic:
		return nil, garbage, errors.New("no greeting of this version")
	case [4]byte(b[4:8]) != s.tag:
		return nil, foreign, errors.New("greeting of another cluster")
	}
	return b, fine, nil
}

// halves derives the keys of a stream; to is the address of the side that was called.
func (s *sealer) halves(caller, called []byte, to netip.AddrPort) (fromCaller, fromCalled half, err error) {
	salt := append(bytes.Clone(caller[9:]), called[9:]...)
	for _, k := range s.ring.Load().keys {
		for _, d := range []struct {
			h    *half
			from string
		}{{&fromCaller, "caller"}, {&fromCalled, "called"}} {
			c, err := derive(k, salt, fmt.Sprintf("regent cluster stream 1 %d %s %x %s", caller[8], d.from, addressBytes(to), s.name))
			if err != nil {
				return half{}, half{}, err
			}
			d.h.ciphers = append(d.h.ciphers, c)
		}
	}
	return fromCaller, fromCalled, nil
}

// call greets a node on a fresh connection.
func (s *sealer) call(c net.Conn, to netip.AddrPort, purpose byte, within time.Duration) (*sealed, error) {
	if err := c.SetDeadline(time.Now().Add(within)); err != nil {
		return nil, err
	}
	mine, err := s.greeting(purpose)
	if err != nil {
		return nil, err
	}
	if _, err := c.Write(mine); err != nil {
		return nil, err
	}
	theirs, _, err := s.hears(c)
	if err != nil {
		return nil, err
	}
	out, in, err := s.halves(mine, theirs, to)
	if err != nil {
		return nil, err
	}
	return &sealed{Conn: c, out: out, in: in, write: out.ciphers[0]}, c.SetDeadline(time.Time{})
}

// answer greets a node that called, and says what it called for.
func (s *sealer) answer(c net.Conn, at netip.AddrPort) (*sealed, byte, refusal, error) {
	if err := c.SetDeadline(time.Now().Add(greetWithin)); err != nil {
		return nil, 0, fine, err
	}
	theirs, why, err := s.hears(c)
	if err != nil {
		return nil, 0, why, err
	}
	mine, err := s.greeting(theirs[8])
	if err != nil {
		return nil, 0, fine, err
	}
	if _, err := c.Write(mine); err != nil {
		return nil, 0, fine, err
	}
	in, out, err := s.halves(theirs, mine, at)
	if err != nil {
		return nil, 0, fine, err
	}
	return &sealed{Conn: c, out: out, in: in, write: out.ciphers[0]}, theirs[8], fine, nil
}

// Write sends b in frames.
func (c *sealed) Write(b []byte) (int, error) {
	sent := 0
	for len(b) > 0 {
		n := min(len(b), frameText)
		f := binary.BigEndian.AppendUint32(make([]byte, 0, 4+n+sealTag), uint32(n+sealTag)) //nolint:gosec // n is small
		c.out.counter++
		f = c.write.Seal(f, nonce(c.out.counter), b[:n], bytes.Clone(f))
		if _, err := c.Conn.Write(f); err != nil {
			return sent, err
		}
		sent, b = sent+n, b[n:]
	}
	return sent, nil
}

// Read reads what frames hold.
func (c *sealed) Read(b []byte) (int, error) {
	if len(c.rest) == 0 {
		if err := c.frame(); err != nil {
			return 0, err
		}
	}
	n := copy(b, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

// frame reads the next one.
func (c *sealed) frame() error {
	var head [4]byte
	if _, err := io.ReadFull(c.Conn, head[:]); err != nil {
		return err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n <= sealTag || n > frameText+sealTag {
		c.refused(garbage)
		return errFrame
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(c.Conn, b); err != nil {
		return err
	}
	c.in.counter++
	for _, in := range c.in.ciphers {
		if text, err := in.Open(nil, nonce(c.in.counter), b, head[:]); err == nil {
			c.rest, c.in.ciphers = text, []cipher.AEAD{in}
			return nil
		}
	}
	c.refused(wrongKey)
	return errFrame
}

func (c *sealed) refused(r refusal) {
	if c.refuse != nil {
		c.refuse(r)
	}
}

// Close ends the stream.
func (c *sealed) Close() error {
	if c.closed != nil {
		c.closed()
	}
	return c.Conn.Close()
}
