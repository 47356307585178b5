// SPDX-License-Identifier: Apache-2.0

package tickle

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/takeover/flow"
)

const (
	// patience is for how long a full queue is waited for before what should have gone into it is given up.
	patience = 100 * time.Millisecond
	// retry is how long a full queue is left alone.
	retry = time.Millisecond
)

// Options of a Sender.
type Options struct {
	Rate   int          // segments in a millisecond; 0: [DefaultRate]
	Mark   int          // SO_MARK of the segments, for rules of the host; 0: none. Needs CAP_NET_ADMIN
	Logger *slog.Logger // nil: none
}

// Counts are what was sent from one address.
type Counts struct {
	Resets, Keepalives, Bare uint64
	Failed                   uint64 // segments that the kernel did not take
	LastError                error  // why, the last time
}

// Sender sends tickles, in a goroutine of its own. Its methods may be called by several goroutines; they wait for one
// batch (2 ms) at most.
type Sender struct {
	log       *slog.Logger
	four, six int // sockets; -1: the family is not there
	begun     time.Time

	mu      sync.Mutex
	pacer   *Pacer
	queue   []Segment // what the pacer gave and is not sent yet
	buffer  []Segment // what queue is a part of
	full    time.Duration
	counts  map[netip.Addr]*Counts
	vectors [2]*vector

	wake chan struct{}
	quit chan struct{}
	done chan struct{}
	once sync.Once
}

// Open opens the sockets, in the network namespace of the calling thread, and starts the goroutine. It needs
// CAP_NET_RAW. Where the kernel has no IPv6, only such segments fail.
func Open(o Options) (*Sender, error) {
	four, err := openRaw(unix.AF_INET, o.Mark)
	if err != nil {
		return nil, err
	}
	six, err := openRaw(unix.AF_INET6, o.Mark)
	if errors.Is(err, unix.EAFNOSUPPORT) {
		six = -1
	} else if err != nil {
		return nil, errors.Join(err, unix.Close(four))
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Sender{
		log: o.Logger, four: four, six: six, begun: time.Now(),
		pacer: NewPacer(o.Rate), counts: map[netip.Addr]*Counts{}, vectors: [2]*vector{newVector(false), newVector(true)},
		wake: make(chan struct{}, 1), quit: make(chan struct{}), done: make(chan struct{}),
	}
	go s.run()
	return s, nil
}

// Start begins to tickle the clients of some connections. Their addresses on this side must be local by now, and neighbours
// should have been told, so that answers come here. Clients with link-local addresses need [Sender.StartOn].
func (s *Sender) Start(flows *flow.List) { s.StartOn(flows, 0) }

// StartOn is Start with the index of the interface that link-local addresses are meant on.
func (s *Sender) StartOn(flows *flow.List, link int) {
	s.mu.Lock()
	s.pacer.Add(time.Since(s.begun), flows, link)
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default: // it is to wake up already
	}
}

// Cancel ends tickling from some addresses: when it returns, nothing is sent from them any more. Connections that are
// started afterwards are not concerned.
func (s *Sender) Cancel(addrs []netip.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pacer.Cancel(addrs)
	s.queue = slices.DeleteFunc(s.queue, func(one Segment) bool { return slices.Contains(addrs, one.Flow.Local.Addr()) })
}

// Sent returns how many segments were sent since Open, by address on this side.
func (s *Sender) Sent() map[netip.Addr]uint64 {
	out := map[netip.Addr]uint64{}
	for a, c := range s.Stats() {
		out[a] = c.Resets + c.Keepalives + c.Bare
	}
	return out
}

// Stats returns what was sent, and what was not, since Open, by address on this side.
func (s *Sender) Stats() map[netip.Addr]Counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make(map[netip.Addr]Counts, len(s.counts))
	for a, c := range s.counts {
		out[a] = *c
	}
	return out
}

// Close ends everything.
func (s *Sender) Close() (err error) {
	s.once.Do(func() {
		close(s.quit)
		<-s.done
		err = unix.Close(s.four)
		if s.six >= 0 {
			err = errors.Join(err, unix.Close(s.six))
		}
	})
	return err
}

func (s *Sender) run() {
	defer close(s.done)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	busy := false
	for {
		start := time.Since(s.begun)
		wait, more := s.step(start)
		if busy && !more {
			s.report()
		}
		busy = more
		var due <-chan time.Time
		if more {
			timer.Reset(start + wait - time.Since(s.begun))
			due = timer.C
		}
		select {
		case <-due:
		case <-s.wake:
		case <-s.quit:
			return
		}
	}
}

// step sends what may go now. It returns how long to wait until the next step, or false if there is nothing to do.
func (s *Sender) step(now time.Duration) (wait time.Duration, more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	wait, more = retry, true
	if len(s.queue) == 0 {
		s.buffer, wait, more = s.pacer.Next(now, s.buffer[:0])
		s.queue = s.buffer
	}
	for len(s.queue) > 0 {
		n := s.fill()
		sent := s.flush(s.queue[:n])
		s.queue = s.queue[sent:]
		switch {
		case sent == n:
			s.full = 0
		case s.full == 0:
			s.full = now
			return retry, true
		case now-s.full < patience:
			return retry, true
		default:
			for i := range s.queue {
				s.fail(&s.queue[i], unix.EAGAIN)
			}
			s.queue, s.full = nil, 0
		}
	}
	return wait, more || len(s.queue) > 0
}

// fill puts the first segments of the queue, as far as they are of one family, into its vector, and returns how many.
func (s *Sender) fill() (n int) {
	six := s.queue[0].Flow.Local.Addr().Is6()
	v := s.vectors[0]
	if six {
		v = s.vectors[1]
	}
	v.n = 0
	for n < min(batch, len(s.queue)) && s.queue[n].Flow.Local.Addr().Is6() == six {
		v.add(&s.queue[n])
		n++
	}
	return n
}

// flush sends a vector, made of the given segments. It returns how many are done with: sent or refused by the kernel.
// The rest has to wait.
func (s *Sender) flush(segments []Segment) (done int) {
	v, fd := s.vectors[0], s.four
	if segments[0].Flow.Local.Addr().Is6() {
		v, fd = s.vectors[1], s.six
	}
	for done < len(segments) {
		if fd < 0 {
			s.fail(&segments[done], unix.EAFNOSUPPORT)
			done++
			continue
		}
		n, errno := v.send(fd, done)
		switch errno {
		case 0:
			for i := range segments[done : done+n] {
				s.count(&segments[done+i])
			}
			done += n
		case unix.EINTR:
		case unix.EAGAIN, unix.ENOBUFS:
			return done
		default:
			s.fail(&segments[done], errno)
			done++
		}
	}
	return done
}

func (s *Sender) countsOf(one *Segment) *Counts {
	a := one.Flow.Local.Addr()
	c := s.counts[a]
	if c == nil {
		c = &Counts{}
		s.counts[a] = c
	}
	return c
}

func (s *Sender) count(one *Segment) {
	c := s.countsOf(one)
	switch one.Kind {
	case Reset:
		c.Resets++
	case Keepalive:
		c.Keepalives++
	default:
		c.Bare++
	}
}

func (s *Sender) fail(one *Segment, err error) {
	c := s.countsOf(one)
	c.Failed++
	c.LastError = err
}

// report logs what was sent so far.
func (s *Sender) report() {
	if !s.log.Enabled(context.Background(), slog.LevelDebug) {
		return
	}
	stats := s.Stats()
	for _, a := range slices.SortedFunc(maps.Keys(stats), netip.Addr.Compare) {
		c := stats[a]
		s.log.Debug("clients of connections that died were told", "address", a, "resets", c.Resets, "keepalives", c.Keepalives,
			"bare", c.Bare, "failed", c.Failed, "error", c.LastError)
	}
}
