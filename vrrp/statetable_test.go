// SPDX-License-Identifier: Apache-2.0

package vrrp

import (
	"strings"
	"testing"
	"time"
)

// situation is a state of RFC 9568 §6.4, or Releasing: Initialize after a planned shutdown, until the heir is heard.
type situation string

var situations = []situation{"Initialize", "Backup", "Active", "Releasing"}

// stimulus is something that happens to a virtual router.
type stimulus string

var stimuli = []struct {
	name  stimulus
	owner bool // its priority is 255, from the beginning
	do    func(*rig) []Action
}{
	{"startup", false, (*rig).up},
	{"startup of the owner", true, (*rig).up},
	{"shutdown", false, func(g *rig) []Action { return g.r.Down(g.now, 1, ReasonShutdown, nil) }},
	{"release", false, func(g *rig) []Action { return g.r.Release(g.now, 1, nil) }},
	{"timer", false, func(g *rig) []Action {
		if g.r.Deadline() != Never {
			g.now = g.r.Deadline()
		}
		return g.r.Expire(g.now, nil)
	}},
	{"timer of the owner", true, func(g *rig) []Action {
		if g.r.Deadline() != Never {
			g.now = g.r.Deadline()
		}
		return g.r.Expire(g.now, nil)
	}},
	{"priority 0", false, func(g *rig) []Action { return g.hear(g.d.advert(Release, g.d.higher)) }},
	{"higher priority", false, func(g *rig) []Action { return g.hear(g.d.advert(101, g.d.lower)) }},
	{"equal priority, higher address", false, func(g *rig) []Action { return g.hear(g.d.advert(100, g.d.higher)) }},
	{"equal priority, lower address", false, func(g *rig) []Action { return g.hear(g.d.advert(100, g.d.lower)) }},
	{"lower priority", false, func(g *rig) []Action { return g.hear(g.d.advert(99, g.d.higher)) }},
	{"lower priority at the owner", true, func(g *rig) []Action { return g.hear(g.d.advert(254, g.d.higher)) }},
	{"own advert", false, func(g *rig) []Action { return g.hear(g.d.advert(100, g.d.self)) }},
	{"damaged advert", false, func(g *rig) []Action {
		p := g.d.advert(101, g.d.higher)
		p.Message[2]++ // which is under the checksum
		return g.hear(p)
	}},
	{"priority raised", false, func(g *rig) []Action { return g.r.SetPriority(g.now, 1, 200, nil) }},
	{"priority lowered", false, func(g *rig) []Action { return g.r.SetPriority(g.now, 1, 50, nil) }},
	{"late wake-up", false, func(g *rig) []Action { return g.r.Expire(g.oversleep(), nil) }},
	{"late wake-up to a higher priority", false, func(g *rig) []Action {
		g.oversleep()
		return g.hear(g.d.advert(101, g.d.lower))
	}},
	{"late wake-up to a lower priority", false, func(g *rig) []Action {
		g.oversleep()
		return g.hear(g.d.advert(99, g.d.lower))
	}},
	{"yield", false, func(g *rig) []Action { return g.r.Yield(g.now, 1, ReasonYield, nil) }},
}

// oversleep passes the deadline by more than an Active_Down_Interval.
func (g *rig) oversleep() Time {
	if due := g.r.Deadline(); due != Never {
		g.now = due
	}
	return g.after(g.status().ActiveDownInterval + 1).now
}

// mode is what Preempt_Mode is in a cell.
type mode uint8

const (
	always mode = iota // the cell is the same with and without pre-emption
	preempting
	tolerant
)

// timer is what a cell leaves the virtual router waiting for, from the instant of the event.
type timer func(g *rig, before Time) Time

func stopped(*rig, Time) Time          { return Never }
func runsOn(_ *rig, before Time) Time  { return before }
func adver(g *rig, _ Time) Time        { return g.now.Add(g.d.own) }
func skewTime(g *rig, _ Time) Time     { return g.now.Add(g.d.skew(100, g.d.own)) }
func downByOwn(g *rig, _ Time) Time    { return g.now.Add(g.d.down(100, g.d.own)) }
func downByActive(g *rig, _ Time) Time { return g.now.Add(g.d.down(100, g.d.peers)) }
func shortened(g *rig, before Time) Time {
	return before.Add(g.d.skew(200, g.d.own) - g.d.skew(100, g.d.own))
}
func lengthened(g *rig, before Time) Time {
	return before.Add(g.d.skew(50, g.d.own) - g.d.skew(100, g.d.own))
}

// Every situation with every stimulus: RFC 9568 §6.4, and below each situation what the RFC does not know.
var stateTable = []struct {
	in    situation
	on    stimulus
	mode  mode
	next  State
	deeds string
	timer timer
}{
	// §6.4.1
	{"Initialize", "startup", always, Backup, "initialize→backup: started", downByOwn},
	{"Initialize", "startup of the owner", always, Active, "advert 255; initialize→active: owns the address", adver},
	{"Initialize", "shutdown", always, Initialize, "", stopped},
	{"Initialize", "timer", always, Initialize, "", stopped},
	{"Initialize", "timer of the owner", always, Initialize, "", stopped},
	{"Initialize", "priority 0", always, Initialize, "", stopped},
	{"Initialize", "higher priority", always, Initialize, "", stopped},
	{"Initialize", "equal priority, higher address", always, Initialize, "", stopped},
	{"Initialize", "equal priority, lower address", always, Initialize, "", stopped},
	{"Initialize", "lower priority", always, Initialize, "", stopped},
	{"Initialize", "lower priority at the owner", always, Initialize, "", stopped},
	{"Initialize", "own advert", always, Initialize, "", stopped},
	{"Initialize", "damaged advert", always, Initialize, "", stopped},

	{"Initialize", "release", always, Initialize, "", stopped},
	{"Initialize", "priority raised", always, Initialize, "", stopped},
	{"Initialize", "priority lowered", always, Initialize, "", stopped},
	{"Initialize", "late wake-up", always, Initialize, "", stopped},
	{"Initialize", "late wake-up to a higher priority", always, Initialize, "", stopped},
	{"Initialize", "late wake-up to a lower priority", always, Initialize, "", stopped},
	{"Initialize", "yield", always, Initialize, "", stopped},

	// §6.4.2
	{"Backup", "startup", always, Backup, "", runsOn},
	{"Backup", "startup of the owner", always, Backup, "", runsOn},
	{"Backup", "shutdown", always, Initialize, "backup→initialize: stopped", stopped},
	{"Backup", "timer", always, Active, "advert 100; backup→active: no advert from the active node", adver},
	{"Backup", "timer of the owner", always, Active, "advert 255; backup→active: no advert from the active node", adver},
	{"Backup", "priority 0", always, Backup, "", skewTime},
	{"Backup", "higher priority", always, Backup, "", downByActive},
	{"Backup", "equal priority, higher address", always, Backup, "", downByActive},
	{"Backup", "equal priority, lower address", always, Backup, "", downByActive}, // addresses decide in Active only
	{"Backup", "lower priority", preempting, Backup, "", runsOn},
	{"Backup", "lower priority", tolerant, Backup, "", downByActive},
	{"Backup", "lower priority at the owner", always, Backup, "", runsOn}, // it pre-empts whatever Preempt_Mode says (§6.1)
	{"Backup", "own advert", always, Backup, "", runsOn},
	{"Backup", "damaged advert", always, Backup, "", runsOn},

	{"Backup", "release", always, Initialize, "backup→initialize: stopped", stopped},
	{"Backup", "priority raised", always, Backup, "", shortened},
	{"Backup", "priority lowered", always, Backup, "", lengthened},
	{"Backup", "late wake-up", always, Backup, "", downByOwn}, // it listens first
	{"Backup", "late wake-up to a higher priority", always, Backup, "", downByActive},
	{"Backup", "late wake-up to a lower priority", preempting, Backup, "", downByOwn},
	{"Backup", "late wake-up to a lower priority", tolerant, Backup, "", downByActive},
	{"Backup", "yield", always, Backup, "", runsOn},

	// §6.4.3
	{"Active", "startup", always, Active, "", runsOn},
	{"Active", "startup of the owner", always, Active, "", runsOn},
	{"Active", "shutdown", always, Initialize, "advert 0; active→initialize: stopped", stopped},
	{"Active", "timer", always, Active, "advert 100", adver},
	{"Active", "timer of the owner", always, Active, "advert 255", adver},
	{"Active", "priority 0", always, Active, "advert 100", adver},
	{"Active", "higher priority", always, Backup, "advert 100; active→backup: a node with a higher priority is active", downByActive},
	{"Active", "equal priority, higher address", always, Backup,
		"advert 100; active→backup: a node with the same priority and a higher address is active", downByActive},
	{"Active", "equal priority, lower address", always, Active, "advert 100; announce: a second active node lost the election", runsOn},
	{"Active", "lower priority", always, Active, "advert 100; announce: a second active node lost the election", runsOn},
	{"Active", "lower priority at the owner", always, Active, "advert 255; announce: a second active node lost the election", runsOn},
	{"Active", "own advert", always, Active, "", runsOn},
	{"Active", "damaged advert", always, Active, "", runsOn},

	{"Active", "release", always, Initialize, "advert 0; active→initialize: stopped", downByOwn},
	{"Active", "priority raised", always, Active, "", runsOn},
	{"Active", "priority lowered", always, Active, "", runsOn},
	{"Active", "late wake-up", always, Backup, "active→backup: the daemon slept too long", downByOwn},
	{"Active", "late wake-up to a higher priority", always, Backup, "active→backup: the daemon slept too long", downByActive},
	{"Active", "late wake-up to a lower priority", preempting, Backup, "active→backup: the daemon slept too long", downByOwn},
	{"Active", "late wake-up to a lower priority", tolerant, Backup, "active→backup: the daemon slept too long", downByActive},
	{"Active", "yield", always, Backup, "active→backup: stepped back", downByOwn},

	// Whoever speaks now is the heir.
	{"Releasing", "startup", always, Backup, "initialize→backup: started", downByOwn},
	{"Releasing", "startup of the owner", always, Active, "advert 255; initialize→active: owns the address", adver},
	{"Releasing", "shutdown", always, Initialize, "", stopped},
	{"Releasing", "release", always, Initialize, "", runsOn},
	{"Releasing", "timer", always, Initialize, "inherited: no advert from the active node", stopped},
	{"Releasing", "timer of the owner", always, Initialize, "inherited: no advert from the active node", stopped},
	{"Releasing", "priority 0", always, Initialize, "", runsOn},
	{"Releasing", "higher priority", always, Initialize, "inherited: another node is active", stopped},
	{"Releasing", "equal priority, higher address", always, Initialize, "inherited: another node is active", stopped},
	{"Releasing", "equal priority, lower address", always, Initialize, "inherited: another node is active", stopped},
	{"Releasing", "lower priority", always, Initialize, "inherited: another node is active", stopped},
	{"Releasing", "lower priority at the owner", always, Initialize, "inherited: another node is active", stopped},
	{"Releasing", "own advert", always, Initialize, "", runsOn},
	{"Releasing", "damaged advert", always, Initialize, "", runsOn},
	{"Releasing", "priority raised", always, Initialize, "", runsOn},
	{"Releasing", "priority lowered", always, Initialize, "", runsOn},
	{"Releasing", "late wake-up", always, Initialize, "inherited: no advert from the active node", stopped},
	{"Releasing", "late wake-up to a higher priority", always, Initialize, "inherited: another node is active", stopped},
	{"Releasing", "late wake-up to a lower priority", always, Initialize, "inherited: another node is active", stopped},
	{"Releasing", "yield", always, Initialize, "", runsOn},
}

// place brings a virtual router into a situation, and lets a part of its timer pass.
func (g *rig) place(s situation) {
	g.t.Helper()
	switch s {
	case "Backup":
		g.backup()
	case "Active":
		g.active()
	case "Releasing":
		g.active()
		g.r.Release(g.now, 1, nil)
	}
	g.after(100 * time.Millisecond)
}

// The table has one cell for everything that can happen, with and without pre-emption.
func TestStateTableHasEveryCell(t *testing.T) {
	t.Parallel()
	named := map[stimulus]bool{}
	for _, e := range stimuli {
		if named[e.name] {
			t.Errorf("two stimuli are called %q", e.name)
		}
		named[e.name] = true
	}
	used := 0
	for _, s := range situations {
		for _, e := range stimuli {
			for _, m := range []mode{preempting, tolerant} {
				n := 0
				for _, cell := range stateTable {
					if cell.in == s && cell.on == e.name && (cell.mode == always || cell.mode == m) {
						n++
					}
				}
				if n != 1 {
					t.Errorf("%s, %s: %d cells in mode %d, want 1", s, e.name, n, m)
				}
				used += n
			}
		}
	}
	meant := 0
	for _, cell := range stateTable {
		meant++
		if cell.mode == always {
			meant++
		}
	}
	if used != meant {
		t.Errorf("%d cells are of no known situation and stimulus", meant-used)
	}
}

// In both versions and families, what the table says is what happens.
func TestStateTable(t *testing.T) {
	t.Parallel()
	for _, d := range dialects {
		for _, e := range stimuli {
			for _, cell := range stateTable {
				for m, name := range map[mode]string{preempting: "preempting", tolerant: "tolerant"} {
					if cell.on != e.name || cell.mode != always && cell.mode != m {
						continue
					}
					t.Run(d.name+"/"+string(cell.in)+"/"+string(e.name)+"/"+name, func(t *testing.T) {
						t.Parallel()
						priority := Priority(100)
						if e.owner {
							priority = Owner
						}
						g := newRig(t, d, priority, func(c *Config) {
							if m == tolerant {
								c.PreemptBelow = 0
							}
						})
						g.place(cell.in)
						before := g.r.Deadline()
						want := cell.deeds
						if cell.in == "Active" && cell.next == Backup && d.peers > d.own {
							want = strings.TrimPrefix(want, "advert 100; ") // Backups would go by the shorter interval again
						}
						g.does(e.do(g), want)
						g.is(cell.next)
						if got, want := g.status().Releasing, cell.next == Initialize && g.r.Deadline() != Never; got != want {
							t.Errorf("releasing is %t, want %t", got, want)
						}
						if got, want := g.r.Deadline(), cell.timer(g, before); got != want {
							t.Errorf("the timer ends at %d, want %d (now is %d)", got, want, g.now)
						}
					})
				}
			}
		}
	}
}
