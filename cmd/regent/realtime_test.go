// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/internal/netlab"
	"github.com/regent-ha/regent/vrrp/transport"
)

// realtime = true makes every thread of the worker real-time and keeps its memory; the supervisor stays ordinary.
func TestRealtimeWorker(t *testing.T) {
	t.Parallel()
	if err := transport.RunRealtime(transport.DefaultRealtimePriority, func() error { return nil }); err != nil {
		if os.Getenv(netlab.RequireVariable) == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	lab := netlab.Test(t)
	db1 := newHost(t, lab, "db1", "10.99.0.1/24")
	db1.configure("realtime = true\n" + steady)
	db1.start()
	db1.is("steady", "ipv4", "active")
	worker := db1.worker()
	for _, policy := range policies(t, worker) {
		if policy != unix.SCHED_RR {
			t.Errorf("a thread of the worker has scheduling policy %d, want SCHED_RR", policy)
		}
	}
	for _, policy := range policies(t, db1.cmd.Pid()) {
		if policy != unix.SCHED_NORMAL {
			t.Errorf("a thread of the supervisor has scheduling policy %d, want the ordinary one", policy)
		}
	}
	if kb := locked(t, worker); kb == 0 {
		t.Error("the worker's memory is not locked")
	}
	// The next worker is real-time again.
	db1.kill(worker, unix.SIGKILL)
	db1.until("another worker", 5*time.Second, func() bool { return db1.logged("RG1702") == 1 })
	for _, policy := range policies(t, db1.worker()) {
		if policy != unix.SCHED_RR {
			t.Errorf("after a crash a thread has scheduling policy %d, want SCHED_RR", policy)
		}
	}
}

// policies of the threads of a process.
func policies(t *testing.T, pid int) []int {
	t.Helper()
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		t.Fatal(err)
	}
	var out []int
	for _, task := range tasks {
		tid, err := strconv.Atoi(task.Name())
		if err != nil {
			t.Fatal(err)
		}
		attr, err := unix.SchedGetAttr(tid, 0)
		if err != nil {
			continue // it ended meanwhile
		}
		out = append(out, int(attr.Policy))
	}
	return out
}

// locked is the locked memory of a process in KiB.
func locked(t *testing.T, pid int) int {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "VmLck:"); ok {
			kb, err := strconv.Atoi(strings.Fields(rest)[0])
			if err != nil {
				t.Fatal(err)
			}
			return kb
		}
	}
	t.Fatal("no VmLck")
	return 0
}
