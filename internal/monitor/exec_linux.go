// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/internal/output"
)

// runCommand runs a command in a process group of its own, which is killed when ctx ends. It returns the end of what it
// printed.
func runCommand(ctx context.Context, command []string, user *User) (*output.Tail, error) {
	if len(command) == 0 {
		return &output.Tail{}, errors.New("no command")
	}
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"}
	cmd.Dir = "/"
	cmd.SysProcAttr = &unix.SysProcAttr{Setpgid: true}
	if user != nil {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: user.UID, Gid: user.GID, Groups: user.Groups}
	}
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
	out, err := runCommand(ctx, c.Command, c.User)
	last := out.Last(200)
	what := strings.Join(c.Command, " ")
	if err != nil {
		why := c.timedOut(ctx, err)
		if last != "" {
			why += ": " + last
		}
		o := bad("%s: %s", what, why)
		o.exit, o.timedOut = -1, errors.Is(ctx.Err(), context.DeadlineExceeded)
		var ended *exec.ExitError
		if errors.As(err, &ended) {
			if w, ok := ended.Sys().(syscall.WaitStatus); ok && w.Signaled() {
				o.signal = int(w.Signal())
			}
			o.exit = ended.ExitCode()
		}
		return o
	}
	if last == "" {
		return good("%s: exit status 0", what)
	}
	return outcome{ok: true, detail: what + ": " + last}
}

// readable tells whether a user can read a file.
func (c *Check) readable(ctx context.Context) outcome {
	if c.User == nil {
		f, err := os.Open(c.Target)
		if err != nil {
			return bad("%v", err)
		}
		f.Close() //nolint:errcheck // nothing was read
		return good("%s can be read", c.Target)
	}
	if out, err := runCommand(ctx, []string{"test", "-r", c.Target}, c.User); err != nil {
		return bad("%s cannot be read by uid %d: %s%s", c.Target, c.User.UID, c.timedOut(ctx, err), out.Last(200))
	}
	return good("%s can be read by uid %d", c.Target, c.User.UID)
}
