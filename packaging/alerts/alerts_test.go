// SPDX-License-Identifier: Apache-2.0

package alerts

import (
	"bytes"
	"log/slog"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/regent-ha/regent/internal/event"
	"github.com/regent-ha/regent/internal/netlab"
	"github.com/regent-ha/regent/internal/status/metrics"
)

func TestGeneratedFilesAreFresh(t *testing.T) {
	t.Parallel()
	for name, want := range Files() {
		got, err := os.ReadFile(name)
		if err != nil {
			t.Error(err)
			continue
		}
		if diff := cmp.Diff(want, string(got)); diff != "" {
			t.Errorf("%s is stale; go run ./packaging/alerts/gen (-want +got):\n%s", name, diff)
		}
	}
}

// A rule about a metric that nobody serves never fires, and nobody notices.
func TestRulesAreAboutMetricsThatExist(t *testing.T) {
	t.Parallel()
	known := map[string][]string{}
	for _, f := range metrics.Families() {
		known[f.Name] = f.Labels
	}
	proof, err := os.ReadFile("prometheus.test.yml")
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{Prometheus(), string(proof)} {
		for _, name := range regexp.MustCompile(`\bregent_[a-z_]+`).FindAllString(text, -1) {
			if known[name] == nil && name != "regent_host_send_errors_total" {
				t.Errorf("there is no metric %s", name)
			}
		}
	}
	for _, r := range Rules() {
		for _, name := range regexp.MustCompile(`\bregent_[a-z_]+`).FindAllString(r.Expr, -1) {
			labels := append(slices.Clone(known[name]), "instance", "job")
			for _, l := range regexp.MustCompile(`\$labels\.([a-z]+)`).FindAllStringSubmatch(r.Summary, -1) {
				if !slices.Contains(labels, l[1]) {
					t.Errorf("%s: %s has no label %s", r.Name, name, l[1])
				}
			}
		}
		if !bytes.Contains(proof, []byte(r.Name)) && !matchedByPattern(string(proof), r.Name) {
			t.Errorf("%s: prometheus.test.yml does not show that it fires", r.Name)
		}
		for _, id := range r.Events {
			if id.Info().Name == "unknown" {
				t.Errorf("%s: no event %s", r.Name, id)
			}
		}
	}
}

func matchedByPattern(proof, name string) bool {
	return strings.Count(proof, "alertname=\""+name+"\"") > 0
}

// promtool is Prometheus's own judgement: the rules are well-formed, each fires from metrics of a cluster in trouble, and none in
// health.
func TestPromtoolProvesTheRules(t *testing.T) {
	t.Parallel()
	netlab.Require(t, "promtool")
	for _, args := range [][]string{{"check", "rules", "--lint-fatal", "prometheus.rules.yml"}, {"test", "rules", "prometheus.test.yml"}} {
		if out, err := exec.Command("promtool", args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

// record is what a node reports of an event, with words that a careless pattern would take for another's.
func record(log slog.Handler, e event.Info) {
	event.NewReporter(slog.New(log), "db1").Report(e.ID, "a sentence about orders, event RG9999", "service", "orders", "reason", `it said "alert true"`)
}

// forms are the forms of the log.
func forms() map[string]func(*bytes.Buffer) slog.Handler {
	return map[string]func(*bytes.Buffer) slog.Handler{
		"text": func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
		"json": func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
	}
}

// Loki's expressions are RE2, as Go's are.
func TestLokiRulesMatchRecordsOfTheirEventOnly(t *testing.T) {
	t.Parallel()
	lines := regexp.MustCompile("\\|~ `([^`]+)`").FindAllStringSubmatch(Loki(), -1)
	values := regexp.MustCompile("\\| regexp `([^`]+)`").FindAllStringSubmatch(Loki(), -1)
	if want := len(grave()); len(lines) != want || len(values) != 2*want {
		t.Fatalf("%d rules and %d fields for %d events", len(lines), len(values), want)
	}
	for form, handler := range forms() {
		for _, e := range event.Catalogue() {
			var b bytes.Buffer
			record(handler(&b), e)
			judgeLine(t, form, e, b.String(), lines, values)
		}
	}
}

// judgeLine holds the record of an event against the rules.
func judgeLine(t *testing.T, form string, e event.Info, line string, lines, values [][]string) {
	t.Helper()
	var matched []string
	for i, l := range lines {
		if !regexp.MustCompile(l[1]).MatchString(line) {
			continue
		}
		matched = append(matched, grave()[i].ID.String())
		for j, want := range []string{"db1", "orders"} {
			if got := regexp.MustCompile(values[2*i+j][1]).FindStringSubmatch(line); got == nil || got[1] != want {
				t.Errorf("%s, %s: field %q, want %q: %s", form, e.ID, got, want, line)
			}
		}
	}
	var want []string
	if slices.ContainsFunc(grave(), func(g event.Info) bool { return g.ID == e.ID }) {
		want = []string{e.ID.String()}
	}
	if diff := cmp.Diff(want, matched); diff != "" {
		t.Errorf("%s, %s (-want +got):\n%s\n%s", form, e.ID, diff, line)
	}
}
