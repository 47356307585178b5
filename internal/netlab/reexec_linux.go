// SPDX-License-Identifier: Apache-2.0

package netlab

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// reexecVariable marks the inner run, so that a failure cannot repeat itself.
const reexecVariable = "REGENT_IN_USER_NAMESPACE"

// available tells whether a lab can be opened by this process and the programs are installed.
func available(programs ...string) error {
	for _, name := range programs {
		if _, err := exec.LookPath(name); err != nil {
			return fmt.Errorf("network test: %w", err)
		}
	}
	s, err := newSpace()
	if err != nil {
		return fmt.Errorf("network test: %w", err)
	}
	return s.close()
}

// Reexec runs this program again as root of a new user, network and mount
// namespace, unless a lab can be opened as it is. It returns whether it did and
// then the exit status, with which the caller ends:
//
//	if code, ran, err := netlab.Reexec(); err != nil {
//		return err
//	} else if ran {
//		os.Exit(code)
//	}
//
// In there only the caller's own user exists: daemons that change to another
// user do not work.
func Reexec() (code int, ran bool, err error) {
	reason := available()
	if reason == nil {
		return 0, false, nil
	}
	if os.Getenv(reexecVariable) != "" {
		return 0, false, reason
	}
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Args[0] = os.Args[0]
	cmd.Env = append(os.Environ(), reexecVariable+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &unix.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWNET | unix.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}},
	}
	// The inner run gets the terminal's signals itself, others are passed on.
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, unix.SIGINT, unix.SIGTERM, unix.SIGHUP)
	defer signal.Stop(signals)
	if err := cmd.Start(); err != nil {
		return 0, false, fmt.Errorf("create a user namespace: %w (run as root, or allow user namespaces: "+
			"user.max_user_namespaces, kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns)", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		select {
		case s := <-signals:
			if s != unix.SIGINT { // which the terminal has sent to both
				_ = cmd.Process.Signal(s) // gone is fine
			}
		case err := <-ended:
			var exit *exec.ExitError
			if err != nil && !errors.As(err, &exit) {
				return 0, true, fmt.Errorf("run in a user namespace: %w", err)
			}
			return exitCode(cmd.ProcessState), true, nil
		}
	}
}

// exitCode of a process, by the shell's convention for one that was killed.
func exitCode(s *os.ProcessState) int {
	if status, ok := s.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return s.ExitCode()
}

// Main is for TestMain: it runs the tests, in a user namespace if need be.
//
//	func TestMain(m *testing.M) { os.Exit(netlab.Main(m)) }
//
// Where that is not possible the tests run as they are, and skip by [Require].
func Main(m interface{ Run() int }) int {
	code, ran, err := Reexec()
	if ran && err == nil {
		return code
	}
	return m.Run()
}
