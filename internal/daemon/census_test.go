// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/regent-ha/regent/takeover/flow"
)

// two are the censuses of two nodes that hear each other. What they count is set by hand.
func two(t *testing.T) (a, b *census, renewed func()) {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	t.Cleanup(func() { cancel(); running.Wait() })
	a = newCensus(log, func(_ string, m []byte) bool { b.hear("a", m); return true })
	b = newCensus(log, func(_ string, m []byte) bool { a.hear("b", m); return true })
	running.Go(func() { a.run(ctx) })
	running.Go(func() { b.run(ctx) })
	return a, b, func() { a.renew("b") }
}

func connection(local, remote string) flow.Flow {
	return flow.Flow{Local: netip.MustParseAddrPort(local), Remote: netip.MustParseAddrPort(remote), Exact: true, Send: 7, Receive: 8}
}

// known waits until a census knows connections of a service, and takes them.
func known(t *testing.T, c *census, service string, n int) []string {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		have := make(chan int, 1)
		c.do(func() { have <- c.mirror.State(service).Flows })
		if <-have == n {
			break
		}
	}
	got := make(chan []string, 1)
	done := make(chan struct{})
	c.inherit([]string{service}, func(_ string, l *flow.List) {
		var all []string
		for f := range l.All() {
			all = append(all, fmt.Sprint(f.Local, " ", f.Remote, " ", f.Exact, " ", f.Send, " ", f.Receive))
		}
		slices.Sort(all)
		got <- all
	})
	c.do(func() { close(done) })
	<-done
	select {
	case all := <-got:
		return all
	default:
		return nil
	}
}

func TestConnectionsAreKnownWhereTheyMayBeInherited(t *testing.T) {
	t.Parallel()
	a, b, renewed := two(t)
	orders, parts := netip.MustParseAddr("10.0.0.101"), netip.MustParseAddr("2001:db8::102")
	allowed := map[string][]netip.Addr{"orders": {orders}, "parts": {parts}}
	b.set(survey{allowed: allowed})
	a.set(survey{served: allowed, allowed: allowed, peers: map[string][]string{"orders": {"b"}, "parts": {"b"}}})
	sample := []flow.Flow{
		connection("10.0.0.101:5432", "10.0.0.9:1000"), connection("10.0.0.101:5432", "10.0.0.9:1001"),
		connection("[2001:db8::102]:80", "[2001:db8::9]:1000"), connection("10.0.0.1:22", "10.0.0.9:1000"),
	}
	count := func() { // twice: numbers are told once they stand still
		for range 2 {
			a.do(func() { a.counted(sample) })
		}
	}
	count()
	want := []string{"10.0.0.101:5432 10.0.0.9:1000 true 7 8", "10.0.0.101:5432 10.0.0.9:1001 true 7 8"}
	if d := cmp.Diff(want, known(t, b, "orders", 2)); d != "" {
		t.Errorf("orders (-want +got):\n%s", d)
	}
	if got := known(t, b, "parts", 1); len(got) != 1 {
		t.Errorf("parts: %q", got)
	}
	if got := known(t, b, "orders", 0); got != nil {
		t.Errorf("inherited twice: %q", got)
	}
	// The heir starts again, and is told everything once more.
	renewed()
	if got := known(t, b, "orders", 2); len(got) != 2 {
		t.Errorf("after a restart of the heir: %q", got)
	}
}

// A service that is no longer performed here is not told of any more, and the next who performs it is believed, whatever
// its clock says.
func TestWordOfTheNextPerformerCounts(t *testing.T) {
	t.Parallel()
	a, b, _ := two(t)
	addr := netip.MustParseAddr("10.0.0.101")
	allowed := map[string][]netip.Addr{"orders": {addr}}
	both := survey{served: allowed, allowed: allowed, peers: map[string][]string{"orders": {"b"}}}
	b.set(survey{allowed: allowed})
	a.set(both)
	a.do(func() { a.counted([]flow.Flow{connection("10.0.0.101:1", "10.0.0.9:1")}) })
	if got := known(t, b, "orders", 1); len(got) != 1 {
		t.Fatalf("%q", got)
	}
	// b takes over; its source must have a later epoch than that of a.
	var before uint64
	done := make(chan struct{})
	b.do(func() { before = b.mirror.State("orders").Epoch; close(done) })
	<-done
	a.set(survey{allowed: allowed})
	b.set(survey{served: allowed, allowed: allowed, peers: map[string][]string{"orders": {"a"}}})
	b.do(func() { b.counted([]flow.Flow{connection("10.0.0.101:1", "10.0.0.9:2")}) })
	got := known(t, a, "orders", 1)
	if len(got) != 1 || !strings.Contains(got[0], "10.0.0.9:2") {
		t.Errorf("%q", got)
	}
	done = make(chan struct{})
	var after uint64
	a.do(func() { after = a.mirror.State("orders").Epoch; close(done) })
	<-done
	if after <= before {
		t.Errorf("epoch %d after %d", after, before)
	}
}

func TestNonsenseAboutConnectionsIsCounted(t *testing.T) {
	t.Parallel()
	a, _, _ := two(t)
	for _, m := range [][]byte{nil, {1}, {1, 9, 0}, []byte("garbage")} {
		a.hear("b", m)
	}
	got := make(chan uint64, 1)
	a.do(func() { got <- a.refused })
	if n := <-got; n != 4 {
		t.Errorf("%d messages were refused, want 4", n)
	}
}
