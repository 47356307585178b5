// SPDX-License-Identifier: Apache-2.0

package takeover

import (
	"errors"
	"net/netip"
	"slices"
	"syscall"
	"testing"
	"time"
)

// TestProofTimes holds the times that the rest relies on, on a machine that has nothing else to do.
func TestProofTimes(t *testing.T) {
	_, a, b := pair(t)
	k := kernel(t, a)
	t.Run("a thousand IPv4 addresses in 40 ms", func(t *testing.T) {
		as := make([]Address, 1000)
		for i := range as {
			ip := netip.AddrFrom4([4]byte{10, 98, byte(i >> 8), byte(i)})
			as[i] = Address{netip.PrefixFrom(ip, 24), a.Index("eth0")}
		}
		var add, refresh, del []time.Duration
		for range 7 {
			add = append(add, spent(func() { none(t, k.Add(as, time.Minute)) }))
			refresh = append(refresh, spent(func() { none(t, k.Refresh(as, time.Minute)) }))
			del = append(del, spent(func() { none(t, k.Delete(as)) }))
		}
		for what, times := range map[string][]time.Duration{"add": add, "refresh": refresh, "delete": del} {
			t.Logf("%s: %s in the median, %s at worst", what, median(times), slices.Max(times))
			if median(times) > 40*time.Millisecond {
				t.Errorf("%s took %s in the median", what, median(times))
			}
		}
	})
	t.Run("a deletion by hand is noticed in 50 ms", func(t *testing.T) {
		w := watcher(t, a, watchBuffer)
		var times []time.Duration
		for _, one := range slices.Repeat(on(a, "10.99.0.101/24", "fd99::101/64"), 10) {
			none(t, k.Add([]Address{one}, time.Minute))
			hear(t, w, time.Second, "the address", func(c Change) bool { return slices.Contains(c.Added, one) })
			start := time.Now()
			none(t, k.Delete([]Address{one}))
			hear(t, w, time.Second, "the deletion", func(c Change) bool { return slices.Contains(c.Removed, one) })
			times = append(times, time.Since(start))
		}
		t.Logf("%s in the median, %s at worst", median(times), slices.Max(times))
		if slices.Max(times) > 50*time.Millisecond {
			t.Errorf("noticed after %s at worst", slices.Max(times))
		}
	})
	t.Run("a client is told in 20 ms", func(t *testing.T) {
		none(t, k.Add(on(a, "10.99.0.101/24"), time.Minute))
		accepting(t, a, "tcp", ":7000")
		var times []time.Duration
		for range 20 {
			c := connect(t, b, "tcp", "10.99.0.101:7000")
			start := time.Now()
			_, err := k.DestroySockets([]netip.Addr{netip.MustParseAddr("10.99.0.101")})
			must(t, err)
			if err := c.reset(t, time.Second); !errors.Is(err, syscall.ECONNRESET) {
				t.Fatalf("client: %v, want connection reset", err)
			}
			times = append(times, time.Since(start))
		}
		t.Logf("%s in the median, %s at worst", median(times), slices.Max(times))
		if median(times) > 20*time.Millisecond {
			t.Errorf("told after %s in the median", median(times))
		}
	})
}

func spent(f func()) time.Duration {
	start := time.Now()
	f()
	return time.Since(start)
}

func median(times []time.Duration) time.Duration {
	times = slices.Sorted(slices.Values(times))
	return times[len(times)/2]
}
