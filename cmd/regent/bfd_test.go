// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/regent-ha/regent/internal/netlab"
	"github.com/regent-ha/regent/internal/status"
)

// uplinks is two services that need a path to a gateway on another network, and one that fears for the path to the other node.
const uplinks = `
[[service]]
name = "first"
interface = "eth0"
virtual_router_id = 51
addresses = ["10.99.0.101/24"]
advert_interval = "100ms"
priority = @PRIORITY@
on_fault = "release"
[[service.check]]
@GATEWAY@

[[service]]
name = "second"
interface = "eth0"
virtual_router_id = 52
addresses = ["10.99.0.102/24"]
advert_interval = "100ms"
priority = @PRIORITY@
on_fault = "release"
[[service.check]]
@GATEWAY@

[[service]]
name = "third"
interface = "eth0"
virtual_router_id = 53
addresses = ["10.99.0.103/24"]
advert_interval = "100ms"
priority = @PRIORITY@
[[service.check]]
bfd = "10.98.0.@OTHER@"
min_rx = "50ms"
min_tx = "50ms"
weight = @WEIGHT@
`

const towardsGateway = "bfd = \"10.98.0.9\"\nsource = \"10.98.0.@NUMBER@\"\nmin_rx = \"50ms\"\nmin_tx = \"50ms\"\nname = \"gateway\""

// detection is how long a silence of five packets each 50 ms is; bearable is what a busy machine may add to it, and to the start of
// the next Active.
const (
	detection = 250 * time.Millisecond
	bearable  = 1500 * time.Millisecond
)

// gatewayFile is keepalived's, the other end of both nodes' sessions.
const gatewayFile = `bfd_instance one {
 neighbor_ip 10.98.0.1
 source_ip 10.98.0.9
 min_rx 50
 min_tx 50
}
bfd_instance two {
 neighbor_ip 10.98.0.2
 source_ip 10.98.0.9
 min_rx 50
 min_tx 50
}
vrrp_instance v {
 interface eth1
 virtual_router_id 9
 virtual_ipaddress {
  10.98.0.200
 }
 track_bfd {
  one
  two
 }
}
`

// A session that goes down moves the services that watch it at once, with keepalived and with Regent at its other end; those that
// share one share its fate. A reload leaves it alone.
func TestServicesMoveWhenTheirPathIsCut(t *testing.T) {
	t.Parallel()
	netlab.Require(t, "keepalived")
	lab := netlab.Test(t)
	other, err := lab.Network("uplink", netlab.NetworkOptions{})
	if err != nil {
		t.Fatal(err)
	}
	gateway := newHost(t, lab, "gw", "10.99.0.9/24")
	_, err = gateway.Attach(other, "eth1", "10.98.0.9/24")
	path := func(name string) string { return filepath.Join(gateway.dir, name) }
	if err := errors.Join(err, os.WriteFile(path("keepalived.conf"), []byte(gatewayFile), 0o644)); err != nil {
		t.Fatal(err)
	}
	peer := gateway.Command(context.Background(), "keepalived", "-n", "-l", "-f", path("keepalived.conf"), "-p", path("pid"), "-r", path("vrrp"), "-b", path("bfd"), "-c", path("check"))
	if err := peer.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { peer.Stop(10 * time.Second) }) //nolint:errcheck // the test is over

	text := func(number, other, priority, weight int) string {
		return strings.NewReplacer("@GATEWAY@", strings.ReplaceAll(towardsGateway, "@NUMBER@", fmt.Sprint(number)), "@OTHER@", fmt.Sprint(other),
			"@PRIORITY@", fmt.Sprint(priority), "@WEIGHT@", fmt.Sprint(weight)).Replace(uplinks)
	}
	start := func(number int, text string) *host {
		h := newHost(t, lab, fmt.Sprintf("r%d", number), fmt.Sprintf("10.99.0.%d/24", number))
		if _, err := h.Attach(other, "eth1", fmt.Sprintf("10.98.0.%d/24", number)); err != nil {
			t.Fatal(err)
		}
		h.configure(text)
		h.start()
		return h
	}
	one, two := start(1, text(1, 2, 200, -150)), start(2, text(2, 1, 100, -10))
	all := []string{"10.99.0.101", "10.99.0.102", "10.99.0.103"}
	at := func(h, other *host) func() bool {
		return func() bool {
			for _, a := range all {
				if !h.holds(a) || other.holds(a) {
					return false
				}
			}
			return true
		}
	}
	up := func(h *host) func() bool { return func() bool { return len(h.sessions()) == 2 } }
	for _, h := range []*host{one, two} {
		h.until("with two sessions up", 15*time.Second, up(h))
	}
	one.until("with all addresses", 10*time.Second, at(one, two))

	before := one.sessions()
	one.configure(text(1, 2, 210, -151))
	one.reload()
	one.until("reloaded", 5*time.Second, func() bool { v, ok := one.service("first", "ipv4"); return ok && v.Priority == 210 })
	for path, is := range one.sessions() {
		if was := before[path]; is.Downs != was.Downs || !is.Since.Equal(was.Since) || is.Received < was.Received {
			t.Errorf("%s after a reload: %+v, before %+v", path, is, was)
		}
	}
	gone := before["10.98.0.9 from 10.98.0.1"]
	if gone.RemoteState != "up" || !gone.Counts || gone.Sent == 0 {
		t.Errorf("the session to the gateway: %+v", gone)
	}
	one.until("at the agreed pace", 5*time.Second, func() bool { return one.sessions()["10.98.0.9 from 10.98.0.1"].DetectionTime == detection.Seconds() })

	if err := one.Port("eth1").Cut(); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	two.until("with all addresses", 10*time.Second, at(two, one))
	took := time.Since(begin)
	t.Logf("three services moved %v after the cut", took)
	if took > detection+bearable {
		t.Errorf("they moved %v after the cut, want %v and a moment", took, detection)
	}
	if n := one.logged("RG1505"); n != 2 {
		t.Errorf("%d sessions told as down, want 2:\n%s", n, one.log())
	}
	if v, _ := one.service("first", "ipv4"); !strings.Contains(v.DutyReason, "bfd 10.98.0.9 from 10.98.0.1: down: control detection time expired") {
		t.Errorf("the reason is %q", v.DutyReason)
	}
	if err := one.Port("eth1").Heal(); err != nil {
		t.Fatal(err)
	}
	one.until("with all addresses", 15*time.Second, at(one, two))

	// An orderly stop is told to the other end: it says AdminDown, which is no failure for those who watch.
	if err := two.cmd.Stop(10 * time.Second); err != nil {
		t.Fatal(err)
	}
	one.until("told of the end", 5*time.Second, func() bool { return strings.Contains(one.log(), "ended by its neighbor") })
	if v, _ := one.service("third", "ipv4"); v.EffectivePriority != 210 || !one.holds("10.99.0.103") {
		t.Errorf("after the other node's stop: %+v", v)
	}
}

// sessions are the sessions that are up, by path.
func (h *host) sessions() map[string]status.Session {
	s, err := h.status()
	if err != nil {
		return nil
	}
	up := map[string]status.Session{}
	for _, v := range s.Sessions {
		if v.State == "up" {
			up[v.Path] = v
		}
	}
	return up
}
