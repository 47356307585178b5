// SPDX-License-Identifier: Apache-2.0

package control

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/internal/fakesystemd"
)

func script(t *testing.T, text string) []string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "script")
	syscall.ForkLock.RLock() // a child of a test beside this one would keep the file open for writing: text file busy
	err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o755)
	syscall.ForkLock.RUnlock()
	if err != nil {
		t.Fatal(err)
	}
	return []string{path, "an argument"}
}

func within(t *testing.T, limit time.Duration, f func()) {
	t.Helper()
	began := time.Now()
	f()
	if took := time.Since(began); took > limit {
		t.Errorf("took %s, want at most %s", took, limit)
	}
}

func TestCommandsSeeTheirServiceAndNothingElse(t *testing.T) {
	t.Parallel()
	out := filepath.Join(t.TempDir(), "out")
	k := Control{Start: script(t, "env | sort >"+out+"; pwd >>"+out+"; echo \"$1\" >>"+out+"\n"), StartTimeout: 5 * time.Second}
	if err := New(nil).Start(context.Background(), "orders", k); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"LANG=C.UTF-8", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "PWD=/", "REGENT_ACTION=start", "REGENT_SERVICE=orders", "/", "an argument"}
	if got := strings.Split(strings.TrimSpace(string(b)), "\n"); !slices.Equal(got, want) {
		t.Errorf("the command saw %q, want %q", got, want)
	}
}

func TestCommandThatFailsSaysItsLastLine(t *testing.T) {
	t.Parallel()
	k := Control{Start: script(t, "echo first; printf 'no space\\tleft\\n' >&2; exit 3\n"), StartTimeout: 5 * time.Second}
	err := New(nil).Start(context.Background(), "orders", k)
	if err == nil || !strings.Contains(err.Error(), "start orders with "+k.Start[0]) || !strings.HasSuffix(err.Error(), "exit status 3: no space left") {
		t.Errorf("%v", err)
	}
	k.Start = []string{"/nowhere/at/all"}
	if err := New(nil).Start(context.Background(), "orders", k); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("%v", err)
	}
}

// What hangs is ended with everything that it started, also if it does not listen to SIGTERM.
func TestCommandThatHangsIsEndedWithItsChildren(t *testing.T) {
	t.Parallel()
	for name, trap := range map[string]string{"polite": "", "stubborn": "trap '' TERM\n"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pid := filepath.Join(t.TempDir(), "pid")
			k := Control{Stop: script(t, trap+"sleep 300 & echo $! >"+pid+"; wait; sleep 300\n"), StopTimeout: 300 * time.Millisecond}
			var err error
			within(t, grace+3*time.Second, func() { err = New(nil).Stop(context.Background(), "orders", k) })
			if err == nil || !strings.Contains(err.Error(), "not done within 300ms") {
				t.Errorf("%v", err)
			}
			b, err := os.ReadFile(pid)
			if err != nil {
				t.Fatal(err)
			}
			child, err := strconv.Atoi(strings.TrimSpace(string(b)))
			if err != nil {
				t.Fatal(err)
			}
			for end := time.Now().Add(5 * time.Second); running(child); time.Sleep(10 * time.Millisecond) {
				if time.Now().After(end) {
					t.Fatal("its child still runs")
				}
			}
		})
	}
}

// running: it exists and is no zombie.
func running(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	i := strings.LastIndexByte(string(b), ')')
	return i > 0 && b[i+2] != 'Z'
}

// A daemon that a command leaves behind keeps its pipes open, and is not waited for.
func TestCommandThatLeavesADaemonBehindIsDone(t *testing.T) {
	t.Parallel()
	pid := filepath.Join(t.TempDir(), "pid")
	k := Control{Start: script(t, "setsid sleep 60 & echo $! >"+pid+"\nexit 0\n"), StartTimeout: 10 * time.Second}
	within(t, 5*time.Second, func() {
		if err := New(nil).Start(context.Background(), "orders", k); err != nil {
			t.Error(err)
		}
	})
	b, err := os.ReadFile(pid)
	if err != nil {
		t.Fatal(err)
	}
	child, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil || !running(child) {
		t.Fatalf("the daemon %d was ended with its starter: %v", child, err)
	}
	unix.Kill(child, unix.SIGKILL) //nolint:errcheck // it may have ended
}

func TestStartThatIsGivenUpEndsAtOnce(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(100*time.Millisecond, cancel)
	k := Control{Start: script(t, "sleep 60\n"), StartTimeout: time.Minute}
	within(t, 5*time.Second, func() {
		if err := New(nil).Start(ctx, "orders", k); err == nil || !strings.HasSuffix(err.Error(), "given up") {
			t.Errorf("%v", err)
		}
	})
}

func TestStopWithoutACommandDoesNothing(t *testing.T) {
	t.Parallel()
	if err := New(nil).Stop(context.Background(), "orders", Control{Start: []string{"/bin/true"}, StopTimeout: time.Second}); err != nil {
		t.Error(err)
	}
}

func TestUnitsAreStartedAndStoppedOverTheBus(t *testing.T) {
	t.Parallel()
	m := fakesystemd.Start(t, map[string]fakesystemd.Behaviour{"good.service": fakesystemd.Good, "fails.service": fakesystemd.Fails,
		"hangs.service": fakesystemd.Hangs, "dies.service": fakesystemd.Dies})
	c := New(nil, WithBus(m.Address))
	defer c.Close()
	ctx := context.Background()
	unit := func(name string) Control {
		return Control{Unit: name, StartTimeout: time.Second, StopTimeout: 2 * time.Second}
	}
	for range 2 { // twice is once
		if err := c.Start(ctx, "orders", unit("good.service")); err != nil {
			t.Error(err)
		}
	}
	if err := c.Stop(ctx, "orders", unit("good.service")); err != nil {
		t.Error(err)
	}
	for name, want := range map[string]string{
		"fails.service": "the job ended as failed (failed; see systemctl status fails.service)",
		"dies.service":  "the unit is failed (exit-code; see systemctl status dies.service)",
		"hangs.service": "not done within 1s",
		"other.service": "Unit other.service not found.",
	} {
		if err := c.Start(ctx, "orders", unit(name)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
	if err := c.Stop(ctx, "orders", unit("fails.service")); err != nil { // what failed is stopped
		t.Error(err)
	}
	if calls := m.Called(); calls[0] != "start good.service replace" || calls[2] != "stop good.service replace" {
		t.Errorf("asked for %q", calls)
	}
	m.Stop()
	if err := c.Start(ctx, "orders", unit("good.service")); err == nil {
		t.Error("started without a bus")
	}
}
