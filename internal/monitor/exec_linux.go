// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// outputLimit is how much of what a command prints is kept.
const outputLimit = 4096

// tail keeps the end of what is written to it.
type tail struct{ b []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.b = append(t.b, p...)
	if n := len(t.b) - outputLimit; n > 0 {
		t.b = append(t.b[:0], t.b[n:]...)
	}
	return len(p), nil
}

// runCommand runs a command in a process group of its own, which is killed when ctx ends. It returns the end of what it
// printed.
func runCommand(ctx context.Context, command []string) ([]byte, error) {
	if len(command) == 0 {
		return nil, errors.New("no command")
	}
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"}
	cmd.Dir = "/"
	cmd.SysProcAttr = &unix.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return unix.Kill(-cmd.Process.Pid, unix.SIGKILL) }
	cmd.WaitDelay = 100 * time.Millisecond // a child that keeps the pipe open is not waited for
	var out tail
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if errors.Is(err, exec.ErrWaitDelay) {
		err = nil // the command itself has ended well
	}
	return out.b, err
}

func (c *Check) exec(ctx context.Context) outcome {
	out, err := runCommand(ctx, c.Command)
	last := lastLine(out)
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

// lastLine is the last line of a text that can be printed.
func lastLine(b []byte) string {
	b = bytes.TrimSpace(b)
	if i := bytes.LastIndexByte(b, '\n'); i >= 0 {
		b = b[i+1:]
	}
	s := strings.ToValidUTF8(string(b), "?")
	if len(s) > 200 {
		s = s[:200]
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, s)
}
