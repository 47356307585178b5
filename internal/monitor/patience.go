// SPDX-License-Identifier: Apache-2.0

package monitor

import "time"

// patience holds a verdict until a change has lasted for as long as is wanted. The first one counts at once.
type patience struct {
	up, down time.Duration // how long it must be good, or bad

	known bool
	held  bool      // the verdict
	since time.Time // since when it is something else; zero: it is not
}

// settle returns the verdict, and when a change that has begun would count; 0 if none has.
func (p *patience) settle(is bool, now time.Time) (verdict bool, again time.Duration) {
	if !p.known || is == p.held {
		p.known, p.held, p.since = true, is, time.Time{}
		return is, 0
	}
	if p.since.IsZero() {
		p.since = now
	}
	delay := p.down
	if is {
		delay = p.up
	}
	left := p.since.Add(delay).Sub(now)
	if left <= 0 {
		p.held, p.since = is, time.Time{}
		return is, 0
	}
	return p.held, max(time.Millisecond, left)
}
