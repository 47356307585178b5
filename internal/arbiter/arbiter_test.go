// SPDX-License-Identifier: Apache-2.0

package arbiter

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// server is an etcd of the test's own.
type server struct {
	t        *testing.T
	endpoint string
	cmd      *exec.Cmd
	args     []string
}

func newServer(t *testing.T) *server {
	t.Helper()
	program, err := exec.LookPath("etcd")
	if err != nil {
		if os.Getenv("REGENT_REQUIRE_NETWORK") == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	free := func() string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		return "http://" + l.Addr().String()
	}
	s := &server{t: t, endpoint: free()}
	s.args = []string{program, "--data-dir", t.TempDir(), "--listen-client-urls", s.endpoint, "--advertise-client-urls", s.endpoint,
		"--listen-peer-urls", free(), "--unsafe-no-fsync", "--log-level", "error"}
	t.Cleanup(s.stop)
	return s
}

func (s *server) start() *server {
	s.t.Helper()
	s.cmd = exec.Command(s.args[0], s.args[1:]...)
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if r, err := http.Get(s.endpoint + "/health"); err == nil {
			r.Body.Close()
			if r.StatusCode == http.StatusOK {
				return s
			}
		}
		if time.Now().After(end) {
			s.t.Fatal("etcd does not start")
		}
	}
}

func (s *server) signal(sig unix.Signal) { s.cmd.Process.Signal(sig) } //nolint:errcheck // it may have ended

func (s *server) stop() {
	if s.cmd != nil {
		s.signal(unix.SIGKILL)
		s.cmd.Wait() //nolint:errcheck // it was killed
		s.cmd = nil
	}
}

// client is the arbiter of one node.
func (s *server) client(node string) *contender {
	s.t.Helper()
	a, err := NewEtcd(EtcdOptions{Cluster: "shop", Node: node, Endpoints: []string{s.endpoint}, TTL: 3 * time.Second})
	if err != nil {
		s.t.Fatal(err)
	}
	c := &contender{t: s.t, node: node, Arbiter: a}
	s.t.Cleanup(func() { c.close() })
	return c
}

type contender struct {
	Arbiter
	t      *testing.T
	node   string
	last   Event
	closed bool
}

func (c *contender) close() {
	if !c.closed {
		c.closed = true
		if err := c.Close(); err != nil {
			c.t.Errorf("%s: close: %v", c.node, err)
		}
	}
}

// until takes in events until one is as wanted.
func (c *contender) until(what string, ok func(Event) bool) Event {
	c.t.Helper()
	limit := time.After(20 * time.Second)
	for {
		select {
		case e := <-c.Events():
			c.last = e
			if ok(e) {
				return e
			}
		case <-limit:
			c.t.Fatalf("%s: no event %s within 20 s, last %+v", c.node, what, c.last)
		}
	}
}

func held(e Event) bool   { return e.Held }
func denied(e Event) bool { return !e.Held }

func TestOneNodeHoldsAServiceUntilItGivesItBack(t *testing.T) {
	t.Parallel()
	s := newServer(t).start()
	a, b := s.client("db1"), s.client("db2")
	a.Want("orders")
	e := a.until("that it is held", held)
	if left := time.Until(e.Until); left <= 0 || left > validity(3*time.Second) {
		t.Errorf("may be served for %s", left)
	}
	b.Want("orders")
	if e := b.until("that it is not held", denied); !strings.Contains(e.Err.Error(), "db1 holds the lease") {
		t.Errorf("refused with %v", e.Err)
	}
	b.Want("parts")
	b.until("that another one is", func(e Event) bool { return e.Service == "parts" && e.Held })
	// It is renewed, again and again.
	first := e.Until
	for range 3 {
		e = a.until("a renewal", held)
		if !e.Until.After(first) {
			t.Errorf("renewed until %s, was %s", e.Until, first)
		}
		first = e.Until
	}
	a.Drop("orders")
	dropped := time.Now()
	b.until("that it is held", func(e Event) bool { return e.Service == "orders" && e.Held })
	if took := time.Since(dropped); took > time.Second {
		t.Errorf("given on after %s", took)
	}
	// Asked again, it waits its turn.
	a.Want("orders")
	a.until("that it is not held", denied)
	b.close()
	a.until("that it is held", held)
}

// A node that hangs does not renew: what it may still serve ends before another node is granted the service.
func TestServingEndsBeforeAnotherNodeIsGranted(t *testing.T) {
	t.Parallel()
	s := newServer(t).start()
	a, b := s.client("db1"), s.client("db2")
	a.Want("orders")
	e := a.until("that it is held", held)
	b.Want("orders")
	b.until("that it is not", denied)
	// What a hung node looks like from outside: no renewal any more, and no giving back.
	hung := a.Arbiter.(*engine)
	for newest := true; newest; {
		select {
		case e = <-a.Events():
		case <-time.After(1500 * time.Millisecond):
			newest = false
		}
		hung.client.ActiveConnection().Close() //nolint:errcheck // that is what is wanted
	}
	b.until("that it is held", held)
	if granted := time.Now(); !e.Until.Before(granted) {
		t.Errorf("db1 may serve until %s, db2 from %s on", e.Until, granted)
	}
}

func TestEtcdThatStopsEndsServingAndOneThatReturnsBeginsIt(t *testing.T) {
	t.Parallel()
	s := newServer(t).start()
	a := s.client("db1")
	a.Want("orders")
	e := a.until("that it is held", held)
	s.signal(unix.SIGSTOP)
	lost := a.until("that it is lost", func(x Event) bool {
		if x.Held {
			e = x
		}
		return !x.Held
	})
	if late := time.Since(e.Until); lost.Err == nil || late > 500*time.Millisecond {
		t.Errorf("said %s after its end: %v", late, lost.Err)
	}
	s.signal(unix.SIGCONT)
	a.until("that it is held again", held)
}

func TestEtcdThatIsNotThereYetIsWaitedFor(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	a := s.client("db1")
	a.Want("orders")
	if e := a.until("an error", denied); e.Err == nil {
		t.Error("no reason")
	}
	s.start()
	a.until("that it is held", held)
}

func TestNoneGrantsForEverAndNeverGrantsNothing(t *testing.T) {
	t.Parallel()
	n := None()
	n.Want("orders")
	if e := <-n.Events(); !e.Held || !e.Until.IsZero() || e.Service != "orders" {
		t.Errorf("%+v", e)
	}
	n.Drop("orders")
	n.Close() //nolint:errcheck // never fails
	why := errors.New("no certificate")
	x := Never(why)
	x.Want("orders")
	if e := <-x.Events(); e.Held || !errors.Is(e.Err, why) {
		t.Errorf("%+v", e)
	}
	x.Close() //nolint:errcheck // never fails
}

// The margin is for two clocks, a hundredth off in opposite directions: what one node may serve ends before the lease does.
func TestValidityEndsBeforeTheLeaseWhateverTheClocks(t *testing.T) {
	t.Parallel()
	for _, ttl := range []time.Duration{2 * time.Second, 5 * time.Second, time.Minute} {
		slow := time.Duration(float64(validity(ttl)) * 1.01) // true time that passes on a slow clock
		fast := time.Duration(float64(ttl) * 0.99)           // true time until a fast etcd ends the lease
		if fast-slow < ttl/20 {
			t.Errorf("TTL %s: %s between the end of serving and the end of the lease", ttl, fast-slow)
		}
	}
}

func TestOptionsThatCannotWorkAreRefused(t *testing.T) {
	t.Parallel()
	for what, o := range map[string]EtcdOptions{
		"whole seconds":  {Endpoints: []string{"http://127.0.0.1:1"}, TTL: 1500 * time.Millisecond},
		"2 at least":     {Endpoints: []string{"http://127.0.0.1:1"}, TTL: time.Second},
		"ca_file":        {Endpoints: []string{"https://127.0.0.1:1"}, CAFile: "/nowhere"},
		"no certificate": {Endpoints: []string{"https://127.0.0.1:1"}, CAFile: "/dev/null"},
		"cert_file":      {Endpoints: []string{"https://127.0.0.1:1"}, CertFile: "/nowhere"},
	} {
		if a, err := NewEtcd(o); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: %v", what, err)
			if err == nil {
				a.Close() //nolint:errcheck // not wanted
			}
		}
	}
}

func TestCloseLeavesNothingBehind(t *testing.T) { // not parallel: it counts
	s := newServer(t).start()
	before := runtime.NumGoroutine()
	a := s.client("db1")
	for i := range 10 {
		a.Want(fmt.Sprintf("s%d", i))
	}
	a.until("something", held)
	a.close()
	for end := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			buf := make([]byte, 1<<16)
			t.Fatalf("%d goroutines, %d before\n%s", runtime.NumGoroutine(), before, buf[:runtime.Stack(buf, true)])
		}
	}
	b := s.client("db2")
	b.Want("s3")
	b.until("that it is held: closing gave it back", held)
}
