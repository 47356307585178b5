// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/internal/keepalived/flags"
	"github.com/regent-ha/regent/internal/keepalived/pidfile"
)

// dumpSignals are the signals that ask for files. keepalived's parent hands them on.
func dumpSignals() []os.Signal {
	return []os.Signal{unix.SIGUSR1, unix.SIGUSR2, unix.Signal(flags.SignalJSON), unix.Signal(flags.SignalStatsClear)}
}

// keepalivedChild is the worker as its parent knows it.
type keepalivedChild struct {
	log   *logging
	file  *pidfile.File
	stage stage

	mu      sync.Mutex
	process *os.Process
	ready   bool        // it has its handlers
	waiting []os.Signal // until it is
}

// start starts a worker.
func (c *keepalivedChild) start(cmd *exec.Cmd, realtime bool) error {
	next := c.stage
	next.Role = roleWorker
	env, err := next.environ()
	if err != nil {
		return err
	}
	cmd.Env = append(cmd.Env, env[len(env)-1])
	cmd.Args[0] = os.Args[0]
	begin := (*exec.Cmd).Start
	if realtime {
		begin = startRealtime
	}
	c.mu.Lock()
	c.ready = false
	c.mu.Unlock()
	if err := begin(cmd); err != nil {
		return err
	}
	c.mu.Lock()
	c.process = cmd.Process
	c.mu.Unlock()
	c.log.Info(fmt.Sprintf("Starting VRRP child process, pid=%d", cmd.Process.Pid))
	if err := c.file.Write(cmd.Process.Pid); err != nil {
		c.log.Warn(err.Error())
	}
	return nil
}

// pid is the process id of the last worker.
func (c *keepalivedChild) pid() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.process == nil {
		return 0
	}
	return c.process.Pid
}

// isReady is called when the worker says so.
func (c *keepalivedChild) isReady() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ready = true
	for _, s := range c.waiting {
		c.process.Signal(s) //nolint:errcheck // it has ended
	}
	c.waiting = nil
}

// forward hands signals that ask for files to the worker once it can take them, and calls own for those that the parent
// answers too.
func (c *keepalivedChild) forward(ctx context.Context, own func()) {
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, dumpSignals()...)
	defer signal.Stop(signals)
	for {
		select {
		case s := <-signals:
			c.hand(s)
			if s == unix.SIGUSR1 {
				own()
			}
		case <-ctx.Done():
			return
		}
	}
}

// maxWaiting bounds what waits for a worker that does not become ready.
const maxWaiting = 8

func (c *keepalivedChild) hand(s os.Signal) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.ready:
		c.process.Signal(s) //nolint:errcheck // it has ended
	case len(c.waiting) < maxWaiting:
		c.waiting = append(c.waiting, s)
	}
}
