// SPDX-License-Identifier: Apache-2.0

package responder

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/internal/netlab"
)

// limit is how fast the error must be.
const limit = 5 * time.Millisecond

func proof(t *testing.T) {
	t.Helper()
	if os.Getenv("REGENT_PROOF") != "1" {
		t.Skip("a timing: set REGENT_PROOF=1 (make proof)")
	}
}

// quantiles describes durations; it sorts them.
func quantiles(d []time.Duration) (median, p95, longest time.Duration) {
	slices.Sort(d)
	return d[len(d)/2], d[len(d)*95/100], d[len(d)-1]
}

// TestProofRefusedWithinFiveMilliseconds measures Go's Dialer, curl and nc against a refused address with wildcard listeners.
func TestProofRefusedWithinFiveMilliseconds(t *testing.T) {
	proof(t)
	netlab.Require(t, "nc", "curl", "tshark")
	s := soloSite(t)
	s.wildcards("5000")
	r := s.open(Options{})
	s.must(r.SetRefused(whole(vip4, vip6)))
	report := func(what string, times []time.Duration) {
		median, p95, longest := quantiles(times)
		t.Logf("%-40s median %8v  95 %% %8v  longest %8v  of %d", what, median, p95, longest, len(times))
		if p95 > limit {
			t.Errorf("%s: 95 %% want %v at most, got %v", what, limit, p95)
		}
	}
	for _, n := range []*netlab.Node{s.client, s.standby} {
		for _, a := range []netip.Addr{vip4, vip6} {
			for _, c := range []struct {
				network string
				tries   int
			}{{"tcp", 200}, {"udp", 5}} { // the kernel lets six ICMP errors through at once, then one a second
				var times []time.Duration
				for range c.tries {
					got, took := outcome(t, n, c.network, a, 5000, 1)
					if got != "refused" {
						t.Fatalf("%s from %s to %v: %s", c.network, n.Name(), a, got)
					}
					times = append(times, took)
				}
				report(strings.Join([]string{"Go", c.network, n.Name(), a.String()}, " "), times)
			}
			var times []time.Duration
			for range 20 {
				out, err := n.Command(t.Context(), "curl", "-s", "-o", "/dev/null", "-w", "%{time_total}",
					"http://"+netip.AddrPortFrom(a, 5000).String()).Output()
				if err == nil {
					t.Fatal("curl got an answer")
				}
				seconds, err := strconv.ParseFloat(string(out), 64)
				s.must(err)
				times = append(times, time.Duration(seconds*float64(time.Second)))
			}
			report("curl "+n.Name()+" "+a.String(), times)
		}
	}
	report("nc on the wire, SYN to RST", s.ncOnTheWire())
}

// ncOnTheWire lets nc connect and returns the times from SYN to RST, by tshark.
func (s *site) ncOnTheWire() []time.Duration {
	s.t.Helper()
	wire, err := s.lab.Capture("nc", "tcp port 5000")
	s.must(err)
	for range 10 {
		for _, a := range []netip.Addr{vip4, vip6} {
			if out, err := s.client.Command(s.t.Context(), "nc", "-nvz", a.String(), "5000").CombinedOutput(); err == nil {
				s.t.Fatalf("nc got an answer: %s", out)
			}
		}
	}
	path, err := wire.Stop()
	s.must(err)
	rows, err := netlab.Tshark(s.t.Context(), path, "tcp.flags.reset == 1", "tcp.time_delta")
	s.must(err)
	var times []time.Duration
	for _, row := range rows {
		seconds, err := strconv.ParseFloat(row["tcp.time_delta"], 64)
		s.must(err)
		times = append(times, time.Duration(seconds*float64(time.Second)))
	}
	if len(times) != 20 {
		s.t.Fatalf("want 20 resets on the wire, got %d", len(times))
	}
	return times
}

// TestProofForeignFlushIsUndoneWithinMilliseconds measures for how long a plain table leaves the wildcard listener open
// after a foreign flush, by a client that connects every half millisecond. The rules are written again after 1 ms, unless
// the program that flushed ends first: the kernel then holds its lock for an RCU grace period, some ten milliseconds.
func TestProofForeignFlushIsUndoneWithinMilliseconds(t *testing.T) {
	proof(t)
	const limit = 250 * time.Millisecond
	for _, c := range []struct {
		name string
		more int // addresses beside the one that is asked
	}{{"one address", 0}, {"1000 addresses", 999}} {
		t.Run(c.name, func(t *testing.T) {
			s := soloSite(t)
			s.wildcards("5000")
			events := make(chan Event, 10)
			r := s.open(Options{Plain: true, Notify: func(e Event) { events <- e }})
			s.must(r.SetRefused(append(whole(vip4), manyTargets(c.more, false)...)))
			const flushes = 20
			windows := s.openings(func() {
				for range flushes {
					s.run(s.standby, "nft", "flush", "ruleset")
					next(t, events, Restored)
				}
			})
			if len(windows) == 0 {
				t.Logf("%d flushes, no connection got through", flushes)
				return
			}
			median, _, longest := quantiles(windows)
			t.Logf("%d flushes, open for a moment %d times: median %v, longest %v", flushes, len(windows), median, longest)
			if median > limit {
				t.Errorf("median: want %v at most, got %v", limit, median)
			}
		})
	}
}

// openings connects every half millisecond while f runs and returns for how long each time connections got through.
func (s *site) openings(f func()) []time.Duration {
	s.t.Helper()
	type sample struct {
		start time.Time
		open  bool
	}
	var samples []sample
	stop, done := make(chan struct{}), make(chan error, 1)
	tick := time.NewTicker(500 * time.Microsecond)
	defer tick.Stop()
	go func() {
		for {
			select {
			case <-stop:
				done <- nil
				return
			case <-tick.C:
			}
			start := time.Now()
			c, err := s.client.Dial(context.Background(), "tcp", netip.AddrPortFrom(vip4, 5000).String())
			if err == nil {
				_ = c.Close()
			} else if !errors.Is(err, unix.ECONNREFUSED) && !errors.Is(err, unix.ECONNRESET) { // reset: closed between SYN and ACK
				done <- err
				return
			}
			samples = append(samples, sample{start, err == nil})
		}
	}()
	f()
	close(stop)
	s.must(<-done)
	var windows []time.Duration
	for i := 0; i < len(samples); i++ {
		from := i
		for i < len(samples) && samples[i].open {
			i++
		}
		if i > from && i < len(samples) {
			windows = append(windows, samples[i].start.Sub(samples[from].start))
		}
	}
	return windows
}
