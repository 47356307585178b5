// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"bytes"
	"encoding/binary"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// procMessage is a netlink message of the connector.
func procMessage(what uint32, data ...uint32) []byte {
	b := askProcEvents(true)[:eventAt]
	b = binary.NativeEndian.AppendUint32(b, what)
	b = append(b, make([]byte, eventHeader-4)...)
	for _, d := range data {
		b = binary.NativeEndian.AppendUint32(b, d)
	}
	binary.NativeEndian.PutUint32(b, uint32(len(b)))
	binary.NativeEndian.PutUint16(b[netlinkHeader+16:], uint16(len(b)-eventAt))
	return b
}

func TestEventsOfProcessesAreRead(t *testing.T) {
	t.Parallel()
	two := append(procMessage(processFork, 1, 10, 20, 20), procMessage(processExit, 20, 20, 0, 9)...)
	for name, c := range map[string]struct {
		b    []byte
		want []procEvent
		bad  bool
	}{
		"fork and exit": {two, []procEvent{{what: processFork, parent: 10, thread: 20, pid: 20}, {what: processExit, thread: 20, pid: 20}}, false},
		"exec":          {procMessage(processExec, 5, 5), []procEvent{{what: processExec, thread: 5, pid: 5}}, false},
		"refused":       {procMessage(processAck, 1), []procEvent{{what: processAck, refused: 1}}, false},
		"another event": {procMessage(0x40, 5, 5, 0, 0), nil, false},
		"too short":     {procMessage(processFork, 1, 2), nil, false},
		"cut off":       {two[:len(two)-3], []procEvent{{what: processFork, parent: 10, thread: 20, pid: 20}}, true},
		"rubbish":       {bytes.Repeat([]byte{0xff}, 40), nil, true},
		"empty":         {nil, nil, false},
	} {
		got, err := parseProcEvents(nil, c.b)
		if d := cmp.Diff(c.want, got, cmp.AllowUnexported(procEvent{})); d != "" || (err != nil) != c.bad {
			t.Errorf("%s: %v, -want +got\n%s", name, err, d)
		}
	}
}

func FuzzParseProcEvents(f *testing.F) {
	f.Add(append(procMessage(processFork, 1, 10, 20, 20), procMessage(processExit, 20, 20, 0, 9)...))
	f.Add(procMessage(processExec, 5, 5))
	f.Add(procMessage(processAck, 0))
	f.Fuzz(func(t *testing.T, b []byte) {
		events, err := parseProcEvents(nil, b)
		if len(events) > len(b)/netlinkHeader {
			t.Fatalf("%d events from %d octets: %v", len(events), len(b), err)
		}
	})
}

func TestACensusFollowsProcesses(t *testing.T) {
	t.Parallel()
	proc := t.TempDir()
	put := func(pid int, name string) {
		dir := filepath.Join(proc, strconv.Itoa(pid))
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		for file, text := range map[string]string{"comm": name + "\n", "cmdline": name + "\x00", "stat": strconv.Itoa(pid) + " (" + name + ") S 1"} {
			if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	put(1, "init")
	put(7, "web")
	c := newCensus(proc, &Check{Target: "web", Process: &Process{Quorum: 1}})
	now := time.Unix(1000, 0)
	c.now = func() time.Time { return now }
	f := newFollower(slog.New(slog.DiscardHandler))
	f.tried, f.heard = true, true
	hurried := 0
	var running sync.WaitGroup
	f.add(t.Context(), &running, c, func() { hurried++ })
	count := func(want int) {
		t.Helper()
		if n := int(c.look(t.Context()).value); n != want {
			t.Errorf("%d processes, want %d", n, want)
		}
	}
	count(1)
	put(8, "web")
	count(1) // nobody said so
	f.tell(procEvent{what: processExec, pid: 8})
	count(2)
	f.tell(procEvent{what: processFork, parent: 8, pid: 9})
	f.tell(procEvent{what: processFork, parent: 1, pid: 10})
	count(3)
	put(9, "other")
	f.tell(procEvent{what: processExec, pid: 9})
	f.tell(procEvent{what: processExit, pid: 7})
	f.tell(procEvent{what: processExit, pid: 1})
	put(8, "weber")
	f.tell(procEvent{what: processName, pid: 8})
	count(0)
	if hurried != 5 {
		t.Errorf("it was hurried %d times, want once for each change", hurried)
	}
	f.lost()
	count(1) // 7 is still there: it was counted anew
	if err := os.RemoveAll(filepath.Join(proc, "7")); err != nil {
		t.Fatal(err)
	}
	now = now.Add(firstRecount)
	count(0)
	put(7, "web")
	now = now.Add(recount - time.Millisecond)
	count(0)
	now = now.Add(time.Millisecond)
	count(1)
	f.remove(c)
	f.tell(procEvent{what: processExit, pid: 7})
	count(1)
}

func TestADelayedVerdictIsLookedForInTime(t *testing.T) {
	t.Parallel()
	proc := t.TempDir()
	c := newCensus(proc, &Check{Process: &Process{Quorum: 1, QuorumMax: 1, ForkDelay: 2 * time.Second, TerminateDelay: 300 * time.Millisecond}})
	now := time.Unix(1000, 0)
	c.now = func() time.Time { return now }
	c.followed, c.again, c.pids = true, now.Add(time.Hour), map[int]struct{}{5: {}}
	look := func(ok bool, again time.Duration) {
		t.Helper()
		if o := c.look(t.Context()); o.ok != ok || o.again != again {
			t.Errorf("at %v: %v, again in %v, want %v in %v", now.Sub(time.Unix(1000, 0)), o.ok, o.again, ok, again)
		}
	}
	look(true, 0)
	c.hear(procEvent{what: processExit, pid: 5}, nil)
	look(true, 300*time.Millisecond)
	now = now.Add(200 * time.Millisecond)
	look(true, 100*time.Millisecond)
	now = now.Add(100 * time.Millisecond)
	look(false, 0)
	c.pids[6] = struct{}{}
	look(false, 2*time.Second)
	delete(c.pids, 6)
	look(false, 0)
}

// Where the kernel tells of processes, a death is known long before the interval is over; elsewhere the interval finds it.
func TestADeathIsKnownAtOnce(t *testing.T) {
	t.Parallel()
	var said bytes.Buffer
	m := newMonitor(t, Options{Logger: slog.New(slog.NewTextHandler(&said, nil))})
	seconds := strconv.Itoa(100000 + os.Getpid()) // nobody else's
	victim := exec.Command("sleep", seconds)
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { victim.Process.Kill(); victim.Wait() }) //nolint:errcheck // it has ended, mostly
	interval := time.Second
	m.Watch("s", []Check{{Kind: "process", Target: "sleep", Interval: interval, Timeout: time.Second, Rise: 1, Fall: 1,
		Process: &Process{Quorum: 1, Match: "exact", Arguments: []string{seconds}}}})
	if r := <-m.Results(); !r.OK {
		t.Fatalf("it does not run: %+v", r)
	}
	heard := func() bool { m.follow.mu.Lock(); defer m.follow.mu.Unlock(); return m.follow.heard }
	for deadline := time.Now().Add(2 * ackWithin); !heard() && time.Now().Before(deadline); {
		<-time.After(time.Millisecond)
	}
	begin := time.Now()
	if err := victim.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	victim.Wait() //nolint:errcheck // it was killed
	r := <-m.Results()
	took := time.Since(begin)
	t.Logf("known after %v; the kernel tells: %v", took, heard())
	if r.OK || heard() && took > interval/2 {
		t.Errorf("%+v after %v", r, took)
	}
}
