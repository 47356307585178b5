// SPDX-License-Identifier: Apache-2.0

package bfd

import "golang.org/x/sys/unix"

// clock reads CLOCK_BOOTTIME, which never goes back and goes on while the machine is suspended.
func clock() Time {
	var ts unix.Timespec
	// It cannot fail: the clock exists since Linux 2.6.39, and the pointer is good.
	_ = unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts)
	return Time(ts.Nano())
}
