// SPDX-License-Identifier: Apache-2.0

package netlab

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// RequireVariable is the environment variable that turns skipped network tests into failures.
const RequireVariable = "REGENT_REQUIRE_NETWORK"

// Require skips the test where network namespaces or the named programs
// are not to be had, and fails it instead if REGENT_REQUIRE_NETWORK=1.
func Require(t testing.TB, programs ...string) {
	t.Helper()
	if err := available(programs...); err != nil {
		if os.Getenv(RequireVariable) == "1" {
			t.Fatalf("%v (%s=1)", err, RequireVariable)
		}
		t.Skip(err)
	}
}

// Test opens a lab for a test and closes it with the test. If the test fails, logs and
// captures are kept in its artifact directory (go test -artifacts) and the end
// of each log is printed.
func Test(t testing.TB) *Lab {
	t.Helper()
	return TestWith(t, Options{})
}

// TestWith is Test with options. Dir and Log are set unless given.
func TestWith(t testing.TB, o Options) *Lab {
	t.Helper()
	Require(t)
	if o.Log == nil {
		o.Log = t.Logf
	}
	l, err := Open(o)
	if err != nil {
		t.Fatalf("open lab: %v", err)
	}
	// The directory outlives Close, so that a failure can still be looked into.
	owned := l.ownsDir
	l.ownsDir = false
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Errorf("close lab: %v", err)
		}
		if t.Failed() {
			keep(t, l.dir)
		}
		if owned {
			if err := os.RemoveAll(l.dir); err != nil {
				t.Errorf("remove lab directory: %v", err)
			}
		}
	})
	return l
}

// keep copies the lab's files to the test's artifacts and prints the ends of the logs.
func keep(t testing.TB, dir string) {
	to := filepath.Join(t.ArtifactDir(), "lab")
	if err := copyFiles(to, dir); err != nil {
		t.Logf("keep logs and captures: %v", err)
	}
	t.Logf("logs and captures: %s (kept with go test -artifacts)", to)
	logs, _ := filepath.Glob(filepath.Join(dir, "*.log")) // the pattern is well-formed
	for _, name := range logs {
		if text, err := os.ReadFile(name); err == nil && len(text) > 0 {
			t.Logf("%s ends with:\n%s", filepath.Base(name), tail(string(text), 25))
		}
	}
}

// copyFiles copies the regular files below a directory; sockets and pipes of daemons stay.
func copyFiles(to, from string) error {
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, relative)
		switch {
		case entry.IsDir():
			return os.MkdirAll(target, 0o755)
		case !entry.Type().IsRegular():
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(target, data, 0o644)
	})
}

// tail returns the last lines of a text.
func tail(text string, lines int) string {
	all := strings.Split(strings.TrimRight(text, "\n"), "\n")
	if skipped := len(all) - lines; skipped > 0 {
		return fmt.Sprintf("… %d lines …\n%s", skipped, strings.Join(all[skipped:], "\n"))
	}
	return strings.Join(all, "\n")
}
