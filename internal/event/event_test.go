// SPDX-License-Identifier: Apache-2.0

package event

import (
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The committed copy is what alert rules in the field rely on: rows may be added, never changed.
func TestCatalogueKeepsWhatWasPublished(t *testing.T) {
	var got strings.Builder
	for _, e := range Catalogue() {
		fmt.Fprintf(&got, "%s %s alert=%t\n", e.ID, e.Name, e.Alert)
	}
	want, err := os.ReadFile("testdata/published.txt")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("the published catalogue changed (-want +got):\n%s", diff)
	}
}

func TestCatalogueIsSortedUniqueAndExplained(t *testing.T) {
	names := map[string]bool{}
	last := ID(0)
	for _, e := range Catalogue() {
		if e.ID <= last {
			t.Errorf("%s stands after RG%04d", e.ID, last)
		}
		last = e.ID
		if names[e.Name] || !regexp.MustCompile(`^[a-z_]+$`).MatchString(e.Name) {
			t.Errorf("%s: name %q is taken or ill-formed", e.ID, e.Name)
		}
		names[e.Name] = true
		if len(e.Meaning) < 20 || !strings.HasSuffix(e.Meaning, ".") {
			t.Errorf("%s: meaning %q is no sentence", e.ID, e.Meaning)
		}
		if e.Alert && e.Level < slog.LevelError {
			t.Errorf("%s: an alert below the level error", e.ID)
		}
	}
}

func TestReportCarriesTheFixedAttributes(t *testing.T) {
	var out strings.Builder
	r := NewReporter(slog.New(slog.NewTextHandler(&out, nil)), "db1")
	r.Report(AddressFailed, "no such device", "service", "orders")
	for _, part := range []string{"level=ERROR", `msg="no such device"`, "node=db1", "event=RG1202", "name=address_failed", "alert=true", "service=orders"} {
		if !strings.Contains(out.String(), part) {
			t.Errorf("record lacks %s: %s", part, out.String())
		}
	}
}
