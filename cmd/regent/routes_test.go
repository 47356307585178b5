// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/internal/netlab"
)

// withRoutes are two services that share a route, and static items.
const withRoutes = `
static_addresses = ["10.98.0.50/24 dev eth1", "2001:db8:98::50/64 dev eth1"]
static_routes = ["198.51.100.0/24 via 10.98.0.254 dev eth1"]
static_rules = ["from 10.98.0.50 table 100 pref 400"]

[[service]]
name = "orders"
interface = "eth0"
virtual_router_id = 51
addresses = ["10.99.0.101/24"]
advert_interval = "100ms"
priority = 150
on_fault = "release"
routes = ["203.0.113.0/24 via 10.98.0.254 dev eth1 src 10.99.0.101", "192.0.2.0/25 via 10.99.0.254 table 100 no_track", "192.0.2.128/25 via 10.99.0.254 protocol 200"]
rules = ["from 10.99.0.101 table 100 pref 200"]

[[service]]
name = "bills"
interface = "eth0"
virtual_router_id = 52
addresses = ["10.99.0.102/24"]
advert_interval = "100ms"
priority = 150
on_fault = "release"
routes = ["192.0.2.128/25 via 10.99.0.254 protocol 200"]
`

// beside makes a node with a second interface.
func beside(t *testing.T) *host {
	t.Helper()
	lab := netlab.Test(t)
	other, err := lab.Network("outside", netlab.NetworkOptions{})
	if err != nil {
		t.Fatal(err)
	}
	h := newHost(t, lab, "db1", "10.99.0.1/24")
	if _, err := h.Attach(other, "eth1", "10.98.0.1/24"); err != nil {
		t.Fatal(err)
	}
	return h
}

// paths is what the kernel has of routes and rules of daemons, in one text.
func (h *host) paths() string {
	h.t.Helper()
	out, err := h.Run(context.Background(), "sh", "-c", "ip route show table all proto 112; ip route show table all proto 200; ip rule | grep -v -e '^0:' -e ^3276; ip -o addr show dev eth1")
	if err != nil {
		h.t.Fatal(err)
	}
	return out
}

// ip runs ip(8).
func (h *host) ip(args ...string) {
	h.t.Helper()
	if out, err := h.Run(context.Background(), "ip", args...); err != nil {
		h.t.Fatalf("ip %v: %v %s", args, err, out)
	}
}

// has waits until all parts are there, lacks until none is.
func (h *host) has(parts ...string) {
	h.t.Helper()
	h.until("with "+strings.Join(parts, ", "), 5*time.Second, func() bool { return containsAll(h.paths(), parts...) })
}

func (h *host) lacks(parts ...string) {
	h.t.Helper()
	h.until("without "+strings.Join(parts, ", "), 5*time.Second, func() bool {
		is := h.paths()
		for _, p := range parts {
			if strings.Contains(is, p) {
				return false
			}
		}
		return true
	})
}

var (
	static = []string{"10.98.0.50/24", "2001:db8:98::50/64", "198.51.100.0/24 via 10.98.0.254", "from 10.98.0.50 lookup 100"}
	moving = []string{"203.0.113.0/24 via 10.98.0.254", "192.0.2.0/25 via 10.99.0.254", "192.0.2.128/25 via 10.99.0.254", "from 10.99.0.101 lookup 100"}
)

// Routes and rules come after the addresses of their service and go before them. What somebody deletes is put back,
// unless he may. What two services share stays until both have gone. Static items stand all the time.
func TestRoutesAndRulesMoveWithTheirService(t *testing.T) {
	t.Parallel()
	db1 := beside(t)
	db1.configure(withRoutes)
	monitor := db1.Command(t.Context(), "ip", "-4", "-o", "monitor", "address", "route", "rule")
	if err := monitor.Start(); err != nil {
		t.Fatal(err)
	}
	db1.start()
	db1.has(append(moving, static...)...)

	db1.ip("route", "del", "203.0.113.0/24")
	db1.ip("rule", "del", "pref", "200")
	db1.ip("route", "del", "198.51.100.0/24")
	db1.ip("rule", "del", "pref", "400")
	db1.ip("addr", "del", "10.98.0.50/24", "dev", "eth1")
	db1.ip("route", "del", "192.0.2.0/25", "table", "100")
	db1.until("told of what was put back", 5*time.Second, func() bool { return db1.logged("RG1205") == 4 && db1.logged("RG1201") == 1 })
	db1.has(append(moving[2:], static...)...)
	db1.lacks(moving[1])

	// One leaves the file: what the other shares stays, and the static items.
	first, second, _ := strings.Cut(withRoutes, "\n[[service]]\nname = \"orders\"")
	_, second, _ = strings.Cut(second, "[[service]]")
	db1.configure(first + "[[service]]" + second)
	db1.kill(db1.cmd.Pid(), unix.SIGHUP)
	db1.lacks(moving[0], moving[1], moving[3])
	db1.has(append(moving[2:3], static...)...)

	db1.configure(strings.Replace(first, "198.51.100.0", "198.51.101.0", 1) + "[[service]]" + second)
	db1.kill(db1.cmd.Pid(), unix.SIGHUP)
	db1.has("198.51.101.0/24", static[0], moving[2])
	db1.lacks(static[2])

	if err := db1.cmd.Stop(10 * time.Second); err != nil {
		t.Fatal(err)
	}
	db1.lacks(append(append(moving, static...), "198.51.101.0/24")...)
	text := readFile(t, monitor.Log)
	inOrder(t, text, "inet 10.98.0.50/24", "198.51.100.0/24 via", "from 10.98.0.50 lookup 100", "inet 10.99.0.101/24", "203.0.113.0/24 via", "from 10.99.0.101 lookup 100",
		"Deleted 200:", "Deleted 203.0.113.0/24", "inet 10.99.0.102/24")
	_, end, _ := strings.Cut(text, "198.51.101.0/24")
	inOrder(t, end, "Deleted 192.0.2.128/25", "inet 10.99.0.102/24", "Deleted 400:", "Deleted 198.51.101.0/24", "inet 10.98.0.50/24")
}

// inOrder reports what does not come after what precedes it.
func inOrder(t *testing.T, text string, parts ...string) {
	t.Helper()
	rest := text
	for i, p := range parts {
		_, after, ok := strings.Cut(rest, p)
		if !ok {
			t.Fatalf("%q does not come after %q in\n%s", p, parts[:i], text)
		}
		rest = after
	}
}

// An interface that goes down takes the service with its tracked route; when it is back, everything is.
func TestRoutesComeBackWithTheirInterface(t *testing.T) {
	t.Parallel()
	db1 := beside(t)
	db1.configure(withRoutes)
	db1.start()
	db1.has(append(moving, static...)...)
	db1.ip("link", "set", "eth1", "down")
	db1.lacks(moving[0], moving[3], static[1], static[2])
	db1.has(moving[2]) // that bills shares
	db1.is("bills", "ipv4", "active")
	if v, _ := db1.service("orders", "ipv4"); !containsAll(v.Reason, "interface eth1 of route", "is down") || db1.holds("10.99.0.101") {
		t.Errorf("reason %q", v.Reason)
	}
	db1.ip("link", "set", "eth1", "up")
	db1.has(append(moving, static...)...)
	if n := db1.logged("RG1206"); n > 1 {
		t.Errorf("%d failures are told, want one at most:\n%s", n, db1.log())
	}
}

// A kill leaves routes. The next start removes what it does not want, those with a protocol of their own among them, and
// does not touch the static ones.
func TestStartRemovesRoutesOfAnEarlierRun(t *testing.T) {
	t.Parallel()
	db1 := beside(t)
	db1.configure(withRoutes)
	db1.start()
	db1.has(append(moving, static...)...)
	db1.until("with its record", 5*time.Second, func() bool {
		b, _ := os.ReadFile(filepath.Join(db1.dir, "state", "routes.json")) // soon
		return containsAll(string(b), "192.0.2.128/25")
	})
	worker := db1.worker()
	db1.kill(db1.cmd.Pid(), unix.SIGKILL)
	db1.kill(worker, unix.SIGKILL)
	db1.until("alone", 5*time.Second, func() bool { return unix.Kill(worker, 0) != nil })
	db1.has(append(moving, static...)...)
	monitor := db1.Command(t.Context(), "ip", "-o", "monitor", "address", "route", "rule")
	if err := monitor.Start(); err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(withRoutes, "[[service]]")
	db1.configure(first + "[[service]]\nname = \"other\"\ninterface = \"eth0\"\nvirtual_router_id = 53\naddresses = [\"10.99.0.103/24\"]\npriority = 1\n")
	db1.start()
	db1.lacks(moving...)
	db1.has(static...)
	db1.until("told", 5*time.Second, func() bool { return db1.logged("RG1203") >= 3 })
	if text := readFile(t, monitor.Log); containsAny(text, "Deleted 198.51.100.0", "Deleted 400", "Deleted 5: eth1    inet 10.98.0.50") {
		t.Errorf("static items were taken away:\n%s", text)
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func containsAny(text string, parts ...string) bool {
	for _, p := range parts {
		if strings.Contains(text, p) {
			return true
		}
	}
	return false
}

// A worker that is killed leaves its routes to the supervisor, who removes them with the addresses when an heir is heard.
func TestLastWillRemovesRoutes(t *testing.T) {
	t.Parallel()
	_, db1, db2 := pair(t)
	const more = "\nroutes = [\"203.0.113.0/24 via 10.99.0.254\"]\nrules = [\"from 10.99.0.101 table 100 pref 200\"]\n"
	for _, h := range []*host{db1, db2} {
		h.configure(orders + more)
		h.kill(h.cmd.Pid(), unix.SIGHUP)
	}
	routes := func(h *host) string {
		out, err := h.Run(context.Background(), "sh", "-c", "ip route; ip rule")
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	has := func(h *host) bool { return containsAll(routes(h), "203.0.113.0/24", "lookup 100") }
	db1.until("with its routes", 5*time.Second, func() bool { return has(db1) })
	if has(db2) {
		t.Error("a Backup has routes")
	}
	db1.kill(db1.worker(), unix.SIGKILL)
	db2.is("orders", "ipv4", "active")
	db2.until("with the routes", 2*time.Second, func() bool { return has(db2) })
	db1.until("without routes", 5*time.Second, func() bool { return !containsAny(routes(db1), "203.0.113.0/24", "lookup 100") && !db1.holds(virtual) })
}
