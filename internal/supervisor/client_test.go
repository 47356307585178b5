// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"github.com/regent-ha/regent/vrrp"
)

// reader is a parent that reads its end of a line.
type reader struct {
	conn net.Conn
	mu   sync.Mutex
	got  []message
}

func (r *reader) read() {
	var buf []byte
	for {
		m, b, err := readFrame(r.conn, buf)
		if err != nil {
			return
		}
		buf = b
		r.mu.Lock()
		r.got = append(r.got, m)
		r.mu.Unlock()
	}
}

// take returns what was read since the last time.
func (r *reader) take() []message {
	r.mu.Lock()
	defer r.mu.Unlock()
	got := r.got
	r.got = nil
	return got
}

// still is the beat of a loop that does not go round.
func still() uint64 { return 0 }

// unwanted fails a test whose parent does not go.
func unwanted(t *testing.T) func() {
	return func() { t.Error("orphaned, although the parent was there") }
}

func entry(name string) *Entry { return &Entry{Name: name} }

// What piles up while the line is busy is sent as it is in the end, in the order in which the routers came up.
func TestOnlyTheLatestWillOfARouterIsSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		c, r := newClient(ours), &reader{conn: theirs}
		ctx, cancel := context.WithCancel(t.Context())
		go c.Run(ctx, still, unwanted(t))
		c.Ready("1 service")
		synctest.Wait() // the line is busy: nobody has read the first message
		c.Will(2, entry("old"))
		c.Will(1, entry("one"))
		c.Will(2, nil)
		c.Limit(time.Second)
		c.Will(3, entry("gone"))
		c.Will(2, entry("new"))
		c.Will(3, nil)
		c.Ready("2 services")
		c.Limit(2 * time.Second)
		go r.read()
		synctest.Wait()
		want := []message{
			{Verb: verbReady, Text: "1 service"},
			{Verb: verbPut, ID: 2, Entry: entry("new")},
			{Verb: verbPut, ID: 1, Entry: entry("one")},
			{Verb: verbDelete, ID: 3},
			{Verb: verbLimit, Limit: time.Second},
			{Verb: verbReady, Text: "2 services"},
			{Verb: verbLimit, Limit: 2 * time.Second},
		}
		if d := cmp.Diff(want, r.take(), equal); d != "" {
			t.Error(d)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if again := r.take(); len(again) > 0 {
			t.Errorf("sent again: %+v", again)
		}
		cancel()
	})
}

// However the wills are put together on the way, the parent ends with the latest of each router.
func TestParentKnowsTheLatestWills(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newClient(nil)
		got, want := will{}, will{}
		flush := func() {
			r := bytes.NewReader(c.collect(nil, rapid.Bool().Draw(t, "alive")))
			for r.Len() > 0 {
				m, _, err := readFrame(r, nil)
				if err != nil {
					t.Fatal(err)
				}
				got.note(m)
			}
		}
		for range rapid.IntRange(0, 40).Draw(t, "length") {
			id := vrrp.ID(rapid.Uint32Range(1, 4).Draw(t, "router"))
			switch rapid.IntRange(0, 3).Draw(t, "step") {
			case 0, 1:
				e := entry(rapid.StringMatching("[a-z]{1,4}").Draw(t, "name"))
				c.Will(id, e)
				want[id] = e
			case 2:
				c.Will(id, nil)
				delete(want, id)
			case 3:
				flush()
			}
		}
		flush()
		if d := cmp.Diff(want, got, equal); d != "" {
			t.Error(d)
		}
	})
}

// A loop that hangs must be seen: the heartbeat is the loop's, not this goroutine's.
func TestHeartbeatFollowsTheLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		c, r := newClient(ours), &reader{conn: theirs}
		ctx, cancel := context.WithCancel(t.Context())
		var loop atomic.Uint64
		go r.read()
		go c.Run(ctx, loop.Load, unwanted(t))
		time.Sleep(beatFastest / 2) // so that no two things happen at the same instant
		beats := func(rounds int) int {
			for range rounds {
				loop.Add(1)
				time.Sleep(beatFastest)
			}
			if rounds == 0 {
				time.Sleep(time.Minute)
			}
			synctest.Wait()
			got := r.take()
			for _, m := range got {
				if m.Verb != verbBeat {
					t.Errorf("sent %+v, want beats", m)
				}
			}
			return len(got)
		}
		for i, rounds := range []int{0, 10, 0, 1, 0, 3} {
			if got := beats(rounds); got != rounds {
				t.Errorf("step %d: %d beats, want %d", i, got, rounds)
			}
		}
		// A loop that goes round a thousand times in between is as alive as with one.
		for range 1000 {
			loop.Add(1)
			time.Sleep(beatFastest / 100)
		}
		time.Sleep(beatFastest)
		synctest.Wait()
		if got := len(r.take()); got < 9 || got > 11 {
			t.Errorf("%d beats within %s, want 10", got, 10*beatFastest)
		}
		// Other news is no heartbeat.
		for range 20 {
			c.Ready("still here")
			time.Sleep(beatFastest)
		}
		synctest.Wait()
		for _, m := range r.take() {
			if m.Verb != verbReady {
				t.Errorf("sent %+v while the loop stood still", m)
			}
		}
		cancel()
	})
}

func TestNobodyIsBlockedByAnUnreadLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		c := newClient(ours)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		var loop atomic.Uint64
		go func() { defer close(done); c.Run(ctx, func() uint64 { return loop.Add(1) }, unwanted(t)) }()
		start := time.Now()
		for i := range 10_000 {
			c.Will(vrrp.ID(i%7+1), entry(strconv.Itoa(i)))
			c.Ready("")
			c.Hold(3)
			synctest.Wait()
		}
		c.Farewell()
		if passed := time.Since(start); passed != 0 {
			t.Errorf("told within %s, want at once", passed)
		}
		// The end does not wait for ever, either.
		time.Sleep(time.Minute)
		stop := time.Now()
		cancel()
		<-done
		if took := time.Since(stop); took > lastWords {
			t.Errorf("ended after %s, want %s at most", took, lastWords)
		}
		theirs.Close() //nolint:errcheck // a pipe
	})
}

// A parent that is slow hears everything to the end all the same.
func TestSlowParentHearsTheFarewell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		c, r := newClient(ours), &reader{conn: theirs}
		ctx, cancel := context.WithCancel(t.Context())
		go c.Run(ctx, still, unwanted(t))
		c.Stopping(0)
		synctest.Wait()
		c.Will(1, nil)
		c.Farewell()
		cancel()
		time.Sleep(lastWords / 2)
		go r.read()
		synctest.Wait()
		want := []message{{Verb: verbStopping}, {Verb: verbDelete, ID: 1}, {Verb: verbFarewell}}
		if d := cmp.Diff(want, r.take(), equal); d != "" {
			t.Error(d)
		}
	})
}

// Farewell is told and the context ends in the same moment: the parent must hear it, and last.
func TestFarewellIsSentBeforeRunEnds(t *testing.T) {
	for range 50 { // whichever the select takes
		synctest.Test(t, func(t *testing.T) {
			ours, theirs := net.Pipe()
			c, r := newClient(ours), &reader{conn: theirs}
			ctx, cancel := context.WithCancel(t.Context())
			go r.read()
			c.Will(1, entry("one"))
			c.Farewell()
			cancel()
			c.Run(ctx, still, unwanted(t))
			synctest.Wait()
			want := []message{{Verb: verbPut, ID: 1, Entry: entry("one")}, {Verb: verbFarewell}}
			if d := cmp.Diff(want, r.take(), equal); d != "" {
				t.Error(d)
			}
			if _, err := theirs.Read(make([]byte, 1)); err == nil {
				t.Error("the line is open after Run")
			}
		})
	}
}

func TestOrphanedIsCalledOnceWhenTheParentGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		c, r := newClient(ours), &reader{conn: theirs}
		var orphaned atomic.Int32
		var loop atomic.Uint64
		go r.read()
		ctx, cancel := context.WithCancel(t.Context())
		go c.Run(ctx, func() uint64 { return loop.Add(1) }, func() { orphaned.Add(1) })
		time.Sleep(time.Second)
		if n := orphaned.Load(); n != 0 {
			t.Fatalf("orphaned %d times with a parent", n)
		}
		theirs.Close() //nolint:errcheck // a pipe
		synctest.Wait()
		if n := orphaned.Load(); n != 1 {
			t.Errorf("orphaned %d times, want once and at once", n)
		}
		c.Ready("is heard by nobody")
		time.Sleep(time.Minute)
		cancel()
		synctest.Wait()
		if n := orphaned.Load(); n != 1 {
			t.Errorf("orphaned %d times in the end, want once", n)
		}
	})
}

// broken is a line on which writing fails before reading does.
type broken struct{ net.Conn }

func (broken) Write([]byte) (int, error) { return 0, unix.EPIPE }

// The worker must learn that it is alone also if its own writing finds out first.
func TestOrphanedIsCalledWhenWritingFailsFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		c := newClient(broken{ours})
		var orphaned atomic.Int32
		c.Ready("")
		c.Run(t.Context(), still, func() { orphaned.Add(1) })
		synctest.Wait()
		if n := orphaned.Load(); n != 1 {
			t.Errorf("orphaned %d times, want once", n)
		}
		theirs.Close() //nolint:errcheck // a pipe
	})
}

// Nobody need be told.
func TestOrphanedMayBeNil(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		ctx, cancel := context.WithCancel(t.Context())
		go newClient(ours).Run(ctx, still, nil)
		theirs.Close() //nolint:errcheck // a pipe
		synctest.Wait()
		cancel()
	})
}

func TestClientWithoutParentDoesNothing(t *testing.T) {
	var c *Client
	c.Will(1, entry("one"))
	c.Will(1, nil)
	c.Limit(time.Second)
	c.Ready("")
	c.Reloading()
	c.Stopping(0)
	c.Hold(3)
	c.Farewell()
	c.Run(t.Context(), func() uint64 { t.Error("asked for a beat"); return 0 }, unwanted(t))
}

func TestEveryWordArrives(t *testing.T) {
	c := newClient(nil)
	c.Limit(time.Second)
	c.Ready("2 services")
	c.Reloading()
	c.Stopping(0)
	c.Hold(12)
	c.Farewell()
	r := bytes.NewReader(c.collect(nil, true))
	var got []message
	for r.Len() > 0 {
		m, _, err := readFrame(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, m)
	}
	want := []message{
		{Verb: verbBeat}, {Verb: verbLimit, Limit: time.Second}, {Verb: verbReady, Text: "2 services"}, {Verb: verbReloading},
		{Verb: verbStopping}, {Verb: verbHold, FD: 12}, {Verb: verbFarewell},
	}
	if d := cmp.Diff(want, got, equal); d != "" {
		t.Error(d)
	}
}

// One will that is too long takes none of the others with it.
func TestWillThatCannotBeEncodedIsLeftOut(t *testing.T) {
	c := newClient(nil)
	c.Will(1, entry("one"))
	c.Will(2, &Entry{Adverts: []Advert{{Message: make([]byte, frameLimit)}}})
	c.Will(3, entry("three"))
	r := bytes.NewReader(c.collect(nil, false))
	var ids []vrrp.ID
	for r.Len() > 0 {
		m, _, err := readFrame(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, m.ID)
	}
	if !slices.Equal(ids, []vrrp.ID{1, 3}) {
		t.Errorf("wills of %v, want of 1 and 3", ids)
	}
}

func TestConnectFindsTheLine(t *testing.T) {
	t.Setenv(lineVariable, "")
	if c, err := Connect(); c != nil || err != nil {
		t.Errorf("without a parent: %v, %v, want nothing", c, err)
	}
	t.Setenv(lineVariable, "three")
	if _, err := Connect(); !errors.Is(err, strconv.ErrSyntax) {
		t.Errorf("descriptor three: %v, want %v", err, strconv.ErrSyntax)
	}
	plain, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close() //nolint:errcheck // empty
	fd, err := unix.Dup(int(plain.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(lineVariable, strconv.Itoa(fd))
	if _, err := Connect(); err == nil {
		t.Error("a file was taken for the line")
	}

	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	parent := os.NewFile(uintptr(pair[0]), "line")
	defer parent.Close() //nolint:errcheck // only read from
	t.Setenv(lineVariable, strconv.Itoa(pair[1]))
	t.Setenv(crashVariable, "1")
	c, err := Connect()
	if err != nil {
		t.Fatal(err)
	}
	if !c.AfterCrash {
		t.Error("the worker does not know of the crash before it")
	}
	c.Farewell()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c.Run(ctx, still, unwanted(t))
	m, _, err := readFrame(parent, nil)
	if err != nil || m.Verb != verbFarewell {
		t.Errorf("read %+v, %v, want the farewell", m, err)
	}
	if n, err := parent.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Errorf("after the farewell: %d bytes, %v, want the end (no descriptor of the line is left)", n, err)
	}
}

func TestHeartbeatIsAsFrequentAsItsLimitNeeds(t *testing.T) {
	t.Parallel()
	for limit, want := range map[time.Duration]time.Duration{
		500 * time.Millisecond:  100 * time.Millisecond,
		33 * time.Millisecond:   100 * time.Millisecond,
		1500 * time.Millisecond: 300 * time.Millisecond,
		3600 * time.Millisecond: 500 * time.Millisecond,
		time.Hour:               500 * time.Millisecond,
	} {
		if got := beatFor(limit); got != want {
			t.Errorf("limit %s: each %s, want %s", limit, got, want)
		}
	}
	var none *Client
	none.Limit(time.Second) // a worker without a parent
}

// A reload changes the limit. However often that happens, a loop that goes round is heard within the shortest.
func TestHeartbeatOutlivesLimitsThatChangeOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		c, r := newClient(ours), &reader{conn: theirs}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var loop atomic.Uint64
		go r.read()
		go c.Run(ctx, loop.Load, unwanted(t))
		silent := time.Duration(0)
		for i := range 200 {
			c.Limit([]time.Duration{1400 * time.Millisecond, 3 * time.Second}[i%2])
			for range 5 {
				loop.Add(1)
				time.Sleep(50 * time.Millisecond)
			}
			synctest.Wait()
			silent += 250 * time.Millisecond
			if slices.ContainsFunc(r.take(), func(m message) bool { return m.Verb == verbBeat }) {
				silent = 0
			}
			if silent > leastLimit {
				t.Fatalf("no heartbeat for %s after %d changes", silent, i+1)
			}
		}
		cancel()
		synctest.Wait()
	})
}
