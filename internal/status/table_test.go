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
				EffectivePriority: 240, ActiveAddress: "10.0.0.12", Since: now.Add(-90 * time.Second), Reason: "no advert from the active node",
				Mechanism: "nftables", Answered: Answered{Resets: 12, Answers: 3, Tickles: 4}},
			{Name: "billing", Family: "ipv4", Interface: "eth0", VirtualRouterID: 52, State: "initialize", Duty: "none",
				EffectivePriority: 250, Since: now.Add(-3 * time.Second), Reason: "interface down", Mechanism: "nftables", Answered: Answered{Unreachables: 5}},
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
refusing by nftables: 12 resets, 5 unreachables, 3 answers, 4 tickles

SERVICE  FAMILY  INTERFACE  VRID  STATE       DUTY    PRIORITY  ACTIVE NODE  PROTECTED  SINCE  REASON
orders   ipv4    eth0       51    active      refuse  240       10.0.0.12    -          1m30s  no advert from the active node
billing  ipv4    eth0       52    initialize  none    250       -            -          3s     interface down
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
}

func TestTableShowsTheNodesAndWhatTheyDo(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	s := Snapshot{Node: "db2", Started: now, Services: []Service{
		{Name: "orders", Family: "ipv4", Interface: "eth0", VirtualRouterID: 51, State: "active", Duty: "serve", EffectivePriority: 240, ActiveAddress: "10.0.0.12",
			Since: now, Reason: "no advert from the active node", Phase: "serving", ForbiddenBy: "forecast", Mechanism: "kernel"},
		{Name: "parts", Family: "ipv4", Interface: "eth0", VirtualRouterID: 52, State: "backup", Duty: "none", EffectivePriority: 158, Since: now, Reason: "started",
			Phase: "idle", Protected: true},
		{Name: "parts", Family: "ipv6", Interface: "eth0", VirtualRouterID: 52, State: "backup", Duty: "none", EffectivePriority: 158, Since: now, Reason: "started", Phase: "idle"},
	}, Nodes: []Node{
		{Name: "db1", Presence: "dead", Capacity: 100},
		{Name: "db2", Presence: "alive", Alive: true, Load: 1.25, Overloaded: true, Performs: []string{"orders"}, Duties: map[string]string{"orders": "serve", "parts": "none"}},
		{Name: "db3", Presence: "alive", Alive: true, Drained: true, Capacity: 60, Performs: []string{"a", "b", "c", "d"}, Duties: map[string]string{"parts": "refuse"}},
	}}
	var out strings.Builder
	if err := Table(&out, s, now, false); err != nil {
		t.Fatal(err)
	}
	want := `node db2, 3 virtual routers, up 0s
refusing by kernel: 0 resets, 0 unreachables, 0 answers, 0 tickles

SERVICE  FAMILY  INTERFACE  VRID  STATE   DUTY   PRIORITY  ACTIVE NODE  PROTECTED              SINCE  REASON
orders   ipv4    eth0       51    active  serve  240       10.0.0.12    forbidden by forecast  0s     no advert from the active node
parts    ipv4    eth0       52    backup  none   158       -            yes                    0s     started
parts    ipv6    eth0       52    backup  none   158       -            no                     0s     started

NODE  PRESENCE           LOAD  CAPACITY  PERFORMS    orders  parts
db1   dead               -     100       -           -       -
db2   alive, overloaded  1.2   -         orders      serve   -
db3   alive, drained     0.0   60        4 services  -       refuse
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
