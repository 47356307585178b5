// SPDX-License-Identifier: Apache-2.0

package responder

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/internal/netlab"
)

// Thousands of addresses go in and out in one transaction each.
func TestThousandsOfAddressesInOneTransaction(t *testing.T) { byEach(t, thousandsOfAddresses) }

func thousandsOfAddresses(t *testing.T, o Options) {
	s := newSite(t)
	s.wildcards("5000")
	r := s.open(o)
	many := append(append(whole(vip4, vip6), manyTargets(4000, false)...), manyTargets(4000, true)...)
	start := time.Now()
	s.must(r.SetRefused(many))
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("8000 addresses took %v", took)
	}
	s.expect(s.client, "tcp", vip4, 5000, "refused")
	counts, err := r.Counters()
	s.must(err)
	if len(counts) != len(many) {
		t.Errorf("want %d addresses, the kernel has %d", len(many), len(counts))
	}
	s.must(r.Close(false))
	r = s.open(o)
	s.expect(s.client, "tcp", vip6, 5000, "refused")
	s.must(r.SetRefused(whole(vip4)))
	s.expect(s.client, "tcp", vip6, 5000, "answered")
	counts, err = r.Counters()
	s.must(err)
	if len(counts) != 1 {
		t.Errorf("want 1 address, the kernel has %d", len(counts))
	}
}

// Where the socket's buffer may not grow, a change goes in parts.
func TestSmallSendBufferSplitsTheChange(t *testing.T) {
	s := newSite(t)
	var c *conn
	s.must(s.standby.Do(func() (err error) { c, err = dial(); return err }))
	defer func() { s.must(c.close()) }()
	raw, err := c.nl.SyscallConn()
	s.must(err)
	var set error
	s.must(raw.Control(func(fd uintptr) { set = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, 64<<10) }))
	s.must(set)
	tb, err := newTable(c, "small", false, Speaker{})
	s.must(err)
	s.must(tb.open(t.Context(), false))
	want, err := elements(manyTargets(4000, true))
	s.must(err)
	err = tb.refuse(want)
	if !errors.Is(err, unix.EMSGSIZE) {
		t.Errorf("want %v, got %v", unix.EMSGSIZE, err)
	}
	c.single = 100 << 10
	tb.have = nil
	s.must(tb.refuse(want))
	counts, err := tb.counters()
	s.must(err)
	if len(counts) != 4000 {
		t.Errorf("want 4000 addresses, the kernel has %d", len(counts))
	}
	s.must(tb.remove())
}

// BenchmarkSetRefused makes n addresses refused and no longer refused.
func BenchmarkSetRefused(b *testing.B) {
	for _, n := range []int{1, 1000, 4000} {
		b.Run(fmt.Sprintf("addresses=%d", n), func(b *testing.B) {
			lab := netlab.Test(b)
			node, err := lab.Island("standby")
			if err != nil {
				b.Fatal(err)
			}
			var r *Responder
			err = node.Do(func() (err error) { r, err = Open(b.Context(), Options{}); return err })
			if err != nil {
				b.Fatal(err)
			}
			defer r.Close(true)
			targets := manyTargets(n, false)
			for b.Loop() {
				if err := errors.Join(r.SetRefused(targets), r.SetRefused(nil)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
