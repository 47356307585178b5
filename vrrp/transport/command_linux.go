// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"encoding/binary"
	"errors"

	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/vrrp"
)

// command is something that another goroutine wants done on the loop's thread.
type command struct {
	run  func(now vrrp.Time, r *vrrp.Router, out []vrrp.Action) []vrrp.Action
	more func() bool // whether it is not done yet, asked after every round until the time limit; nil: no
	end  func()      // the last step; may be nil
	till vrrp.Time   // time limit for more

	err  error
	done chan struct{}
}

// fail ends a command that could not be carried out.
func (c *command) fail(err error) {
	c.err = err
	close(c.done)
}

// Do runs f on the loop's thread and waits until the adverts it asks for have left and its other actions are published. If the loop
// does not run yet, it waits for that too. Everything that touches the router goes through here, except for attaching and
// detaching. f must be quick and must not call the loop.
func (l *Loop) Do(f func(now vrrp.Time, r *vrrp.Router, out []vrrp.Action) []vrrp.Action) error {
	return l.order(&command{run: f})
}

// order hands a command to the loop and waits for it.
func (l *Loop) order(c *command) error {
	c.done = make(chan struct{})
	l.gate.RLock()
	if l.closed {
		l.gate.RUnlock()
		return ErrClosed
	}
	l.commands.put(c)
	l.ring()
	l.gate.RUnlock()
	<-c.done
	return c.err
}

// call wakes the loop, if it still lives.
func (l *Loop) call() {
	l.gate.RLock()
	defer l.gate.RUnlock()
	if !l.closed {
		l.ring()
	}
}

// ring makes the wake descriptor ready. The gate must be held.
func (l *Loop) ring() {
	var one [8]byte
	binary.NativeEndian.PutUint64(one[:], 1)
	for {
		// The only other failure, EAGAIN, means that the counter is full: then it is ready anyway.
		if _, err := unix.Write(l.wake, one[:]); !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

// obey runs the commands that wait.
func (l *Loop) obey(now vrrp.Time) {
	l.called = false
	var counter [8]byte
	// It is ready, or another ring is to come: nothing is lost whatever read says.
	_, _ = unix.Read(l.wake, counter[:])
	for _, c := range l.commands.take() {
		l.out = c.run(now, l.router, l.out)
		l.ran = append(l.ran, c)
	}
}

// finish ends the commands that are done, after their adverts have left and their actions are published.
func (l *Loop) finish(now vrrp.Time) {
	if len(l.ran) == 0 && len(l.waiting) == 0 {
		return
	}
	l.waiting = append(l.waiting, l.ran...)
	clear(l.ran)
	l.ran = l.ran[:0]
	rest := l.waiting[:0]
	for _, c := range l.waiting {
		if c.more != nil && now < c.till && c.more() {
			rest = append(rest, c)
			continue
		}
		if c.end != nil {
			c.end()
		}
		close(c.done)
	}
	clear(l.waiting[len(rest):])
	l.waiting = rest
}
