// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/regent-ha/regent/internal/netlab"
	"github.com/regent-ha/regent/requestor"
)

// trace of one sample each millisecond: A answered, R refused, T timeout, U
// unreachable, p pending.
func trace(story string) Trace {
	t := Trace{Patience: 500 * time.Millisecond}
	outcomes := map[rune]requestor.Outcome{
		'A': requestor.Answered, 'R': requestor.Refused, 'T': requestor.Timeout, 'U': requestor.Unreachable, 'p': Pending,
	}
	for i, r := range story {
		if r == ' ' {
			continue // the watcher was late
		}
		t.Samples = append(t.Samples, Sample{Start: origin.Add(time.Duration(i) * time.Millisecond), Outcome: outcomes[r],
			Took: time.Duration(i) * time.Microsecond})
	}
	return t
}

var origin = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func TestSilenceIsMeasuredFromTheFirstUnansweredStart(t *testing.T) {
	for _, row := range []struct {
		story string
		want  int // ms
		open  bool
	}{
		{"", 0, false},
		{"AAAA", 0, false},
		{"AARRAA", 0, false},
		{"AATRRR", 1, false},
		{"AATTTTRR", 4, false},
		{"ATATTTRAT", 3, true},
		{"TTTA", 3, false},
		{"AATTT", 2, true},
		{"AAUUR", 2, false},        // the client's own kernel says that
		{"AAA      AAA", 0, false}, // the watcher's own pause is no silence
		{"AATTpppp", 1, true},      // pending is not judged
		{"AATTppRR", 4, false},
	} {
		trace := trace(row.story)
		if got := trace.MaxGap(); got != time.Duration(row.want)*time.Millisecond {
			t.Errorf("%q: %v, want %d ms", row.story, got, row.want)
		}
		gaps := trace.Gaps()
		if open := len(gaps) > 0 && gaps[len(gaps)-1].Open; open != row.open {
			t.Errorf("%q: open is %v", row.story, open)
		}
	}
}

func TestTraceTellsItsStory(t *testing.T) {
	story := trace("AAA  TTRRRA")
	if got, want := story.String(), "0.0ms answered×3, 5.0ms timeout×2, 7.0ms refused×3, 10.0ms answered×1"; got != want {
		t.Errorf("story %q, want %q", got, want)
	}
	if got := story.Stall(); got != 3*time.Millisecond {
		t.Errorf("stall %v", got)
	}
	if got := story.MaxWait(); got != 10*time.Microsecond {
		t.Errorf("longest wait %v", got)
	}
	if s, ok := story.First(requestor.Refused, origin.Add(8*time.Millisecond)); !ok || s.Start != origin.Add(8*time.Millisecond) {
		t.Errorf("first refused from 8 ms on: %v, %v", s, ok)
	}
	if _, ok := story.First(requestor.Reset, origin); ok {
		t.Error("a reset was found")
	}
	part := story.Between(origin.Add(2*time.Millisecond), origin.Add(7*time.Millisecond))
	if diff := cmp.Diff("0.0ms answered×1, 3.0ms timeout×2", part.String()); diff != "" {
		t.Errorf("part (-want +got):\n%s", diff)
	}
	if got := story.Count(requestor.Refused); got != 3 {
		t.Errorf("%d refused", got)
	}
	if got := (Trace{}).String(); got != "no samples" {
		t.Error(got)
	}
}

// TestWatcherSeesEachChange has a service answer, be refused, be cut off and come back.
func TestWatcherSeesEachChange(t *testing.T) {
	t.Parallel()
	lab := netlab.Test(t)
	client, err := lab.Node("client", "10.99.0.1/24", "fd99::1/64")
	if err != nil {
		t.Fatal(err)
	}
	server, err := lab.Node("server", "10.99.0.2/24", "fd99::2/64")
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"10.99.0.2", "fd99::2", "fe80::ff:fe00:2%eth0"} {
		address := netip.AddrPortFrom(netip.MustParseAddr(host), 80)
		l := serve(t, server, address)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		watch, stop := context.WithCancel(ctx)
		w := NewWatcher(address, WatchOptions{Patience: 50 * time.Millisecond})
		ended := make(chan error, 1)
		go func() { ended <- client.Do(func() error { return w.Run(watch) }) }()

		await(ctx, t, w, requestor.Answered, time.Time{})
		l.Close()
		await(ctx, t, w, requestor.Refused, time.Now())
		cut := time.Now()
		if err := server.Cut(); err != nil {
			t.Fatal(err)
		}
		await(ctx, t, w, requestor.Timeout, cut)
		healed := time.Now()
		if err := server.Heal(); err != nil {
			t.Fatal(err)
		}
		await(ctx, t, w, requestor.Refused, healed)
		l = serve(t, server, address)
		await(ctx, t, w, requestor.Answered, time.Now())
		stop()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		l.Close()

		seen := w.Trace()
		if n := seen.Count(Pending); n != 0 {
			t.Errorf("%s: %d attempts without an outcome", host, n)
		}
		gaps := seen.Gaps()
		if len(gaps) == 0 || gaps[0].From.Before(cut.Add(-5*time.Millisecond)) || seen.MaxGap() < 20*time.Millisecond {
			t.Errorf("%s: cut at %v, gaps %+v: %v", host, cut, gaps, seen)
		}
		// The first answer after the cut comes with the first attempt that starts afterwards, or with
		// one that waited for the neighbour.
		if s, ok := seen.First(requestor.Refused, healed); !ok || s.Took > 45*time.Millisecond {
			t.Errorf("%s: first refused attempt after the cut: %+v", host, s)
		}
	}
}

// serve accepts connections and leaves them to their fate.
func serve(t *testing.T, n *netlab.Node, address netip.AddrPort) net.Listener {
	t.Helper()
	l, err := n.Listen("tcp", address.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	}()
	return l
}

func await(ctx context.Context, t *testing.T, w *Watcher, o requestor.Outcome, since time.Time) {
	t.Helper()
	if _, err := w.Wait(ctx, func(s Sample) bool { return s.Outcome == o && !s.Start.Before(since) }); err != nil {
		t.Fatalf("%v: no %s attempt: %v", err, o, w.Trace())
	}
}

func TestWatcherKeepsItsPace(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	each := 0
	seen, err := Watch(ctx, netip.MustParseAddrPort(l.Addr().String()),
		WatchOptions{Source: netip.MustParseAddr("127.0.0.1"), Each: func(Sample) { each++ }})
	if err != nil {
		t.Fatal(err)
	}
	// A busy machine costs attempts; a watcher that waits for answers would cost nearly all.
	if n := len(seen.Samples); n < 50 || n > 301 || each != n {
		t.Errorf("%d attempts in 300 ms, %d told", n, each)
	}
	if n := seen.Count(requestor.Answered); n != len(seen.Samples) {
		t.Errorf("%d of %d answered: %v", n, len(seen.Samples), seen)
	}
}

func TestWatcherNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ address, source string }{
		{"[fe80::1%nosuch0]:80", ""},
		{"127.0.0.1:80", "::1"},
	} {
		o := WatchOptions{}
		if row.source != "" {
			o.Source = netip.MustParseAddr(row.source)
		}
		_, err := Watch(t.Context(), netip.MustParseAddrPort(row.address), o)
		if err == nil || fmt.Sprint(err)[:6] != "watch " {
			t.Errorf("%v: error %v", row, err)
		}
	}
}
