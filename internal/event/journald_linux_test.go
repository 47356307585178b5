// SPDX-License-Identifier: Apache-2.0

package event

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/regent-ha/regent/internal/netlab"
)

const journald = "/usr/lib/systemd/systemd-journald"

// startJournald runs a journal of its own in a mount namespace of its own; dir becomes its /run.
func startJournald(t *testing.T) (dir string) {
	t.Helper()
	netlab.Require(t, "unshare", "journalctl", journald)
	dir, err := os.MkdirTemp("", "rj") // short: the name of a socket has 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	for _, sub := range []string{"systemd/journal", "systemd/journald.conf.d", "log/journal"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	settings := "[Journal]\nStorage=volatile\nReadKMsg=no\nAudit=\nForwardToSyslog=no\nForwardToWall=no\n"
	if err := os.WriteFile(filepath.Join(dir, "systemd/journald.conf.d/test.conf"), []byte(settings), 0o644); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	cmd := exec.Command("unshare", "--mount", "sh", "-c", `mount --bind "$1" /run && exec "$2"`, "sh", dir, journald)
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(os.Interrupt) //nolint:errcheck // it may have ended
		cmd.Wait()                       //nolint:errcheck // its fate is not judged
		if t.Failed() {
			t.Logf("systemd-journald: %s", out.String())
		}
	})
	poll(t, "the journal's socket", func() bool {
		_, err := os.Stat(filepath.Join(dir, "systemd/journal/socket"))
		return err == nil
	})
	return dir
}

// The judge of our records is systemd's own journal.
func TestJournaldReadsOurRecords(t *testing.T) {
	t.Parallel()
	dir := startJournald(t)
	var fallback bytes.Buffer
	log := slog.New(journalTo(t, JournalOptions{Socket: filepath.Join(dir, "systemd/journal/socket"), Fallback: &fallback}))
	large := strings.Repeat("0123456789abcdef", 1<<16)
	r := NewReporter(log, "db1")
	r.Report(Unprotected, "no room\nPRIORITY=0", "service", "orders", "reason", "db2 is full", "n", 40)
	r.Report(Unprotected, "large", "service", "payments", "data", large)
	r.Report(Started, "started")

	query := func(match ...string) (out []map[string]any) {
		t.Helper()
		args := append([]string{"--directory", filepath.Join(dir, "log/journal"), "-o", "json", "--all", "--no-pager", "-q"}, match...)
		b, err := exec.Command("journalctl", args...).Output()
		if err != nil {
			return nil // no file yet
		}
		for row := range bytes.Lines(b) {
			var fields map[string]any
			if err := json.Unmarshal(row, &fields); err != nil {
				t.Fatal(err)
			}
			out = append(out, fields)
		}
		return out
	}
	poll(t, "the last record", func() bool { return len(query("REGENT_EVENT=RG1001")) == 1 })
	got := query("MESSAGE_ID=" + Unprotected.MessageID())
	if len(got) != 2 {
		t.Fatalf("%d records have the event's MESSAGE_ID; fallback %q", len(got), fallback.String())
	}
	for name, want := range map[string]string{"MESSAGE": "no room\nPRIORITY=0", "PRIORITY": "3", "SYSLOG_IDENTIFIER": "regent", "REGENT_EVENT": "RG1301",
		"REGENT_NAME": "service_unprotected", "REGENT_ALERT": "true", "REGENT_NODE": "db1", "REGENT_SERVICE": "orders", "REGENT_REASON": "db2 is full", "REGENT_N": "40"} {
		if diff := cmp.Diff(any(want), got[0][name]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if got[1]["REGENT_DATA"] != large {
		t.Error("the large record is not what was sent")
	}
	if fallback.Len() != 0 {
		t.Errorf("the fallback has %q", fallback.String())
	}
}
