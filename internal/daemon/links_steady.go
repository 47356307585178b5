// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"time"

	"github.com/regent-ha/regent/takeover"
)

// steady is what is known of an interface whose changes must last before they count.
type steady struct {
	up    bool          // as it counts
	since time.Duration // since when it is otherwise; 0: it is not
	timer *time.Timer
}

// steadied is a link as it counts now. A change that has just begun is looked at again when it has lasted.
func (d *Daemon) steadied(l takeover.LinkState) takeover.LinkState {
	delay, has := d.cfg.Interfaces[l.Name]
	s := d.steady[l.Name]
	if s == nil || !has {
		delete(d.steady, l.Name)
		if has {
			d.steady[l.Name] = &steady{up: l.Up}
		}
		return l
	}
	if l.Up == s.up {
		s.since = 0
		return l
	}
	now := clock()
	if s.since == 0 {
		s.since = now
	}
	wait := delay.Down
	if l.Up {
		wait = delay.Up
	}
	left := s.since + wait - now
	if left <= 0 {
		s.up, s.since = l.Up, 0
		return l
	}
	if s.timer != nil {
		s.timer.Stop()
	}
	s.timer = time.AfterFunc(left, func() { d.post(func() { d.linksChanged(takeover.Change{}) }) })
	l.Up = s.up
	return l
}
