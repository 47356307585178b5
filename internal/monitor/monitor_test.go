// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/regent-ha/regent/internal/fakesystemd"
)

// once runs a check one time.
func once(t *testing.T, m *Monitor, c Check) outcome {
	t.Helper()
	if c.Timeout == 0 {
		c.Timeout = 2 * time.Second
	}
	ctx, cancel := context.WithTimeout(context.Background(), c.Timeout)
	defer cancel()
	probe, _ := m.probeOf(&c)
	return probe(ctx)
}

func newMonitor(t *testing.T, o Options) *Monitor {
	t.Helper()
	m := New(o)
	t.Cleanup(m.Close)
	return m
}

func TestEachKindTellsGoodFromBadAndSaysWhy(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name, text string) string {
		p := filepath.Join(dir, name)
		syscall.ForkLock.RLock() // a child of a test beside this one would keep the file open for writing: text file busy
		err := os.WriteFile(p, []byte(text), 0o755)
		syscall.ForkLock.RUnlock()
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := closed.Addr().String()
	closed.Close()
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/down":
			w.WriteHeader(http.StatusServiceUnavailable)
		case "/moved":
			http.Redirect(w, r, "/down", http.StatusFound)
		case "/hangs":
			<-r.Context().Done()
		default:
			fmt.Fprint(w, "role: primary\n")
		}
	}))
	defer web.Close()
	secure := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer secure.Close()
	systemd := fakesystemd.Start(t, map[string]fakesystemd.Behaviour{"db.service": fakesystemd.Good, "web.service": fakesystemd.Good})
	systemd.Set("db.service", "active", "running")
	self := filepath.Base(os.Args[0])
	m := newMonitor(t, Options{Bus: systemd.Address})
	for _, c := range []struct {
		check  Check
		ok     bool
		detail string
	}{
		{Check{Kind: "tcp", Target: l.Addr().String()}, true, "connect " + l.Addr().String()},
		{Check{Kind: "tcp", Target: nobody}, false, "connect " + nobody + ": connection refused"},
		{Check{Kind: "tcp", Target: "192.0.2.1:9", Timeout: 100 * time.Millisecond}, false, "connect 192.0.2.1:9: "},
		{Check{Kind: "http", Target: web.URL}, true, "status 200"},
		{Check{Kind: "http", Target: web.URL, Body: "role: (primary|single)"}, true, "the body matches"},
		{Check{Kind: "http", Target: web.URL, Body: "role: replica"}, false, "the body does not match"},
		{Check{Kind: "http", Target: web.URL + "/down"}, false, "status 503"},
		{Check{Kind: "http", Target: web.URL + "/down", Status: 503}, true, "status 503"},
		{Check{Kind: "http", Target: web.URL + "/moved"}, true, "status 302"},
		{Check{Kind: "http", Target: web.URL + "/moved", Status: 200}, false, "status 302"},
		{Check{Kind: "http", Target: web.URL + "/hangs", Timeout: 100 * time.Millisecond}, false, "no answer within 100ms"},
		{Check{Kind: "http", Target: "http://" + nobody}, false, "connection refused"},
		{Check{Kind: "http", Target: secure.URL, Verify: true}, false, "certificate"},
		{Check{Kind: "http", Target: secure.URL}, true, "status 200"},
		{Check{Kind: "exec", Command: []string{file("good", "#!/bin/sh\necho all; echo well\n")}}, true, "good: well"},
		{Check{Kind: "exec", Command: []string{file("bad", "#!/bin/sh\necho replication is 40 s late\nexit 2\n")}}, false, "exit status 2: replication is 40 s late"},
		{Check{Kind: "exec", Command: []string{file("hangs", "#!/bin/sh\nsleep 60 & wait\n")}, Timeout: 100 * time.Millisecond}, false, "no answer within 100ms"},
		{Check{Kind: "exec", Command: []string{"/nowhere"}}, false, "no such file"},
		{Check{Kind: "process", Target: self}, true, "process " + self + " runs"},
		{Check{Kind: "process", Target: "no-such-process"}, false, "no process no-such-process runs"},
		{Check{Kind: "unit", Target: "db.service"}, true, "unit db.service is active"},
		{Check{Kind: "unit", Target: "web.service"}, false, "unit web.service is inactive"},
		{Check{Kind: "file", Target: file("number", "-12.5 and more\n")}, true, "holds -12.5"},
		{Check{Kind: "file", Target: file("words", "many\n")}, false, `"many" is no number`},
		{Check{Kind: "file", Target: filepath.Join(dir, "missing")}, false, "no such file"},
		{Check{Kind: "interface", Target: "lo"}, true, "interface lo is up"},
		{Check{Kind: "interface", Target: "nowhere0"}, false, "interface nowhere0 does not exist"},
		{Check{Kind: "interface", Target: "../lo"}, false, "does not exist"},
		{Check{Kind: "smell"}, false, "unknown kind"},
	} {
		o := once(t, m, c.check)
		if o.ok != c.ok || !strings.Contains(o.detail, c.detail) {
			t.Errorf("%s %s%s: %t %q, want %t %q", c.check.Kind, c.check.Target, c.check.Command, o.ok, o.detail, c.ok, c.detail)
		}
	}
	systemd.Stop()
	if o := once(t, m, Check{Kind: "unit", Target: "db.service", Timeout: time.Second}); o.ok {
		t.Error("a unit is active without systemd")
	}
}

func TestLinkStatesAreThoseOfTheKernel(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		flags  net.Flags
		err    error
		ok     bool
		detail string
	}{
		{net.FlagUp | net.FlagRunning, nil, true, "is up"}, {0, nil, false, "is down"}, {net.FlagUp, nil, false, "has no carrier"},
		{0, errors.New("busy"), false, "busy"},
	} {
		find := func(string) (*net.Interface, error) { return &net.Interface{Flags: c.flags}, c.err }
		if o := linkUp(find, "eth1"); o.ok != c.ok || !strings.Contains(o.detail, c.detail) {
			t.Errorf("%v %v: %t %q", c.flags, c.err, o.ok, o.detail)
		}
	}
	if o := linkUp(net.InterfaceByName, "lo"); !o.ok {
		t.Errorf("lo: %s", o.detail)
	}
	if o := linkUp(net.InterfaceByName, "none-such"); o.ok || !strings.Contains(o.detail, "does not exist") {
		t.Errorf("one that is not there: %t %q", o.ok, o.detail)
	}
}

// scripted is a check whose results the test decides.
func scripted(r *runner, probe func(context.Context) outcome) { r.probe = probe }

func TestVerdictTurnsAfterAsManyResultsAsTheFileSays(t *testing.T) {
	t.Parallel()
	r := &runner{check: Check{Rise: 2, Fall: 3}, first: make(chan struct{})}
	now := time.Unix(0, 0)
	good, bad := outcome{ok: true, detail: "good"}, outcome{detail: "bad"}
	for i, c := range []struct {
		o      outcome
		turned bool
		ok     bool
	}{
		{bad, true, false}, // the first result counts at once
		{good, false, false}, {bad, false, false}, {good, false, false}, {good, true, true},
		{bad, false, true}, {bad, false, true}, {good, false, true}, {bad, false, true}, {bad, false, true}, {bad, true, false},
		{bad, false, false},
	} {
		now = now.Add(time.Second)
		turned, res := r.judge(c.o, now)
		if turned != c.turned || res.OK != c.ok {
			t.Errorf("result %d: turned %t ok %t, want %t %t", i, turned, res.OK, c.turned, c.ok)
		}
		if turned && res.Since != now {
			t.Errorf("result %d: since %s", i, res.Since)
		}
	}
	// A file tells of every new value.
	r = &runner{check: Check{Rise: 1, Fall: 1}, first: make(chan struct{})}
	for i, v := range []float64{1, 1, 2} {
		if turned, res := r.judge(outcome{ok: true, value: v}, now); turned != (i != 1) || res.Value != v {
			t.Errorf("value %g: turned %t, %g", v, turned, res.Value)
		}
	}
}

func TestChecksRunJitteredWithoutEndAndHurried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := New(Options{})
		var mu sync.Mutex
		var at []time.Time
		began := time.Now()
		r := &runner{check: Check{Interval: 10 * time.Second, Timeout: time.Second, Rise: 1, Fall: 1}, hurry: make(chan struct{}, 1), first: make(chan struct{}), readers: []key{{"orders", 0}}}
		scripted(r, func(context.Context) outcome {
			mu.Lock()
			defer mu.Unlock()
			at = append(at, time.Now())
			return outcome{ok: true}
		})
		var ctx context.Context
		ctx, r.cancel = context.WithCancel(m.ctx)
		m.services["orders"] = []*runner{r}
		m.running.Go(func() { m.run(ctx, r) })
		time.Sleep(100 * time.Second)
		mu.Lock()
		if n := len(at); n < 9 || n > 12 {
			t.Errorf("%d runs in 100 s", n)
		}
		if at[0].Sub(began) > firstWithin {
			t.Errorf("first after %s", at[0].Sub(began))
		}
		even := true
		for i := 1; i < len(at); i++ {
			d := at[i].Sub(at[i-1])
			if d < 9*time.Second || d > 11*time.Second {
				t.Errorf("%s between two runs", d)
			}
			even = even && d == 10*time.Second
		}
		if even {
			t.Error("no jitter")
		}
		n := len(at)
		mu.Unlock()
		m.Hurry("orders")
		synctest.Wait()
		mu.Lock()
		if len(at) != n+1 {
			t.Errorf("%d runs after hurrying, want one more than %d", len(at), n)
		}
		mu.Unlock()
		m.Close()
	})
}

func TestCheckThatHangsDelaysNoOther(t *testing.T) {
	t.Parallel()
	m := newMonitor(t, Options{Limit: 2})
	hang := Check{Kind: "exec", Command: []string{"/bin/sleep", "60"}, Interval: 50 * time.Millisecond, Timeout: 10 * time.Second, Rise: 1, Fall: 1}
	m.Watch("stuck", []Check{hang})
	m.Watch("orders", []Check{{Kind: "interface", Target: "lo", Interval: 20 * time.Millisecond, Timeout: time.Second, Rise: 1, Fall: 1}})
	select {
	case r := <-m.Results():
		if r.Service != "orders" || !r.OK {
			t.Errorf("%+v", r)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("no result beside a check that hangs")
	}
}

// A reload with the same checks keeps what is known of them; a changed one begins anew.
func TestWatchingAgainKeepsWhatIsKnown(t *testing.T) {
	t.Parallel()
	m := newMonitor(t, Options{})
	a := Check{Kind: "interface", Target: "lo", Interval: time.Hour, Timeout: time.Second, Rise: 1, Fall: 1}
	b := Check{Kind: "interface", Target: "nowhere0", Interval: time.Hour, Timeout: time.Second, Rise: 1, Fall: 1}
	m.Watch("orders", []Check{a, b})
	for range 2 {
		<-m.Results()
	}
	before := m.Status("orders")
	b.Target = "nowhere1"
	m.Watch("orders", []Check{a, b})
	r := <-m.Results()
	if r.Index != 1 || !strings.Contains(r.Detail, "nowhere1") {
		t.Errorf("%+v", r)
	}
	after := m.Status("orders")
	if len(before) != 2 || len(after) != 2 || before[0] != after[0] {
		t.Errorf("before %+v, after %+v", before, after)
	}
	m.Forget("orders")
	if s := m.Status("orders"); len(s) != 0 {
		t.Errorf("a forgotten service has %+v", s)
	}
}

func TestSlowReaderGetsTheNewestResult(t *testing.T) {
	t.Parallel()
	m := newMonitor(t, Options{})
	path := filepath.Join(t.TempDir(), "number")
	write := func(s string) {
		if err := os.WriteFile(path, []byte(s), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("1")
	m.Watch("orders", []Check{{Kind: "file", Target: path, Interval: 10 * time.Millisecond, Timeout: time.Second, Rise: 1, Fall: 1}})
	<-m.Results()
	for i := 2; i <= 5; i++ {
		write(fmt.Sprint(i))
		for end := time.Now().Add(5 * time.Second); m.Status("orders")[0].Value != float64(i); time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("the file is not read again")
			}
		}
	}
	// One result may have been on its way to the reader already; the next is the newest.
	if first := <-m.Results(); first.Value != 5 {
		if second := <-m.Results(); second.Value != 5 {
			t.Errorf("then %g and %g, want 5", first.Value, second.Value)
		}
	}
}

func TestMeasuresAreRead(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "number")
	if err := os.WriteFile(path, []byte("42\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	for _, c := range []struct {
		g    Gauge
		want float64
	}{{Gauge{Kind: "file", Path: path}, 42}, {Gauge{Kind: "exec", Command: []string{"/bin/echo", "7.5"}}, 7.5}} {
		if v, err := Measure(ctx, c.g); err != nil || v != c.want {
			t.Errorf("%s: %g, %v", c.g.Kind, v, err)
		}
	}
	if v, err := Measure(ctx, Gauge{Kind: "load"}); err != nil || v < 0 {
		t.Errorf("load: %g, %v", v, err)
	}
	for _, g := range []Gauge{{Kind: "file", Path: "/nowhere"}, {Kind: "exec", Command: []string{"/bin/false"}}, {Kind: "exec", Command: []string{"/bin/echo", "much"}}, {Kind: "exec"}, {Kind: "noise"}} {
		if g.Kind == "exec" && g.Command == nil {
			g.Command = []string{"/nowhere"}
		}
		if v, err := Measure(ctx, g); err == nil {
			t.Errorf("%+v: %g", g, v)
		}
	}
	v, err := parsePressure([]byte("some avg10=1.25 avg60=0.10 avg300=0.00 total=1\nfull avg10=0.50 avg60=0.00 avg300=0.00 total=1\n"))
	if err != nil || v != 1.25 {
		t.Errorf("pressure %g, %v", v, err)
	}
}

func FuzzParseNumber(f *testing.F) {
	for _, s := range []string{"1", "-2.5\n", "1e400", "NaN", "", "0x1p3", "3 4"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if v, err := parseNumber(b); err == nil && (v != v || v > 1e15 || v < -1e15) {
			t.Errorf("%q is %g", b, v)
		}
	})
}

func FuzzParsePressure(f *testing.F) {
	f.Add([]byte("some avg10=1.25 avg60=0.10 avg300=0.00 total=1\nfull avg10=0.50\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if v, err := parsePressure(b); err == nil && !(v >= 0 && v <= 100) {
			t.Errorf("%q is %g", b, v)
		}
	})
}
