// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/internal/netlab"
	"github.com/regent-ha/regent/internal/status"
)

// asRegent makes the test binary the regent command: the tests run real processes without building another binary.
const asRegent = "REGENT_TEST_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asRegent) != "" {
		os.Exit(run(context.Background(), words(os.Args), os.Stdout, os.Stderr))
	}
	os.Exit(netlab.Main(m))
}

// TestScripts holds what people and scripts rely on: texts, exit codes.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Setenv(asRegent, "1")
			e.Setenv("REGENT", os.Args[0])
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits,
		},
	})
}

// exits CODE ARGS… runs regent and holds its exit code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE ARGS…")
	}
	err := ts.Exec(ts.Getenv("REGENT"), args[1:]...)
	code := 0
	var e interface{ ExitCode() int }
	if errors.As(err, &e) {
		code = e.ExitCode()
	} else if err != nil {
		ts.Fatalf("run regent: %v", err)
	}
	if fmt.Sprint(code) != args[0] {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}

// host is a node of a lab with a daemon.
type host struct {
	t *testing.T
	*netlab.Node
	dir string
	cmd *netlab.Cmd
}

// newHost makes a node with a directory of its own.
func newHost(t *testing.T, lab *netlab.Lab, name string, prefixes ...string) *host {
	t.Helper()
	n, err := lab.Node(name, prefixes...)
	if err != nil {
		t.Fatal(err)
	}
	h := &host{t: t, Node: n, dir: filepath.Join(lab.Dir(), name)}
	if err := os.MkdirAll(h.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return h
}

// configure writes the configuration; the node's name comes first.
func (h *host) configure(text string) {
	h.t.Helper()
	if err := os.WriteFile(h.file(), []byte(fmt.Sprintf("node = %q\n", h.Name())+text), 0o644); err != nil {
		h.t.Fatal(err)
	}
}

func (h *host) file() string   { return filepath.Join(h.dir, "regent.toml") }
func (h *host) socket() string { return filepath.Join(h.dir, "run", socketName) }

// start starts the daemon.
func (h *host) start() {
	h.t.Helper()
	h.cmd = h.Command(context.Background(), os.Args[0], "run", "-c", h.file(),
		"--state-dir", filepath.Join(h.dir, "state"), "--run-dir", filepath.Join(h.dir, "run"))
	h.cmd.Env = append(os.Environ(), asRegent+"=1")
	if err := h.cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
}

// worker is the process id of the worker.
func (h *host) worker() int {
	h.t.Helper()
	pid := 0
	h.until("a worker", 5*time.Second, func() bool {
		tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", h.cmd.Pid()))
		if err != nil {
			h.t.Fatal(err)
		}
		for _, task := range tasks {
			if list, err := os.ReadFile(task); err == nil && len(bytes.Fields(list)) > 0 {
				fmt.Sscan(string(list), &pid)
			}
		}
		return pid != 0
	})
	return pid
}

// kill sends a signal to a process of the daemon.
func (h *host) kill(pid int, s unix.Signal) {
	h.t.Helper()
	if err := unix.Kill(pid, s); err != nil {
		h.t.Fatalf("kill %d: %v", pid, err)
	}
}

// status asks the daemon.
func (h *host) status() (status.Snapshot, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	return askStatus(ctx, h.socket())
}

// service is the status of one virtual router.
func (h *host) service(name, family string) (status.Service, bool) {
	s, err := h.status()
	if err != nil {
		return status.Service{}, false
	}
	i := slices.IndexFunc(s.Services, func(v status.Service) bool { return v.Name == name && v.Family == family })
	if i < 0 {
		return status.Service{}, false
	}
	return s.Services[i], true
}

// is waits until a service has a state.
func (h *host) is(name, family, state string) {
	h.t.Helper()
	h.until(fmt.Sprintf("%s/%s %s", name, family, state), 10*time.Second, func() bool {
		v, ok := h.service(name, family)
		return ok && v.State == state
	})
}

// until polls a condition.
func (h *host) until(what string, limit time.Duration, ok func() bool) {
	h.t.Helper()
	deadline := time.Now().Add(limit)
	for !ok() {
		if time.Now().After(deadline) {
			s, err := h.status()
			text, _ := json.Marshal(s) //nolint:errcheck // for the message only
			h.t.Fatalf("%s: not %s within %s; status %s %v\nlog:\n%s", h.Name(), what, limit, text, err, h.log())
		}
		time.Sleep(5 * time.Millisecond) // polls another process
	}
}

// log is what the daemon wrote.
func (h *host) log() string {
	b, err := os.ReadFile(h.cmd.Log)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// logged counts records of an event.
func (h *host) logged(event string) int { return strings.Count(h.log(), "event="+event+" ") }
