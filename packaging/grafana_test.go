// SPDX-License-Identifier: Apache-2.0

package packaging

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/regent-ha/regent/internal/netlab"
	"github.com/regent-ha/regent/internal/status/metrics"
)

// board is what matters of a dashboard.
type board struct {
	Title  string
	Panels []struct {
		ID      int
		Type    string
		Title   string
		GridPos struct{ X, Y, W, H int }
		Targets []struct{ Expr string }
	}
	Templating  struct{ List []struct{ Query any } }
	Annotations struct{ List []struct{ Expr string } }
}

// expressions are all that the dashboard asks Prometheus.
func (b *board) expressions(t *testing.T) (out []string) {
	t.Helper()
	for _, p := range b.Panels {
		for _, target := range p.Targets {
			out = append(out, target.Expr)
		}
	}
	for _, v := range b.Templating.List {
		q, err := json.Marshal(v.Query)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, string(q))
	}
	for _, a := range b.Annotations.List {
		out = append(out, a.Expr)
	}
	return out
}

func loadBoard(t *testing.T) *board {
	t.Helper()
	var b board
	if err := json.Unmarshal(read(t, "grafana", "regent.json"), &b); err != nil {
		t.Fatal(err)
	}
	return &b
}

func TestDashboardAsksForMetricsThatExist(t *testing.T) {
	t.Parallel()
	all := strings.Join(loadBoard(t).expressions(t), "\n")
	known := map[string][]string{}
	for _, f := range metrics.Families() {
		known[f.Name] = append(slices.Clone(f.Labels), "job", "instance")
	}
	for _, m := range regexp.MustCompile(`\b(regent_[a-z_]+)(?:\{([^}]*)\})?`).FindAllStringSubmatch(all, -1) {
		labels, ok := known[m[1]]
		if !ok {
			t.Errorf("there is no metric %s", m[1])
			continue
		}
		for _, l := range regexp.MustCompile(`([a-z]+)=`).FindAllStringSubmatch(m[2], -1) {
			if !slices.Contains(labels, l[1]) {
				t.Errorf("%s has no label %s", m[1], l[1])
			}
		}
	}
}

// The judge of the expressions is Prometheus's own parser, with Grafana's variables filled in.
func TestPrometheusUnderstandsTheDashboard(t *testing.T) {
	t.Parallel()
	netlab.Require(t, "promtool")
	var rules strings.Builder
	rules.WriteString("groups:\n  - name: dashboard\n    rules:\n")
	for i, e := range loadBoard(t).expressions(t) {
		if strings.Contains(e, "label_values") || e == `"prometheus"` {
			continue
		}
		e = strings.NewReplacer("$__rate_interval", "1m", "$job", "regent", "$service", ".*", "$family", ".*").Replace(e)
		q, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&rules, "      - record: panel:%d\n        expr: %s\n", i, q)
	}
	path := filepath.Join(t.TempDir(), "dashboard.yml")
	if err := os.WriteFile(path, []byte(rules.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("promtool", "check", "rules", path).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s\n%s", err, out, rules.String())
	}
}

func TestDashboardsPanelsStandBesideEachOther(t *testing.T) {
	t.Parallel()
	ids := map[int]bool{}
	taken := map[[2]int]string{}
	for _, p := range loadBoard(t).Panels {
		if ids[p.ID] {
			t.Errorf("%s: the number %d is another's", p.Title, p.ID)
		}
		ids[p.ID] = true
		if p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("%s asks for nothing", p.Title)
		}
		for x := range p.GridPos.W {
			for y := range p.GridPos.H {
				at := [2]int{p.GridPos.X + x, p.GridPos.Y + y}
				if other := taken[at]; other != "" || at[0] >= 24 {
					t.Fatalf("%s lies on %q or beyond the edge", p.Title, other)
				}
				taken[at] = p.Title
			}
		}
	}
}
