// SPDX-License-Identifier: Apache-2.0

package takeover

import (
	"errors"
	"log/slog"
	"sync"
	"time"
)

const (
	// sendsALock is how many frames leave before others get their turn at the lock.
	sendsALock = 32
	// restFull is how long a link whose queue is full is left alone, restDown one that is down or not there.
	restFull = time.Millisecond
	restDown = 200 * time.Millisecond
	// restDoubt is how long what is not confirmed waits.
	restDoubt = 5 * time.Millisecond
)

// errFull and errDown are what a sender says when a frame has to be tried again.
var (
	errFull = errors.New("queue is full")
	errDown = errors.New("link is down or gone")
)

// sender sends one frame on a link, without waiting.
type sender interface {
	send(link int, frame []byte) error
	close() error
}

// AnnouncerStats counts frames.
type AnnouncerStats struct {
	Sent    uint64
	Failed  uint64 // could not be sent; those that found a link down or a queue full are tried again
	Pending int    // addresses that still have announcements to come
}

// Announcer announces addresses, in one goroutine, until they are stopped. See [NewAnnouncer].
type Announcer struct {
	log  *slog.Logger
	out  sender
	wake chan struct{}
	quit chan struct{}
	done chan struct{}

	mu       sync.Mutex
	confirm  func(within time.Duration) bool // nil: always
	schedule schedule
	stats    AnnouncerStats
	silent   map[int]bool // links on which nothing could be sent of late
}

// newAnnouncer starts an announcer with a sender.
func newAnnouncer(log *slog.Logger, out sender) *Announcer {
	a := &Announcer{
		log: log, out: out,
		wake: make(chan struct{}, 1), quit: make(chan struct{}), done: make(chan struct{}),
		silent: map[int]bool{},
	}
	go a.run()
	return a
}

// Start announces addresses: all of them once, then all a second time, and so on as the policy says. Addresses that
// were started before begin anew. Announcements without an Ethernet address are left out: on such a link (loopback, a
// tunnel) nobody keeps a table of addresses. Start returns at once.
func (a *Announcer) Start(as []Announcement, p Policy) {
	a.mu.Lock()
	a.schedule.start(time.Now(), as, p)
	a.mu.Unlock()
	select {
	case a.wake <- struct{}{}:
	default: // it is awake
	}
}

// Confirm sets what is asked, for policies that are Fresh, before each announcement: whether it is known to be right still. A process
// that was stopped for a while would else announce what another node has taken over meanwhile, and hosts would believe it. What is not
// confirmed waits a little.
func (a *Announcer) Confirm(confirm func(within time.Duration) bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.confirm = confirm
}

// Stop ends the announcements of addresses; Address and Link alone matter. After it has returned, none of them leaves.
func (a *Announcer) Stop(as []Announcement) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, one := range as {
		a.schedule.stop(one)
	}
}

// Stats returns the counters.
func (a *Announcer) Stats() AnnouncerStats {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.stats
	s.Pending = len(a.schedule.places)
	return s
}

// Close ends everything and waits for the goroutine. It must be called once.
func (a *Announcer) Close() error {
	close(a.quit)
	<-a.done
	return a.out.close()
}

func (a *Announcer) run() {
	defer close(a.done)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		deadline, some := a.round()
		if some {
			timer.Reset(time.Until(deadline))
		} else {
			timer.Stop()
		}
		select {
		case <-timer.C:
		case <-a.wake:
		case <-a.quit:
			return
		}
	}
}

// round sends all that is due and returns when there is more.
func (a *Announcer) round() (deadline time.Time, some bool) {
	for {
		more, notes := a.burst()
		for _, n := range notes {
			n.write(a.log)
		}
		if !more {
			a.mu.Lock()
			defer a.mu.Unlock()
			return a.schedule.deadline()
		}
	}
}

// burst sends some frames and reports whether there may be more. It holds the lock while it sends, so that nothing
// leaves after Stop; the sender never waits.
func (a *Announcer) burst() (more bool, notes []note) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for range sendsALock {
		now := time.Now()
		one := a.schedule.take(now)
		if one == nil {
			return false, notes
		}
		if fresh := one.policy.Fresh; fresh > 0 && a.confirm != nil && !a.confirm(fresh) {
			a.schedule.failed(now, one, restDoubt)
			continue
		}
		err := a.send(one)
		rest := restDown
		switch {
		case errors.Is(err, errFull):
			rest = restFull
			fallthrough
		case errors.Is(err, errDown):
			a.stats.Failed++
			a.schedule.failed(now, one, rest)
		case err != nil: // this frame will never leave; others may
			a.stats.Failed++
			a.schedule.sent(now, one)
		default:
			a.stats.Sent++
			a.schedule.sent(now, one)
		}
		if bad := err != nil && !errors.Is(err, errFull); bad != a.silent[one.Link] && !errors.Is(err, errFull) {
			if bad {
				a.silent[one.Link] = true
			} else {
				delete(a.silent, one.Link)
			}
			notes = append(notes, note{one.Announcement, err})
		}
	}
	return true, notes
}

func (a *Announcer) send(one *announced) error {
	if one.frame == nil {
		frame, err := appendFrame(nil, one.Announcement)
		if err != nil {
			return err
		}
		one.frame = frame
	}
	return a.out.send(one.Link, one.frame)
}

// note is something to log once the lock is free: a link on which announcing began to fail, or works again.
type note struct {
	Announcement
	err error
}

func (n note) write(log *slog.Logger) {
	if n.err != nil {
		log.Warn("addresses cannot be announced", "link", n.Link, "address", n.Address, "error", n.err)
		return
	}
	log.Info("addresses are announced again", "link", n.Link, "address", n.Address)
}
