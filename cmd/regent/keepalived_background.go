// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/conf/keepalived/convert"
)

const (
	// reportFD is the descriptor on which the daemon tells the process that started it how it went.
	reportFD = 3
	// settled is how long that process waits: until then a worker is ready, or works on it.
	settled = 10 * time.Second
	// backgroundUmask is that of a daemon for which nobody chose one.
	backgroundUmask = 0o022
)

// daemonise starts this program again in a session of its own and waits until it is ready, or says what it did instead.
func (k *keepalivedProcess) daemonise() int {
	next := k.stage
	next.Role = roleDaemon
	env, err := next.environ()
	if err != nil {
		fmt.Fprintln(k.stderr, err)
		return exitFailed
	}
	r, w, err := os.Pipe()
	if err != nil {
		fmt.Fprintln(k.stderr, err)
		return exitFailed
	}
	defer r.Close() //nolint:errcheck // only read from
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Args[0] = os.Args[0]
	cmd.Env, cmd.ExtraFiles, cmd.Stderr = env, []*os.File{w}, k.stderr
	cmd.SysProcAttr = &unix.SysProcAttr{Setsid: true}
	err = cmd.Start()
	w.Close() //nolint:errcheck // the daemon has its own
	if err != nil {
		fmt.Fprintln(k.stderr, err)
		return exitFailed
	}
	line, err := bufio.NewReader(r).ReadString('\n')
	code, err2 := strconv.Atoi(strings.TrimSpace(line))
	if err == nil && err2 == nil {
		if code != exitDone {
			fmt.Fprintf(k.stderr, "keepalived has ended with code %d: its log says why\n", code)
		}
		return code
	}
	var ended *exec.ExitError
	if err := cmd.Wait(); errors.As(err, &ended) {
		return max(ended.ExitCode(), exitFailed)
	}
	return exitDone // for example: a daemon runs already
}

// background makes this process a daemon, if it is to be one: the directory, the umask, no terminal. The function that it
// returns tells whoever started it how it went, the first time it is called or when it takes too long.
func (k *keepalivedProcess) background(p convert.Process) func(code int) {
	switch {
	case k.flags.UmaskSet:
		unix.Umask(int(k.flags.Umask))
	case p.HasUmask:
		unix.Umask(int(p.Umask))
	case k.stage.Role == roleDaemon:
		unix.Umask(backgroundUmask)
	}
	if k.stage.Role != roleDaemon {
		return func(int) {}
	}
	unix.CloseOnExec(reportFD)
	report := os.NewFile(reportFD, "report")
	var once sync.Once
	told := func(code int) {
		once.Do(func() {
			fmt.Fprintln(report, code) //nolint:errcheck // who waited has gone
			report.Close()             //nolint:errcheck // as above
		})
	}
	time.AfterFunc(settled, func() { told(exitDone) })
	if err := os.Chdir("/"); err != nil {
		fmt.Fprintln(k.stderr, err)
	}
	if null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0); err == nil {
		for fd := range 3 {
			unix.Dup3(int(null.Fd()), fd, 0) //nolint:errcheck // both are open
		}
		null.Close() //nolint:errcheck // it has duplicates
		k.stderr = io.Discard
	}
	return told
}

// enterNamespace starts this program again in a network namespace that `ip netns` made. It returns only if that fails.
func enterNamespace(name string, s stage) error {
	if name != filepath.Base(name) || name == "." || name == ".." {
		return fmt.Errorf("network namespace %q: this is no name", name)
	}
	env, err := s.environ()
	if err != nil {
		return err
	}
	runtime.LockOSThread() // and never unlocked: the thread becomes the process
	f, err := os.Open(filepath.Join("/run/netns", name))
	if err != nil {
		return fmt.Errorf("network namespace: %w (ip netns add %s)", err, name)
	}
	defer f.Close() //nolint:errcheck // only a name for a namespace
	if err := unix.Setns(int(f.Fd()), unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("enter network namespace %s: %w (needs CAP_SYS_ADMIN)", name, err)
	}
	return fmt.Errorf("start again in network namespace %s: %w", name, unix.Exec("/proc/self/exe", os.Args, env))
}
