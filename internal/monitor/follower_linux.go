// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// ackWithin is how long the kernel may take to say that it tells of processes. It says nothing at all where it does not.
const ackWithin = time.Second

// follower hears of processes that begin and end, so that a census knows at once. Without it each census looks at its interval.
type follower struct {
	log  *slog.Logger
	open func() (*procSocket, error)

	mu       sync.Mutex
	tried    bool
	heard    bool // the kernel tells of processes
	censuses map[*census]func()
}

func newFollower(log *slog.Logger) *follower {
	return &follower{log: log, open: openProcSocket, censuses: map[*census]func(){}}
}

// add lets a census follow; hurry is called when it counts something else. The first one starts the following.
func (f *follower) add(ctx context.Context, running *sync.WaitGroup, c *census, hurry func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.censuses[c] = hurry
	c.follow(f.heard)
	if !f.tried {
		f.tried = true
		running.Go(func() { f.run(ctx) })
	}
}

func (f *follower) remove(c *census) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.censuses, c)
}

// run follows until ctx ends, or the kernel tells no more.
func (f *follower) run(ctx context.Context) {
	err := f.follow(ctx)
	f.begin(false)
	if ctx.Err() == nil {
		f.log.Info("processes are looked at each interval, as the kernel does not tell of them", "reason", err)
	}
}

func (f *follower) follow(ctx context.Context) error {
	s, err := f.open()
	if err != nil {
		return err
	}
	defer s.close()
	defer context.AfterFunc(ctx, func() { s.file.SetReadDeadline(time.Unix(1, 0)) })() //nolint:errcheck // only to wake it
	if err := s.file.SetReadDeadline(time.Now().Add(ackWithin)); err != nil {
		return err
	}
	var events []procEvent
	heard := false
	for ctx.Err() == nil {
		events, err = s.receive(events[:0])
		switch {
		case errors.Is(err, errLost):
			f.lost()
		case errors.Is(err, os.ErrDeadlineExceeded) && !heard:
			return errors.New("no answer (it tells the first pid namespace only)")
		case err != nil:
			return err
		}
		for _, e := range events {
			if e.what != processAck {
				f.tell(e)
				continue
			}
			if e.refused != 0 {
				return fmt.Errorf("%w (needs CAP_NET_ADMIN)", unix.Errno(e.refused))
			}
			if !heard {
				heard = true
				if err := s.file.SetReadDeadline(time.Time{}); err != nil {
					return err
				}
				f.begin(true)
			}
		}
	}
	return ctx.Err()
}

// begin tells all whether the kernel tells of processes from now on.
func (f *follower) begin(heard bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.heard = heard
	for c, hurry := range f.censuses {
		c.follow(heard)
		hurry()
	}
}

// lost makes all count anew.
func (f *follower) lost() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.log.Debug("too many processes at once: they are counted anew")
	for c, hurry := range f.censuses {
		c.follow(f.heard)
		hurry()
	}
}

// tell gives an event to all. What runs is read once for all of them.
func (f *follower) tell(e procEvent) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.heard {
		return
	}
	var seen *sighting
	for c, hurry := range f.censuses {
		if seen == nil && (e.what == processExec || e.what == processName) {
			seen = sight(c.proc, e.pid)
		}
		if c.hear(e, seen) {
			hurry()
		}
	}
}
