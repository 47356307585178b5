// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/vrrp"
)

// Now reads CLOCK_BOOTTIME, which never goes back and goes on while the machine is suspended.
func Now() vrrp.Time {
	var ts unix.Timespec
	// It cannot fail: the clock exists since Linux 2.6.39, and the pointer is good.
	_ = unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts)
	return vrrp.Time(ts.Nano())
}

// timer is a timerfd on the clock of [Now]. Setting it also clears what it reported before, so it is never read.
type timer struct {
	fd  int
	at  vrrp.Time
	set bool // at is what the kernel knows, and has not been reported yet
}

// openTimer returns a timer that is set to nothing.
func openTimer() (timer, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_BOOTTIME, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK)
	if err != nil {
		return timer{fd: -1}, fmt.Errorf("create timer of the VRRP loop: %w", err)
	}
	return timer{fd: fd, at: vrrp.Never, set: true}, nil
}

// fired notes that the timer was reported: it is reported again until it is set.
func (t *timer) fired() { t.set = false }

// arm sets the timer to an instant; one that has passed fires at once.
func (t *timer) arm(at vrrp.Time) error {
	if t.set && t.at == at {
		return nil
	}
	var spec unix.ItimerSpec // zero: nothing
	if at != vrrp.Never {
		spec.Value = unix.NsecToTimespec(max(int64(at), 1))
	}
	if err := unix.TimerfdSettime(t.fd, unix.TFD_TIMER_ABSTIME, &spec, nil); err != nil {
		return fmt.Errorf("set timer of the VRRP loop: %w", err)
	}
	t.at, t.set = at, true
	return nil
}
