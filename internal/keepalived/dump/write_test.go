// SPDX-License-Identifier: Apache-2.0

package dump_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/regent-ha/regent/internal/keepalived/dump"
)

func says(text string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	}
}

// holds checks what a directory and a file hold.
func holds(t *testing.T, path, want string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil || string(b) != want {
		t.Errorf("%s holds %q %v, want %q", path, b, err, want)
	}
	info, err := os.Lstat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v %v, want 0600", info.Mode(), err)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			t.Errorf("left behind: %s", e.Name())
		}
	}
}

func TestFileIsReplacedAtOnce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keepalived.json")
	for _, text := range []string{"a", "", strings.Repeat("b", 200_000)} {
		if err := dump.Write(path, says(text)); err != nil {
			t.Fatal(err)
		}
		holds(t, path, text)
	}
	broken := errors.New("broken")
	err := dump.Write(path, func(w io.Writer) error {
		io.WriteString(w, "half") //nolint:errcheck // it is thrown away
		return broken
	})
	if !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
	holds(t, path, strings.Repeat("b", 200_000))
}

func TestLinkInPlaceOfTheFileIsReplacedNotFollowed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	victim, path := filepath.Join(dir, "victim"), filepath.Join(dir, "dump")
	if err := os.WriteFile(victim, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(victim, path); err != nil {
		t.Fatal(err)
	}
	if err := dump.Write(path, says("state")); err != nil {
		t.Fatal(err)
	}
	holds(t, path, "state")
	holds(t, victim, "precious")
}

func TestOwnLinksOnTheWayAreFollowed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "real", "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{"relative": "real", "absolute": filepath.Join(dir, "real"), "up": "real/../relative", "loop": "loop"} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"relative", "absolute", "up"} {
		if err := dump.Write(filepath.Join(dir, name, "sub", "f"), says(name)); err != nil {
			t.Error(err)
		}
		holds(t, filepath.Join(dir, "real", "sub", "f"), name)
	}
	for name, want := range map[string]string{"loop": "too many levels", "missing": "no such file"} {
		if err := dump.Write(filepath.Join(dir, name, "f"), says("")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %s", name, err, want)
		}
	}
}

func TestForeignLinkOnTheWayIsRefused(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("needs root to be two users")
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "real"), 0o755); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink("real", link); err != nil {
		t.Fatal(err)
	}
	if err := os.Lchown(link, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	if err := dump.Write(filepath.Join(link, "f"), says("state")); err == nil || !strings.Contains(err.Error(), "user 65534 made") {
		t.Errorf("error %v", err)
	}
	if entries, err := os.ReadDir(filepath.Join(dir, "real")); err != nil || len(entries) > 0 {
		t.Errorf("written to %v %v", entries, err)
	}
}
