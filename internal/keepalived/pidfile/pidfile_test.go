// SPDX-License-Identifier: Apache-2.0

package pidfile_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/regent-ha/regent/internal/keepalived/pidfile"
)

func TestPathsAreKeepaliveds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		where pidfile.Where
		want  pidfile.Paths
	}{
		{pidfile.Where{}, pidfile.Paths{Parent: "/run/keepalived.pid", Worker: "/run/vrrp.pid"}},
		{pidfile.Where{Dir: true}, pidfile.Paths{Parent: "/run/keepalived/keepalived.pid", Worker: "/run/keepalived/vrrp.pid"}},
		{pidfile.Where{Instance: "a"}, pidfile.Paths{Parent: "/run/keepalived/keepalived_a.pid", Worker: "/run/keepalived/vrrp_a.pid"}},
		{pidfile.Where{Namespace: "n"}, pidfile.Paths{Parent: "/run/keepalived/n/keepalived.pid", Worker: "/run/keepalived/n/vrrp.pid"}},
		{pidfile.Where{Namespace: "n", Instance: "a"}, pidfile.Paths{Parent: "/run/keepalived/n/keepalived_a.pid", Worker: "/run/keepalived/n/vrrp_a.pid"}},
		{pidfile.Where{Instance: "a", Parent: "/x"}, pidfile.Paths{Parent: "/x", Worker: "/run/keepalived/vrrp_a.pid"}},
		{pidfile.Where{Run: "/r", Worker: "y"}, pidfile.Paths{Parent: "/r/keepalived.pid", Worker: "y"}},
	} {
		if got := c.where.Paths(); got != c.want {
			t.Errorf("%+v: %+v, want %+v", c.where, got, c.want)
		}
	}
}

func take(t *testing.T, path string) *pidfile.File {
	t.Helper()
	f, err := pidfile.Take(path)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func content(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestOneDaemonHoldsTheFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keepalived", "keepalived.pid")
	f := take(t, path)
	for _, pid := range []int{1234567, 12} {
		if err := f.Write(pid); err != nil {
			t.Fatal(err)
		}
		if got, want := content(t, path), fmt.Sprintf("%d\n", pid); got != want {
			t.Errorf("content %q, want %q", got, want)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o644 {
		t.Errorf("mode %v %v, want 0644", info.Mode(), err)
	}
	if _, err := pidfile.Take(path); !errors.Is(err, pidfile.ErrRunning) {
		t.Errorf("taken twice: %v", err)
	}
	if err := f.Remove(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("after the end: %v", err)
	}
	again := take(t, path)
	if err := again.Remove(); err != nil {
		t.Error(err)
	}
}

// What an earlier life left names nobody, this very process, or somebody who is no keepalived.
func TestStaleFilesAreOverwritten(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"empty": "", "nonsense": "hello\n", "nobody": "4194303\n", "this process": fmt.Sprintln(os.Getpid()), "another": fmt.Sprintln(os.Getppid()), "negative": "-1\n",
		"long": strings.Repeat("9", 4000),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "pid")
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			f := take(t, path)
			if err := f.Write(7); err != nil {
				t.Fatal(err)
			}
			if got := content(t, path); got != "7\n" {
				t.Errorf("content %q", got)
			}
			if err := f.Remove(); err != nil {
				t.Error(err)
			}
		})
	}
}

// A keepalived that does not lock its file counts while it lives.
func TestLivingKeepalivedIsNotReplaced(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	program, err := exec.LookPath("cat")
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "keepalived")
	if err := os.Symlink(program, name); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(name)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	io.WriteString(in, "x") //nolint:errcheck // its echo is awaited
	if _, err := io.ReadFull(out, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "pid")
	if err := os.WriteFile(path, []byte(fmt.Sprintln(cmd.Process.Pid)), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := pidfile.Take(path); !errors.Is(err, pidfile.ErrRunning) {
		t.Errorf("taken from a living daemon: %v", err)
	}
	in.Close()
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if err := take(t, path).Remove(); err != nil {
		t.Error(err)
	}
}

func TestLinksAreNotFollowed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	victim, path := filepath.Join(dir, "victim"), filepath.Join(dir, "pid")
	if err := os.WriteFile(victim, []byte("precious"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(victim, path); err != nil {
		t.Fatal(err)
	}
	if _, err := pidfile.Take(path); err == nil || !strings.Contains(err.Error(), "symbolic link") {
		t.Errorf("error %v", err)
	}
	if got := content(t, victim); got != "precious" {
		t.Errorf("victim holds %q", got)
	}
	if _, err := pidfile.Take(os.DevNull); err == nil {
		t.Error("a device was taken")
	}
}

// A file that somebody replaced is not ours to remove.
func TestReplacedFileIsLeft(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "pid")
	f := take(t, path)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("8\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := f.Remove(); err != nil {
		t.Error(err)
	}
	if got := content(t, path); got != "8\n" {
		t.Errorf("content %q", got)
	}
}
