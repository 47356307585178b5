// SPDX-License-Identifier: Apache-2.0

package vrrpsim

import (
	"time"

	"github.com/regent-ha/regent/vrrp"
)

// Clock is true time, which no node can see, and what is to happen in it. Its zero value begins at 0 with nothing to do.
type Clock struct {
	now   vrrp.Time
	seq   uint64
	queue []event
}

// event is one thing to happen: a function, a frame that arrives, or a node's timer.
type event struct {
	at    vrrp.Time
	seq   uint64 // of two at one instant the earlier scheduled is first
	do    func()
	node  *Node
	frame *Frame // nil: the timer
	token uint64
}

// Now is true time.
func (c *Clock) Now() vrrp.Time { return c.now }

// After schedules a function for d from now.
func (c *Clock) After(d time.Duration, do func()) { c.push(event{at: c.now.Add(d), do: do}) }

func (e *event) before(f *event) bool { return e.at < f.at || e.at == f.at && e.seq < f.seq }

// push adds an event to the heap.
func (c *Clock) push(e event) {
	c.seq++
	e.seq = c.seq
	c.queue = append(c.queue, e)
	i := len(c.queue) - 1
	for i > 0 {
		parent := (i - 1) / 2
		if !c.queue[i].before(&c.queue[parent]) {
			break
		}
		c.queue[i], c.queue[parent] = c.queue[parent], c.queue[i]
		i = parent
	}
}

// pop takes the earliest event, if there is one until the end, and moves the clock there; else it moves it to the end.
func (c *Clock) pop(end vrrp.Time) (event, bool) {
	if len(c.queue) == 0 || c.queue[0].at > end {
		c.now = max(c.now, end)
		return event{}, false
	}
	first, last := c.queue[0], len(c.queue)-1
	c.queue[0] = c.queue[last]
	c.queue[last] = event{}
	c.queue = c.queue[:last]
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < last; child++ {
			if c.queue[child].before(&c.queue[least]) {
				least = child
			}
		}
		if least == i {
			break
		}
		c.queue[i], c.queue[least] = c.queue[least], c.queue[i]
		i = least
	}
	c.now = first.at
	return first, true
}

// Rate is a node's own clock: it starts at Offset when true time is 0 and gains PPM nanoseconds each millisecond.
type Rate struct {
	Offset vrrp.Time
	PPM    int64
}

// Local is what the clock shows at an instant of true time.
func (r Rate) Local(t vrrp.Time) vrrp.Time {
	return r.Offset + t + vrrp.Time(int64(t)/1000*r.PPM/1000)
}

// True is the first instant of true time at which the clock shows at least l.
func (r Rate) True(l vrrp.Time) vrrp.Time {
	x := int64(l - r.Offset)
	t := vrrp.Time(x - x/(1_000_000+r.PPM)*r.PPM)
	for r.Local(t) < l {
		t += max(1, (l-r.Local(t))/2)
	}
	for r.Local(t-1) >= l {
		t -= max(1, (r.Local(t-1)-l)/2)
	}
	return t
}
