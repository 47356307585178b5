// SPDX-License-Identifier: Apache-2.0

package control

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"time"

	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/internal/output"
)

// grace is how long a command may take to end after SIGTERM.
const grace = 2 * time.Second

// run runs a command to its end. When ctx ends, its process group is ended.
func run(ctx context.Context, service, action string, command []string) error {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8",
		"REGENT_SERVICE=" + service, "REGENT_ACTION=" + action}
	cmd.Dir = "/"
	cmd.SysProcAttr = &unix.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = 100 * time.Millisecond // what it leaves behind may keep the pipe open
	var out output.Tail
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	var err error
	ended := false
	for _, step := range []struct {
		signal unix.Signal
		after  <-chan struct{}
	}{{unix.SIGTERM, ctx.Done()}, {unix.SIGKILL, nil}} {
		after := step.after
		if after == nil {
			late, cancel := context.WithTimeout(context.Background(), grace)
			defer cancel()
			after = late.Done()
		}
		select {
		case err = <-done:
			ended = true
		case <-after:
			unix.Kill(-cmd.Process.Pid, step.signal) //nolint:errcheck // it may just have ended
		}
		if ended {
			break
		}
	}
	if !ended {
		err = <-done
	}
	if errors.Is(err, exec.ErrWaitDelay) {
		err = nil // the command itself has ended well
	}
	if ctx.Err() != nil && err == nil {
		return nil // it ended well at the last moment
	}
	if err != nil {
		if last := out.Last(300); last != "" {
			return fmt.Errorf("%w: %s", err, last)
		}
	}
	return err
}
