// SPDX-License-Identifier: Apache-2.0

package event

import (
	"bytes"
	"log/slog"
	"regexp"
	"strings"
	"testing"
	"time"

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
	r.Report(Backup, "VI_1 is backup", with("from", "initialize", "state", "backup", "initial", true)...)
	r.Report(Active, "VI_1 is active", with("from", "backup", "state", "active")...)
	r.Report(Backup, "VI_1 is backup", with("from", "active", "state", "backup", "peer", "10.0.0.2", "peer_priority", 150)...)
	r.Report(Backup, "VI_1 is backup", with("from", "active", "state", "backup", "peer", "10.0.0.2", "peer_priority", 100)...)
	r.Report(Backup, "VI_1 is backup", with("from", "active", "state", "backup")...)
	r.Report(Initialize, "VI_1 is initialize", with("from", "active", "state", "initialize", "planned", false)...)
	r.Report(Initialize, "VI_1 is initialize", with("from", "active", "state", "initialize", "planned", true)...)
	r.Report(PreemptPending, "VI_1 pre-empts", with("peer", "10.0.0.2", "peer_priority", 50)...)
	r.Report(PreemptPending, "VI_1 pre-empts", with("peer", "10.0.0.2", "peer_priority", 50, "delay", time.Second)...)
	r.Report(AdvertDiscarded, "advert: its interval", with("peer", "10.0.0.2", "from", 2500*time.Millisecond, "interval", time.Second)...)
	r.Report(SplitHealed, "VI_1 is announced again", with("peer", "10.0.0.2", "peer_priority", 50, "answered", true)...)
	r.Report(SplitHealed, "VI_1 is announced again", with("peer", "10.0.0.2", "peer_priority", 50, "answered", false)...)
	r.Report(GroupMoved, "sync group G is BACKUP", "group", "G", "state", "BACKUP", "initial", true)
	r.Report(GroupMoved, "sync group G is BACKUP", "group", "G", "state", "BACKUP", "initial", false)
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
		"(VI_1) received lower priority (50) advert from 10.0.0.2 - discarding",
		"(VI_1) advertisement interval updated from 2500ms to 1000ms by master",
		"(VI_1) Received advert from 10.0.0.2 with lower priority 50, ours 100, forcing new election",
		"(VI_1) Received advert from 10.0.0.2 with lower priority 50, ours 100",
		"VRRP_Group(G) Syncing instances to BACKUP state",
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

func TestKeepalivedLinesWithDetail(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		id           ID
		fields       map[string]string
		brief, whole []string // nil: the same
	}{
		"takes over": {Active, map[string]string{"from": "backup"}, []string{"(V) Entering MASTER STATE"},
			[]string{"(V) Receive advertisement timeout", "(V) Entering MASTER STATE", "(V) setting VIPs."}},
		"is to inherit": {ActiveReleases, map[string]string{}, nil, []string{"(V) Backup received priority 0 advertisement"}},
		"owns": {Active, map[string]string{"from": "initialize", "initial": "true"}, []string{"(V) Entering MASTER STATE"},
			[]string{"(V) removing VIPs.", "(V) Receive advertisement timeout", "(V) Entering MASTER STATE", "(V) setting VIPs."}},
		"fault of a mate while active": {Initialize, map[string]string{"from": "active", "synced": "true"}, []string{"(V) Entering FAULT STATE"},
			[]string{"(V) Entering FAULT STATE", "(V) removing VIPs."}},
		"inherits": {Active, map[string]string{"from": "backup"}, []string{"(V) Entering MASTER STATE"},
			[]string{"(V) Receive advertisement timeout", "(V) Entering MASTER STATE", "(V) setting VIPs."}},
		"gives up":       {Backup, map[string]string{"from": "active"}, []string{"(V) Entering BACKUP STATE"}, []string{"(V) Entering BACKUP STATE", "(V) removing VIPs."}},
		"leaves a fault": {Backup, map[string]string{"from": "initialize"}, []string{"(V) Entering BACKUP STATE"}, nil},
		"fault while active": {Initialize, map[string]string{"from": "active"}, []string{"(V) Entering FAULT STATE"},
			[]string{"(V) Entering FAULT STATE", "(V) sent 0 priority", "(V) removing VIPs."}},
		"stop":                  {Initialize, map[string]string{"from": "active", "planned": "true"}, nil, []string{"(V) sent 0 priority", "(V) removing VIPs."}},
		"starts":                {Backup, map[string]string{"from": "initialize", "initial": "true"}, []string{"(V) Entering BACKUP STATE (init)"}, []string{"(V) removing VIPs.", "(V) Entering BACKUP STATE (init)"}},
		"is added":              {Backup, map[string]string{"from": "initialize", "initial": "true", "added": "true"}, []string{"(V) Entering BACKUP STATE (init)"}, nil},
		"fault from the start":  {LinkLost, map[string]string{"fault": "initial"}, []string{"text", "(V) Entering FAULT STATE (init)"}, []string{"text", "(V) removing VIPs.", "(V) Entering FAULT STATE (init)"}},
		"priority":              {Priority, map[string]string{"from": "100", "priority": "80"}, []string{"(V) Changing effective priority from 100 to 80"}, nil},
		"rival":                 {SplitHealed, map[string]string{"peer": "10.0.0.2", "peer_priority": "50", "priority": "100"}, []string{"(V) Received advert from 10.0.0.2 with lower priority 50, ours 100, forcing new election"}, nil},
		"group":                 {GroupMoved, map[string]string{"group": "G", "state": "MASTER"}, []string{"VRRP_Group(G) Syncing instances to MASTER state"}, nil},
		"script succeeds":       {CheckPassed, map[string]string{"check": "chk", "kind": "exec", "exit": "0"}, []string{"Script `chk` now returning 0", "VRRP_Script(chk) succeeded"}, nil},
		"script succeeds first": {CheckPassed, map[string]string{"check": "chk", "kind": "exec"}, []string{"VRRP_Script(chk) succeeded"}, nil},
		"script fails":          {CheckFailed, map[string]string{"check": "chk", "kind": "exec", "exit": "3"}, []string{"Script `chk` now returning 3", "VRRP_Script(chk) failed (exited with status 3)"}, nil},
		"script is killed":      {CheckFailed, map[string]string{"check": "chk", "kind": "exec", "signal": "9"}, []string{"VRRP_Script(chk) failed (due to signal 9)"}, nil},
		"script hangs":          {CheckFailed, map[string]string{"check": "chk", "kind": "exec", "timed_out": "true"}, []string{"VRRP_Script(chk) timed_out"}, nil},
		"of another service":    {CheckFailed, map[string]string{"check": "chk", "kind": "exec", "also": "true"}, nil, nil},
		"no script":             {CheckFailed, map[string]string{"check": "eth1", "kind": "interface"}, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			c.fields["event"], c.fields["service"] = c.id.String(), "V"
			if c.whole == nil {
				c.whole = c.brief
			}
			if d := cmp.Diff(c.brief, KeepalivedLines("text", c.fields)); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
			if d := cmp.Diff(c.whole, KeepalivedDetail("text", c.fields)); d != "" {
				t.Errorf("with detail (-want +got):\n%s", d)
			}
		})
	}
}
