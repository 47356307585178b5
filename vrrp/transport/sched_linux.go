// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"errors"
	"fmt"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// Real-time priorities of SCHED_RR (sched(7)).
const (
	MinRealtimePriority = 1
	MaxRealtimePriority = 99
	// DefaultRealtimePriority is above ordinary real-time work and below the kernel's threaded interrupts (50), which deliver
	// the adverts.
	DefaultRealtimePriority = 45
)

// RunRealtime runs f on a thread with SCHED_RR at the priority. Threads and processes that f starts inherit it; that is how a supervisor
// makes every thread of its worker real-time: f is then the Start of an exec.Cmd. Afterwards the thread is an ordinary one again.
//
// A child with SysProcAttr.Pdeathsig is sent that signal when the thread it was started from ends, not when the process does; Go
// ends threads at times, so do not combine the two.
func RunRealtime(priority int, f func() error) error {
	return onThread(func() (keep bool, err error) {
		if err := setScheduler(unix.SCHED_RR, priority); err != nil {
			return true, realtimeError(priority, err)
		}
		err = f()
		// An ordinary policy is always allowed. If it fails all the same, the thread is not used again.
		reset := setScheduler(unix.SCHED_NORMAL, 0)
		if reset != nil {
			reset = fmt.Errorf("leave real-time scheduling: %w", reset)
		}
		return reset == nil, errors.Join(err, reset)
	})
}

// RunOrdinary runs f on a thread with the ordinary policy, SCHED_OTHER, so that what f starts (a script) does not inherit real-time
// priority. Where the process is not real-time it just runs f. Otherwise the thread ends afterwards, for it may not be allowed to
// become real-time again; see [RunRealtime] about Pdeathsig.
func RunOrdinary(f func() error) error {
	realtime, err := Realtime()
	if err != nil {
		return err
	}
	if !realtime {
		return f()
	}
	return onThread(func() (keep bool, err error) {
		if err := setScheduler(unix.SCHED_NORMAL, 0); err != nil {
			return false, fmt.Errorf("leave real-time scheduling: %w", err)
		}
		return false, f()
	})
}

// Realtime reports whether the calling thread, and so in a worker that was started by [RunRealtime] every thread, has a real-time policy.
func Realtime() (bool, error) {
	attr, err := unix.SchedGetAttr(0, 0)
	if err != nil {
		return false, fmt.Errorf("read scheduling policy: %w", err)
	}
	return attr.Policy == unix.SCHED_RR || attr.Policy == unix.SCHED_FIFO, nil
}

// LockMemory keeps the process's memory from being paged out: what it uses now and whatever it will use. Locks do not survive exec, so the
// worker itself calls it. Pages are locked as they are first touched (MCL_ONFAULT): Go maps its heap in steps of 64 MiB, and locking
// a whole step would stop the process for as long as it takes to clear that much.
func LockMemory() error {
	err := unix.Mlockall(unix.MCL_CURRENT | unix.MCL_FUTURE | unix.MCL_ONFAULT)
	switch {
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.ENOMEM):
		return fmt.Errorf("lock memory: %w (needs CAP_IPC_LOCK, or LimitMEMLOCK=infinity)", err)
	case err != nil:
		return fmt.Errorf("lock memory: %w", err)
	}
	return nil
}

// LimitRealtime has the kernel kill this process if one of its real-time threads runs for so long without sleeping once
// (RLIMIT_RTTIME): a way out where a fault would otherwise keep a processor for ever. The limit is inherited by children, where it
// means something only for real-time threads. Zero sets none.
func LimitRealtime(d time.Duration) error {
	limit := uint64(unix.RLIM_INFINITY)
	if d > 0 {
		limit = uint64(max(d.Microseconds(), 1))
	}
	err := unix.Setrlimit(unix.RLIMIT_RTTIME, &unix.Rlimit{Cur: limit, Max: limit})
	if errors.Is(err, unix.EPERM) {
		return fmt.Errorf("limit real-time computing to %v: %w (raising it needs CAP_SYS_RESOURCE)", d, err)
	}
	if err != nil {
		return fmt.Errorf("limit real-time computing to %v: %w", d, err)
	}
	return nil
}

// setScheduler sets the policy of the calling thread.
func setScheduler(policy, priority int) error {
	return unix.SchedSetAttr(0, &unix.SchedAttr{
		Size:     unix.SizeofSchedAttr,
		Policy:   uint32(policy),
		Priority: uint32(priority),
	}, 0)
}

// realtimeError says what a real-time policy needs.
func realtimeError(priority int, err error) error {
	hint := ""
	switch {
	case priority < MinRealtimePriority || priority > MaxRealtimePriority:
		hint = fmt.Sprintf(" (want %d to %d)", MinRealtimePriority, MaxRealtimePriority)
	case errors.Is(err, unix.EPERM):
		hint = " (needs CAP_SYS_NICE, or LimitRTPRIO; with real-time group scheduling (CONFIG_RT_GROUP_SCHED)" +
			" also a budget: cpu.rt_runtime_us of the control group)"
	}
	return fmt.Errorf("set real-time scheduling SCHED_RR %d: %w%s", priority, err, hint)
}

// onThread runs f in a goroutine that has a thread to itself, and ends the thread unless it may be kept.
func onThread(f func() (keep bool, err error)) error {
	result := make(chan error)
	go func() {
		runtime.LockOSThread()
		keep, err := f()
		if keep {
			runtime.UnlockOSThread()
		}
		result <- err
	}()
	return <-result
}
