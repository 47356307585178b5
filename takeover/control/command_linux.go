// SPDX-License-Identifier: Apache-2.0

package control

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// outputLimit is how much of what a command prints is kept.
	outputLimit = 4096
	// grace is how long a command may take to end after SIGTERM.
	grace = 2 * time.Second
)

// tail keeps the end of what is written to it.
type tail struct {
	mu sync.Mutex
	b  []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, p...)
	if n := len(t.b) - outputLimit; n > 0 {
		t.b = append(t.b[:0], t.b[n:]...)
	}
	return len(p), nil
}

// last is the last line, fit for a log.
func (t *tail) last() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	b := bytes.TrimSpace(t.b)
	if i := bytes.LastIndexByte(b, '\n'); i >= 0 {
		b = b[i+1:]
	}
	s := strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(string(b), "?"))
	return s[:min(len(s), 300)]
}

// run runs a command to its end. When ctx ends, its process group is ended.
func run(ctx context.Context, service, action string, command []string) error {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8",
		"REGENT_SERVICE=" + service, "REGENT_ACTION=" + action}
	cmd.Dir = "/"
	cmd.SysProcAttr = &unix.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = 100 * time.Millisecond // what it leaves behind may keep the pipe open
	var out tail
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
		if last := out.last(); last != "" {
			return fmt.Errorf("%w: %s", err, last)
		}
	}
	return err
}
