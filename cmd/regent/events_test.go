// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/regent-ha/regent/internal/event"
)

func TestEventsPrintsTheCatalogueAsATable(t *testing.T) {
	t.Parallel()
	var out, diagnostics strings.Builder
	if code := run(t.Context(), []string{"events"}, &out, &diagnostics); code != exitDone || diagnostics.Len() != 0 {
		t.Fatalf("exit code %d: %s", code, diagnostics.String())
	}
	rows := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if got := strings.Fields(rows[0]); strings.Join(got, " ") != "EVENT NAME LEVEL ALERT MEANING" {
		t.Errorf("heading %q", got)
	}
	list := event.Catalogue()
	if len(rows) != 1+len(list) {
		t.Fatalf("%d rows for %d events", len(rows)-1, len(list))
	}
	for i, e := range list {
		alert := map[bool]string{true: "alert", false: "-"}[e.Alert]
		want := []string{e.ID.String(), e.Name, e.Level.String(), alert, e.Meaning}
		if got := strings.Join(strings.Fields(rows[1+i]), " "); got != strings.Join(want, " ") {
			t.Errorf("row %q, want %q", got, want)
		}
	}
}

func TestEventsPrintsTheCatalogueAsOneDocument(t *testing.T) {
	t.Parallel()
	var out, diagnostics strings.Builder
	if code := run(t.Context(), []string{"events", "--json"}, &out, &diagnostics); code != exitDone || diagnostics.Len() != 0 {
		t.Fatalf("exit code %d: %s", code, diagnostics.String())
	}
	var got []map[string]any
	if err := json.Unmarshal([]byte(out.String()), &got); err != nil {
		t.Fatal(err)
	}
	list := event.Catalogue()
	if len(got) != len(list) {
		t.Fatalf("%d of %d events", len(got), len(list))
	}
	for i, e := range list {
		want := map[string]any{"id": e.ID.String(), "name": e.Name, "level": e.Level.String(), "alert": e.Alert,
			"message_id": e.ID.MessageID(), "meaning": e.Meaning}
		if len(got[i]) != len(want) {
			t.Errorf("%s has the keys of %v", e.ID, got[i])
		}
		for key, value := range want {
			if got[i][key] != value {
				t.Errorf("%s: %s is %v, want %v", e.ID, key, got[i][key], value)
			}
		}
	}
}

// gone is a reader that has gone away.
type gone struct{}

func (gone) Write([]byte) (int, error) { return 0, errors.New("nobody reads") }

func TestEventsFailsWhenNobodyReads(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"events"}, {"events", "--json"}} {
		var diagnostics strings.Builder
		if code := run(t.Context(), args, gone{}, &diagnostics); code != exitFailed || !strings.Contains(diagnostics.String(), "nobody reads") {
			t.Errorf("%v: exit code %d: %s", args, code, diagnostics.String())
		}
	}
	var out, diagnostics strings.Builder
	if code := run(t.Context(), []string{"events", "RG1301"}, &out, &diagnostics); code != exitUsage || out.Len() != 0 {
		t.Errorf("an argument: exit code %d", code)
	}
}
