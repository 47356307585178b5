// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"os"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/internal/netlab"
)

// TestProofLastWillIsQuick measures the time from kill -9 of a worker to the priority-0 advert that its supervisor sends.
func TestProofLastWillIsQuick(t *testing.T) {
	if os.Getenv("REGENT_PROOF") == "" {
		t.Skip("a timed test: REGENT_PROOF=1, or make proof")
	}
	lab := netlab.Test(t)
	db1 := newHost(t, lab, "db1", "10.99.0.1/24")
	db1.configure(steady)
	wire, err := lab.Capture("will", "proto 112")
	if err != nil {
		t.Fatal(err)
	}
	db1.start()
	var took []time.Duration
	for range 4 {
		db1.is("steady", "ipv4", "active")
		db1.until("holding", 2*time.Second, func() bool { return db1.holds("10.99.0.110") })
		worker := db1.worker()
		killed := time.Now()
		db1.kill(worker, unix.SIGKILL)
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		f, err := wire.Wait(ctx, killed, func(f netlab.Frame) bool {
			_, priority, ok := f.VRRP()
			return ok && priority == 0
		})
		cancel()
		if err != nil {
			t.Fatal(err)
		}
		took = append(took, f.Time.Sub(killed))
		db1.until("another worker", 40*time.Second, func() bool { v, ok := db1.service("steady", "ipv4"); return ok && v.State == "backup" })
	}
	slices.Sort(took)
	t.Logf("kill -9 to priority 0: median %s, worst %s (%v)", took[len(took)/2], took[len(took)-1], took)
	if took[len(took)/2] > 20*time.Millisecond {
		t.Errorf("median %s, want 20ms at most", took[len(took)/2])
	}
}
