// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/internal/netlab"
)

const (
	virtual  = "10.99.0.101"
	virtual6 = "2001:db8:99::101"
)

// orders is a service of db1; its standby is db2.
const orders = `
[nodes.db1]
address = "10.99.0.1"
[nodes.db2]
address = "10.99.0.2"

[[service]]
name = "orders"
interface = "eth0"
virtual_router_id = 51
addresses = ["10.99.0.101/24", "2001:db8:99::101/64"]
advert_interval = "100ms"
owner = "db1"
standbys = ["db2"]
takeover = "forbid"
`

// pair is two nodes that run orders, the owner Active.
func pair(t *testing.T) (lab *netlab.Lab, db1, db2 *host) {
	t.Helper()
	lab = netlab.Test(t)
	db1 = newHost(t, lab, "db1", "10.99.0.1/24", "2001:db8:99::1/64")
	db2 = newHost(t, lab, "db2", "10.99.0.2/24", "2001:db8:99::2/64")
	for _, h := range []*host{db1, db2} {
		h.configure(orders)
		h.start()
	}
	for _, family := range []string{"ipv4", "ipv6"} {
		db1.is("orders", family, "active")
		db2.is("orders", family, "backup")
	}
	return lab, db1, db2
}

// holds tells whether a node has an address.
func (h *host) holds(addr string) bool { return h.Holds(netip.MustParseAddr(addr)) }

// A killed process group leaves nobody to remove the addresses: the kernel does, when the leases end.
func TestLeasesEndAfterWorkerAndSupervisorAreKilled(t *testing.T) {
	t.Parallel()
	_, db1, db2 := pair(t)
	db1.until("holding", 2*time.Second, func() bool { return db1.holds(virtual) && db1.holds(virtual6) })
	worker := db1.worker()
	db1.kill(db1.cmd.Pid(), unix.SIGKILL)
	db1.kill(worker, unix.SIGKILL)
	killed := time.Now()
	db2.is("orders", "ipv4", "active")
	db2.is("orders", "ipv6", "active")
	for db1.holds(virtual) || db1.holds(virtual6) {
		if time.Since(killed) > 6*time.Second {
			t.Fatal("addresses outlived their daemon by more than 6 s")
		}
		time.Sleep(20 * time.Millisecond) // polls the kernel
	}
}

// What the leases have not ended yet is removed at the next start, before the first advert.
func TestStartRemovesWhatAnEarlierRunLeft(t *testing.T) {
	t.Parallel()
	_, db1, db2 := pair(t)
	db1.until("holding", 2*time.Second, func() bool { return db1.holds(virtual) })
	worker := db1.worker()
	db1.kill(db1.cmd.Pid(), unix.SIGKILL)
	db1.kill(worker, unix.SIGKILL)
	db2.is("orders", "ipv4", "active")
	// It comes back as the standby.
	db1.configure(strings.NewReplacer(`owner = "db1"`, `owner = "db2"`, `standbys = ["db2"]`, `standbys = ["db1"]`).Replace(orders))
	db1.start()
	db1.is("orders", "ipv4", "backup")
	if db1.holds(virtual) || db1.holds(virtual6) {
		t.Error("a Backup holds the address of an earlier run")
	}
	db1.until("removal in the log", time.Second, func() bool { return db1.logged("RG1203") > 0 })
}

// Somebody deletes the address by hand: it is put back, and nobody takes over.
func TestDeletedAddressIsPutBackWithoutATransition(t *testing.T) {
	t.Parallel()
	_, db1, _ := pair(t)
	db1.until("holding", 2*time.Second, func() bool { return db1.holds(virtual) && db1.holds(virtual6) })
	before, _ := db1.service("orders", "ipv4")
	for _, args := range [][]string{{"addr", "del", virtual + "/24", "dev", "eth0"}, {"addr", "del", virtual6 + "/64", "dev", "eth0"}} {
		if _, err := db1.Run(context.Background(), "ip", args...); err != nil {
			t.Fatal(err)
		}
	}
	db1.until("put back", 2*time.Second, func() bool { return db1.holds(virtual) && db1.holds(virtual6) && db1.logged("RG1201") > 0 })
	after, _ := db1.service("orders", "ipv4")
	if after.State != "active" || after.Counters.MasterTransitions != before.Counters.MasterTransitions {
		t.Errorf("state %s, transitions %d → %d: want none", after.State, before.Counters.MasterTransitions, after.Counters.MasterTransitions)
	}
}

// kill -9 of the worker: the other node inherits, the addresses leave, the new worker pre-empts nobody.
func TestLastWillHandsOverAndTheNewWorkerHoldsBack(t *testing.T) {
	t.Parallel()
	_, db1, db2 := pair(t)
	db1.kill(db1.worker(), unix.SIGKILL)
	db2.is("orders", "ipv4", "active")
	db2.is("orders", "ipv6", "active")
	db1.until("free of the addresses", 2*time.Second, func() bool { return !db1.holds(virtual) && !db1.holds(virtual6) })
	db1.is("orders", "ipv4", "backup")
	db1.until("death and restart in the log", time.Second, func() bool { return db1.logged("RG1701") == 1 && db1.logged("RG1702") == 1 })
	if v, _ := db2.service("orders", "ipv4"); v.Duty != "refuse" {
		t.Errorf("duty of the heir %q, want refuse", v.Duty)
	}
}

// A worker that hangs is as good as dead.
func TestStoppedWorkerIsReplaced(t *testing.T) {
	t.Parallel()
	_, db1, db2 := pair(t)
	worker := db1.worker()
	db1.kill(worker, unix.SIGSTOP)
	db2.is("orders", "ipv4", "active")
	db1.until("another worker", 5*time.Second, func() bool {
		v, ok := db1.service("orders", "ipv4")
		return ok && v.State == "backup" && db1.worker() != worker
	})
	if db1.holds(virtual) {
		t.Error("the stopped worker's address is still there")
	}
}

// A lone node's worker dies: nobody inherits, so the address stays and answers until the new worker has it.
func TestLoneNodeKeepsAnsweringAcrossACrash(t *testing.T) {
	t.Parallel()
	lab := netlab.Test(t)
	db1 := newHost(t, lab, "db1", "10.99.0.1/24")
	db1.configure(`
[[service]]
name = "web"
interface = "eth0"
virtual_router_id = 7
addresses = ["10.99.0.101/24"]
priority = 100
`)
	db1.start()
	db1.is("web", "ipv4", "active")
	db1.until("holding", 2*time.Second, func() bool { return db1.holds(virtual) })
	db1.kill(db1.worker(), unix.SIGKILL)
	db1.until("another worker", 5*time.Second, func() bool { return db1.logged("RG1702") > 0 })
	for {
		if !db1.holds(virtual) {
			t.Fatal("the address went although nobody inherited it")
		}
		if v, ok := db1.service("web", "ipv4"); ok && v.State == "active" {
			break
		}
		time.Sleep(2 * time.Millisecond) // polls
	}
	time.Sleep(time.Second) // the will of the first worker must not take it away any more
	if !db1.holds(virtual) {
		t.Error("the last will removed an address that the new worker holds")
	}
}

// The interface comes after the daemon, loses its carrier, and is made anew.
func TestInterfaceMayComeAndGo(t *testing.T) {
	t.Parallel()
	lab := netlab.Test(t)
	db1 := newHost(t, lab, "db1", "10.99.0.1/24")
	db1.configure(`
[[service]]
name = "web"
interface = "late0"
virtual_router_id = 7
addresses = ["10.98.0.101/24", "2001:db8:98::101/64"]
priority = 100
`)
	db1.start()
	db1.is("web", "ipv4", "initialize")
	other, err := lab.Network("other", netlab.NetworkOptions{})
	if err != nil {
		t.Fatal(err)
	}
	port, err := db1.Attach(other, "late0", "10.98.0.1/24")
	if err != nil {
		t.Fatal(err)
	}
	active := func() {
		t.Helper()
		db1.is("web", "ipv4", "active")
		db1.is("web", "ipv6", "active")
		db1.until("holding", 2*time.Second, func() bool { return db1.holds("10.98.0.101") && db1.holds("2001:db8:98::101") })
	}
	active()
	if err := port.LinkDown(); err != nil {
		t.Fatal(err)
	}
	db1.is("web", "ipv4", "initialize")
	if db1.holds("10.98.0.101") {
		t.Error("the address stays on an interface without carrier")
	}
	if err := port.LinkUp(); err != nil {
		t.Fatal(err)
	}
	active()
	if _, err := db1.Run(context.Background(), "ip", "link", "del", "late0"); err != nil {
		t.Fatal(err)
	}
	db1.is("web", "ipv4", "initialize")
	if _, err := db1.Attach(other, "late0", "10.98.0.1/24"); err != nil {
		t.Fatal(err)
	}
	active()
}

// A worker that slept has lost its service by the time it is told to stop: no heir will ever be heard, and no address may
// stay.
func TestStopOfAWorkerThatSleptEndsAndLeavesNothing(t *testing.T) {
	t.Parallel()
	_, db1, db2 := pair(t)
	worker := db1.worker()
	db1.kill(worker, unix.SIGSTOP)
	db2.is("orders", "ipv4", "active") // the loop sleeps for longer than its Active_Down_Interval
	if err := db1.cmd.Signal(unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	db1.kill(worker, unix.SIGCONT)
	select {
	case <-db1.cmd.Done():
	case <-time.After(5 * time.Second):
		t.Fatalf("the stop hangs; log:\n%s", db1.log())
	}
	if db1.holds(virtual) || db1.holds(virtual6) {
		t.Errorf("an address stayed; log:\n%s", db1.log())
	}
	db2.is("orders", "ipv4", "active")
}
