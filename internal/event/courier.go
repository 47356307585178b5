// SPDX-License-Identifier: Apache-2.0

package event

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// sink is a place that alerts are delivered to. send returns soon after its context ends.
type sink interface {
	name() string // for the log; no secret in it
	send(ctx context.Context, a *Alert) error
}

// final is an error that trying again does not mend.
type final struct{ error }

func (f final) Unwrap() error { return f.error }

// pace is how alerts are delivered.
type pace struct {
	limit   int             // alerts that may wait for a sink; the oldest give way
	timeout time.Duration   // of one attempt
	pauses  []time.Duration // before the second attempt, the third, …
	drain   time.Duration   // how long deliveries may go on after Close
}

func usualPace() pace {
	return pace{limit: 256, timeout: 10 * time.Second, pauses: []time.Duration{time.Second, 5 * time.Second, 30 * time.Second}, drain: 3 * time.Second}
}

// courier brings alerts to one sink, one after the other, in their order.
type courier struct {
	to   sink
	pace pace
	say  func(count int, a *Alert, text, reason string) // an alert was lost; a is nil when they are several

	mu      sync.Mutex
	waiting []*Alert
	dropped int // since it was last said
	closed  bool

	wake    chan struct{}
	closing chan struct{}
	done    chan struct{}
	life    context.Context // of the attempts
	end     context.CancelFunc
}

func newCourier(to sink, p pace, say func(count int, a *Alert, text, reason string)) *courier {
	c := &courier{to: to, pace: p, say: say, wake: make(chan struct{}, 1), closing: make(chan struct{}), done: make(chan struct{})}
	c.life, c.end = context.WithCancel(context.Background())
	go c.run()
	return c
}

// hand gives the courier an alert. It never waits.
func (c *courier) hand(a *Alert) {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		c.say(1, a, fmt.Sprintf("alert %s was not delivered to %s", a.Event, c.to.name()), "the sink is closed")
		return
	}
	if len(c.waiting) >= c.pace.limit {
		c.waiting = c.waiting[1:] // what waited longest is of least use now; the log has it
		c.dropped++
	}
	c.waiting = append(c.waiting, a)
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// close lets the courier deliver what waits, each alert in one attempt, for the drain time at most. It does not wait.
func (c *courier) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	c.closed = true
	close(c.closing)
	time.AfterFunc(c.pace.drain, c.end)
}

// ended reports whether the courier has delivered or given up everything after close.
func (c *courier) ended() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

func (c *courier) run() {
	defer close(c.done)
	defer c.end()
	for {
		if a := c.next(); a != nil {
			c.deliver(a)
			c.sayDropped()
			continue
		}
		select {
		case <-c.wake:
		case <-c.closing:
			c.mu.Lock()
			left := len(c.waiting)
			c.mu.Unlock()
			if left == 0 {
				return
			}
			if c.life.Err() != nil {
				c.say(left, nil, fmt.Sprintf("%d alerts were not delivered to %s", left, c.to.name()), "the daemon ended before it was their turn")
				return
			}
		}
	}
}

// next takes the oldest alert from the queue; nil: there is none, or no time for it.
func (c *courier) next() *Alert {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.waiting) == 0 || c.life.Err() != nil {
		return nil
	}
	a := c.waiting[0]
	c.waiting = c.waiting[1:]
	return a
}

// deliver tries until the alert is delivered or given up.
func (c *courier) deliver(a *Alert) {
	for try := 0; ; try++ {
		ctx, cancel := context.WithTimeout(c.life, c.pace.timeout)
		err := c.to.send(ctx, a)
		late := errors.Is(ctx.Err(), context.DeadlineExceeded)
		cancel()
		if err == nil {
			return
		}
		reason := line(err.Error(), 512)
		switch {
		case late:
			reason = fmt.Sprintf("no result within %s: %s", c.pace.timeout, reason)
		case c.life.Err() != nil:
			reason = "the daemon ended before it was done: " + reason
		}
		var f final
		if errors.As(err, &f) || try >= len(c.pace.pauses) || !c.pause(c.pace.pauses[try]) {
			attempts := fmt.Sprintf("%d attempts", try+1)
			if try == 0 {
				attempts = "1 attempt"
			}
			c.say(1, a, fmt.Sprintf("alert %s was not delivered to %s, %s: %s", a.Event, c.to.name(), attempts, reason), reason)
			return
		}
	}
}

// pause waits before the next attempt; false: there is none, the courier is being closed.
func (c *courier) pause(d time.Duration) bool {
	c.sayDropped()
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-c.closing:
		return false
	}
}

// sayDropped reports what the full queue lost, all of it in one record.
func (c *courier) sayDropped() {
	c.mu.Lock()
	n := c.dropped
	c.dropped = 0
	c.mu.Unlock()
	if n > 0 {
		c.say(n, nil, fmt.Sprintf("%d alerts were not delivered to %s: its queue was full, the oldest gave way", n, c.to.name()), "queue full")
	}
}
