// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// shell is one bash that runs the blocks of a page one after the other. It is the first process of namespaces of its own: nothing
// that it does reaches the machine, and nothing that it starts outlives it.
type shell struct {
	t     *testing.T
	in    io.WriteCloser
	codes *bufio.Scanner
	dir   string // for the shell's own files
	n     int
}

// prepare makes the namespaces fit to be lived in.
const prepare = `mount -t tmpfs run /run && mkdir -p /run/netns && { mount -t proc proc /proc 2>/dev/null || true; } && ip link set lo up
set -o pipefail
`

// newShell starts a shell in an empty directory. It ends with the test, and all that it started with it.
func newShell(ctx context.Context, t *testing.T, env ...string) *shell {
	t.Helper()
	s := &shell{t: t, dir: t.TempDir()}
	cmd := exec.CommandContext(ctx, "bash", "--norc", "-s")
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:   syscall.CLONE_NEWNET | syscall.CLONE_NEWPID,
		Unshareflags: syscall.CLONE_NEWNS, // and its mounts are nobody else's
		Pdeathsig:    syscall.SIGKILL,
	}
	log, err := os.Create(filepath.Join(s.dir, "shell.log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = log
	if s.in, err = cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	codes, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.codes = bufio.NewScanner(codes)
	if err := cmd.Start(); err != nil {
		t.Fatalf("start bash in namespaces: %v", err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill() //nolint:errcheck // it may have ended
		cmd.Wait()         //nolint:errcheck // killed
		log.Close()
		if b, err := os.ReadFile(log.Name()); err == nil && t.Failed() && len(b) > 0 {
			t.Logf("the shell itself said:\n%s", b)
		}
	})
	if _, err := io.WriteString(s.in, prepare); err != nil {
		t.Fatal(err)
	}
	return s
}

// run runs commands in the shell and returns what they printed, and whether one of them failed.
func (s *shell) run(commands string) (output string, failed bool) {
	s.t.Helper()
	s.n++
	file := filepath.Join(s.dir, strconv.Itoa(s.n)+".sh")
	if err := os.WriteFile(file, []byte(commands), 0o600); err != nil {
		s.t.Fatal(err)
	}
	out := filepath.Join(s.dir, strconv.Itoa(s.n)+".out")
	// What is typed can be typed into any shell: not set -e, which would end it, but the first failure counts.
	if _, err := fmt.Fprintf(s.in, "failure=0; trap 'failure=1' ERR; . %s </dev/null >%s 2>&1; trap - ERR; echo $failure\n", file, out); err != nil {
		s.t.Fatalf("the shell is gone: %v", err)
	}
	if !s.codes.Scan() {
		s.t.Fatalf("the shell is gone: %v\n%s", s.codes.Err(), commands)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(b), strings.TrimSpace(s.codes.Text()) != "0"
}

// look runs commands again and again until they print what is wanted.
func (s *shell) look(commands, want string, patience time.Duration) (output, missing string) {
	s.t.Helper()
	end := time.Now().Add(patience)
	for {
		output, failed := s.run(commands)
		missing, is := Missing(want, output)
		switch {
		case !is && !failed:
			return output, ""
		case time.Now().After(end) && !is:
			return output, "success"
		case time.Now().After(end):
			return output, missing
		}
		time.Sleep(100 * time.Millisecond) // between two looks, as a person would
	}
}
