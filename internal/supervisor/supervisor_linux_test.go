// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/internal/netlab"
	"github.com/regent-ha/regent/vrrp"
)

// What makes the test binary a worker: a role, and its last will.
const (
	roleVariable = "REGENT_TEST_ROLE"
	willVariable = "REGENT_TEST_WILL"
)

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		os.Exit(play(role))
	}
	os.Exit(netlab.Main(m))
}

// play is a worker. Its frames are written at once, unlike those of a Client, so that it can die right after one.
func play(role string) int {
	switch role {
	case "config":
		return exitConfig
	case "fail":
		return exitFailed
	case "quit":
		return exitDone
	}
	orders := make(chan os.Signal, 4)
	signal.Notify(orders, unix.SIGTERM, unix.SIGHUP)
	if role == "obey" || role == "obey, exit 4" {
		return obey(role, orders)
	}
	line := os.NewFile(3, "line")
	tell := func(ms ...message) {
		var b []byte
		for _, m := range ms {
			b, _ = appendFrame(b, m)
		}
		line.Write(b) //nolint:errcheck // the parent's end is the test's
	}
	if role == "hold" {
		tell(message{Verb: verbHold, FD: 4})
	}
	if e := bequest(); e != nil {
		tell(message{Verb: verbPut, ID: 1, Entry: e})
	}
	if role == "nothing left" {
		tell(message{Verb: verbDelete, ID: 1})
	}
	// The limit is too short on purpose: the parent knows the least.
	words := []message{{Verb: verbLimit, Limit: time.Millisecond}, {Verb: verbBeat}, {Verb: verbReady, Text: role}}
	if role == "linger" { // at once: who is ended before it said farewell has died
		words = append(words, message{Verb: verbFarewell})
	}
	tell(words...)
	switch role {
	case "die", "hold", "nothing left":
		unix.Kill(os.Getpid(), unix.SIGKILL) //nolint:errcheck // it does
	case "stop":
		unix.Kill(os.Getpid(), unix.SIGSTOP) //nolint:errcheck // it does
	case "garbage":
		line.WriteString("panic: runtime error: index out of range") //nolint:errcheck // the parent's end is the test's
	case "half a frame":
		line.Write([]byte{0, 0, 1}) //nolint:errcheck // the parent's end is the test's
		line.Close()                //nolint:errcheck // this is the point
	case "crash":
		return 2
	case "crash late":
		for range orders {
			return 2
		}
	case "leave":
		tell(message{Verb: verbFarewell})
		return exitFailed
	case "linger":
		line.Close() //nolint:errcheck // this is the point
	case "deaf":
		for range time.Tick(beatFastest) {
			tell(message{Verb: verbBeat})
		}
	}
	for { // deaf as well
		<-orders
	}
}

// obey is a worker as it should be.
func obey(role string, orders <-chan os.Signal) int {
	c, err := Connect()
	if err != nil {
		return 5
	}
	ctx, cancel := context.WithCancel(context.Background())
	over := make(chan struct{})
	beat := uint64(0)
	go func() {
		defer close(over)
		c.Run(ctx, func() uint64 { beat++; return beat }, cancel)
	}()
	if e := bequest(); e != nil {
		c.Will(1, e)
	}
	c.Limit(5 * time.Second)
	c.Ready(fmt.Sprintf("after a crash: %t", c.AfterCrash))
	for {
		select {
		case sig := <-orders:
			if sig == unix.SIGHUP {
				c.Reloading()
				c.Ready("reloaded")
				continue
			}
		case <-ctx.Done():
		}
		c.Stopping(0)
		c.Farewell()
		cancel()
		<-over
		if role == "obey, exit 4" {
			return 4
		}
		return exitDone
	}
}

// bequest is the last will that the test wants of this worker.
func bequest() *Entry {
	var e *Entry
	if text := os.Getenv(willVariable); text != "" {
		if err := json.Unmarshal([]byte(text), &e); err != nil {
			panic(err)
		}
	}
	return e
}

// nowhere is a will on an interface that is not there: nothing can be sent, nobody heard.
func nowhere() *Entry {
	return &Entry{
		Name: "orders", Interface: "nowhere0", Index: 1 << 20, Family: vrrp.IPv4, VRID: 51, Source: netip.MustParseAddr("10.99.0.1"),
		Adverts:   []Advert{{netip.MustParseAddr("224.0.0.18"), []byte{0x31, 51, 0, 1}}},
		Addresses: []Address{{netip.MustParsePrefix("10.99.0.101/24"), 1 << 20}}, Down: time.Second,
	}
}

// text collects a log.
type text struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *text) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *text) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// eventually polls until the condition holds.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for limit := time.Now().Add(15 * time.Second); !condition(); {
		if time.Now().After(limit) {
			t.Fatalf("not within 15 s: %s", what)
		}
		time.Sleep(2 * time.Millisecond) // polls
	}
}

// parent is a supervisor under test, with one worker after the other in the roles given; the last role repeats.
type parent struct {
	t       *testing.T
	options Options
	roles   []string
	wills   []*Entry // of the workers, likewise
	extra   []*os.File
	refuse  int // the start, from 1, that fails
	node    *netlab.Node
	signals chan os.Signal
	log     text
	cancel  context.CancelFunc
	done    chan struct{}
	code    int // after done

	mu      sync.Mutex
	calls   []string // of the kernel's functions
	deaths  []string
	states  []string // told to systemd
	starts  []time.Time
	workers []*exec.Cmd
}

func newParent(t *testing.T, roles ...string) *parent {
	t.Helper()
	p := &parent{t: t, roles: roles, signals: make(chan os.Signal, 4), done: make(chan struct{})}
	p.options = Options{
		Worker:  []string{"/proc/self/exe"},
		Log:     slog.New(slog.NewTextHandler(&p.log, nil)),
		Signals: p.signals,
		Start:   p.start,
		Died: func(text string, _ ...any) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.deaths = append(p.deaths, text)
		},
		Notify: func(state string) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.states = append(p.states, state)
		},
		Kernel: Kernel{
			LiftServing: func(context.Context) error { p.called("lift"); return nil },
			Keep: func(as []Address, lease time.Duration) error {
				p.called(fmt.Sprintf("keep %s for %s", prefixes(as), lease))
				return nil
			},
			Remove: func(as []Address) error { p.called("remove " + prefixes(as)); return nil },
		},
	}
	return p
}

func prefixes(as []Address) string {
	var out []string
	for _, a := range as {
		out = append(out, a.Prefix.String())
	}
	slices.Sort(out)
	return strings.Join(out, ",")
}

// pick returns the nth of a list, or the last.
func pick[E any](list []E, n int) (e E) {
	if len(list) > 0 {
		e = list[min(n, len(list)-1)]
	}
	return e
}

func (p *parent) start(cmd *exec.Cmd) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.starts)
	p.starts = append(p.starts, time.Now())
	if n+1 == p.refuse {
		return errors.New("refused by the test")
	}
	cmd.Env = append(cmd.Env, roleVariable+"="+pick(p.roles, n))
	if e := pick(p.wills, n); e != nil {
		b, err := json.Marshal(e)
		if err != nil {
			return err
		}
		cmd.Env = append(cmd.Env, willVariable+"="+string(b))
	}
	cmd.ExtraFiles = append(cmd.ExtraFiles, p.extra...)
	p.workers = append(p.workers, cmd)
	return cmd.Start()
}

// run runs the supervisor, in its node if it has one.
func (p *parent) run() *parent {
	p.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel = cancel
	go func() {
		defer close(p.done)
		run := func() error { p.code = Run(ctx, p.options); return nil }
		if p.node == nil {
			_ = run() // never fails
			return
		}
		if err := p.node.Do(run); err != nil {
			p.t.Error(err)
		}
	}()
	p.t.Cleanup(func() {
		cancel()
		for ended := false; !ended; {
			p.mu.Lock()
			for _, w := range p.workers {
				w.Process.Kill() //nolint:errcheck // most are dead
			}
			p.mu.Unlock()
			select {
			case <-p.done:
				ended = true
			case <-time.After(20 * time.Millisecond): // until no worker is started any more
			}
		}
		if p.t.Failed() {
			p.t.Logf("log:\n%s", p.log.String())
		}
	})
	return p
}

func (p *parent) called(what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls = append(p.calls, what)
}

// ready waits until the nth worker has said that it works.
func (p *parent) ready(n int) {
	p.t.Helper()
	eventually(p.t, fmt.Sprintf("%d workers ready", n), func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		count := 0
		for _, s := range p.states {
			if strings.HasPrefix(s, "READY=1") && s != "READY=1\nSTATUS=reloaded" {
				count++
			}
		}
		return count >= n
	})
}

// has waits for a call of the kernel.
func (p *parent) has(call string) {
	p.t.Helper()
	eventually(p.t, call, func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return slices.Contains(p.calls, call)
	})
}

// exits waits for the end, and judges what it came to.
func (p *parent) exits(code, starts, deaths int) {
	p.t.Helper()
	select {
	case <-p.done:
	case <-time.After(20 * time.Second):
		p.t.Fatal("the supervisor has not ended after 20 s")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.code != code {
		p.t.Errorf("exit code %d, want %d", p.code, code)
	}
	if len(p.starts) != starts {
		p.t.Errorf("%d workers were started, want %d", len(p.starts), starts)
	}
	if len(p.deaths) != deaths {
		p.t.Errorf("deaths %q, want %d", p.deaths, deaths)
	}
	for _, w := range p.workers {
		if w.ProcessState == nil {
			p.t.Errorf("worker %d was left behind", w.Process.Pid)
		}
	}
}

// did compares what was done to the kernel.
func (p *parent) did(want ...string) {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if !slices.Equal(p.calls, want) {
		p.t.Errorf("done to the kernel: %q, want %q", p.calls, want)
	}
}

func TestPlannedStopEndsWithTheWorkersCode(t *testing.T) {
	t.Parallel()
	for role, code := range map[string]int{"obey": exitDone, "obey, exit 4": 4} {
		for _, by := range []os.Signal{unix.SIGTERM, os.Interrupt, nil} {
			t.Run(fmt.Sprintf("%s by %v", role, by), func(t *testing.T) {
				t.Parallel()
				p := newParent(t, role)
				p.wills = []*Entry{nowhere()} // given back by the worker itself
				p.run().ready(1)
				if by == nil {
					p.cancel()
				} else {
					p.signals <- unix.SIGTERM
				}
				p.exits(code, 1, 0)
				p.did()
				if want := []string{"READY=1\nSTATUS=after a crash: false", "STOPPING=1"}; !slices.Equal(p.states, want) {
					t.Errorf("systemd was told %q, want %q", p.states, want)
				}
			})
		}
	}
}

// A worker that gave everything back and goes is not called back, whatever its code.
func TestWorkerThatLeavesByItselfIsNotRestarted(t *testing.T) {
	t.Parallel()
	p := newParent(t, "leave")
	p.run().exits(exitFailed, 1, 0)
	p.did()
}

func TestWorkerThatNeverWorkedIsNotRestarted(t *testing.T) {
	t.Parallel()
	for role, code := range map[string]int{"config": exitConfig, "fail": exitFailed, "quit": exitFailed} {
		t.Run(role, func(t *testing.T) {
			t.Parallel()
			newParent(t, role).run().exits(code, 1, 0)
		})
	}
	t.Run("no such program", func(t *testing.T) {
		t.Parallel()
		p := newParent(t, "obey")
		p.options.Start = nil
		p.options.Worker = []string{"/nowhere/regent"}
		p.run().exits(exitFailed, 0, 0)
	})
}

// After a crash the service is worth more than the exit code: a refused configuration or a failed start is tried again.
func TestWorkerThatWorkedIsRestartedWhateverHappens(t *testing.T) {
	t.Parallel()
	p := newParent(t, "die", "config", "obey")
	p.refuse = 3
	p.run().ready(2)
	p.signals <- unix.SIGTERM
	p.exits(exitDone, 4, 2)
}

// hangs is a role of which the parent learns by its heartbeat only.
const hangs = "stop"

func TestLastWillOfEveryDeathIsCarriedOut(t *testing.T) {
	t.Parallel()
	for role, cause := range map[string]string{
		"die": "signal: killed", "crash": "exit status 2", "garbage": "signal: killed", "half a frame": "signal: killed",
		hangs: "no heartbeat for " + leastLimit.String(),
	} {
		t.Run(role, func(t *testing.T) {
			t.Parallel()
			p := newParent(t, role, "obey")
			p.wills = []*Entry{nowhere(), nil}
			lift := p.options.Kernel.LiftServing
			p.options.Kernel.LiftServing = func(ctx context.Context) error {
				p.mu.Lock()
				pid := p.workers[0].Process.Pid
				p.mu.Unlock()
				if err := unix.Kill(pid, 0); err != unix.ESRCH {
					t.Errorf("the worker is there while its will is carried out: %v", err)
				}
				return lift(ctx)
			}
			p.run().has("keep 10.99.0.101/24 for 6s")
			p.ready(2)
			p.did("lift", "keep 10.99.0.101/24 for 6s") // nobody inherited it yet: it answers
			p.signals <- unix.SIGTERM
			p.exits(exitDone, 2, 1)
			p.did("lift", "keep 10.99.0.101/24 for 6s", "remove 10.99.0.101/24")
			if want := "the worker died (" + cause; !strings.HasPrefix(p.deaths[0], want) {
				t.Errorf("death reported as %q, want %q …", p.deaths[0], want)
			}
			if want := "READY=1\nSTATUS=after a crash: true"; !slices.Contains(p.states, want) {
				t.Errorf("systemd was told %q, want %q: the second worker must know", p.states, want)
			}
			log := p.log.String()
			if role == "garbage" && !strings.Contains(log, errFrame.Error()) {
				t.Error("the log does not tell of the garbage")
			}
			if hung := p.starts[1].Sub(p.starts[0]); role == hangs && (hung < leastLimit || hung > leastLimit+5*time.Second) {
				t.Errorf("replaced after %s, want %s", hung, leastLimit)
			}
		})
	}
}

func TestWorkerWithoutAWillLeavesTheKernelAlone(t *testing.T) {
	t.Parallel()
	p := newParent(t, "nothing left", "obey")
	p.wills = []*Entry{nowhere(), nil} // put and withdrawn
	p.run().ready(2)
	p.signals <- unix.SIGTERM
	p.exits(exitDone, 2, 1)
	p.did()
}

// The new worker is Active again: the address is its own now.
func TestNewWorkerTakesOverFromTheWill(t *testing.T) {
	t.Parallel()
	p := newParent(t, "die", "obey")
	p.wills = []*Entry{nowhere()}
	p.run().ready(2)
	p.signals <- unix.SIGTERM
	p.exits(exitDone, 2, 1)
	p.did("lift", "keep 10.99.0.101/24 for 6s")
}

// The release is worth more than the refusal.
func TestLastWillDoesNotWaitForTheFirewall(t *testing.T) {
	t.Parallel()
	p := newParent(t, "die", "obey")
	p.wills = []*Entry{nowhere(), nil}
	released := make(chan struct{})
	t.Cleanup(func() { close(released) })
	p.options.Kernel.LiftServing = func(context.Context) error { <-released; return nil }
	p.run().ready(2)
	p.has("keep 10.99.0.101/24 for 6s")
	p.signals <- unix.SIGTERM
	p.exits(exitDone, 2, 1)
	p.did("keep 10.99.0.101/24 for 6s", "remove 10.99.0.101/24")
}

// What the kernel refuses is logged, and nothing is given up for it.
func TestLastWillGoesOnAfterErrors(t *testing.T) {
	t.Parallel()
	p := newParent(t, "die", "obey")
	p.wills = []*Entry{nowhere(), nil}
	k := p.options.Kernel
	no := errors.New("refused by the test")
	p.options.Kernel = Kernel{
		LiftServing: func(ctx context.Context) error { return errors.Join(k.LiftServing(ctx), no) },
		Keep:        func(as []Address, d time.Duration) error { return errors.Join(k.Keep(as, d), no) },
		Remove:      func(as []Address) error { return errors.Join(k.Remove(as), no) },
	}
	p.run().ready(2)
	p.has("keep 10.99.0.101/24 for 6s")
	p.signals <- unix.SIGTERM
	p.exits(exitDone, 2, 1)
	p.did("lift", "keep 10.99.0.101/24 for 6s", "remove 10.99.0.101/24")
	log := p.log.String()
	for _, want := range []string{"lift serving", "release", "addresses end with the leases they have", "remove addresses", "heirs cannot be heard"} {
		if !strings.Contains(log, want) {
			t.Errorf("no word of %q in the log", want)
		}
	}
}

func TestCrashLoopIsSlowedDown(t *testing.T) {
	t.Parallel()
	p := newParent(t, "crash")
	p.run().ready(3)
	p.mu.Lock()
	first, second := p.starts[1].Sub(p.starts[0]), p.starts[2].Sub(p.starts[1])
	p.mu.Unlock()
	if second < backoffFirst {
		t.Errorf("started again after %s and %s, want the second pause to last %s", first, second, backoffFirst)
	}
	// The operator ends the pause of 2 s.
	eventually(t, "third death", func() bool { p.mu.Lock(); defer p.mu.Unlock(); return len(p.deaths) == 3 })
	before := time.Now()
	p.signals <- unix.SIGHUP
	p.ready(4)
	if took := time.Since(before); took > 1900*time.Millisecond {
		t.Errorf("started %s after a SIGHUP, want at once", took)
	}
	// And the loop: the pause is 4 s now.
	eventually(t, "fourth death", func() bool { p.mu.Lock(); defer p.mu.Unlock(); return len(p.deaths) == 4 })
	before = time.Now()
	p.signals <- unix.SIGTERM
	p.exits(exitFailed, 4, 4)
	if took := time.Since(before); took > 3*time.Second {
		t.Errorf("ended %s after a SIGTERM, want at once", took)
	}
}

func TestPauseEndsWithTheContext(t *testing.T) {
	t.Parallel()
	p := newParent(t, "crash")
	p.run().ready(2)
	eventually(t, "second death", func() bool { p.mu.Lock(); defer p.mu.Unlock(); return len(p.deaths) == 2 })
	p.cancel()
	p.exits(exitFailed, 2, 2)
}

func TestReloadIsForwarded(t *testing.T) {
	t.Parallel()
	p := newParent(t, "obey")
	p.run().ready(1)
	p.signals <- unix.SIGHUP
	eventually(t, "reloaded", func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return len(p.states) == 3
	})
	p.signals <- unix.SIGTERM
	p.exits(exitDone, 1, 0)
	if s := p.states[1]; !strings.HasPrefix(s, "RELOADING=1\nMONOTONIC_USEC=") {
		t.Errorf("systemd was told %q of the reload", s)
	}
	if s := p.states[2]; s != "READY=1\nSTATUS=reloaded" {
		t.Errorf("systemd was told %q after the reload", s)
	}
}

func TestSecondSignalEndsTheWorkerAtOnce(t *testing.T) {
	t.Parallel()
	p := newParent(t, "deaf")
	p.wills = []*Entry{nowhere()}
	p.run().ready(1)
	p.signals <- unix.SIGTERM
	before := time.Now()
	p.signals <- unix.SIGTERM
	p.exits(exitFailed, 1, 1)
	if took := time.Since(before); took > stopLimit/2 {
		t.Errorf("ended after %s, want at once", took)
	}
	// Its addresses are not left behind.
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.calls) != 3 || p.calls[0] != "lift" || p.calls[2] != "remove 10.99.0.101/24" {
		t.Errorf("done to the kernel: %q", p.calls)
	}
}

func TestCrashDuringAPlannedStopIsNotRestarted(t *testing.T) {
	t.Parallel()
	p := newParent(t, "crash late")
	p.run().ready(1)
	p.signals <- unix.SIGTERM
	p.exits(exitFailed, 1, 1)
}

// Also a worker that beats on is ended when its stop takes too long.
func TestPlannedStopHasALimit(t *testing.T) {
	t.Parallel()
	p := newParent(t, "deaf")
	p.run().ready(1)
	before := time.Now()
	p.signals <- unix.SIGTERM
	p.exits(exitFailed, 1, 1)
	if took := time.Since(before); took < stopLimit || took > stopLimit+leastLimit+5*time.Second {
		t.Errorf("ended after %s, want %s", took, stopLimit+leastLimit)
	}
}

// Farewell said, line closed, and the process stays: it is not waited for without end.
func TestWorkerThatLingersAfterItsFarewellIsEnded(t *testing.T) {
	t.Parallel()
	t.Run("in the end", func(t *testing.T) {
		t.Parallel()
		newParent(t, "linger").run().exits(exitFailed, 1, 0)
	})
	t.Run("by a signal", func(t *testing.T) {
		t.Parallel()
		p := newParent(t, "linger")
		p.run().ready(1)
		before := time.Now()
		p.signals <- unix.SIGHUP
		p.signals <- unix.SIGTERM
		p.signals <- unix.SIGTERM
		p.exits(exitFailed, 1, 0)
		if took := time.Since(before); took > stopLimit/2 {
			t.Errorf("ended after %s, want at once", took)
		}
	})
}

// closed tells whether nobody holds the other end of a pipe any more.
func closed(t *testing.T, r *os.File) bool {
	t.Helper()
	if err := r.SetReadDeadline(time.Now().Add(time.Millisecond)); err != nil {
		t.Error(err)
	}
	_, err := r.Read(make([]byte, 1))
	return err != nil && !errors.Is(err, os.ErrDeadlineExceeded)
}

// A descriptor that is slow to close is closed after the adverts have left, not before.
func TestHeldDescriptorOutlivesTheWorkerAndIsLetGo(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close() //nolint:errcheck // only read from
	p := newParent(t, "hold")
	p.wills = []*Entry{nowhere()}
	p.extra = []*os.File{w}
	begun, goOn := make(chan struct{}), make(chan struct{})
	p.options.Kernel.LiftServing = func(context.Context) error {
		if closed(t, r) {
			t.Error("the descriptor was closed with the worker")
		}
		close(begun)
		return nil
	}
	p.options.Died = func(string, ...any) { <-goOn }
	p.run()
	<-begun
	p.extra = nil
	w.Close() //nolint:errcheck // nothing was written
	p.signals <- unix.SIGTERM
	p.options.Kernel.LiftServing = nil
	close(goOn)
	p.exits(exitFailed, 1, 0)
	eventually(t, "the descriptor closed", func() bool { return closed(t, r) })
}

// descriptors counts those that are open.
func descriptors(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// Not parallel: it counts.
func TestNothingIsLeftBehind(t *testing.T) {
	lives := map[string]func(t *testing.T){
		"planned stop": func(t *testing.T) {
			p := newParent(t, "obey")
			p.wills = []*Entry{nowhere()}
			p.run().ready(1)
			p.signals <- unix.SIGTERM
			p.exits(exitDone, 1, 0)
		},
		"deaths": func(t *testing.T) {
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer errors.Join(r.Close(), w.Close())
			p := newParent(t, "hold", "garbage", "obey")
			p.wills = []*Entry{nowhere(), nowhere(), nil}
			p.extra = []*os.File{w}
			p.run().ready(3)
			p.signals <- unix.SIGTERM
			p.exits(exitDone, 3, 2)
		},
		"refused": func(t *testing.T) {
			newParent(t, "config").run().exits(exitConfig, 1, 0)
			p := newParent(t, "obey")
			p.refuse = 1
			p.run().exits(exitFailed, 1, 0)
		},
		"lingering": func(t *testing.T) {
			p := newParent(t, "linger")
			p.run().ready(1)
			p.signals <- unix.SIGTERM
			p.signals <- unix.SIGTERM
			p.exits(exitFailed, 1, 0)
		},
	}
	t.Run("warm up", lives["planned stop"]) // the runtime keeps an epoll descriptor
	for name, live := range lives {
		goroutines, fds := runtime.NumGoroutine(), descriptors(t)
		t.Run(name, live)
		eventually(t, name+": as many goroutines and descriptors as before", func() bool {
			return runtime.NumGoroutine() <= goroutines && descriptors(t) <= fds
		})
	}
}

// The service manager hears while the worker beats, and no more when it hangs.
func TestWatchdogIsFedWhileTheWorkerBeats(t *testing.T) {
	t.Parallel()
	for role, want := range map[string]bool{"obey": true, hangs: false} {
		t.Run(role, func(t *testing.T) {
			t.Parallel()
			p := newParent(t, role)
			p.options.Watchdog = time.Millisecond
			p.refuse = 2 // the next worker beats as well, and may not before this one is judged
			p.run().ready(1)
			fed := func() (n int) {
				p.mu.Lock()
				defer p.mu.Unlock()
				for _, s := range p.states {
					if s == "WATCHDOG=1" {
						n++
					}
				}
				return n
			}
			before := fed() // the one who hangs beats once before
			deadline := time.Now().Add(10 * time.Second)
			for fed() == before && time.Now().Before(deadline) && (want || len(p.died()) == 0) {
				time.Sleep(10 * time.Millisecond)
			}
			if got := fed() > before; got != want {
				t.Errorf("fed again %v, want %v: %q", got, want, p.states)
			}
		})
	}
}

func (p *parent) died() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.deaths)
}
