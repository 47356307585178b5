// SPDX-License-Identifier: Apache-2.0

package takeover

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/regent-ha/regent/internal/netlab"
)

// TestMain leaves the timed tests to `make proof`.
func TestMain(m *testing.M) {
	flag.Parse()
	if os.Getenv("REGENT_PROOF") != "1" {
		if err := flag.Set("test.skip", "^TestProof"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
	}
	os.Exit(netlab.Main(m))
}

// pair is a lab of two nodes.
func pair(t testing.TB) (lab *netlab.Lab, a, b *netlab.Node) {
	t.Helper()
	lab = netlab.Test(t)
	return lab, node(t, lab, "a", "10.99.0.1/24", "fd99::1/64"), node(t, lab, "b", "10.99.0.2/24", "fd99::2/64")
}

func node(t testing.TB, lab *netlab.Lab, name string, prefixes ...string) *netlab.Node {
	t.Helper()
	n, err := lab.Node(name, prefixes...)
	must(t, err)
	return n
}

// must fails the test on an error.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// none fails the test on any of several errors.
func none(t testing.TB, errs []error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// kernel opens a Kernel in the namespace of a node.
func kernel(t testing.TB, n *netlab.Node) *Kernel {
	t.Helper()
	var k *Kernel
	must(t, n.Do(func() (err error) {
		k, err = Open(quiet())
		return err
	}))
	t.Cleanup(func() { must(t, k.Close()) })
	return k
}

// watcher opens a Watcher in the namespace of a node.
func watcher(t testing.TB, n *netlab.Node, buffer int) *Watcher {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var w *Watcher
	must(t, n.Do(func() (err error) {
		w, err = watch(ctx, quiet(), buffer)
		return err
	}))
	t.Cleanup(func() {
		cancel()
		for range w.Changes() { // until it has ended
		}
	})
	return w
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// run runs a program in the namespace of a node.
func run(t testing.TB, n *netlab.Node, name string, args ...string) string {
	t.Helper()
	out, err := n.Run(context.Background(), name, args...)
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return out
}

// eventually polls until ok, for limit at most, and returns how long it took.
func eventually(t testing.TB, limit time.Duration, what string, ok func() bool) time.Duration {
	t.Helper()
	start := time.Now()
	for !ok() {
		if time.Since(start) > limit {
			t.Fatalf("not within %s: %s", limit, what)
		}
		time.Sleep(2 * time.Millisecond)
	}
	return time.Since(start)
}

// refused dials an address on which nothing listens: the answer proves that it is there.
func refused(t testing.TB, from *netlab.Node, addr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	c, err := from.Dial(ctx, "tcp", net.JoinHostPort(addr, "9"))
	if err == nil {
		c.Close()
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("dial %s: %v, want connection refused", addr, err)
	}
}

// on makes addresses on eth0 of a node.
func on(n *netlab.Node, prefixes ...string) []Address {
	var as []Address
	for _, p := range prefixes {
		as = append(as, Address{netip.MustParsePrefix(p), n.Index("eth0")})
	}
	return as
}

// held returns which of the addresses the node has.
func held(t testing.TB, n *netlab.Node, as []Address) (has int) {
	t.Helper()
	there, err := n.Addresses("eth0")
	must(t, err)
	set := map[netip.Prefix]bool{}
	for _, p := range there {
		set[p] = true
	}
	for _, a := range as {
		if set[a.Prefix] {
			has++
		}
	}
	return has
}

// many makes addresses 10.98.x.y and fd98::x:y on eth0 of a node, half of each family.
func many(n *netlab.Node, count int) []Address {
	link := n.Index("eth0")
	as := make([]Address, count)
	for i := range as {
		j := i/2 + 1
		if i%2 == 0 {
			as[i] = Address{netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 98, byte(j >> 8), byte(j)}), 32), link}
		} else {
			as[i] = Address{netip.PrefixFrom(netip.AddrFrom16(
				[16]byte{0: 0xfd, 1: 0x98, 14: byte(j >> 8), 15: byte(j)}), 64), link}
		}
	}
	return as
}
