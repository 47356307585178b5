// SPDX-License-Identifier: Apache-2.0

package event

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/internal/output"
)

// command runs a command for each alert: the document on standard input, its main words in the environment.
type command struct{ words []string }

func newCommand(words []string) (*command, error) {
	if words[0] == "" {
		return nil, errors.New("exec: the name of the command is empty")
	}
	for _, w := range words {
		if strings.ContainsRune(w, 0) {
			return nil, errors.New("exec: a zero byte cannot be passed to a command")
		}
	}
	return &command{words}, nil
}

// name leaves the arguments out: they may hold a secret.
func (c *command) name() string { return "exec " + filepath.Base(c.words[0]) }

// send runs the command in a process group of its own, which is killed when ctx ends. Nothing of the daemon's own
// environment reaches it.
func (c *command) send(ctx context.Context, a *Alert) error {
	cmd := exec.CommandContext(ctx, c.words[0], c.words[1:]...)
	cmd.Env = []string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8",
		"REGENT_EVENT=" + a.Event, "REGENT_NAME=" + a.Name, "REGENT_SERVICE=" + a.Service, "REGENT_NODE=" + a.Node,
		"REGENT_TEXT=" + line(a.Text, valueLimit),
	}
	cmd.Dir = "/"
	cmd.Stdin = bytes.NewReader(a.document())
	cmd.SysProcAttr = &unix.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return unix.Kill(-cmd.Process.Pid, unix.SIGKILL) }
	cmd.WaitDelay = 100 * time.Millisecond // a child that keeps a pipe open is not waited for
	var out output.Tail
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if err == nil || errors.Is(err, exec.ErrWaitDelay) { // the command itself has ended well
		return nil
	}
	if last := out.Last(300); last != "" {
		return fmt.Errorf("%w: %s", err, last)
	}
	return err
}
