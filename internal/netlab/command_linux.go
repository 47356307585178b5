// SPDX-License-Identifier: Apache-2.0

package netlab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Cmd is a process in a node. The fields of the embedded exec.Cmd may be set
// before the start; pipes (StdoutPipe and friends) cannot be used, since the process is
// waited for as soon as it runs: set Stdout to a writer instead.
type Cmd struct {
	*exec.Cmd
	// Log is the file that receives the output, unless Stdout and Stderr are set.
	Log string

	node *Node
	log  *os.File
	done chan struct{}

	mu      sync.Mutex
	started bool
	ended   bool
	err     error
}

// Command prepares a process in the node. When the context ends, the process
// group is killed; so it is when the lab is closed, or when this process dies.
func (n *Node) Command(ctx context.Context, name string, args ...string) *Cmd {
	c := &Cmd{Cmd: exec.CommandContext(ctx, name, args...), node: n, done: make(chan struct{})}
	c.SysProcAttr = &unix.SysProcAttr{Setpgid: true, Pdeathsig: unix.SIGKILL}
	c.WaitDelay = 2 * time.Second
	c.Cancel = func() error { return c.signalGroup(unix.SIGKILL) }
	return c
}

// Start prepares a process and starts it.
func (n *Node) Start(ctx context.Context, name string, args ...string) (*Cmd, error) {
	c := n.Command(ctx, name, args...)
	return c, c.Start()
}

// Run runs a process to its end and returns all its output, also in the error's text.
func (n *Node) Run(ctx context.Context, name string, args ...string) (string, error) {
	var out bytes.Buffer
	c := n.Command(ctx, name, args...)
	c.Stdout, c.Stderr = &out, &out
	if err := c.Run(); err != nil {
		return out.String(), fmt.Errorf("node %s: %s: %w: %s", n.name,
			strings.Join(c.Args, " "), err, strings.TrimSpace(out.String()))
	}
	return out.String(), nil
}

// Start starts the process inside its node.
func (c *Cmd) Start() error {
	base := filepath.Base(c.Args[0])
	if c.Stdout == nil || c.Stderr == nil {
		c.Log = c.node.lab.file(c.node.name+"-"+base, ".log")
		file, err := os.OpenFile(c.Log, os.O_CREATE|os.O_EXCL|os.O_WRONLY|os.O_APPEND, 0o644)
		if err != nil {
			return fmt.Errorf("node %s: create log: %w", c.node.name, err)
		}
		c.log = file
		if c.Stdout == nil {
			c.Stdout = file
		}
		if c.Stderr == nil {
			c.Stderr = file
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.node.space.onThread(c.Cmd.Start); err != nil {
		c.closeLog()
		return fmt.Errorf("node %s: start %s: %w", c.node.name, base, err)
	}
	c.started = true
	c.node.lab.log("node %s: pid %d: %s", c.node.name, c.Process.Pid, strings.Join(c.Args, " "))
	c.node.lab.mu.Lock()
	c.node.lab.commands = append(c.node.lab.commands, c)
	closed := c.node.lab.closed
	c.node.lab.mu.Unlock()
	go c.reap()
	if closed {
		return errors.Join(fmt.Errorf("node %s: lab is closed", c.node.name), c.Process.Kill())
	}
	return nil
}

// reap waits for the process and remembers how it ended.
func (c *Cmd) reap() {
	err := c.Cmd.Wait()
	c.mu.Lock()
	c.ended, c.err = true, err
	c.closeLog()
	c.mu.Unlock()
	close(c.done)
}

func (c *Cmd) closeLog() {
	if c.log != nil {
		c.log.Close() //nolint:errcheck // the processes wrote it, not we
	}
}

// Pid of the process.
func (c *Cmd) Pid() int { return c.Process.Pid }

// Done is closed when the process has ended.
func (c *Cmd) Done() <-chan struct{} { return c.done }

// Wait waits for the end of the process and returns how it ended. Several may wait.
func (c *Cmd) Wait() error {
	<-c.done
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Run starts the process and waits for its end.
func (c *Cmd) Run() error {
	if err := c.Start(); err != nil {
		return err
	}
	return c.Wait()
}

// Output runs the process and returns its standard output.
func (c *Cmd) Output() ([]byte, error) {
	var out bytes.Buffer
	c.Stdout = &out
	err := c.Run()
	return out.Bytes(), err
}

// CombinedOutput runs the process and returns its whole output.
func (c *Cmd) CombinedOutput() ([]byte, error) {
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	err := c.Run()
	return out.Bytes(), err
}

// Signal sends a signal to the process alone, not to its children.
func (c *Cmd) Signal(s os.Signal) error { return c.Process.Signal(s) }

// Stop asks the process to end (SIGTERM), waits up to the limit and then kills its group. It returns how it ended.
func (c *Cmd) Stop(limit time.Duration) error {
	if err := c.Signal(unix.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-c.done:
		return c.Wait()
	case <-time.After(limit):
		c.killGroup()
		<-c.done
		return fmt.Errorf("node %s: %s did not end within %v after SIGTERM", c.node.name, c.Args[0], limit)
	}
}

// Kill kills the process and its group (SIGKILL) and waits for its end.
func (c *Cmd) Kill() {
	c.killGroup()
	<-c.done
}

func (c *Cmd) killGroup() {
	_ = c.signalGroup(unix.SIGKILL) // gone is fine
}

// signalGroup reaches the process group as long as its leader has not been
// waited for, so that the number cannot mean somebody else.
func (c *Cmd) signalGroup(s unix.Signal) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.started || c.ended {
		return os.ErrProcessDone
	}
	return unix.Kill(-c.Process.Pid, s)
}
