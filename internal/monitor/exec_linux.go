// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/internal/output"
)

// runCommand runs a command in a process group of its own, which is killed when ctx ends. It returns the end of what it
// printed.
func runCommand(ctx context.Context, command []string) (*output.Tail, error) {
	if len(command) == 0 {
		return &output.Tail{}, errors.New("no command")
	}
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"}
	cmd.Dir = "/"
	cmd.SysProcAttr = &unix.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return unix.Kill(-cmd.Process.Pid, unix.SIGKILL) }
	cmd.WaitDelay = 100 * time.Millisecond // a child that keeps the pipe open is not waited for
	var out output.Tail
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if errors.Is(err, exec.ErrWaitDelay) {
		err = nil // the command itself has ended well
	}
	return &out, err
}

func (c *Check) exec(ctx context.Context) outcome {
	out, err := runCommand(ctx, c.Command)
	last := out.Last(200)
	if err != nil {
		why := c.timedOut(ctx, err)
		if last != "" {
			why += ": " + last
		}
		return bad("%s: %s", strings.Join(c.Command, " "), why)
	}
	if last == "" {
		return good("%s: exit status 0", strings.Join(c.Command, " "))
	}
	return outcome{ok: true, detail: fmt.Sprintf("%s: %s", strings.Join(c.Command, " "), last)}
}
