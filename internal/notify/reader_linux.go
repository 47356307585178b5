// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/internal/output"
)

// Reader is a program that runs as long as the daemon, and reads a FIFO. One that ends is started again.
type Reader struct {
	log  *slog.Logger
	c    Command
	stop chan struct{}
	done sync.WaitGroup
}

// Pauses before a reader that ended is started again.
const (
	readerPause = time.Second
	readerMost  = time.Minute
)

// Start starts a reader.
func Start(c Command, log *slog.Logger) *Reader {
	r := &Reader{log: log, c: c, stop: make(chan struct{})}
	r.done.Go(r.keep)
	return r
}

func (r *Reader) keep() {
	pause := readerPause
	for {
		began := time.Now()
		if r.once() {
			return
		}
		if time.Since(began) > readerMost {
			pause = readerPause
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-r.stop:
			timer.Stop()
			return
		}
		pause = min(2*pause, readerMost)
	}
}

// once runs the program until it ends, or is to.
func (r *Reader) once() (stopped bool) {
	cmd := r.c.prepare()
	cmd.SysProcAttr.Pdeathsig = 0 // it would come with the end of this thread; when the daemon dies, the pipe ends
	cmd.WaitDelay = 100 * time.Millisecond
	var out output.Tail
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		r.log.Error("the FIFO's reader cannot be run", "program", r.c.Args[0], "error", err)
		return false
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		r.log.Warn("the FIFO's reader ended and is started again", "program", r.c.Args[0], "error", err, "output", out.All(1000))
		return false
	case <-r.stop:
	}
	for _, s := range []unix.Signal{unix.SIGTERM, unix.SIGKILL} {
		unix.Kill(-cmd.Process.Pid, s) //nolint:errcheck // it may just have ended
		timer := time.NewTimer(readerPause)
		select {
		case <-ended:
			timer.Stop()
			return true
		case <-timer.C:
		}
	}
	return true
}

// Close ends the program.
func (r *Reader) Close() {
	close(r.stop)
	r.done.Wait()
}
