// SPDX-License-Identifier: Apache-2.0

package dump_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/regent-ha/regent/internal/keepalived/dump"
)

// What keepalived 2.2.7 wrote of a session, without descriptors and timers.
const topologyBFD = ` BFD Instance = path
   Neighbor IP = 10.99.0.2
   Source IP = 10.99.0.1
   Required min RX interval = 50000 us
   Desired min TX interval = 50000 us
   Desired idle TX interval = 1000000 us
   Detection multiplier = 3
   TTL = 255
   max_hops = 0
   passive = false
   local state = Up
   remote state = Up
   local discriminator = 0xe79504bc
   remote discriminator = 0x7aef5be3
   local diag = No Diagnostic
   remote diag = No Diagnostic
   local tx intv = 50000 us
   local detection time = 150000 us
`

const trackedBFD = `------< VRRP Track BFDs >------
 VRRP Track BFD = path
   Weight = 0
   Bfd is up
   Tracking VRRP instances :
   Tracking instances :
     V, weight 0
`

func TestSessionsAreWrittenAsKeepalivedDoes(t *testing.T) {
	t.Parallel()
	s := dump.Snapshot{BFDs: []dump.BFD{{Name: "path", Up: true, Tracking: []dump.Track{{Name: "V"}}, Session: dump.Session{
		Neighbor: netip.MustParseAddr("10.99.0.2"), Source: netip.MustParseAddr("10.99.0.1"),
		MinRX: 50 * time.Millisecond, MinTX: 50 * time.Millisecond, IdleTX: time.Second, Multiplier: 3, TTL: 255,
		State: "up", RemoteState: "up", Diagnostic: "no diagnostic", RemoteDiagnostic: "no diagnostic",
		Discriminator: 0xe79504bc, RemoteDiscriminator: 0x7aef5be3, Interval: 50 * time.Millisecond, DetectionTime: 150 * time.Millisecond,
	}}}}
	_, got, _ := strings.Cut(render(t, dump.BFDs, s), "------< BFD Topology >------\n")
	if d := cmp.Diff(topologyBFD, got); d != "" {
		t.Errorf("keepalived_bfd.data: -keepalived +ours\n%s", d)
	}
	if got := render(t, dump.Data, s); !strings.Contains(got, trackedBFD) {
		t.Errorf("keepalived.data lacks\n%sit is\n%s", trackedBFD, got)
	}
	s.BFDs[0].Session.State, s.BFDs[0].Session.Neighbor = "admin down", netip.MustParseAddr("fd99::2")
	if got := render(t, dump.BFDs, s); !strings.Contains(got, "   local state = AdminDown\n") || !strings.Contains(got, "   hoplimit = 255\n") {
		t.Errorf("of IPv6: %s", got)
	}
}
