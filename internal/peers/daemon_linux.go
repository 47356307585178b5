// SPDX-License-Identifier: Apache-2.0

package peers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/internal/netlab"
)

// Daemon is a VRRP daemon that can be run on one node. Its methods are called from one goroutine.
type Daemon interface {
	// Name is what the daemon is called in reports: "regent", "keepalived", "frr".
	Name() string
	// Start writes the configuration and starts the daemon; it does not wait for an election. A daemon that ended or
	// was killed can be started again.
	Start(ctx context.Context, node *netlab.Node, routers ...Router) error
	// Reload makes the running daemon change to the routers.
	Reload(ctx context.Context, routers ...Router) error
	// Term asks the daemon to end (SIGTERM) and does not wait for it.
	Term() error
	// Kill9 kills all processes of the daemon (SIGKILL), so that none of them can say a farewell for another.
	Kill9() error
	// Pids returns the running processes of the daemon.
	Pids() []int
	// Stop is Term, and waits.
	Stop() error
	// Cleanup ends the daemon in any way and removes what it needs in the node.
	Cleanup() error
}

// stopLimit is how long a daemon may take to end when it is asked to.
const stopLimit = 15 * time.Second

// write creates a file of a daemon's directory.
func write(dir, name, text string) (string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("create directory of daemon: %w", err)
	}
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return "", fmt.Errorf("write configuration of daemon: %w", err)
	}
	return path, nil
}

// children lists the processes that the process made, and theirs, oldest first.
func children(pid int) []int {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		return nil
	}
	var pids []int
	for _, task := range tasks {
		text, err := os.ReadFile(task)
		if err != nil {
			continue // the thread ended
		}
		for field := range strings.FieldsSeq(string(text)) {
			if child, err := strconv.Atoi(field); err == nil {
				pids = append(pids, child)
				pids = append(pids, children(child)...)
			}
		}
	}
	return pids
}

// family lists a daemon's processes.
func family(cmd *netlab.Cmd) []int {
	if !running(cmd) {
		return nil
	}
	return append([]int{cmd.Pid()}, children(cmd.Pid())...)
}

// killFamily kills a process and its descendants such that none of them acts on the death of another: all are stopped
// first.
func killFamily(cmd *netlab.Cmd) error {
	members := family(cmd)
	var errs []error
	for _, s := range []unix.Signal{unix.SIGSTOP, unix.SIGKILL} {
		for _, pid := range slices.Backward(members) {
			if err := unix.Kill(pid, s); err != nil && !errors.Is(err, unix.ESRCH) {
				errs = append(errs, fmt.Errorf("signal %v to process %d: %w", s, pid, err))
			}
		}
	}
	if cmd != nil {
		<-cmd.Done()
	}
	return errors.Join(errs...)
}

// signal sends a signal to a daemon's main process.
func signal(cmd *netlab.Cmd, s unix.Signal) error {
	if cmd == nil {
		return errors.New("daemon was not started")
	}
	if err := cmd.Signal(s); err != nil {
		return fmt.Errorf("signal %v to %s: %w", s, cmd.Args[0], err)
	}
	return nil
}

// signalChild sends a signal to the first process that a daemon's main process made.
func signalChild(cmd *netlab.Cmd, s unix.Signal) error {
	if !running(cmd) {
		return errors.New("daemon does not run")
	}
	workers := children(cmd.Pid())
	if len(workers) == 0 {
		return fmt.Errorf("%s has no worker process", cmd.Args[0])
	}
	if err := unix.Kill(workers[0], s); err != nil {
		return fmt.Errorf("signal %v to worker %d: %w", s, workers[0], err)
	}
	return nil
}

// stop ends a daemon's main process, unless it has ended already, and waits.
func stop(cmd *netlab.Cmd) error {
	if !running(cmd) {
		return nil
	}
	return cmd.Stop(stopLimit)
}

// running reports whether a daemon's main process was started and has not ended.
func running(cmd *netlab.Cmd) bool {
	if cmd == nil {
		return false
	}
	select {
	case <-cmd.Done():
		return false
	default:
		return true
	}
}

// Await polls until the condition holds.
func Await(ctx context.Context, limit time.Duration, what string, condition func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: not within %s", what, limit)
		case <-tick.C:
		}
	}
	return nil
}
