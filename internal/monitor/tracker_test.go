// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestEqualChecksOfManyServicesAreRunOnce(t *testing.T) {
	t.Parallel()
	m := newMonitor(t, Options{})
	file := filepath.Join(t.TempDir(), "runs")
	c := Check{Kind: "exec", Command: []string{"/bin/sh", "-c", "echo run >>" + file}, Interval: time.Hour, Timeout: 5 * time.Second, Rise: 1, Fall: 1}
	const services = 100
	for i := range services {
		m.Watch(fmt.Sprint(i), []Check{{Kind: "interface", Target: "lo", Interval: time.Hour, Timeout: time.Second, Rise: 1, Fall: 1}, c})
	}
	heard := map[string]bool{}
	for len(heard) < services {
		if r := <-m.Results(); r.Index == 1 {
			heard[r.Service] = true
		}
	}
	m.Watch("late", []Check{c}) // what is known is told at once
	if r := <-m.Results(); r.Service != "late" || r.Index != 0 || !r.OK {
		t.Errorf("a late one hears %+v", r)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(b), "run"); n != 1 {
		t.Errorf("%d runs, want 1", n)
	}
	for i := range services {
		m.Forget(fmt.Sprint(i))
	}
	m.Hurry("late") // the check goes on for who still has it
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if b, _ = os.ReadFile(file); strings.Count(string(b), "run") == 2 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("after the others left it ran %d times, want 2", strings.Count(string(b), "run"))
		}
	}
}

func TestCommandsEndInWaysThatAreTold(t *testing.T) {
	t.Parallel()
	m := newMonitor(t, Options{})
	for _, c := range []struct {
		script       string
		exit, signal int
		timedOut     bool
	}{{"exit 0", 0, 0, false}, {"exit 3", 3, 0, false}, {"kill -9 $$", -1, 9, false}, {"sleep 60", -1, 9, true}} {
		o := once(t, m, Check{Kind: "exec", Command: []string{"/bin/sh", "-c", c.script}, Timeout: 500 * time.Millisecond})
		if o.exit != c.exit || o.signal != c.signal || o.timedOut != c.timedOut || o.ok != (c.exit == 0) {
			t.Errorf("%q: %+v", c.script, o)
		}
	}
}

func TestCommandsRunAsTheirUser(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	m := newMonitor(t, Options{})
	nobody := &User{UID: 65534, GID: 65534}
	if o := once(t, m, Check{Kind: "exec", Command: []string{"/usr/bin/id", "-u"}, User: nobody}); !o.ok || !strings.HasSuffix(o.detail, "65534") {
		t.Errorf("id: %+v", o)
	}
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if o := once(t, m, Check{Kind: "readable", Target: secret}); !o.ok {
		t.Errorf("readable by root: %+v", o)
	}
	if o := once(t, m, Check{Kind: "readable", Target: secret, User: nobody}); o.ok {
		t.Errorf("readable by nobody: %+v", o)
	}
	if o := once(t, m, Check{Kind: "readable", Target: secret + "x"}); o.ok {
		t.Errorf("one that is not there: %+v", o)
	}
}

func TestCheckThatStartsBadNeedsItsGoodResults(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	for name, c := range map[string]struct {
		results []bool
		told    []bool // whether each is told
		ok      bool
	}{
		"good enough":       {[]bool{true, true, true}, []bool{false, false, true}, true},
		"bad at once":       {[]bool{false}, []bool{true}, false},
		"bad after a while": {[]bool{true, true, false, true}, []bool{false, false, true, false}, false},
	} {
		r := &runner{check: Check{Rise: 3, Fall: 2, StartBad: true}, first: make(chan struct{})}
		var res Result
		for i, ok := range c.results {
			var told bool
			if told, res = r.judge(outcome{ok: ok}, now); told != c.told[i] {
				t.Errorf("%s: result %d is told: %v", name, i+1, told)
			}
		}
		if res.OK != c.ok {
			t.Errorf("%s: the verdict is %v", name, res.OK)
		}
	}
}

// A reload that changes how often a check is run, or how often it must fail, is no reason to forget what it found.
func TestACheckKeepsItsVerdictWhenItsIntervalChanges(t *testing.T) {
	t.Parallel()
	m := newMonitor(t, Options{})
	c := Check{Name: "load", Kind: "exec", Command: []string{"/bin/false"}, Interval: time.Hour, Timeout: 5 * time.Second, Rise: 1, Fall: 1}
	m.Watch("s", []Check{{}, c})
	if r := <-m.Results(); r.OK || r.Index != 1 {
		t.Fatalf("%+v", r)
	}
	was := m.Status("s")
	c.Interval, c.Fall = 2*time.Hour, 3
	other := Check{Name: "other", Kind: "exec", Command: []string{"/bin/sleep", "60"}, Interval: time.Hour, Timeout: time.Minute, Rise: 1, Fall: 1}
	m.Watch("s", []Check{c, other})
	now := m.Status("s")
	if len(was) != 1 || len(now) != 1 || now[0].Index != 0 || now[0].Detail != was[0].Detail || now[0].OK {
		t.Errorf("before %+v, after %+v", was, now)
	}
	if r := <-m.Results(); r.Index != 0 || r.OK {
		t.Errorf("%+v", r)
	}
}

func TestWhatIsOnThisHostIsKnownAtOnce(t *testing.T) {
	t.Parallel()
	m := newMonitor(t, Options{Limit: 1})
	slow := Check{Kind: "exec", Command: []string{"/bin/sleep", "60"}, Interval: time.Hour, Timeout: time.Minute, Rise: 1, Fall: 1}
	m.Watch("s", []Check{slow, {Kind: "number", Target: filepath.Join(t.TempDir(), "n"), Interval: time.Hour, Timeout: time.Second, Rise: 1, Fall: 1},
		{Kind: "interface", Target: "lo", Interval: time.Hour, Timeout: time.Second, Rise: 1, Fall: 1}})
	m.Await(10 * time.Second)
	got := m.Status("s")
	if len(got) != 2 || got[0].Index != 1 || got[1].Index != 2 {
		t.Errorf("%+v", got)
	}
}

func TestNumbersAreReadAsStrtolDoes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{"": 0, "5": 5, " -12\n": -12, "+7": 7, "0x1F": 31, "0X1f z": 31, "010": 8, "08": 0, "0x": 0, "12abc": 12, "abc": 0, "-": 0,
		"99999999999999999999": math.MaxInt32, "-99999999999999999999": math.MinInt32, "2147483648": math.MaxInt32} {
		if got := leadingNumber(text); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
	path := filepath.Join(t.TempDir(), "n")
	if o := number(path); !o.ok || o.value != 0 {
		t.Errorf("a file that is not there: %+v", o)
	}
	if err := os.WriteFile(path, []byte("-3\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if o := number(path); !o.ok || o.value != -3 {
		t.Errorf("%+v", o)
	}
}

func FuzzLeadingNumber(f *testing.F) {
	for _, s := range []string{"5", "-0x1f", "08", " 12 x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n := leadingNumber(s)
		if n < math.MinInt32 || n > math.MaxInt32 {
			t.Errorf("%q: %d", s, n)
		}
		if d, err := strconv.ParseInt(s, 10, 32); err == nil && !strings.HasPrefix(strings.TrimLeft(s, "+-"), "0") && d != n {
			t.Errorf("%q: %d, want %d", s, n, d)
		}
	})
}

func TestProcessesMatchByNameAndArguments(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		p    Process
		comm string
		args string // parted by blanks
		want bool
	}{
		{Process{}, "haproxy", "/usr/sbin/haproxy -f x", true},
		{Process{}, "other", "/usr/sbin/other", false},
		{Process{}, "sh", "/opt/haproxy", true},
		{Process{Match: "exact", Arguments: []string{"-f", "x"}}, "haproxy", "haproxy -f x", true},
		{Process{Match: "exact", Arguments: []string{"-f"}}, "haproxy", "haproxy -f x", false},
		{Process{Match: "partial", Arguments: []string{"-f"}}, "haproxy", "haproxy -f x", true},
		{Process{Match: "partial", Arguments: []string{"-f", "y"}}, "haproxy", "haproxy -f x", false},
		{Process{Match: "initial", Arguments: []string{"-f", "/etc"}}, "haproxy", "haproxy -f /etc/x -d", true},
		{Process{Match: "initial", Arguments: []string{"-g", "/etc"}}, "haproxy", "haproxy -f /etc/x", false},
		{Process{FullCommand: true}, "haproxy", "/usr/sbin/haproxy", false},
	} {
		check := Check{Target: "haproxy", Process: &c.p}
		if got := check.matches(c.comm, strings.Fields(c.args)); got != c.want {
			t.Errorf("%+v: %s %q: %v", c.p, c.comm, c.args, got)
		}
	}
	long := Check{Target: "a-very-long-daemon-name", Process: &Process{}}
	if !long.matches("a-very-long-dae", nil) {
		t.Error("the kernel keeps 15 bytes of a name")
	}
}

func TestCensusWaitsBeforeItTurns(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	c := newCensus("/proc", &Check{Process: &Process{Quorum: 1, ForkDelay: 2 * time.Second, TerminateDelay: time.Second}})
	for i, step := range []struct {
		after  time.Duration
		enough bool
		want   bool
	}{{0, true, true}, {0, false, true}, {500 * time.Millisecond, true, true}, {0, false, true}, {time.Second, false, false}, {0, true, false}, {2 * time.Second, true, true}} {
		now = now.Add(step.after)
		if got, _ := c.settle(step.enough, now); got != step.want {
			t.Errorf("step %d: %v, want %v", i, got, step.want)
		}
	}
}

func TestProcessesAreCounted(t *testing.T) {
	t.Parallel()
	proc := t.TempDir()
	for pid, line := range map[string]string{"1": "web\x00-a\x00", "2": "web\x00-b\x00", "3": "other\x00", "4": "web\x00"} {
		dir := filepath.Join(proc, pid)
		state := "S"
		if pid == "4" {
			state = "Z"
		}
		for name, text := range map[string]string{"comm": strings.SplitN(line, "\x00", 2)[0] + "\n", "cmdline": line, "stat": pid + " (x) " + state + " 1"} {
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, c := range []struct {
		quorum, most int
		want         bool
	}{{1, 0, true}, {2, 0, true}, {3, 0, false}, {1, 1, false}, {1, 2, true}} {
		o := newCensus(proc, &Check{Target: "web", Process: &Process{Quorum: c.quorum, QuorumMax: c.most}}).look(t.Context())
		if o.ok != c.want || o.value != 2 {
			t.Errorf("%+v: %+v", c, o)
		}
	}
}
