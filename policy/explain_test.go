// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The text in doc.go is what Explain writes.
func TestWorkedExampleIsTrue(t *testing.T) {
	t.Parallel()
	v := example().with(dies("db1"), moves("orders", "db3")).view()
	got := ""
	for _, s := range []string{"orders", "parts"} {
		got += Explain(v, v.Cluster.Service(s), v.Cluster.Node("db3")).Text()
	}
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(doc), "//\torders on db3")
	text, _, _ = strings.Cut("//\torders on db3"+text, "//\n// When db1 returns")
	want := strings.ReplaceAll(text, "//\t", "")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("doc.go and the truth (-doc +truth):\n%s", diff)
	}
}

// The keys are an interface to scripts.
func TestExplanationAsJSON(t *testing.T) {
	t.Parallel()
	v := example().with(dies("db1"), moves("orders", "db3")).view()
	got, err := json.MarshalIndent(Explain(v, v.Cluster.Service("parts"), v.Cluster.Node("db3")), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("testdata/explain.json")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)+"\n"); diff != "" {
		t.Errorf("(-testdata/explain.json +got):\n%s", diff)
	}
}

func TestExplanationInWords(t *testing.T) {
	t.Parallel()
	marked := func(v *View) {
		at(v, "db3", "orders").Mark = &Mark{Epoch: 1, Node: "db3", Forbid: true, Group: "db1"}
	}
	for _, c := range []struct {
		name, node string
		s          scene
		want       string
	}{
		{"no part", "db2", example().service(func(s *Service) { s.Inheritors = []string{"db3"} }),
			"orders on db2: takes no part\n  because db2 is not among inheritors\n  may perform it, best first: db1, db3\n" +
				"  if db1 fails: orders on db3\n  if db2 fails: parts on db3\n"},
		{"fallen", "db3", example().with(dies("db1"), moves("orders", ""), marked),
			"orders on db3: duty refuse when active, priority 158\n" +
				"  because takeover is forbidden by forecast: no room if db1 fails (says db3)\n  nobody may perform it\n" +
				"  if db2 fails: parts on db3\n  db1 has failed: orders on db3\n"},
		{"fallen, without room", "db3", example().service(func(s *Service) { s.Demand = 70 }).with(dies("db1"), moves("orders", ""), marked),
			"orders on db3: duty refuse when active, priority 158\n" +
				"  because takeover is forbidden by forecast: no room if db1 fails (says db3)\n  because needs 70, db3 has 60 of 60 free\n" +
				"  nobody may perform it\n  if db2 fails: parts on db3\n  db1 has failed: unprotected orders\n"},
		{"unclear", "db1", example().with(func(v *View) { v.Sights[2] = Sight{} }),
			"orders on db1: duty serve when active, priority 250\n  because owner, ready\n  may perform it, best first: db1\n" +
				"  if db1 fails: cannot be told, nothing is known of db3\n  if db2 fails: cannot be told, nothing is known of db3\n"},
	} {
		v := c.s.view()
		if diff := cmp.Diff(c.want, Explain(v, v.Cluster.Service("orders"), v.Cluster.Node(c.node)).Text()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}
