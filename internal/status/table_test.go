// SPDX-License-Identifier: Apache-2.0

package status

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func sample(now time.Time) Snapshot {
	return Snapshot{
		Version: SchemaVersion, Node: "db2", Started: now.Add(-time.Hour),
		Services: []Service{
			{Name: "orders", Family: "ipv4", Interface: "eth0", VirtualRouterID: 51, State: "active", Duty: "refuse",
				EffectivePriority: 240, ActiveAddress: "10.0.0.12", Since: now.Add(-90 * time.Second), Reason: "no advert from the active node"},
			{Name: "billing", Family: "ipv4", Interface: "eth0", VirtualRouterID: 52, State: "initialize", Duty: "none",
				EffectivePriority: 250, Since: now.Add(-3 * time.Second), Reason: "interface down"},
		},
		Nodes: []Node{},
	}
}

func TestTableAlignsItsColumns(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	var out strings.Builder
	if err := Table(&out, sample(now), now, false); err != nil {
		t.Fatal(err)
	}
	want := `node db2, 2 virtual routers, up 1h0m

SERVICE  FAMILY  INTERFACE  VRID  STATE       DUTY    PRIORITY  ACTIVE NODE  SINCE  REASON
orders   ipv4    eth0       51    active      refuse  240       10.0.0.12    1m30s  no advert from the active node
billing  ipv4    eth0       52    initialize  none    250       -            3s     interface down
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
}

func TestColourIsOnlyAddedWhenAsked(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	var plain, painted strings.Builder
	if err := Table(&plain, sample(now), now, false); err != nil {
		t.Fatal(err)
	}
	if err := Table(&painted, sample(now), now, true); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(plain.String(), "\x1b") {
		t.Error("escape codes without colour")
	}
	stripped := painted.String()
	for _, code := range []string{"\x1b[1m", "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[0m"} {
		stripped = strings.ReplaceAll(stripped, code, "")
	}
	if stripped != plain.String() {
		t.Errorf("colour changed the text:\n%s", stripped)
	}
}

// The field names are a promise to scripts (shared with the documentation).
func TestJSONNamesAreThePublishedOnes(t *testing.T) {
	b, err := json.Marshal(sample(time.Unix(0, 0).UTC()))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"version", "node", "services", "name", "family", "interface", "virtual_router_id", "state",
		"duty", "priority", "effective_priority", "active_address", "since", "reason", "protected", "forbidden_by", "mechanism",
		"counters", "checks", "nodes", "advertisement-rcvd", "priority-zero-pkts-sent", "checksum-errors"} {
		if !strings.Contains(string(b), `"`+name+`":`) {
			t.Errorf("document lacks %q", name)
		}
	}
}

func TestAgoKeepsTwoUnits(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0s", 850 * time.Millisecond: "850ms", 12 * time.Second: "12s", 200 * time.Second: "3m20s",
		5*time.Hour + 2*time.Minute: "5h2m", 97 * time.Hour: "4d1h",
	} {
		if got := Ago(d); got != want {
			t.Errorf("Ago(%d) = %q, want %q", d, got, want)
		}
	}
}
