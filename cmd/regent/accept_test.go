// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/internal/netlab"
)

const silentService = `
[[service]]
name = "gateway"
interface = "eth0"
virtual_router_id = 51
addresses = ["10.99.0.101/24", "2001:db8:99::101/64"]
advert_interval = "100ms"
priority = 150
on_fault = "release"
accept = false
`

// heardFrom is what a client gets from an address: "refused", "silence" or "answered".
func heardFrom(t *testing.T, from *netlab.Node, to string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 250*time.Millisecond)
	defer cancel()
	c, err := from.Dial(ctx, "tcp", net.JoinHostPort(to, "9"))
	switch {
	case err == nil:
		c.Close()
		return "answered"
	case errors.Is(err, unix.ECONNREFUSED):
		return "refused"
	}
	return "silence"
}

// An address with accept = false is found by its neighbours and silent otherwise, from its first moment to its last, through
// a crash, and through a flush of the host's rules. Refusing wins over silence.
func TestAddressesThatTakeNoPacketsAreSilent(t *testing.T) {
	t.Parallel()
	lab := netlab.Test(t)
	db1 := newHost(t, lab, "db1", "10.99.0.1/24", "2001:db8:99::1/64")
	client, err := lab.Node("client", "10.99.0.9/24", "2001:db8:99::9/64")
	if err != nil {
		t.Fatal(err)
	}
	db1.configure(silentService)
	db1.start()
	db1.until("holding", 5*time.Second, func() bool { return db1.holds(virtual) && db1.holds(virtual6) })
	silence := func(when string) {
		t.Helper()
		for _, a := range []string{virtual, virtual6} {
			if got := heardFrom(t, client, a); got != "silence" {
				t.Errorf("%s: %s gives %s, want silence\n%s", when, a, got, db1.log())
			}
			if out, err := client.Run(t.Context(), "ip", "neigh", "show", "to", a, "dev", "eth0"); err != nil || !strings.Contains(out, "lladdr") {
				t.Errorf("%s: %s is no neighbour: %s %v", when, a, out, err)
			}
		}
	}
	silence("at first")
	if got := heardFrom(t, client, "10.99.0.1"); got != "refused" {
		t.Errorf("the node's own address gives %s", got)
	}
	// Owned tables cannot be flushed; others are restored.
	db1.Run(t.Context(), "nft", "flush", "ruleset") //nolint:errcheck // an owner's table makes it fail
	db1.until("silent again", 5*time.Second, func() bool { return heardFrom(t, client, virtual) == "silence" })

	// A crash: the address stays for a while, without an heir, and is silent.
	db1.kill(db1.worker(), unix.SIGKILL)
	for start := time.Now(); time.Since(start) < time.Second; {
		if got := heardFrom(t, client, virtual); got != "silence" {
			t.Fatalf("after a crash: %s", got)
		}
	}
	db1.is("gateway", "ipv4", "active")
	silence("after a crash")

	// The file lets packets in, and refuses, and wants silence again.
	for _, step := range []struct{ text, want string }{
		{strings.Replace(silentService, "accept = false", "", 1), "refused"}, // nobody listens
		{silentService + "refuse = true\n", "refused"},
		{silentService, "silence"},
	} {
		db1.configure(step.text)
		db1.kill(db1.cmd.Pid(), unix.SIGHUP)
		db1.until(step.want+" after a reload", 5*time.Second, func() bool { return heardFrom(t, client, virtual) == step.want })
	}
	if n := db1.logged("RG1408"); n > 0 {
		t.Errorf("%d failures:\n%s", n, db1.log())
	}
	if err := db1.cmd.Stop(10 * time.Second); err != nil {
		t.Fatal(err)
	}
	if out, err := db1.Run(t.Context(), "nft", "list", "tables"); err != nil || strings.Contains(out, "regent") || db1.holds(virtual) {
		t.Errorf("left after the stop: %s %v", out, err)
	}
}
