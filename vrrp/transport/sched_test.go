// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// needRealtime skips a test where real-time scheduling is not to be had.
func needRealtime(t *testing.T) {
	t.Helper()
	err := RunRealtime(MinRealtimePriority, func() error { return nil })
	if errors.Is(err, unix.EPERM) {
		t.Skip(err)
	}
	must(t, err)
}

// policyOfChild starts a program that prints its own scheduling, by way of start, and returns policy and real-time priority.
func policyOfChild(t *testing.T, start func(func() error) error) (policy, priority int) {
	t.Helper()
	cmd := exec.Command("cat", "/proc/self/stat")
	var out strings.Builder
	cmd.Stdout = &out
	must(t, start(cmd.Start))
	must(t, cmd.Wait())
	// proc_pid_stat(5): the name in parentheses may have spaces; policy is field 41, rt_priority field 40.
	_, rest, found := strings.Cut(out.String(), ") ")
	fields := strings.Fields(rest)
	if !found || len(fields) < 39 {
		t.Fatalf("cannot read %q", out.String())
	}
	priority, err := strconv.Atoi(fields[37])
	must(t, err)
	policy, err = strconv.Atoi(fields[38])
	must(t, err)
	return policy, priority
}

func TestChildrenInheritRealtimeSchedulingAndScriptsDoNot(t *testing.T) {
	needRealtime(t)
	for _, test := range []struct {
		name             string
		start            func(func() error) error
		policy, priority int
	}{
		{"worker", func(f func() error) error { return RunRealtime(17, f) }, unix.SCHED_RR, 17},
		{"script of a real-time process", func(f func() error) error {
			return RunRealtime(17, func() error { return RunOrdinary(f) })
		}, unix.SCHED_NORMAL, 0},
		{"script of an ordinary process", RunOrdinary, unix.SCHED_NORMAL, 0},
		{"after all that", func(f func() error) error { return f() }, unix.SCHED_NORMAL, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			policy, priority := policyOfChild(t, test.start)
			if policy != test.policy || priority != test.priority {
				t.Errorf("child has policy %d, priority %d; want %d, %d", policy, priority, test.policy, test.priority)
			}
		})
	}
}

func TestRealtimeLeavesNoRealtimeThreadBehind(t *testing.T) {
	needRealtime(t)
	for range 8 {
		must(t, RunRealtime(5, func() error {
			is, err := Realtime()
			if err == nil && !is {
				err = errors.New("the thread is not real-time")
			}
			return err
		}))
	}
	tasks, err := filepath.Glob("/proc/self/task/*")
	must(t, err)
	for _, task := range tasks {
		id, err := strconv.Atoi(filepath.Base(task))
		must(t, err)
		attr, err := unix.SchedGetAttr(id, 0)
		if errors.Is(err, unix.ESRCH) {
			continue // it has ended since
		}
		must(t, err)
		if attr.Policy != unix.SCHED_NORMAL {
			t.Errorf("thread %d has policy %d", id, attr.Policy)
		}
	}
}

func TestRealtimeErrorsSayWhatIsNeeded(t *testing.T) {
	failed := errors.New("f failed")
	if err := RunRealtime(MinRealtimePriority, func() error { return failed }); !errors.Is(err, failed) && !errors.Is(err, unix.EPERM) {
		t.Errorf("got %v, want what f returned", err)
	}
	if err := RunRealtime(100, func() error { return nil }); err == nil || !strings.Contains(err.Error(), "want 1 to 99") {
		t.Errorf("priority 100: got %v, want the range", err)
	}
	if err := realtimeError(45, unix.EPERM); !strings.Contains(err.Error(), "CAP_SYS_NICE") || !strings.Contains(err.Error(), "RT_GROUP_SCHED") {
		t.Errorf("got %q, want what is needed", err)
	}
}

// child runs one test of this binary in a process of its own, where it does what would spoil this one.
func child(t *testing.T, part string) (string, error) {
	t.Helper()
	cmd := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), "TRANSPORT_TEST_PART="+part)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// inChild reports whether this is the process that child made.
func inChild(part string) bool { return os.Getenv("TRANSPORT_TEST_PART") == part }

func TestLockedMemoryIsLockedAndNoLarger(t *testing.T) {
	if inChild("lock") {
		if err := LockMemory(); err != nil {
			fmt.Println(err)
			return
		}
		// The heap grows and shrinks under the lock.
		for range 4 {
			b := make([]byte, 16<<20)
			for i := 0; i < len(b); i += 4096 {
				b[i] = 1
			}
			runtime.KeepAlive(b)
			debug.FreeOSMemory()
		}
		status, err := os.ReadFile("/proc/self/status")
		must(t, err)
		fmt.Println(string(status))
		return
	}
	out, err := child(t, "lock")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if strings.Contains(out, "needs CAP_IPC_LOCK") {
		t.Skip(out)
	}
	kilobytes := func(name string) int {
		_, rest, _ := strings.Cut(out, name+":")
		fields := strings.Fields(rest)
		if len(fields) == 0 {
			t.Fatalf("no %s in %s", name, out)
		}
		n, err := strconv.Atoi(fields[0])
		must(t, err)
		return n
	}
	if kilobytes("VmLck") == 0 {
		t.Error("no memory is locked")
	}
	// Without MCL_ONFAULT each heap arena would be resident as a whole: 64 MiB and more. The race detector's shadow is not counted.
	if rss := kilobytes("VmRSS"); rss > 128<<10 && !raceEnabled() {
		t.Errorf("%d kB are resident, want what is used, below 128 MiB", rss)
	}
}

// raceEnabled reports whether this binary was built with the race detector.
func raceEnabled() bool {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return false
	}
	for _, s := range info.Settings {
		if s.Key == "-race" {
			return s.Value == "true"
		}
	}
	return false
}

func TestLimitedRealtimeEndsAnEndlessLoop(t *testing.T) {
	needRealtime(t)
	if inChild("limit") {
		must(t, LimitRealtime(50*time.Millisecond))
		must(t, RunRealtime(MinRealtimePriority, func() error {
			for start := time.Now(); time.Since(start) < 5*time.Second; {
			}
			return nil
		}))
		return
	}
	out, err := child(t, "limit")
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		t.Fatalf("child ended with %v, want it killed\n%s", err, out)
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); !ok || status.Signal() != unix.SIGKILL {
		t.Errorf("child ended with %v, want SIGKILL\n%s", err, out)
	}
}

func TestTuneLeavesSpareProcessorsAndCanBeUndone(t *testing.T) {
	for _, name := range []string{"GOMAXPROCS", "GOGC", "GOMEMLIMIT"} {
		t.Setenv(name, "")
	}
	before := runtime.GOMAXPROCS(0)
	restore := Tune()
	if got, want := runtime.GOMAXPROCS(0), max(runtime.NumCPU()+2, 4); got != want {
		t.Errorf("GOMAXPROCS %d, want %d", got, want)
	}
	restore()
	if got := runtime.GOMAXPROCS(0); got != before {
		t.Errorf("GOMAXPROCS %d afterwards, want %d", got, before)
	}
}

func TestTuneLeavesTheOperatorsChoice(t *testing.T) {
	for _, name := range []string{"GOMAXPROCS", "GOGC", "GOMEMLIMIT"} {
		t.Setenv(name, "1")
	}
	before := runtime.GOMAXPROCS(0)
	defer Tune()()
	if got := runtime.GOMAXPROCS(0); got != before {
		t.Errorf("GOMAXPROCS %d, want %d", got, before)
	}
}
