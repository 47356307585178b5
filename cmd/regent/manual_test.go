// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"testing"
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
