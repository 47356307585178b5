// SPDX-License-Identifier: Apache-2.0

package peers

import (
	"path/filepath"
	"testing"
	"time"
)

// frrPath is FRR's daemon for [netlab.Require].
var frrPath = filepath.Join(frrDir, "vrrpd")

// pair is two kinds of daemon that share a segment, and what both can speak.
type pair struct {
	ours, theirs string
	protocols    []protocol
}

// makers returns who makes each kind of daemon.
func makers(binary string) map[string]maker {
	return map[string]maker{
		"regent":     func(dir string) Daemon { return NewRegent(binary, dir) },
		"keepalived": func(dir string) Daemon { return NewKeepalived(dir) },
		"frr":        func(dir string) Daemon { return NewFRR(dir) },
	}
}

// pairs are Regent with each peer, and with itself.
func pairs() []pair {
	return []pair{
		{"regent", "keepalived", []protocol{v2, v2Pass, v3, v3IPv6, v3Unicast}},
		{"regent", "frr", []protocol{v2, v3, v3IPv6}},
		{"regent", "regent", []protocol{v2, v2Pass, v3, v3IPv6, v3Unicast}},
	}
}

// TestInterop is the matrix: Regent with each peer, in each protocol, in each scenario, in both roles.
func TestInterop(t *testing.T) {
	requirePeers(t, "keepalived", frrPath, "vtysh")
	run := matrix{makers: makers(regentBinary(t)), report: newReport(), scenarios: scenarios(), stalls: WatchStalls(t.Context())}
	// The group ends when its parallel tests have.
	ok := t.Run("pairs", func(t *testing.T) {
		for _, p := range pairs() {
			run.pair(t, p)
		}
	})
	run.report.publish(t, ok, run.scenarios, pairs())
}

// TestHarness runs other daemons against each other: a fault that is found here is not Regent's.
func TestHarness(t *testing.T) {
	requirePeers(t, "keepalived", frrPath, "vtysh")
	run := matrix{makers: makers(""), report: newReport(), scenarios: scenarios(), stalls: WatchStalls(t.Context())}
	run.pair(t, pair{"keepalived", "keepalived", []protocol{v3Unicast}})
	run.pair(t, pair{"frr", "keepalived", []protocol{v3IPv6}})
}

// matrix runs scenarios.
type matrix struct {
	makers    map[string]maker
	scenarios []scenario
	report    *report
	stalls    *StallWatch
}

// pair runs a pair in both roles.
func (m matrix) pair(t *testing.T, p pair) {
	for _, proto := range p.protocols {
		m.role(t, p.ours, p.theirs, proto)
		if p.ours != p.theirs {
			m.role(t, p.theirs, p.ours, proto)
		}
	}
}

// role runs all scenarios of a pair in which onHigh wins elections.
func (m matrix) role(t *testing.T, onHigh, onLow string, proto protocol) {
	for _, sc := range m.scenarios {
		if sc.fits != nil && !sc.fits(proto, onHigh) {
			continue
		}
		t.Run(onHigh+" over "+onLow+"/"+proto.name+"/"+sc.name, func(t *testing.T) {
			t.Parallel()
			c := m.play(t, sc, proto, map[string]maker{high: m.makers[onHigh], low: m.makers[onLow]})
			c.ok = !t.Failed()
			m.report.add(key{onHigh, onLow, proto.name, sc.name}, c)
		})
	}
}

// A scenario is played again, up to so many times, if it went wrong while the machine stood still for longer than its
// daemons can bear.
const (
	attempts = 4
	bearable = 100 * time.Millisecond
)

// play plays one scenario.
func (m matrix) play(t *testing.T, sc scenario, proto protocol, daemons map[string]maker) (c cell) {
	t.Helper()
	for attempt := 1; ; attempt++ {
		s := newSegment(t, proto, daemons, sc.byAddress)
		sc.play(s)
		verdicts, faults := s.judge()
		faults = append(faults, s.unclean...)
		stalled := max(m.stalls.Worst(s.began, time.Now()), s.unwatchedFor())
		if len(faults) == 0 {
			return sc.cell(s, verdicts)
		}
		if stalled <= bearable || attempt == attempts {
			for _, f := range faults {
				t.Error(f)
			}
			t.Logf("the machine was late by %s at worst", round(stalled))
			return c
		}
		m.report.repeat()
		t.Logf("attempt %d does not count, since the machine stood still for %s; %d faults, first: %s",
			attempt, round(stalled), len(faults), faults[0])
	}
}

// cell picks the figures of the report.
func (sc scenario) cell(s *segment, verdicts []Verdict) (c cell) {
	for _, v := range verdicts {
		if v.Event == sc.figure {
			c.figure = sc.column(v)
		}
		c.left = max(c.left, v.Left)
	}
	for _, n := range s.watcher.Last().Left {
		c.stayed = c.stayed || n > 0
	}
	return c
}
