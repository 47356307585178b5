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
)

// outputLimit is how much of the end of what a command prints is kept for the log.
const outputLimit = 4096

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
	var out tail
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if err == nil || errors.Is(err, exec.ErrWaitDelay) { // the command itself has ended well
		return nil
	}
	if last := out.last(); last != "" {
		return fmt.Errorf("%w: %s", err, last)
	}
	return err
}

// tail keeps the end of what is written to it.
type tail struct{ b []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.b = append(t.b, p...)
	if n := len(t.b) - outputLimit; n > 0 {
		t.b = append(t.b[:0], t.b[n:]...)
	}
	return len(p), nil
}

// last is the last line, fit for a log.
func (t *tail) last() string {
	b := bytes.TrimSpace(t.b)
	return line(string(b[bytes.LastIndexByte(b, '\n')+1:]), 300)
}
