// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/vrrp"
)

// Limits of the loop.
const (
	// beatInterval is the longest time the loop sleeps, unless it may rest for longer, and how late it may wake and still be on time.
	beatInterval = 100 * time.Millisecond
	// lateNoticed is how late a wake-up is that others may have to know of, lateFollows for how long after it: until then who listens
	// to the loop's events has heard what followed from it.
	lateNoticed = 10 * time.Millisecond
	lateFollows = 20 * time.Millisecond
	// gatherLeast is the shortest sleep that is worth its price.
	gatherLeast = 100 * time.Microsecond
	// roundLimit is how many datagrams one round takes before it looks at its deadlines: more than any backlog of adverts that the
	// buffers of a segment's family can hold, and an end to a flood.
	roundLimit = 32 << 10
	// epollEvents is how many ready descriptors one call reports.
	epollEvents = 128
	// discardLimit is how many batches of events may wait before Discarded actions are thrown away.
	discardLimit = 4096
)

// What an epoll event belongs to, where it is not a port's slot.
const (
	slotTimer = -1
	slotWake  = -2
)

// Options of a [Loop].
type Options struct {
	// Logger takes what Attach has to say, such as a receive buffer that could not be made large enough. The loop itself never logs.
	// Nil discards.
	Logger *slog.Logger
}

// Loop receives and sends the adverts of a [vrrp.Router], which it owns, on one locked thread.
type Loop struct {
	log   *slog.Logger
	meter meter

	commands queue[*command]
	events   *mailbox[vrrp.Action]
	faults   *mailbox[Fault]

	rest    atomic.Int64 // how long it may sleep; see Rest
	gather  atomic.Int64 // see Gather
	running atomic.Bool  // or never will be
	gate    sync.RWMutex // held for reading while the wake descriptor is used; the loop takes it once, to close
	closed  bool
	wake    int

	registry registry

	// The rest belongs to the loop's thread.
	epoll    int
	timer    timer
	router   *vrrp.Router
	slots    []*port // by slot; nil is free
	attached map[vrrp.ID]*attachment
	in       *receiver
	vector   *sender
	batch    [batch]pending // what is in the vector
	ready    [epollEvents]unix.EpollEvent
	called   bool // commands wait
	planned  vrrp.Time
	woke     vrrp.Time     // when the round before began
	out      []vrrp.Action // of this round
	dirty    []*port       // with adverts to send this round
	retries  []*destination
	retryAt  vrrp.Time
	failed   []Fault    // to publish this round
	ran      []*command // of this round
	waiting  []*command // not done yet
}

// New makes a loop with a router without virtual routers. It must be run, or closed if it never is.
func New(o Options) (*Loop, error) {
	l := &Loop{
		log:      o.Logger,
		events:   newMailbox[vrrp.Action](),
		faults:   newMailbox[Fault](),
		wake:     -1,
		epoll:    -1,
		timer:    timer{fd: -1},
		router:   vrrp.NewRouter(),
		attached: make(map[vrrp.ID]*attachment),
		in:       newReceiver(),
		vector:   newSender(),
		retryAt:  vrrp.Never,
	}
	l.registry.init()
	if l.log == nil {
		l.log = slog.New(slog.DiscardHandler)
	}
	if err := l.open(); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// open opens the descriptors the loop sleeps on.
func (l *Loop) open() (err error) {
	if l.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return fmt.Errorf("create epoll of the VRRP loop: %w", err)
	}
	if l.wake, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return fmt.Errorf("create eventfd of the VRRP loop: %w", err)
	}
	if l.timer, err = openTimer(); err != nil {
		return err
	}
	if err := l.watch(l.wake, slotWake); err != nil {
		return err
	}
	return l.watch(l.timer.fd, slotTimer)
}

// watch adds a descriptor to those the loop sleeps on.
func (l *Loop) watch(fd, slot int) error {
	event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(slot)}
	if err := unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, fd, &event); err != nil {
		return fmt.Errorf("add to epoll of the VRRP loop: %w", err)
	}
	return nil
}

// Run is the loop. It keeps its thread to itself until the context ends, then closes every socket and returns nil; an error means
// that the kernel refused what a loop cannot do without. It sends nothing by itself when it ends: detach the routers before.
// Run can be called once.
func (l *Loop) Run(ctx context.Context) error {
	if l.running.Swap(true) {
		return errors.New("run VRRP loop: it was run before")
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	stop := context.AfterFunc(ctx, l.call)
	defer stop()
	l.planned = Now()
	var err error
	for err == nil && ctx.Err() == nil {
		err = l.round()
	}
	return errors.Join(err, l.close())
}

// Close releases a loop that was never run. One that was is ended by its context, and Close does nothing.
func (l *Loop) Close() error {
	if l.running.Swap(true) {
		return nil
	}
	return l.close()
}

// close ends whoever waits for the loop and closes its descriptors.
func (l *Loop) close() error {
	l.gate.Lock()
	l.closed = true
	for _, c := range slices.Concat(l.waiting, l.ran, l.commands.take()) {
		c.fail(ErrClosed)
	}
	var errs []error
	for _, fd := range []int{l.timer.fd, l.wake, l.epoll} {
		if fd >= 0 {
			errs = append(errs, unix.Close(fd))
		}
	}
	l.gate.Unlock()
	// Not under the gate: an Attach that holds the registry may be waiting for it.
	errs = append(errs, l.registry.close())
	l.events.close()
	l.faults.close()
	return errors.Join(errs...)
}

// round sleeps until there is something to do, and does it: packets first, then deadlines, then commands, and of all that follows
// the adverts leave before anything is published.
func (l *Loop) round() error {
	l.gatherMore()
	rest := max(time.Duration(l.rest.Load()), beatInterval)
	if err := l.poll(int(rest / time.Millisecond)); err != nil {
		return err
	}
	now := Now()
	l.woke = now
	l.router.SetWall(now, time.Now())
	l.beat(now)
	now, _ = l.receiveReady(now)
	if l.router.Deadline() <= now {
		var err error
		if now, err = l.drain(); err != nil {
			return err
		}
		if deadline := l.router.Deadline(); deadline <= now {
			l.meter.late(now.Sub(deadline))
			l.out = l.router.Expire(now, l.out)
		}
	}
	if l.called {
		l.obey(now)
	}
	l.dispatch(now)
	l.publish()
	l.finish(now)
	l.planned = min(l.router.Deadline(), l.retryAt)
	if err := l.timer.arm(l.planned); err != nil {
		return err
	}
	l.planned = min(l.planned, now.Add(rest))
	l.meter.lastRound.Store(int64(now))
	return nil
}

// gatherMore lets adverts come together when rounds follow each other faster than [Loop.Gather] says: a wake-up costs more than an
// advert. Deadlines are met all the same.
func (l *Loop) gatherMore() {
	gather := time.Duration(l.gather.Load())
	if gather <= 0 {
		return
	}
	now := Now()
	until := min(l.woke.Add(gather), l.planned)
	if until.Sub(now) < gatherLeast {
		return
	}
	nap := unix.NsecToTimespec(int64(until.Sub(now)))
	_ = unix.Nanosleep(&nap, nil) //nolint:errcheck // a signal ends it sooner
}

// poll waits up to some milliseconds for descriptors that are ready, and leaves them in l.ready, the rest of which is zero.
func (l *Loop) poll(milliseconds int) error {
	n, err := unix.EpollWait(l.epoll, l.ready[:], milliseconds)
	if err != nil {
		if !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("wait in VRRP loop: %w", err)
		}
		n = 0
	}
	if n < len(l.ready) {
		l.ready[n].Events = 0 // ends the list
	}
	return nil
}

// receiveReady receives from the ports that are ready. It returns the instant of the last reception, or now if there was
// none, and how many datagrams there were.
func (l *Loop) receiveReady(now vrrp.Time) (vrrp.Time, int) {
	total := 0
	for i := range l.ready {
		e := &l.ready[i]
		if e.Events == 0 {
			break
		}
		switch slot := int(e.Fd); slot {
		case slotTimer:
			l.timer.fired()
		case slotWake:
			l.called = true
		default:
			// A port that was retired in the meantime leaves a free slot, a new one in it has merely nothing to receive.
			if p := l.slots[slot]; p != nil {
				var n int
				if now, n = l.receiveFrom(p, now); n > 0 {
					total += n
				}
			}
		}
	}
	return now, total
}

// drain receives until no socket had anything at the instant it returns. Only then may a deadline be judged: a Backup that was kept
// from running must not take adverts that wait in its sockets for silence, and an Active not miss that it was replaced.
func (l *Loop) drain() (vrrp.Time, error) {
	for total := 0; ; {
		now := Now()
		if err := l.poll(0); err != nil {
			return now, err
		}
		last, n := l.receiveReady(now)
		if total += n; n == 0 || total >= roundLimit {
			return last, nil
		}
	}
}

// receiveFrom hands what a port has received to the router.
func (l *Loop) receiveFrom(p *port, now vrrp.Time) (vrrp.Time, int) {
	total := 0
	for total < roundLimit {
		n, errno := l.in.receive(p.receive)
		if errno == unix.EINTR {
			continue
		}
		if errno != 0 {
			if errno != unix.EAGAIN {
				l.meter.receiveErrors.Add(1) // the call has cleared the socket's error
			}
			break
		}
		if total > 0 {
			now = Now()
		}
		good := 0
		packet := vrrp.Packet{Interface: p.key.index}
		for i := range n {
			ok := false
			if p.key.family == vrrp.IPv6 {
				ok = parseIPv6(l.in.message(i), l.in.name(i), l.in.control(i), &packet)
			} else {
				ok = parseIPv4(l.in.message(i), &packet)
			}
			if ok {
				good++
				l.out = l.router.Receive(now, packet, l.out)
			}
		}
		l.in.reset(n)
		l.meter.received.Add(uint64(good))
		l.meter.malformed.Add(uint64(n - good))
		total += n
		if n < batch {
			break
		}
	}
	return now, total
}

// beat moves the heartbeat on if the loop woke on time.
func (l *Loop) beat(now vrrp.Time) {
	l.meter.rounds.Add(1)
	late := now.Sub(l.planned)
	if late > lateNoticed {
		if now.Sub(vrrp.Time(l.meter.lateAt.Load())) < lateFollows {
			late = max(late, time.Duration(l.meter.lateBy.Load()))
		}
		l.meter.lateBy.Store(int64(late))
		l.meter.lateAt.Store(int64(now))
	}
	if late <= beatInterval {
		l.meter.beats.Add(1)
		l.meter.lastBeat.Store(int64(now))
	}
}
