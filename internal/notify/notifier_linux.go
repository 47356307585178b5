// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/internal/output"
)

// Command is a program and who runs it.
type Command struct {
	Args []string
	// User runs it; nil: the daemon's own.
	User *User
}

// Options of a Notifier.
type Options struct {
	Logger   *slog.Logger
	Patience time.Duration // how long the next program of a target waits for the one before; 30 s if 0
	Queue    int           // how many may wait for one target; 100 if 0. Beyond, the oldest are dropped: the latest state counts
}

// Notifier runs programs. Its methods may be called from several goroutines, and do not wait, but for Close.
type Notifier struct {
	o      Options
	log    *slog.Logger
	starts chan func()

	mu      sync.Mutex
	targets map[string]*target
	running map[int]struct{} // process groups
	closed  bool
	done    sync.WaitGroup
}

// target is a queue.
type target struct {
	waiting []Command
	busy    bool
}

// New makes a Notifier.
func New(o Options) *Notifier {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Patience <= 0 {
		o.Patience = 30 * time.Second
	}
	if o.Queue <= 0 {
		o.Queue = 100
	}
	n := &Notifier{o: o, log: o.Logger, starts: make(chan func()), targets: map[string]*target{}, running: map[int]struct{}{}}
	go n.starter()
	return n
}

// starter starts programs, on one thread that lives as long as the Notifier: the signal that they get at the death of their
// parent is about the thread that started them (prctl(2)).
func (n *Notifier) starter() {
	runtime.LockOSThread()
	for f := range n.starts {
		f()
	}
}

// Run runs a program when those that were asked for before, for the same target, have ended or have been waited for long enough.
func (n *Notifier) Run(name string, c Command) {
	if len(c.Args) == 0 {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return
	}
	t := n.targets[name]
	if t == nil {
		t = &target{}
		n.targets[name] = t
	}
	if len(t.waiting) >= n.o.Queue {
		n.log.Warn("a notification is dropped: too many wait for a program that hangs", "target", name, "program", t.waiting[0].Args[0])
		t.waiting = slices.Delete(t.waiting, 0, 1)
	}
	t.waiting = append(t.waiting, c)
	if !t.busy {
		t.busy = true
		n.done.Go(func() { n.drain(name, t) })
	}
}

// drain runs what waits for a target.
func (n *Notifier) drain(name string, t *target) {
	for {
		n.mu.Lock()
		if len(t.waiting) == 0 {
			t.busy = false
			delete(n.targets, name)
			n.mu.Unlock()
			return
		}
		c := t.waiting[0]
		t.waiting = slices.Delete(t.waiting, 0, 1)
		n.mu.Unlock()
		n.run(name, c)
	}
}

// run runs a program and waits for it, but not for ever.
func (n *Notifier) run(name string, c Command) {
	cmd := c.prepare()
	cmd.WaitDelay = 100 * time.Millisecond // what it leaves behind may keep the pipe open
	var out output.Tail
	cmd.Stdout, cmd.Stderr = &out, &out
	started := make(chan error, 1)
	n.starts <- func() { started <- cmd.Start() }
	if err := <-started; err != nil {
		n.log.Error("a notification cannot be run", "target", name, "program", c.Args[0], "error", err)
		return
	}
	pid := cmd.Process.Pid
	n.mu.Lock()
	n.running[pid] = struct{}{}
	n.mu.Unlock()
	ended := make(chan struct{})
	n.done.Go(func() {
		defer close(ended)
		err := cmd.Wait()
		n.mu.Lock()
		delete(n.running, pid)
		n.mu.Unlock()
		if err != nil && !errors.Is(err, exec.ErrWaitDelay) {
			n.log.Warn("a notification failed", "target", name, "program", c.Args[0], "error", err, "output", out.All(1000))
		}
	})
	timer := time.NewTimer(n.o.Patience)
	defer timer.Stop()
	select {
	case <-ended:
	case <-timer.C:
		n.log.Warn("a notification takes long: the next one does not wait for it", "target", name, "program", c.Args[0], "patience", n.o.Patience)
	}
}

// prepare is the program as it is started.
func (c Command) prepare() *exec.Cmd {
	cmd := exec.Command(c.Args[0], c.Args[1:]...)
	cmd.Env = environment(os.Environ())
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	if c.User != nil {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: c.User.UID, Gid: c.User.GID, Groups: c.User.Groups}
	}
	return cmd
}

// environment leaves out what changes how programs are loaded and read.
func environment(all []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return name == "IFS" || strings.HasPrefix(name, "LD_") || strings.HasPrefix(name, "REGENT_")
	})
}

// Close lets what waits run for so long, then ends what still runs.
func (n *Notifier) Close(limit time.Duration) error {
	n.mu.Lock()
	already := n.closed
	n.closed = true
	n.mu.Unlock()
	if already {
		return nil
	}
	all := make(chan struct{})
	go func() { n.done.Wait(); close(all) }()
	late := false
	for _, step := range []struct {
		signal unix.Signal
		wait   time.Duration
	}{{unix.SIGTERM, limit}, {unix.SIGKILL, time.Second}, {unix.SIGKILL, 2 * time.Second}} {
		timer := time.NewTimer(step.wait)
		select {
		case <-all:
			timer.Stop()
			close(n.starts)
			if late {
				return errors.New("notifications were still running and were ended")
			}
			return nil
		case <-timer.C:
		}
		late = true
		n.end(step.signal)
	}
	return errors.New("notifications are still running")
}

// end signals what runs, and forgets what waits.
func (n *Notifier) end(s unix.Signal) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, t := range n.targets {
		t.waiting = nil
	}
	for pid := range n.running {
		unix.Kill(-pid, s) //nolint:errcheck // it may just have ended
	}
}

// String names a command for people, without its arguments: they may hold a secret.
func (c Command) String() string {
	if len(c.Args) == 0 {
		return "no command"
	}
	if c.User == nil {
		return c.Args[0]
	}
	return fmt.Sprintf("%s (uid %d)", c.Args[0], c.User.UID)
}

// RunOnce runs a program, waits for it, and returns the end of what it printed.
func RunOnce(ctx context.Context, c Command) (printed string, err error) {
	cmd := c.prepare()
	cmd.SysProcAttr.Pdeathsig = 0 // see [Reader]
	cmd.WaitDelay = 100 * time.Millisecond
	var out output.Tail
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		return "", err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err = <-ended:
	case <-ctx.Done():
		unix.Kill(-cmd.Process.Pid, unix.SIGKILL) //nolint:errcheck // it may just have ended
		<-ended
		err = ctx.Err()
	}
	return out.All(1000), err
}
