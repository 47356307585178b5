// SPDX-License-Identifier: Apache-2.0

package tickle

import (
	"fmt"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/takeover/flow"
)

// BenchmarkSend tickles 100,000 clients: how long it takes, at what cost. "into nothing" is what this node alone has to
// do; "over a bridge" the other end's work is done by the same processors.
func BenchmarkSend(b *testing.B) {
	for _, c := range []struct {
		way   string
		v     netip.Prefix
		route func(s *site)
	}{
		{"into nothing", virtual[0], (*site).nowhere}, {"into nothing", virtual[1], (*site).nowhere},
		{"over a bridge", virtual[0], (*site).routed}, {"over a bridge", virtual[1], (*site).routed},
	} {
		v := c.v
		b.Run(fmt.Sprintf("100000 %s %s", c.way, v.Addr()), func(b *testing.B) {
			const n = 100_000
			s := newSite(b)
			s.inherit()
			c.route(s)
			list := crowd(netip.AddrPortFrom(v.Addr(), 5432).String(), n, true)
			var first, whole, busy time.Duration
			for b.Loop() {
				before := s.sender.Stats()[v.Addr()]
				cpu, start := used(b), time.Now()
				s.sender.Start(list)
				for resets := false; ; time.Sleep(time.Millisecond) {
					c := s.sender.Stats()[v.Addr()]
					if !resets && c.Resets-before.Resets >= n {
						resets = true
						first += time.Since(start)
					}
					if c.Keepalives-before.Keepalives+c.Failed-before.Failed >= 2*n {
						break
					}
				}
				whole += time.Since(start)
				busy += used(b) - cpu
				if c := s.sender.Stats()[v.Addr()]; c.Failed > 0 {
					b.Fatalf("%+v", c)
				}
			}
			per := float64(b.N)
			b.ReportMetric(float64(first.Milliseconds())/per, "ms-first-round")
			b.ReportMetric(float64(whole.Milliseconds())/per, "ms-all-rounds")
			b.ReportMetric(float64(busy.Nanoseconds())/per/(4*n), "cpu-ns/segment")
			b.ReportMetric(float64(flowBytes(list)), "B/flow")
		})
	}
}

// nowhere is routed, but what is sent is thrown away where it leaves the node.
func (s *site) nowhere() {
	s.t.Helper()
	s.routed()
	for _, addr := range []string{"10.99.0.1", "fd99::1"} {
		s.run(s.heir, "ip", "neigh", "replace", addr, "lladdr", s.client.Port("eth0").MAC().String(), "dev", "eth0", "nud", "permanent")
	}
	s.must(s.heir.Cut())
}

// flowBytes is what a connection takes in a list, which a train keeps while it lasts.
func flowBytes(l *flow.List) int {
	if l.At(0).Local.Addr().Is4() {
		return 24
	}
	return 36
}

// used is the processor time of this process.
func used(t testing.TB) time.Duration {
	t.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(syscall.TimevalToNsec(syscall.Timeval(u.Utime)) + syscall.TimevalToNsec(syscall.Timeval(u.Stime)))
}
