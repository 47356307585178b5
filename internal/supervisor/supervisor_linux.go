// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"runtime/debug"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// firstLimit is how long a worker may take to its first heartbeat: it reads its configuration and removes what an
	// earlier run left.
	firstLimit = 30 * time.Second
	// leastLimit is the shortest limit of the heartbeat.
	leastLimit = 500 * time.Millisecond
	// stopLimit is how long a planned stop may take beyond the limit of the heartbeat.
	stopLimit = 10 * time.Second
	// longestStop bounds what a worker may ask for beyond that.
	longestStop = time.Hour
	// lifted is how long the will waits for serving to be lifted before it goes on.
	lifted = 50 * time.Millisecond
)

// Exit codes that the supervisor knows.
const (
	exitDone   = 0
	exitFailed = 1
	exitConfig = 3
)

// Kernel is what the last will does to the kernel. Its functions are set by the composition.
type Kernel struct {
	// LiftServing makes every address refuse.
	LiftServing func(context.Context) error
	// Keep renews the leases of addresses, so that they answer until somebody takes them.
	Keep func(as []Address, lease time.Duration) error
	// Remove destroys the sockets on addresses and removes them.
	Remove func(as []Address) error
	// Unroute removes routes and rules; nil: there are none.
	Unroute func(routes, rules []string) error
}

// Options of a supervisor.
type Options struct {
	Worker  []string // program and arguments
	Log     *slog.Logger
	Kernel  Kernel
	Signals <-chan os.Signal
	// Start starts the worker's process, for example as a real-time one. Absent: exec.Cmd.Start.
	Start func(*exec.Cmd) error
	// Died reports a worker that died or hung; Inherited an address of its will.
	Died func(text string, fields ...any)
	// Notify tells the service manager, "READY=1" and so on. Absent: nobody.
	Notify func(state string)
	// Watchdog is how long the service manager waits to be told "WATCHDOG=1" before it takes this program for hung; 0: it does not.
	Watchdog time.Duration
}

// supervisor is a parent at work.
type supervisor struct {
	Options
	backoff backoff
	crashed bool
	feeder  feeder
	wills   testaments // of workers that died, still being carried out
}

// Run starts the worker and keeps it running until it ends as planned. It returns the exit code of the whole.
func Run(ctx context.Context, o Options) int {
	// The parent does nothing most of the time and must stay small.
	debug.SetGCPercent(50)
	if o.Start == nil {
		o.Start = (*exec.Cmd).Start
	}
	if o.Notify == nil {
		o.Notify = func(string) {}
	}
	if o.Died == nil {
		o.Died = func(text string, fields ...any) { o.Log.Error(text, fields...) }
	}
	s := &supervisor{Options: o, feeder: feeder{limit: o.Watchdog}}
	defer s.wills.finish()
	for {
		code, again, pause := s.once(ctx)
		if !again {
			return code
		}
		if pause > 0 {
			o.Log.Warn("the worker is started again after a pause", "pause", pause)
		}
		if s.stopped(ctx, pause) {
			return exitFailed
		}
	}
}

// stopped waits out the pause, or for a request to stop. One that came before the pause was over counts.
func (s *supervisor) stopped(ctx context.Context, pause time.Duration) bool {
	over := time.After(pause)
	for elapsed := false; ; {
		select {
		case sig := <-s.Signals:
			if sig != unix.SIGHUP {
				return true
			}
			elapsed = true // a new file may be the cure
		case <-ctx.Done():
			return true
		case <-over:
			elapsed = true
		}
		if elapsed && len(s.Signals) == 0 {
			return ctx.Err() != nil
		}
	}
}

// worker is one life of the working process.
type worker struct {
	cmd      *exec.Cmd
	conn     net.Conn
	messages chan message
	ended    chan struct{} // the line has closed
	lineErr  error         // why, after ended
	exited   chan struct{} // the process has ended
	started  time.Time
	ready    bool
	farewell bool
	limit    time.Duration
	will     will
	stopping bool  // it was told to end
	held     []int // duplicates of its descriptors
}

// once runs one worker to its end.
func (s *supervisor) once(ctx context.Context) (code int, again bool, pause time.Duration) {
	w, err := s.start()
	if err != nil {
		s.Log.Error("start worker", "error", err)
		return exitFailed, s.crashed, s.backoff.after(0)
	}
	s.watch(w)
	defer func() { go w.letGo() }()
	hung := s.attend(ctx, w)
	if w.farewell && !hung {
		s.leave(w)
		if code = w.cmd.ProcessState.ExitCode(); code < 0 {
			code = exitFailed
		}
		return code, false, 0
	}
	// Whatever it was: no worker may be alive when its will is carried out.
	w.cmd.Process.Kill() //nolint:errcheck // it is dead already, which is what is wanted
	w.drain()
	<-w.exited
	died, routers := time.Now(), len(w.will)
	s.bury(w)
	state := w.cmd.ProcessState
	lived := died.Sub(w.started)
	if state.Exited() && !w.ready && !s.crashed {
		return max(state.ExitCode(), exitFailed), false, 0 // it never worked: the operator is looking
	}
	cause := state.String()
	if hung {
		cause = fmt.Sprintf("no heartbeat for %s", w.limit)
	}
	s.Died(fmt.Sprintf("the worker died (%s); its last will is carried out", cause), "pid", state.Pid(), "lived", lived.Round(time.Millisecond).String(), "routers", routers)
	s.crashed = true
	if w.stopping {
		return exitFailed, false, 0
	}
	return exitFailed, true, s.backoff.after(lived)
}

// start starts the worker with its line.
func (s *supervisor) start() (*worker, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("make the line: %w", err)
	}
	ours, theirs := os.NewFile(uintptr(pair[0]), "line"), os.NewFile(uintptr(pair[1]), "line")
	defer theirs.Close() //nolint:errcheck // the child has its own
	defer ours.Close()   //nolint:errcheck // conn has a duplicate
	conn, err := net.FileConn(ours)
	if err != nil {
		return nil, fmt.Errorf("make the line: %w", err)
	}
	cmd := exec.Command(s.Worker[0], s.Worker[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.ExtraFiles = []*os.File{theirs}
	cmd.Env = append(os.Environ(), lineVariable+"=3")
	if s.crashed {
		cmd.Env = append(cmd.Env, crashVariable+"=1")
	}
	if err := s.Start(cmd); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return &worker{cmd: cmd, conn: conn, messages: make(chan message), ended: make(chan struct{}), exited: make(chan struct{}),
		started: time.Now(), limit: firstLimit, will: will{}}, nil
}

// watch reads the line and waits for the process.
func (s *supervisor) watch(w *worker) {
	go func() {
		defer close(w.ended)
		defer w.conn.Close() //nolint:errcheck // only read from
		var buf []byte
		for {
			m, b, err := readFrame(w.conn, buf)
			if err != nil {
				w.lineErr = err
				return
			}
			buf = b
			w.messages <- m
		}
	}()
	go func() {
		w.cmd.Wait() //nolint:errcheck // ProcessState tells
		close(w.exited)
	}()
}

// attend follows a worker until its line closes, or its heartbeat stays away (hung).
func (s *supervisor) attend(ctx context.Context, w *worker) (hung bool) {
	beat := time.NewTimer(firstLimit)
	defer beat.Stop()
	done := ctx.Done()
	terminate := func(sig os.Signal) {
		if w.stopping {
			w.cmd.Process.Kill() //nolint:errcheck // it has ended
			return
		}
		w.stopping = true
		w.limit += stopLimit
		beat.Reset(w.limit)
		w.cmd.Process.Signal(sig) //nolint:errcheck // it has ended
	}
	for {
		select {
		case m := <-w.messages:
			w.will.note(m)
			s.wills.relieve(m)
			switch m.Verb {
			case verbBeat:
				if s.feeder.due(time.Now()) {
					s.Notify("WATCHDOG=1")
				}
				if !w.stopping {
					beat.Reset(w.limit)
				}
			case verbLimit:
				if !w.stopping {
					w.limit = max(leastLimit, m.Limit)
				}
			case verbReady:
				w.ready = true
				s.Notify("READY=1\nSTATUS=" + m.Text)
			case verbReloading:
				s.Notify(reloading())
			case verbStopping:
				s.Notify("STOPPING=1")
				if w.stopping && m.Limit > 0 { // its services may take so long to stop
					beat.Reset(w.limit + min(m.Limit, longestStop))
				}
			case verbFarewell:
				w.farewell = true
			case verbHold:
				w.hold(m.FD, s.Log)
			case verbPut, verbDelete:
			}
		case <-w.ended:
			if w.lineErr != nil && errors.Is(w.lineErr, errFrame) {
				s.Log.Error("line to the worker", "error", w.lineErr)
			}
			return false
		case <-beat.C:
			return !w.farewell
		case sig := <-s.Signals:
			if sig == unix.SIGHUP {
				w.cmd.Process.Signal(sig) //nolint:errcheck // it has ended
				continue
			}
			terminate(sig)
		case <-done:
			done = nil
			terminate(unix.SIGTERM)
		}
	}
}

// hold duplicates a descriptor of the worker. Without it only the end of the worker takes longer.
func (w *worker) hold(fd int, log *slog.Logger) {
	process, err := unix.PidfdOpen(w.cmd.Process.Pid, 0)
	if err != nil {
		log.Debug("hold a descriptor of the worker", "error", err)
		return
	}
	defer unix.Close(process) //nolint:errcheck // a pidfd
	duplicate, err := unix.PidfdGetfd(process, fd, 0)
	if err != nil {
		log.Debug("hold a descriptor of the worker", "error", err)
		return
	}
	w.held = append(w.held, duplicate)
}

// letGo closes what was held; that takes a while.
func (w *worker) letGo() {
	for _, fd := range w.held {
		unix.Close(fd) //nolint:errcheck // nothing was written
	}
}

// leave waits for the end of a worker that has said farewell, but not for ever.
func (s *supervisor) leave(w *worker) {
	limit := time.NewTimer(stopLimit)
	defer limit.Stop()
	for {
		select {
		case <-w.exited:
			w.conn.Close() //nolint:errcheck // only read from
			w.drain()
			return
		case <-w.messages:
		case sig := <-s.Signals:
			if sig != unix.SIGHUP {
				w.cmd.Process.Kill() //nolint:errcheck // it has ended
			}
		case <-limit.C:
			w.cmd.Process.Kill() //nolint:errcheck // it has ended
		}
	}
}

// drain takes in the last words of a worker that is being ended.
func (w *worker) drain() {
	for {
		select {
		case m := <-w.messages:
			w.will.note(m)
		case <-w.ended:
			return
		}
	}
}

// reloading is what systemd wants to know of a reload (sd_notify(3)).
func reloading() string {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		return "RELOADING=1"
	}
	return fmt.Sprintf("RELOADING=1\nMONOTONIC_USEC=%d", ts.Nano()/1000)
}
