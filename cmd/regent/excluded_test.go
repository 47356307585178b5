// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/regent-ha/regent/internal/netlab"
)

const withExcluded = `
[[service]]
name = "orders"
interface = "eth0"
virtual_router_id = 51
addresses = ["10.99.0.101/24", "10.99.0.102/24 dev eth1"]
excluded_addresses = ["10.98.0.101/24 dev eth1", "2001:db8:99::101/64"]
advert_interval = "100ms"
priority = 100
on_fault = "release"
`

func containsAll(text string, parts ...string) bool {
	return !slices.ContainsFunc(parts, func(p string) bool { return !strings.Contains(text, p) })
}

// Addresses that are not advertised, and those on another interface, come and go with the others, and are told to the neighbours.
// Without the other interface the service is in fault.
func TestExcludedAddressesMoveWithTheOthers(t *testing.T) {
	t.Parallel()
	lab := netlab.Test(t)
	other, err := lab.Network("outside", netlab.NetworkOptions{})
	if err != nil {
		t.Fatal(err)
	}
	db1 := newHost(t, lab, "db1", "10.99.0.1/24", "2001:db8:99::1/64")
	if _, err := db1.Attach(other, "eth1", "10.98.0.1/24"); err != nil {
		t.Fatal(err)
	}
	neighbour, err := lab.Island("neighbour")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := neighbour.Attach(other, "eth0", "10.98.0.9/24"); err != nil {
		t.Fatal(err)
	}
	c, err := neighbour.Capture("eth0", "outside", "arp")
	if err != nil {
		t.Fatal(err)
	}
	db1.configure(withExcluded)
	db1.start()
	all := []string{"10.99.0.101", "10.99.0.102", "10.98.0.101", "2001:db8:99::101"}
	holds := func(want bool) {
		t.Helper()
		db1.until("with all addresses or none", 10*time.Second, func() bool {
			for _, a := range all {
				if db1.holds(a) != want {
					return false
				}
			}
			return true
		})
	}
	holds(true)
	out, err := db1.Run(t.Context(), "ip", "-br", "-4", "address", "show", "dev", "eth1")
	if err != nil || !containsAll(out, "10.98.0.101/24", "10.99.0.102/24") {
		t.Errorf("eth1 has %q, %v", out, err)
	}
	if out, err = db1.Run(t.Context(), "ip", "-6", "address", "show", "dev", "eth0"); err != nil || !containsAll(out, "2001:db8:99::101/64") {
		t.Errorf("eth0 has %q, %v", out, err)
	}
	db1.until("announcements on the other interface", 5*time.Second, func() bool { return len(c.Frames()) >= 5 })
	if err := db1.Port("eth1").LinkDown(); err != nil {
		t.Fatal(err)
	}
	holds(false)
	if v, ok := db1.service("orders", "ipv4"); !ok || !containsAll(v.Reason, "interface eth1 of address", "is down") {
		t.Errorf("reason %q", v.Reason)
	}
	if err := db1.Port("eth1").LinkUp(); err != nil {
		t.Fatal(err)
	}
	holds(true)
	if err := db1.cmd.Stop(10 * time.Second); err != nil {
		t.Fatal(err)
	}
	for _, a := range all {
		if db1.holds(a) {
			t.Errorf("%s is left behind", a)
		}
	}
}
