// SPDX-License-Identifier: Apache-2.0

package speaker

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/regent-ha/regent/responder/answer"
)

// Protocol numbers that a Port may have.
const (
	TCP uint8 = 6
	UDP uint8 = 17
)

// Port is a port of an inherited address.
type Port struct {
	Address  netip.Addr // without zone, IPv4 as IPv4
	Protocol uint8      // TCP or UDP
	Number   uint16
}

// Line is what is said at a port.
type Line struct {
	Stream     answer.Stream   // of TCP
	Datagram   answer.Datagram // of UDP
	Service    string
	Next       string        // see [answer.Facts]
	Reason     string        // likewise
	RetryAfter time.Duration // likewise
}

// Count is what was done for an address, since it was first set.
type Count struct {
	Answers      uint64 // in the protocol's words
	Resets       uint64 // connections beyond a limit, or that did not speak the protocol
	Unreachables uint64 // datagrams that got "port unreachable"
}

// Options say what a speaker bears. Zero values: what doc.go says.
type Options struct {
	Logger      *slog.Logger
	Connections int           // at once
	PerSource   int           // at once with one source
	Rate        int           // new ones a second with one source; twice as many in a burst
	Heard       int           // bytes that a client may say
	Time        time.Duration // that a conversation may take
	Drain       time.Duration // that it may take to end
}

// Locals are the local ports at which the speaker takes what is for the spoken ones; 0: this family is not to be had.
type Locals struct{ TCP4, TCP6, UDP4, UDP6 uint16 }

// Speaker answers. Its methods may be called from several goroutines.
type Speaker struct {
	o       Options
	log     *slog.Logger
	locals  Locals
	closers []func() error
	raw     *raw
	lines   atomic.Pointer[map[Port]*line]
	gate    gate
	set     sync.Mutex // one Set at a time
	mu      sync.Mutex
	open    map[*net.TCPConn]struct{}
	running sync.WaitGroup
	closing atomic.Bool
}

// line is a Line with what was counted for it.
type line struct {
	Line
	*counts
}

type counts struct{ answers, resets, unreachables atomic.Uint64 }

// Open opens the sockets in the network namespace of the calling thread. A family that the host does not have is left out.
func Open(o Options) (*Speaker, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	def := func(v *int, n int) {
		if *v <= 0 {
			*v = n
		}
	}
	def(&o.Connections, 1024)
	def(&o.PerSource, 128)
	def(&o.Rate, 100)
	def(&o.Heard, 16<<10)
	if o.Time <= 0 {
		o.Time = 5 * time.Second
	}
	if o.Drain <= 0 {
		o.Drain = time.Second
	}
	s := &Speaker{o: o, log: o.Logger, open: map[*net.TCPConn]struct{}{}}
	s.gate = newGate(o.Connections, o.PerSource, o.Rate)
	s.lines.Store(&map[Port]*line{})
	raw, err := openRaw()
	if err != nil {
		return nil, fmt.Errorf("open the speaker's raw sockets: %w", err)
	}
	s.raw = raw
	s.closers = append(s.closers, raw.close)
	for _, f := range []struct {
		network, address string
		port             *uint16
	}{
		{"tcp4", "127.0.0.1:0", &s.locals.TCP4}, {"tcp6", "[::1]:0", &s.locals.TCP6},
		{"udp4", "127.0.0.1:0", &s.locals.UDP4}, {"udp6", "[::1]:0", &s.locals.UDP6},
	} {
		if err := s.listen(f.network, f.address, f.port); err != nil {
			if missing(err) {
				s.log.Debug("the speaker has no socket of a family", "network", f.network, "error", err)
				continue
			}
			return nil, errors.Join(fmt.Errorf("open the speaker's socket at %s %s: %w%s", f.network, f.address, err, needs(err)), s.Close())
		}
	}
	return s, nil
}

// listen opens one socket and serves it.
func (s *Speaker) listen(network, address string, port *uint16) error {
	switch network {
	case "tcp4", "tcp6":
		l, err := listenTCP(network, address)
		if err != nil {
			return err
		}
		*port = l.Addr().(*net.TCPAddr).AddrPort().Port()
		s.closers = append(s.closers, l.Close)
		s.running.Go(func() { s.accept(l) })
	default:
		c, err := listenUDP(network, address)
		if err != nil {
			return err
		}
		*port = c.LocalAddr().(*net.UDPAddr).AddrPort().Port()
		s.closers = append(s.closers, c.Close)
		s.running.Go(func() { s.receive(c) })
	}
	return nil
}

// Ports returns where the speaker listens.
func (s *Speaker) Ports() Locals { return s.locals }

// Set makes lines the whole of what is said. Conversations that are under way end as they began.
func (s *Speaker) Set(lines map[Port]Line) {
	s.set.Lock()
	defer s.set.Unlock()
	before, now := *s.lines.Load(), make(map[Port]*line, len(lines))
	for p, l := range lines {
		c := &counts{}
		if b := before[p]; b != nil {
			c = b.counts
		}
		now[p] = &line{l, c}
	}
	s.lines.Store(&now)
}

// Counters returns what was done, by address.
func (s *Speaker) Counters() map[netip.Addr]Count {
	all := map[netip.Addr]Count{}
	for p, l := range *s.lines.Load() {
		c := all[p.Address]
		c.Answers += l.answers.Load()
		c.Resets += l.resets.Load()
		c.Unreachables += l.unreachables.Load()
		all[p.Address] = c
	}
	return all
}

// line returns what is said at a port; nil: nothing.
func (s *Speaker) line(at netip.AddrPort, protocol uint8) *line {
	return (*s.lines.Load())[Port{at.Addr().Unmap().WithZone(""), protocol, at.Port()}]
}

// facts are those of one conversation or datagram.
func (l *line) facts(local, remote netip.AddrPort, now time.Time) answer.Facts {
	return answer.Facts{
		Service: l.Service, Local: plain(local), Remote: plain(remote), Next: l.Next, Reason: l.Reason, RetryAfter: l.RetryAfter,
		Now: now, Nonce: rand.Uint64(),
	}
}

func plain(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }

// Close ends all conversations with a reset, and the sockets.
func (s *Speaker) Close() error {
	if s.closing.Swap(true) {
		return nil
	}
	var errs []error
	for i := len(s.closers) - 1; i > 0; i-- { // what replies (the first) goes last
		errs = append(errs, s.closers[i]())
	}
	s.mu.Lock()
	for c := range s.open {
		reset(c)
	}
	s.mu.Unlock()
	s.running.Wait()
	return errors.Join(append(errs, s.closers[0]())...)
}
