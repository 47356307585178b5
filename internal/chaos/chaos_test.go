// SPDX-License-Identifier: Apache-2.0

package chaos

import (
	"context"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/regent-ha/regent/internal/netlab"
)

func TestMain(m *testing.M) { os.Exit(netlab.Main(m)) }

// program builds regent.
func program(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "regent")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", path, "../../cmd/regent")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build regent: %v\n%s", err, out)
	}
	return path
}

// play plays rounds until an instant.
func play(t *testing.T, until func(round int) bool) {
	netlab.Require(t, "nft", "ip")
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("REGENT_CHAOS_SEED"); s != "" {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatalf("REGENT_CHAOS_SEED=%q: want a number", s)
		}
		seed = n
	}
	t.Logf("play it again: REGENT_CHAOS_SEED=%d", seed)
	dir, err := os.MkdirTemp("", "chaos") // short: the names of sockets are below it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) }) //nolint:errcheck // a temporary directory
	ctx := context.WithoutCancel(t.Context())
	c, err := NewCluster(ctx, netlab.Test(t), program(t), dir, Setting{Client: netip.MustParseAddr("10.99.0.9"),
		Address: netip.MustParseAddr("10.99.0.100"), Interval: 50 * time.Millisecond, Slack: 150 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	next := Schedule(seed)
	files, threads, memory := 0, 0, int64(0)
	count := map[Kind]int{}
	for n := 1; !until(n); n++ {
		r := next()
		faults, capture, err := c.Play(ctx, r)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range faults {
			t.Errorf("%v (%s)", f, capture)
		}
		count[r.Kind]++
		if n == len(Kinds()) {
			files, threads, memory = c.Usage()
		}
	}
	f, th, mem := c.Usage()
	t.Logf("%d rounds %v; files %d → %d, threads %d → %d, memory %d → %d KiB", sum(count), count, files, f, threads, th, memory>>10, mem>>10)
	if files > 0 && (f > files+30 || th > threads+30 || mem > 2*memory+32<<20) {
		t.Errorf("the daemons grow: files %d → %d, threads %d → %d, memory %d → %d KiB", files, f, threads, th, memory>>10, mem>>10)
	}
}

func sum(m map[Kind]int) (n int) {
	for _, v := range m {
		n += v
	}
	return n
}

// Each fault once, in any order.
func TestEachFaultOnce(t *testing.T) {
	play(t, func(round int) bool { return round > len(Kinds()) })
}

// TestProofChaos plays for REGENT_CHAOS_TIME, 30 minutes if that is not set.
func TestProofChaos(t *testing.T) {
	if os.Getenv("REGENT_CHAOS_TIME") == "" && os.Getenv("REGENT_PROOF") == "" {
		t.Skip("long: make chaos TIME=30m")
	}
	lasts := 30 * time.Minute
	if s := os.Getenv("REGENT_CHAOS_TIME"); s != "" {
		d, err := time.ParseDuration(s)
		if err != nil {
			t.Fatalf("REGENT_CHAOS_TIME=%q: want a time such as 30m", s)
		}
		lasts = d
	}
	end := time.Now().Add(lasts)
	play(t, func(int) bool { return time.Now().After(end) })
}

func TestScheduleDealsEachFaultInTurn(t *testing.T) {
	t.Parallel()
	a, b := Schedule(7), Schedule(7)
	seen := map[Kind]int{}
	for range 3 * len(Kinds()) {
		r := a()
		if s := b(); r != s {
			t.Fatalf("the same seed deals %v and %v", r, s)
		}
		seen[r.Kind]++
	}
	for _, k := range Kinds() {
		if seen[k] != 3 {
			t.Errorf("%s: %d times, want 3", k, seen[k])
		}
	}
}
