// SPDX-License-Identifier: Apache-2.0

package event

import (
	"bytes"
	"log/slog"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestKeepalivedLinesAreThoseThatAlertRulesLookFor(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := slog.New(NewKeepalived(&out, slog.LevelInfo))
	r := NewReporter(log, "db1")
	vi := []any{"service", "VI_1", "family", "ipv4", "priority", 100}
	with := func(more ...any) []any { return append(append([]any{}, vi...), more...) }
	r.Report(Started, "started with 1 services")
	r.Report(Backup, "VI_1 is backup", with("from", "initialize", "state", "backup")...)
	r.Report(Active, "VI_1 is active", with("from", "backup", "state", "active")...)
	r.Report(Backup, "VI_1 is backup", with("from", "active", "state", "backup", "peer", "10.0.0.2", "peer_priority", 150)...)
	r.Report(Backup, "VI_1 is backup", with("from", "active", "state", "backup", "peer", "10.0.0.2", "peer_priority", 100)...)
	r.Report(Backup, "VI_1 is backup", with("from", "active", "state", "backup")...)
	r.Report(Initialize, "VI_1 is initialize", with("from", "active", "state", "initialize", "planned", false)...)
	r.Report(Initialize, "VI_1 is initialize", with("from", "active", "state", "initialize", "planned", true)...)
	r.Report(Reloaded, "a new configuration is in force")
	log.Warn("something\nelse", "error", "bad\x1b")
	log.Debug("nothing")
	log.With("service", "x").WithGroup("g").Info("a sentence")
	r.Report(Stopping, "stopping: addresses are released")
	r.Report(Stopped, "stopped")
	var got []string
	for line := range strings.Lines(out.String()) {
		text := regexp.MustCompile(`^(Mon|Tue|Wed|Thu|Fri|Sat|Sun) [A-Z][a-z]{2} [ 0-9]\d \d\d:\d\d:\d\d \d{4}: `).ReplaceAllString(line, "")
		if text == line {
			t.Errorf("no date: %s", line)
		}
		got = append(got, strings.TrimSuffix(text, "\n"))
	}
	want := []string{
		"Startup complete",
		"(VI_1) Entering BACKUP STATE (init)",
		"(VI_1) Entering MASTER STATE",
		"(VI_1) Master received advert from 10.0.0.2 with higher priority 150, ours 100",
		"(VI_1) Entering BACKUP STATE",
		"(VI_1) Master received advert from 10.0.0.2 with same priority 100 but higher IP address than ours",
		"(VI_1) Entering BACKUP STATE",
		"(VI_1) Entering BACKUP STATE",
		"(VI_1) Entering FAULT STATE",
		"(VI_1) sent 0 priority",
		"Reload complete",
		"something else: bad ",
		"a sentence",
		"Stopping",
		"Stopped Regent",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}
