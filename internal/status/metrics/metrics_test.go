// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/regent-ha/regent/internal/status"
)

var update = flag.Bool("update", false, "write docs/metrics.md anew")

func sample() status.Snapshot {
	at := time.Unix(1800000000, 0)
	return status.Snapshot{
		Version: 1, Node: "db2", Started: at, Global: status.Global{ChecksumErrors: 2, SendErrors: 1,
			Lateness: status.Lateness{Bounds: []float64{0.0005, 0.001}, Counts: []uint64{3, 2, 1}, Sum: 0.25, Worst: 0.2}},
		Services: []status.Service{
			{
				Name: "orders", Family: "ipv4", Interface: "eth0", VirtualRouterID: 51, Addresses: []string{"10.0.0.101/24"}, State: "active", Duty: "refuse",
				Priority: 250, EffectivePriority: 240, Since: at, Phase: "idle", Protected: true,
				Counters: status.Counters{MasterTransitions: 3, AdvertisementRcvd: 7, IntervalErrors: 1}, Answered: status.Answered{Resets: 9, Answers: 1},
				Checks: []status.Check{{Name: "tcp 127.0.0.1:5432"}},
			},
			{
				Name: "orders", Family: "ipv6", Interface: "eth0", VirtualRouterID: 51, Addresses: []string{"2001:db8::101/64"}, State: "backup", Duty: "none", Phase: "idle",
				Checks: []status.Check{{Name: "tcp 127.0.0.1:5432"}},
			},
			{Name: "parts", Family: "ipv4", Interface: "eth1", VirtualRouterID: 52, State: "initialize", Duty: "none"},
		},
		Nodes:    []status.Node{{Name: "db1"}, {Name: "db2", Alive: true, Load: 1.5, Performs: []string{"orders"}}},
		Sessions: []status.Session{{Path: "10.0.0.2 from 10.0.0.1", State: "up", DetectionTime: 0.05, Downs: 1, Sent: 12, Received: 11}},
	}
}

// page is what a scrape gets, without what the Go runtime and the process say.
func page(t *testing.T, compatible bool, snapshot func(context.Context) (status.Snapshot, error)) (text string, code int) {
	t.Helper()
	w := httptest.NewRecorder()
	Handler(slog.New(slog.DiscardHandler), snapshot, compatible).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	b, err := io.ReadAll(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b), w.Code
}

func good(context.Context) (status.Snapshot, error) { return sample(), nil }

func TestPageSaysWhatTheSnapshotSays(t *testing.T) {
	t.Parallel()
	text, code := page(t, false, good)
	for _, want := range []string{
		`regent_state{family="ipv4",interface="eth0",service="orders",state="active",vrid="51"} 1`,
		`regent_state{family="ipv4",interface="eth0",service="orders",state="backup",vrid="51"} 0`,
		`regent_state{family="ipv6",interface="eth0",service="orders",state="backup",vrid="51"} 1`,
		`regent_duty{duty="refuse",family="ipv4",interface="eth0",service="orders",vrid="51"} 1`,
		`regent_effective_priority{family="ipv4",interface="eth0",service="orders",vrid="51"} 240`,
		`regent_transitions_to_active_total{family="ipv4",interface="eth0",service="orders",vrid="51"} 3`,
		`regent_adverts_refused_total{family="ipv4",interface="eth0",reason="interval",service="orders",vrid="51"} 1`,
		`regent_clients_answered_total{answer="reset",family="ipv4",interface="eth0",service="orders",vrid="51"} 9`,
		`regent_bfd_up{session="10.0.0.2 from 10.0.0.1"} 1`, `regent_bfd_detection_seconds{session="10.0.0.2 from 10.0.0.1"} 0.05`,
		`regent_bfd_downs_total{session="10.0.0.2 from 10.0.0.1"} 1`,
		`regent_check_ok{check="tcp 127.0.0.1:5432",service="orders"} 0`,
		`regent_service_protected{service="orders"} 1`,
		`regent_node_alive{node="db1"} 0`, `regent_node_load{node="db2"} 1.5`, `regent_node_services{node="db2"} 1`,
		`regent_host_adverts_refused_total{reason="checksum"} 2`, `regent_host_send_errors_total 1`, `regent_start_time_seconds{node="db2"} 1.8e+09`,
		`regent_advert_lateness_seconds_bucket{le="0.001"} 5`, `regent_advert_lateness_seconds_bucket{le="+Inf"} 6`, `regent_advert_lateness_seconds_sum 0.25`,
		`process_open_fds `, `go_goroutines `,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is not on the page", want)
		}
	}
	if code != 200 || strings.Contains(text, "keepalived_") || strings.Contains(text, `regent_service_protected{service="parts"}`) {
		t.Errorf("code %d; what should not be there is", code)
	}
	if t.Failed() {
		t.Log(text)
	}
}

func TestPageHasTheNamesOfKeepalivedExporterIfAskedFor(t *testing.T) {
	t.Parallel()
	text, _ := page(t, true, good)
	for _, want := range []string{
		`keepalived_up 1`, `keepalived_vrrp_state{iname="orders",intf="eth0",ip_address="10.0.0.101/24",vrid="51"} 2`,
		`keepalived_vrrp_state{iname="orders",intf="eth0",ip_address="2001:db8::101/64",vrid="51"} 1`,
		`keepalived_become_master_total{iname="orders",intf="eth0",vrid="51"} 3`, `keepalived_advertisements_received_total{iname="orders",intf="eth0",vrid="51"} 7`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is not on the page", want)
		}
	}
}

func TestPageOfADaemonThatDoesNotAnswerIsAnError(t *testing.T) {
	t.Parallel()
	text, code := page(t, true, func(context.Context) (status.Snapshot, error) { return status.Snapshot{}, errors.New("no") })
	if code != 500 || !strings.Contains(text, "busy or ends") {
		t.Errorf("%d: %s", code, text)
	}
}

// Names, units and help follow what Prometheus asks for.
func TestNamesAreAsPrometheusWantsThem(t *testing.T) {
	t.Parallel()
	text, _ := page(t, false, good)
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, "regent_") {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
	var names []string
	for _, f := range Families() {
		names = append(names, f.Name)
	}
	if !slices.IsSorted(names) {
		t.Errorf("not sorted: %v", names)
	}
}

const pageFile = "../../../docs/metrics.md"

const head = `# Metrics

` + "`[status] listen = \"127.0.0.1:9166\"`" + ` serves them for Prometheus at ` + "`/metrics`" + `; each scrape shows one instant. States are gauges of 0 and 1
with the state as a label. With ` + "`compat = \"keepalived-exporter\"`" + ` the names of that exporter are served too, so that dashboards made
for it live on: ` + "`keepalived_vrrp_state`" + ` (0 INIT, 1 BACKUP, 2 MASTER, 3 FAULT), ` + "`keepalived_up`" + ` and its counters.

Besides these there are those of the process and of the Go runtime (` + "`process_*`, `go_*`" + `).

| metric | type | labels | what it says |
|---|---|---|---|
`

// docs/metrics.md is the table, and goes stale with it: go test ./internal/status/metrics -run Page -update writes it anew.
func TestPageInDocsIsTheTable(t *testing.T) {
	var b strings.Builder
	b.WriteString(head)
	for _, f := range Families() {
		kind := map[prometheus.ValueType]string{prometheus.GaugeValue: "gauge", prometheus.CounterValue: "counter"}[f.Type]
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", f.Name, kind, strings.Join(f.Labels, ", "), f.Help)
	}
	for _, h := range Histograms() {
		fmt.Fprintf(&b, "| `%s` | histogram |  | %s |\n", h.Name, h.Help)
	}
	if *update {
		if err := os.WriteFile(pageFile, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(pageFile)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(b.String(), string(have)); d != "" {
		t.Errorf("docs/metrics.md is stale: go test ./internal/status/metrics -run Page -update (-want +got):\n%s", d)
	}
}
