// SPDX-License-Identifier: Apache-2.0

package status

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestTableShowsSessions(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	s := sample(now)
	s.Sessions = []Session{
		{Path: "10.0.0.9 from 10.0.0.1", State: "up", RemoteState: "up", Diagnostic: "no diagnostic", DetectionTime: 0.05, Since: now.Add(-time.Minute)},
		{Path: "fe80::9%eth1", State: "down", RemoteState: "down", Diagnostic: "control detection time expired", Downs: 2, Since: now.Add(-3 * time.Second)},
		{Path: "fd00::9, multihop", State: "down", RemoteState: "down", Error: "listen on UDP port 4784: address already in use", Since: now},
	}
	var out strings.Builder
	if err := Table(&out, s, now, false); err != nil {
		t.Fatal(err)
	}
	_, got, _ := strings.Cut(out.String(), "interface down\n")
	want := `
BFD SESSION             STATE  NEIGHBOR SAYS  DETECTION  DOWNS  SINCE  REASON
10.0.0.9 from 10.0.0.1  up     up             50ms       0      1m0s   no diagnostic
fe80::9%eth1            down   down           -          2      3s     control detection time expired
fd00::9, multihop       down   down           -          0      0s     listen on UDP port 4784: address already in use
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}
