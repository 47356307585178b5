// SPDX-License-Identifier: Apache-2.0

package tickle

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/takeover/flow"
)

// Pace of the sender: so many segments, then so long a pause.
const (
	batchSize = 256
	batchRest = time.Millisecond
)

// Options of a Sender.
type Options struct {
	Logger *slog.Logger
}

// Sender sends segments to clients. Its methods may be called from several goroutines, and do not wait.
type Sender struct {
	log *slog.Logger
	v4  *ipv4.PacketConn
	v6  *ipv6.PacketConn // nil: no IPv6 here
	end []func() error

	mu     sync.Mutex
	pacer  Pacer
	sent   map[netip.Addr]uint64
	failed uint64
	wake   chan struct{}
	closed chan struct{}
	done   sync.WaitGroup
	once   sync.Once
}

// Open opens the sockets in the network namespace of the calling thread.
func Open(o Options) (*Sender, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Sender{log: o.Logger, sent: map[netip.Addr]uint64{}, wake: make(chan struct{}, 1), closed: make(chan struct{})}
	c, err := openRaw(unix.AF_INET)
	if err != nil {
		return nil, fmt.Errorf("open the raw socket for tickles: %w (needs CAP_NET_RAW)", err)
	}
	s.v4, s.end = ipv4.NewPacketConn(c), append(s.end, c.Close)
	if c, err = openRaw(unix.AF_INET6); err == nil {
		s.v6, s.end = ipv6.NewPacketConn(c), append(s.end, c.Close)
	} else if !errors.Is(err, unix.EAFNOSUPPORT) {
		return nil, errors.Join(fmt.Errorf("open the raw socket for tickles: %w (needs CAP_NET_RAW)", err), s.v4.Close())
	}
	s.done.Go(s.run)
	return s, nil
}

// openRaw opens a socket that sends whole IP packets and receives none.
func openRaw(family int) (net.PacketConn, error) {
	fd, err := unix.Socket(family, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.IPPROTO_RAW)
	if err != nil {
		return nil, err
	}
	file := os.NewFile(uintptr(fd), "tickle")
	c, err := net.FilePacketConn(file)
	return c, errors.Join(err, file.Close())
}

// Start tells the clients of a list, beginning now. The list must not change.
func (s *Sender) Start(flows *flow.List) {
	s.mu.Lock()
	s.pacer.Start(monotonic(), flows)
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Cancel ends what is still to be sent from addresses.
func (s *Sender) Cancel(addrs []netip.Addr) {
	s.mu.Lock()
	s.pacer.Cancel(addrs)
	s.mu.Unlock()
}

// Sent returns how many segments were sent from each address.
func (s *Sender) Sent() map[netip.Addr]uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.sent)
}

// Failed returns how many segments could not be sent.
func (s *Sender) Failed() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed
}

// Close ends the sender. What is still to be sent is not.
func (s *Sender) Close() (err error) {
	s.once.Do(func() {
		close(s.closed)
		s.done.Wait()
		var errs []error
		for _, end := range s.end {
			errs = append(errs, end())
		}
		err = errors.Join(errs...)
	})
	return err
}

// monotonic is the sender's clock.
func monotonic() time.Duration {
	var t unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &t) != nil {
		return 0 // it never fails
	}
	return time.Duration(t.Nano())
}

// batch is segments of one family on their way.
type batch struct {
	messages []ipv4.Message // the same type as ipv6.Message
	locals   []netip.Addr
	n        int
}

func newBatch() *batch {
	b := &batch{messages: make([]ipv4.Message, batchSize), locals: make([]netip.Addr, batchSize)}
	for i := range b.messages {
		b.messages[i].Buffers = [][]byte{make([]byte, 0, lengthIPv6+lengthTCP)}
		b.messages[i].Addr = &net.IPAddr{IP: make(net.IP, 0, net.IPv6len)}
	}
	return b
}

func (b *batch) add(f *flow.Flow, k Kind) {
	m := &b.messages[b.n]
	m.Buffers[0] = AppendPacket(m.Buffers[0][:0], f, k)
	to := m.Addr.(*net.IPAddr)
	a := f.Remote.Addr()
	if a.Is4() {
		octets := a.As4()
		to.IP = append(to.IP[:0], octets[:]...)
	} else {
		octets := a.As16()
		to.IP = append(to.IP[:0], octets[:]...)
	}
	b.locals[b.n] = f.Local.Addr()
	b.n++
}

// run is the goroutine that sends.
func (s *Sender) run() {
	four, six := newBatch(), newBatch()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		four.n, six.n = 0, 0
		s.mu.Lock()
		now := monotonic()
		again, more := s.pacer.Next(now, batchSize, func(f *flow.Flow, k Kind) {
			if f.Local.Addr().Is4() {
				four.add(f, k)
			} else if s.v6 != nil {
				six.add(f, k)
			}
		})
		s.mu.Unlock()
		s.send(four, s.v4.WriteBatch)
		if six.n > 0 {
			s.send(six, func(ms []ipv4.Message, flags int) (int, error) { return s.v6.WriteBatch(ms, flags) })
		}
		rest := time.Hour
		if more {
			rest = max(batchRest, again-now)
		}
		timer.Reset(rest)
		select {
		case <-timer.C:
		case <-s.wake:
		case <-s.closed:
			return
		}
	}
}

// send sends a batch. A segment that the kernel refuses is left out: there is another round.
func (s *Sender) send(b *batch, write func([]ipv4.Message, int) (int, error)) {
	at := 0
	failed := uint64(0)
	var worst error
	ok := make(map[netip.Addr]uint64, 4)
	for at < b.n {
		n, err := write(b.messages[at:b.n], 0)
		n = max(n, 0)
		for _, a := range b.locals[at : at+n] {
			ok[a]++
		}
		at += n
		if err != nil {
			failed++
			worst = err
			at++
		}
	}
	if b.n == 0 {
		return
	}
	if worst != nil {
		s.log.Debug("segments to clients could not be sent", "count", failed, "error", worst)
	}
	s.mu.Lock()
	for a, n := range ok {
		s.sent[a] += n
	}
	s.failed += failed
	s.mu.Unlock()
}
