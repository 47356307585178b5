// SPDX-License-Identifier: Apache-2.0

package alerts

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/internal/event"
	"github.com/regent-ha/regent/internal/netlab"
)

// daemon starts a daemon and ends it with the test.
func daemon(t *testing.T, name string, args ...string) {
	t.Helper()
	var out bytes.Buffer
	ctx, stop := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(unix.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second // then it is killed
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		stop()
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop()
		cmd.Wait() //nolint:errcheck // its fate is not judged
		if t.Failed() {
			t.Logf("%s: %s", name, out.String())
		}
	})
}

// poll waits until something is so.
func poll(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// short is a directory with a short name: that of a socket has 107 bytes at most.
func short(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "ra")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// wanted are the names of events that the rules are about, in order, as often as there are forms.
func wanted(times int) (out []string) {
	for range times {
		for _, e := range grave() {
			out = append(out, e.ID.String()+" "+e.Name+" "+e.Meaning)
		}
	}
	return out
}

// The judge is rsyslog itself: records as systemd or a container hands them over, of every event.
func TestRsyslogKeepsAlertsWithTheirMeaning(t *testing.T) {
	t.Parallel()
	netlab.Require(t, "rsyslogd")
	dir := short(t)
	file, socket := filepath.Join(dir, "alerts.log"), filepath.Join(dir, "log")
	conf := fmt.Sprintf("global(workDirectory=%q)\nmodule(load=\"imuxsock\" SysSock.Use=\"off\")\ninput(type=\"imuxsock\" Socket=%q RateLimit.Interval=\"0\")\n%s", dir, socket,
		strings.ReplaceAll(Rsyslog(), "/var/log/regent-alerts.log", file))
	path := filepath.Join(dir, "rsyslog.conf")
	if err := os.WriteFile(path, []byte(conf), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("rsyslogd", "-N1", "-f", path).CombinedOutput(); err != nil {
		t.Fatalf("rsyslogd refuses the rules: %v\n%s", err, out)
	}
	daemon(t, "rsyslogd", "-n", "-f", path, "-i", filepath.Join(dir, "pid"))
	poll(t, "rsyslog's socket", func() bool { _, err := os.Stat(socket); return err == nil })
	conn, err := net.Dial("unixgram", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // only written to
	say := func(program, text string) {
		t.Helper()
		if _, err := fmt.Fprintf(conn, "<27>Mar  1 12:00:00 %s[812]: %s", program, strings.TrimSpace(text)); err != nil {
			t.Fatal(err)
		}
	}
	for _, form := range []string{"text", "json"} {
		for _, e := range event.Catalogue() {
			var b bytes.Buffer
			record(forms()[form](&b), e)
			say("regent", b.String())
			say("other", b.String())
		}
	}
	var lines []string
	poll(t, "the last alert", func() bool {
		b, err := os.ReadFile(file)
		lines = strings.Split(strings.TrimSpace(string(b)), "\n")
		return err == nil && len(lines) >= len(wanted(2))
	})
	var got []string
	for _, l := range lines {
		m := regexp.MustCompile(`(RG\d{4} [a-z_]+ .*?) (?:time=|\{)`).FindStringSubmatch(l)
		if m == nil {
			t.Fatalf("line %q", l)
		}
		got = append(got, m[1])
	}
	if diff := cmp.Diff(wanted(2), got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

const journald = "/usr/lib/systemd/systemd-journald"

// startJournald runs a journal of its own, in a mount namespace of its own; dir becomes its /run.
func startJournald(t *testing.T) (dir string) {
	t.Helper()
	netlab.Require(t, "unshare", "journalctl", journald)
	dir = short(t)
	for _, sub := range []string{"systemd/journal", "systemd/journald.conf.d", "log/journal"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	settings := "[Journal]\nStorage=volatile\nReadKMsg=no\nAudit=\nForwardToSyslog=no\nForwardToWall=no\nRateLimitIntervalSec=0\n"
	if err := os.WriteFile(filepath.Join(dir, "systemd/journald.conf.d/test.conf"), []byte(settings), 0o644); err != nil {
		t.Fatal(err)
	}
	daemon(t, "unshare", "--mount", "sh", "-c", `mount --bind "$1" /run && exec "$2"`, "sh", dir, journald)
	poll(t, "the journal's socket", func() bool {
		_, err := os.Stat(filepath.Join(dir, "systemd/journal/socket"))
		return err == nil
	})
	return dir
}

// The judge is systemd's journal: the matches find the alerts of all records, and so do Loki's rules in what it exports.
func TestJournalFindsAlertsByTheirMatches(t *testing.T) {
	t.Parallel()
	dir := startJournald(t)
	var fallback bytes.Buffer
	j, err := event.NewJournal(event.JournalOptions{Level: slog.LevelDebug, Socket: filepath.Join(dir, "systemd/journal/socket"), Fallback: &fallback})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close() //nolint:errcheck // a socket
	for _, e := range event.Catalogue() {
		record(j, e)
	}
	last := event.Catalogue()[len(event.Catalogue())-1]
	query := func(match ...string) string {
		args := append([]string{"--directory", filepath.Join(dir, "log/journal"), "-o", "json", "--all", "--no-pager", "-q"}, match...)
		out, err := exec.Command("journalctl", args...).Output()
		if err != nil {
			return "" // no file yet
		}
		return string(out)
	}
	poll(t, "the last record", func() bool { return query("REGENT_EVENT="+last.ID.String()) != "" })
	var matches, got, want []string
	for l := range strings.Lines(Matches()) {
		if l, _, _ = strings.Cut(l, "#"); strings.TrimSpace(l) != "" {
			matches = append(matches, strings.TrimSpace(l))
		}
	}
	for l := range strings.Lines(query(matches...)) {
		var fields map[string]any
		if err := json.Unmarshal([]byte(l), &fields); err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprint(fields["REGENT_EVENT"]))
	}
	for _, e := range grave() {
		want = append(want, e.ID.String())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s; not taken: %s", diff, fallback.String())
	}
	lines := regexp.MustCompile("\\|~ `([^`]+)`").FindAllStringSubmatch(Loki(), -1)
	values := regexp.MustCompile("\\| regexp `([^`]+)`").FindAllStringSubmatch(Loki(), -1)
	for _, e := range event.Catalogue() {
		judgeLine(t, "journal", e, query("REGENT_EVENT="+e.ID.String()), lines, values)
	}
}

// The judge is journalctl: it compiles the catalog and gives the text of each event.
func TestCatalogGivesEachEventItsText(t *testing.T) {
	t.Parallel()
	netlab.Require(t, "journalctl")
	root := t.TempDir()
	for name, text := range map[string]string{"usr/lib/systemd/catalog/regent.catalog": Catalog(), "var/lib/systemd/catalog/.here": ""} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command("journalctl", "--root", root, "--update-catalog").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	out, err := exec.Command("journalctl", "--root", root, "--no-pager", "--dump-catalog").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range event.Catalogue() {
		if want := "-- " + e.ID.MessageID() + "\nSubject: " + e.ID.String(); !strings.Contains(string(out), want) || !strings.Contains(string(out), "\n"+e.Meaning+"\n") {
			t.Errorf("journalctl does not know %s: no %q", e.ID, want)
		}
	}
}
