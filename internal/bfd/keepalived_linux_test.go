// SPDX-License-Identifier: Apache-2.0

package bfd

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/regent-ha/regent/internal/netlab"
)

// virtual is the address that keepalived takes while its session is up, and its instance so not in fault.
const virtual = "10.99.0.100"

// keepalived runs keepalived in a node, with a session to a neighbour that an instance tracks.
func keepalived(t *testing.T, n *netlab.Node, session string) *netlab.Cmd {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "keepalived.conf")
	text := fmt.Sprintf(`global_defs {
  router_id test
}
bfd_instance path {
%s
}
vrrp_instance v {
  state BACKUP
  interface eth0
  virtual_router_id 51
  priority 100
  advert_int 0.2
  version 3
  virtual_ipaddress { %s }
  track_bfd { path }
}
`, session, virtual)
	must(t, os.WriteFile(file, []byte(text), 0o600))
	cmd := n.Command(context.Background(), "keepalived", "-n", "-l", "-D", "-f", file, "-p", filepath.Join(dir, "pid"),
		"-r", filepath.Join(dir, "vrrp"), "-b", filepath.Join(dir, "bfd"), "-c", filepath.Join(dir, "checkers"))
	must(t, cmd.Start())
	t.Cleanup(func() { cmd.Stop(10 * time.Second) }) //nolint:errcheck // some are stopped by the test
	return cmd
}

// count says how often a line of keepalived's log has a text.
func count(t *testing.T, cmd *netlab.Cmd, text string) int {
	t.Helper()
	b, err := os.ReadFile(cmd.Log)
	must(t, err)
	return strings.Count(string(b), text)
}

// Each sees the other come up, sees a cut within the detection time and the healing after it, and hears of the other's end.
func TestKeepalivedAndTheSpeakerWatchEachOther(t *testing.T) {
	t.Parallel()
	netlab.Require(t, "keepalived")
	const times = "  min_rx 150\n  min_tx 150\n  idle_tx 1000\n  multiplier 5\n"
	for _, c := range []struct {
		name    string
		session string // keepalived's
		config  Config
	}{
		{"IPv4", "  neighbor_ip 10.99.0.1\n  source_ip 10.99.0.2\n", Config{Neighbor: addr("10.99.0.2")}},
		{"IPv4, keepalived is passive", "  neighbor_ip 10.99.0.1\n  source_ip 10.99.0.2\n  passive\n", Config{Neighbor: addr("10.99.0.2"), Source: addr("10.99.0.1")}},
		{"IPv4, the speaker is passive", "  neighbor_ip 10.99.0.1\n  source_ip 10.99.0.2\n", Config{Neighbor: addr("10.99.0.2"), Passive: true}},
		{"IPv6, hop limit of keepalived", "  neighbor_ip fd99::1\n  source_ip fd99::2\n", Config{Neighbor: addr("fd99::2"), TTL: 64}},
		{"IPv6, hop limit of the RFC", "  neighbor_ip fd99::1\n  source_ip fd99::2\n  hoplimit 255\n", Config{Neighbor: addr("fd99::2")}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			lab := netlab.Test(t)
			a, b := newNode(t, lab, "a", "10.99.0.1/24", "fd99::1/64"), newNode(t, lab, "b", "10.99.0.2/24", "fd99::2/64")
			s := speak(t, a, paced(c.config))
			cmd := keepalived(t, b, c.session+times)
			s.goes(true, NoDiagnostic)
			holds := func(want bool) {
				t.Helper()
				eventually(t, fmt.Sprintf("keepalived takes %s: %v", virtual, want), func() bool { return b.Holds(addr(virtual)) == want })
			}
			holds(true)
			eventually(t, "the pace is agreed on", func() bool { st := s.session(); return st.Interval == pace && st.DetectionTime == detect })
			if n := count(t, cmd, "Tracked BFD instance path is DOWN"); n > 0 {
				t.Errorf("keepalived found it down %d times before the cut", n)
			}

			must(t, a.Cut())
			begin := time.Now()
			if d := s.goes(false, DetectionTimeExpired).Since.Sub(begin); d > detect+slack {
				t.Errorf("down %v after the cut", d)
			}
			holds(false)
			if d := time.Since(begin); d > detect+pace+2*slack {
				t.Errorf("keepalived lets go %v after the cut", d)
			}
			must(t, a.Heal())
			s.goes(true, NoDiagnostic)
			holds(true)

			// AdminDown takes its session down, but not its tracker.
			s.Forget(name)
			eventually(t, "keepalived is told of AdminDown", func() bool { return count(t, cmd, "Remote diagnostic - Administratively Down") > 0 })
			if n := count(t, cmd, "Tracked BFD instance path is DOWN"); n != 1 || !b.Holds(addr(virtual)) {
				t.Errorf("keepalived's tracker went down %d times", n)
			}
			s.watch(paced(c.config))
			s.goes(true, NoDiagnostic)
			holds(true)
			must(t, cmd.Stop(10*time.Second))
			if change := s.change(); change.Up {
				t.Errorf("after keepalived's end: %+v", change)
			}
		})
	}
}

// With the times that each has by default, 10 ms five times, the two stay up.
func TestKeepalivedAndTheSpeakerStayUpAtTheirDefaults(t *testing.T) {
	t.Parallel()
	netlab.Require(t, "keepalived")
	lab := netlab.Test(t)
	a, b := newNode(t, lab, "a", "10.99.0.1/24"), newNode(t, lab, "b", "10.99.0.2/24")
	s := speak(t, a, Config{Neighbor: addr("10.99.0.2")})
	keepalived(t, b, "  neighbor_ip 10.99.0.1\n  source_ip 10.99.0.2\n")
	s.goes(true, NoDiagnostic)
	eventually(t, "the pace is agreed on", func() bool { st := s.session(); return st.Interval == 10*ms && st.DetectionTime == 50*ms })
	before := s.session()
	eventually(t, "two hundred packets are heard", func() bool { return s.session().Received >= before.Received+200 })
	after := s.session()
	if sent := after.Sent - before.Sent; sent < 100 || sent > 400 {
		t.Errorf("%d packets sent for 200 heard", sent)
	}
	if after.Downs > 0 {
		t.Logf("went down %d times on a machine that is busy", after.Downs)
	}
}
