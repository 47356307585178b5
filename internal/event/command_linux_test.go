// SPDX-License-Identifier: Apache-2.0

package event

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// script is the command that runs a shell script with arguments. The script is read, not executed: a file that was just
// written may still be open in a process that another test is about to start.
func script(t *testing.T, text string, args ...string) []string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "page")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return append([]string{"/bin/sh", path}, args...)
}

func TestCommandGetsTheDocumentAndAnEnvironmentOfItsOwn(t *testing.T) {
	t.Setenv("CREDENTIALS_DIRECTORY", "s3cret") // what the daemon has in its own environment stays there
	dir := t.TempDir()
	c, err := newCommand(script(t, `cat >"$1/in"; env >"$1/env"; pwd >"$1/pwd"`, dir))
	if err != nil {
		t.Fatal(err)
	}
	a := anAlert()
	a.Text = "one\ntwo\x00\x1b[31m three"
	if err := c.send(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	read := func(name string) string {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	if diff := cmp.Diff(string(a.document()), read("in")); diff != "" {
		t.Errorf("standard input (-want +got):\n%s", diff)
	}
	got := map[string]string{}
	for row := range strings.Lines(read("env")) {
		name, value, _ := strings.Cut(strings.TrimSuffix(row, "\n"), "=")
		got[name] = value
	}
	for _, shell := range []string{"PWD", "OLDPWD", "SHLVL", "_"} {
		delete(got, shell)
	}
	if diff := cmp.Diff(map[string]string{
		"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8",
		"REGENT_EVENT": "RG1301", "REGENT_NAME": "service_unprotected", "REGENT_SERVICE": "orders", "REGENT_NODE": "db1",
		"REGENT_TEXT": "one two  [31m three",
	}, got); diff != "" {
		t.Errorf("environment (-want +got):\n%s", diff)
	}
	if got := read("pwd"); got != "/\n" {
		t.Errorf("it runs in %q", got)
	}
}

func TestCommandThatReadsNothingIsContent(t *testing.T) {
	t.Parallel()
	c, err := newCommand(script(t, "exec 0<&-; exit 0"))
	if err != nil {
		t.Fatal(err)
	}
	a := anAlert()
	for i := range fieldLimit {
		a.Fields[strconv.Itoa(i)] = strings.Repeat("x", valueLimit) // more than a pipe holds
	}
	if err := c.send(t.Context(), a); err != nil {
		t.Error(err)
	}
}

func TestFailingCommandSaysWhy(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, text, want string }{
		{"status and last line", "echo one; echo 'no modem' >&2; exit 3", "exit status 3: no modem"},
		{"much output", "yes x | head -c 1000000; echo; echo end; exit 1", "exit status 1: end"},
		{"killed", "kill -9 $$", "signal: killed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cmd, err := newCommand(script(t, c.text, "--token=s3cret"))
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.send(t.Context(), anAlert()); err == nil || err.Error() != c.want {
				t.Errorf("error %v, want %s", err, c.want)
			}
			if cmd.name() != "exec sh" {
				t.Errorf("name %q", cmd.name())
			}
		})
	}
	missing, err := newCommand([]string{"/nonexistent/page"})
	if err != nil {
		t.Fatal(err)
	}
	if err := missing.send(t.Context(), anAlert()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v", err)
	}
}

func TestHangingCommandIsKilledWithItsChildren(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c, err := newCommand(script(t, `sleep 1000 & echo $! >"$1/pid.new"; mv "$1/pid.new" "$1/pid"; wait`, dir))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- c.send(ctx, anAlert()) }()
	var pid int
	poll(t, "the child's pid", func() bool {
		b, err := os.ReadFile(filepath.Join(dir, "pid"))
		if err != nil {
			return false
		}
		pid, err = strconv.Atoi(strings.TrimSpace(string(b)))
		return err == nil
	})
	cancel()
	select {
	case err := <-done:
		if err == nil {
			t.Error("a killed command counts as done")
		}
	case <-time.After(10 * time.Second):
		t.Fatal("send goes on after its context")
	}
	poll(t, "the child's end", func() bool {
		stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		return err != nil || strings.Contains(string(stat), ") Z ") || unix.Kill(pid, 0) != nil
	})
}

// From a record to a script: the whole way.
func TestAlertsOfARecordReachTheCommandInOrder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := NewSinks(newBook(slog.LevelInfo), SinkConfig{Exec: script(t, `cat >>"$1/all"`, dir)})
	if err != nil {
		t.Fatal(err)
	}
	raise(slog.New(s), "one")
	raise(slog.New(s), "two")
	poll(t, "two alerts", func() bool {
		b, err := os.ReadFile(filepath.Join(dir, "all"))
		return err == nil && strings.Count(string(b), "\n") == 2
	})
	s.Close()
	all, err := os.ReadFile(filepath.Join(dir, "all"))
	if err != nil {
		t.Fatal(err)
	}
	var texts, ids []string
	for row := range strings.Lines(string(all)) {
		var a Alert
		if err := json.Unmarshal([]byte(row), &a); err != nil {
			t.Fatal(err)
		}
		texts, ids = append(texts, a.Text), append(ids, a.ID)
	}
	if diff := cmp.Diff([]string{"one", "two"}, texts); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	if len(ids) == 2 && ids[0] == ids[1] {
		t.Error("two alerts have one id")
	}
}

// poll waits until what is true.
func poll(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within 10s", what)
		}
	}
}
