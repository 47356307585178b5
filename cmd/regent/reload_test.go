// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/internal/netlab"
)

const steady = `
[[service]]
name = "steady"
interface = "eth0"
virtual_router_id = 10
addresses = ["10.99.0.110/24"]
priority = 150
advert_interval = "100ms"
`

const leaving = `
[[service]]
name = "leaving"
interface = "eth0"
virtual_router_id = 11
addresses = ["10.99.0.111/24"]
priority = 150
advert_interval = "100ms"
`

const changing = `
[[service]]
name = "changing"
interface = "eth0"
virtual_router_id = 12
addresses = ["10.99.0.112/24"]
priority = 150
advert_interval = "100ms"
`

const changed = `
[[service]]
name = "changing"
interface = "eth0"
virtual_router_id = 12
addresses = ["10.99.0.112/24", "10.99.0.113/24"]
priority = 120
advert_interval = "200ms"
`

const coming = `
[[service]]
name = "coming"
interface = "eth0"
virtual_router_id = 13
addresses = ["10.99.0.114/24"]
priority = 150
advert_interval = "100ms"
`

func (h *host) reload() {
	h.t.Helper()
	if err := h.cmd.Signal(unix.SIGHUP); err != nil {
		h.t.Fatal(err)
	}
}

func TestReloadChangesOnlyWhatChanged(t *testing.T) {
	t.Parallel()
	lab := netlab.Test(t)
	db1 := newHost(t, lab, "db1", "10.99.0.1/24")
	wire, err := lab.Capture("reload", "proto 112")
	if err != nil {
		t.Fatal(err)
	}
	db1.configure(steady + leaving + changing)
	db1.start()
	for _, name := range []string{"steady", "leaving", "changing"} {
		db1.is(name, "ipv4", "active")
	}
	db1.until("holding", 2*time.Second, func() bool { return db1.holds("10.99.0.110") && db1.holds("10.99.0.112") })
	before, _ := db1.service("changing", "ipv4")
	stall := stalls(t)
	reloaded := time.Now()
	db1.configure(steady + changed + coming)
	db1.reload()
	db1.is("coming", "ipv4", "active")
	db1.until("reloaded", 2*time.Second, func() bool {
		_, still := db1.service("leaving", "ipv4")
		return !still && db1.holds("10.99.0.113") && !db1.holds("10.99.0.111")
	})
	if after, _ := db1.service("changing", "ipv4"); after.State != "active" || after.Priority != 120 ||
		after.Counters.MasterTransitions != before.Counters.MasterTransitions {
		t.Errorf("changed in place: %+v", after)
	}
	path, err := wire.Stop()
	if err != nil {
		t.Fatal(err)
	}
	adverts, err := netlab.Adverts(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	late := stall()
	last := map[int]time.Time{}
	worst := map[int]time.Duration{}
	released := false
	for _, a := range adverts {
		if !last[a.VRID].IsZero() {
			worst[a.VRID] = max(worst[a.VRID], a.Time.Sub(last[a.VRID]))
		}
		last[a.VRID] = a.Time
		if a.Priority == 0 {
			if a.VRID != 11 {
				t.Errorf("priority 0 for VRID %d, which stays", a.VRID)
			}
			released = released || a.Time.After(reloaded)
		}
		if a.Checksum != netlab.ChecksumGood {
			t.Errorf("checksum of VRID %d is %v", a.VRID, a.Checksum)
		}
	}
	if !released {
		t.Error("the removed service did not send priority 0")
	}
	// Not one advert may be missing: with one, the gap were two intervals. What the machine stood still does not count.
	if worst[10] >= 190*time.Millisecond+late {
		t.Errorf("steady: a gap of %s between adverts, interval 100ms (the machine was late by %s)", worst[10], late)
	}
	if worst[12] >= 390*time.Millisecond+late {
		t.Errorf("changing: a gap of %s between adverts, interval 200ms (the machine was late by %s)", worst[12], late)
	}
}

// stalls watches how late the machine wakes those who sleep; the function it returns ends that and says the worst.
func stalls(t *testing.T) func() time.Duration {
	t.Helper()
	const tick = 5 * time.Millisecond
	quit, done := make(chan struct{}), make(chan time.Duration)
	go func() {
		worst, last := time.Duration(0), time.Now()
		ticker := time.NewTicker(tick)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				worst = max(worst, time.Since(last)-tick)
				last = time.Now()
			case <-quit:
				done <- worst
				return
			}
		}
	}()
	return func() time.Duration { close(quit); return <-done }
}

func TestReloadOfABrokenFileChangesNothing(t *testing.T) {
	t.Parallel()
	lab := netlab.Test(t)
	db1 := newHost(t, lab, "db1", "10.99.0.1/24")
	db1.configure(steady)
	db1.start()
	db1.is("steady", "ipv4", "active")
	db1.configure(steady + "[[service]]\nname = \"broken\"\n")
	db1.reload()
	db1.until("refused", 2*time.Second, func() bool { return db1.logged("RG1004") == 1 })
	if err := os.Remove(db1.file()); err != nil {
		t.Fatal(err)
	}
	db1.reload()
	db1.until("refused again", 2*time.Second, func() bool { return db1.logged("RG1004") == 2 })
	if v, ok := db1.service("steady", "ipv4"); !ok || v.State != "active" || v.Counters.MasterTransitions != 1 {
		t.Errorf("status after refused reloads: %+v", v)
	}
	// The way out works: the next good file is taken.
	db1.configure(steady + coming)
	db1.reload()
	db1.is("coming", "ipv4", "active")
}

func TestPlannedStopKeepsAnsweringUntilTheHeirIsHeard(t *testing.T) {
	t.Parallel()
	lab, db1, db2 := pair(t)
	wire, err := lab.Capture("stop", "proto 112 or arp")
	if err != nil {
		t.Fatal(err)
	}
	if err := db1.cmd.Signal(unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := db1.cmd.Wait(); err != nil {
		t.Errorf("planned stop: %v", err)
	}
	if db1.holds(virtual) || db1.holds(virtual6) {
		t.Error("an address stayed after the stop")
	}
	db2.is("orders", "ipv4", "active")
	db2.is("orders", "ipv6", "active")
	if db1.logged("RG1105") != 2 {
		t.Errorf("hand-overs in the log, want one a family:\n%s", db1.log())
	}
	if out, err := db1.Run(context.Background(), "nft", "list", "tables"); err != nil || out != "" {
		t.Errorf("tables after the stop: %q, %v", out, err)
	}
	path, err := wire.Stop()
	if err != nil {
		t.Fatal(err)
	}
	adverts, err := netlab.Adverts(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	zero := 0
	for _, a := range adverts {
		if a.Priority == 0 {
			zero++
		}
	}
	if zero != 2 {
		t.Errorf("%d adverts with priority 0, want one a family", zero)
	}
}

// A service that gets another VRID is released and started anew; what is removed takes its refuse elements along.
func TestReloadRestartsAServiceAndForgetsARemovedOne(t *testing.T) {
	t.Parallel()
	_, db1, db2 := pair(t)
	elements := func() int {
		out, err := db1.Run(context.Background(), "nft", "list", "table", "inet", "regent")
		if err != nil {
			t.Fatal(err)
		}
		return strings.Count(out, virtual) + strings.Count(out, virtual6)
	}
	db1.until("serving", 2*time.Second, func() bool { return elements() > 0 })
	moved := strings.Replace(orders, "virtual_router_id = 51", "virtual_router_id = 61", 1)
	for _, h := range []*host{db1, db2} {
		h.configure(moved)
		h.reload()
	}
	db1.until("active with the new VRID", 5*time.Second, func() bool {
		v, ok := db1.service("orders", "ipv4")
		w, ok6 := db1.service("orders", "ipv6")
		return ok && ok6 && v.VirtualRouterID == 61 && v.State == "active" && w.State == "active" && db1.holds(virtual) && db1.holds(virtual6)
	})
	db2.is("orders", "ipv4", "backup")
	db1.configure(steady)
	db1.reload()
	db1.until("free of orders", 5*time.Second, func() bool {
		_, still := db1.service("orders", "ipv4")
		return !still && !db1.holds(virtual) && !db1.holds(virtual6)
	})
	if n := elements(); n != 0 {
		t.Errorf("%d elements of a removed service are left", n)
	}
	db2.is("orders", "ipv4", "active")
}
