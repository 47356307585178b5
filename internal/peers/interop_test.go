// SPDX-License-Identifier: Apache-2.0

package peers

import (
	"path/filepath"
	"testing"
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
	run := matrix{makers: makers(regentBinary(t)), report: newReport(), scenarios: scenarios()}
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
	run := matrix{makers: makers(""), report: newReport(), scenarios: scenarios()}
	run.pair(t, pair{"keepalived", "keepalived", []protocol{v3Unicast}})
	run.pair(t, pair{"frr", "keepalived", []protocol{v3IPv6}})
}

// matrix runs scenarios.
type matrix struct {
	makers    map[string]maker
	scenarios []scenario
	report    *report
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
			s := newSegment(t, proto, map[string]maker{high: m.makers[onHigh], low: m.makers[onLow]}, sc.byAddress)
			sc.play(s)
			var c cell
			for i, v := range s.judge() {
				if v.Event == sc.figure {
					c.figure = sc.column(v)
				}
				if v.Left > 0 {
					st := s.run.Stretches[i]
					c.left, c.stayed = v.Left, st.To.Sub(st.From)-v.Left < 10*watchEvery
				}
			}
			c.ok = !t.Failed()
			m.report.add(key{onHigh, onLow, proto.name, sc.name}, c)
		})
	}
}
