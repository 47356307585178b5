// SPDX-License-Identifier: Apache-2.0

package event

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const page = "../../docs/events.md"

// A MESSAGE_ID is what journal queries and catalogues in the field rely on: rows may be added, never changed.
func TestMessageIDsKeepWhatWasPublished(t *testing.T) {
	t.Parallel()
	var got strings.Builder
	seen := map[string]bool{}
	for _, e := range Catalogue() {
		id := e.ID.MessageID()
		if seen[id] || !regexp.MustCompile(`^[0-9a-f]{12}8[0-9a-f]{3}[89ab][0-9a-f]{15}$`).MatchString(id) {
			t.Errorf("%s: %s is taken or no UUID", e.ID, id)
		}
		seen[id] = true
		fmt.Fprintf(&got, "%s %s\n", e.ID, id)
	}
	want, err := os.ReadFile("testdata/message_ids.txt")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("published ids changed (-want +got):\n%s", diff)
	}
}

// The page shows the catalogue and an alert as they are: go test ./internal/event -run Page -update writes them anew.
func TestPageShowsTheCatalogueAsItIs(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	want := string(b)
	alert, err := json.MarshalIndent(anAlert(), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	got := want
	for name, text := range map[string]string{
		"alert": "```json\n" + string(alert) + "\n```\n", "catalogue": catalogueTables(t), "message ids": messageIDTable(),
	} {
		got = between(t, got, name, text)
	}
	if got == want {
		return
	}
	if !*update {
		t.Fatalf("docs/events.md is stale; go test ./internal/event -run Page -update (-want +got):\n%s", cmp.Diff(want, got))
	}
	if err := os.WriteFile(page, []byte(got), 0o644); err != nil {
		t.Fatal(err)
	}
}

// between puts text between the marks of a generated part.
func between(t *testing.T, in, name, text string) string {
	t.Helper()
	begin, end := "<!-- generated: "+name+" -->\n", "<!-- end: "+name+" -->\n"
	before, rest, ok := strings.Cut(in, begin)
	_, after, also := strings.Cut(rest, end)
	if !ok || !also {
		t.Fatalf("docs/events.md has no part %q", name)
	}
	return before + begin + text + end + after
}

// chapters are the hundreds of the ids.
var chapters = map[ID]string{
	10: "The daemon", 11: "Elections", 12: "Addresses", 13: "Policy", 14: "Refusing", 15: "Links", 16: "Adverts", 17: "Supervision",
	18: "The cluster channel", 19: "Alerts",
}

func catalogueTables(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	last := ID(0)
	for _, e := range Catalogue() {
		if chapter := e.ID / 100; chapter != last {
			last = chapter
			title, ok := chapters[chapter]
			if !ok {
				t.Errorf("%s belongs to no chapter", e.ID)
			}
			fmt.Fprintf(&b, "\n### %s\n\n| event | name | level | | meaning |\n|---|---|---|---|---|\n", title)
		}
		alert := map[bool]string{true: "alert"}[e.Alert]
		if strings.ContainsAny(e.Meaning, "|<>") {
			t.Errorf("%s: the meaning does not fit into a table", e.ID)
		}
		fmt.Fprintf(&b, "| %s | `%s` | %s | %s | %s |\n", e.ID, e.Name, strings.ToLower(e.Level.String()), alert, e.Meaning)
	}
	return b.String() + "\n"
}

func messageIDTable() string {
	var b strings.Builder
	b.WriteString("\n| event | name | MESSAGE_ID |\n|---|---|---|\n")
	for _, e := range Catalogue() {
		fmt.Fprintf(&b, "| %s | `%s` | `%s` |\n", e.ID, e.Name, e.ID.MessageID())
	}
	return b.String() + "\n"
}

// A reader who greps for what the page says finds it.
func TestPageShowsARecordAsItIsLogged(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	h := slog.NewTextHandler(&out, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.String(a.Key, "2026-03-01T12:00:00.250Z")
		}
		return a
	}})
	NewReporter(slog.New(h), "db1").Report(Unprotected, "orders has no other node with room for it", "service", "orders")
	b, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(b), out.String()) {
		t.Errorf("docs/events.md does not show the record %s", out.String())
	}
}
