// SPDX-License-Identifier: Apache-2.0

package main

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/regent-ha/regent/internal/manual"
)

func TestManualHasAPageForEachVerb(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := writeManual(command(), dir, edition()); err != nil {
		t.Fatal(err)
	}
	want := []string{"man8/regent.8", "man5/regent.toml.5", "completions/regent.bash", "completions/_regent", "completions/regent.fish"}
	for _, c := range command().Commands() {
		if !c.Hidden {
			want = append(want, "man8/regent-"+c.Name()+".8")
		}
	}
	for _, name := range want {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

var updatePages = flag.Bool("update", false, "write the pages that are printed by the program again")

// docs/commands.md is what the program says of its commands: go test ./cmd/regent -run CommandsPage -update writes it.
func TestCommandsPageIsFresh(t *testing.T) {
	t.Parallel()
	const page = "../../docs/commands.md"
	got := manual.Markdown(command())
	if *updatePages {
		if err := os.WriteFile(page, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s is stale: go test ./cmd/regent -run CommandsPage -update (-want +got)\n%s", page, diff)
	}
}
