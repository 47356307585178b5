// SPDX-License-Identifier: Apache-2.0

package vrrp

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The rows of the table: the states of RFC 9568 §6.4, and Initialize while it waits for an heir.
const (
	initialize = "initialize"
	backup     = "backup"
	active     = "active"
	releasing  = "releasing"
)

// inState is a virtual router over IPv4 with priority 100, a tenth of an interval after it came into a state.
func inState(t *testing.T, state string) *station {
	t.Helper()
	s := newStation(t, config4())
	s.up(1)
	if state == initialize { // as after the loss of its link
		s.r.Down(s.now, 1, ReasonLink, nil)
	}
	if state == active || state == releasing {
		s.next()
	}
	if state == releasing {
		s.r.Release(s.now, 1, nil)
	}
	s.now = s.now.Add(100 * time.Millisecond)
	return s
}

// orders are what the owner of a router may ask of it at any time, and adverts that meet its settings in an unusual way. What
// the protocol itself knows is in stateTable.
var orders = map[string]func(*station) []Action{
	"startup": func(s *station) []Action { return s.up(1) },
	"remove": func(s *station) []Action {
		out := s.r.Remove(s.now, 1, nil)
		if s.r.Len() != 0 {
			s.t.Error("it is not forgotten")
		}
		if err := s.r.Add(1, config4()); err != nil {
			s.t.Error(err)
		}
		return out
	},
	"too early":                func(s *station) []Action { return s.r.Expire(s.now, nil) },
	"higher priority, our own": func(s *station) []Action { return s.hear(1, 200, self4) },
	"lower priority, above the edge": func(s *station) []Action {
		s.r.SetPreemptBelow(s.now, 1, 99, nil)
		return s.hear(1, 99, higher4)
	},
	"lower priority, below the edge": func(s *station) []Action {
		s.r.SetPreemptBelow(s.now, 1, 100, nil)
		return s.hear(1, 99, higher4)
	},
	"lower priority, no pre-emption": func(s *station) []Action {
		s.r.SetPreemptBelow(s.now, 1, 0, nil)
		return s.hear(1, 99, higher4)
	},
	"higher priority, another interval": func(s *station) []Action {
		c := config4()
		c.Interval = 400 * time.Millisecond
		return s.r.Receive(s.now, packet(c, 200, lower4), nil)
	},
	"priority 0, after a sleep": func(s *station) []Action {
		s.now = s.now.Add(time.Minute)
		return s.hear(1, Release, lower4)
	},
	"priority to 0": func(s *station) []Action { return s.r.SetPriority(s.now, 1, 0, nil) },
	"reload, longer interval": func(s *station) []Action {
		c := config4()
		c.Interval = 5 * time.Second
		return s.r.Update(s.now, 1, c, nil)
	},
	"reload, shorter interval": func(s *station) []Action {
		c := config4()
		c.Interval = 100 * time.Millisecond
		return s.r.Update(s.now, 1, c, nil)
	},
	"reload, other addresses": func(s *station) []Action {
		c := config4()
		c.Addresses = append(c.Addresses, higher4)
		return s.r.Update(s.now, 1, c, nil)
	},
	"reload, nothing valid": func(s *station) []Action {
		c := config4()
		c.Addresses = nil
		return s.r.Update(s.now, 1, c, nil)
	},
	"another link": func(s *station) []Action {
		return s.r.Up(s.now, 1, Link{Interface: 2, Source: higher4}, nil)
	},
}

// outcome is one cell of the table.
type outcome struct {
	state State
	due   time.Duration // from the instant of the order; 0: nothing is waited for
	acts  []string
}

// Times of priority 100 at 1 s.
const (
	second = time.Second
	skewed = 156 * time.Second / 256
	dead   = 3*time.Second + skewed
	tenth  = 100 * time.Millisecond
)

func acts(a ...string) []string { return a }

// nothing are cells in which nothing happens.
func nothing(s State, due time.Duration, names ...string) map[string]outcome {
	out := map[string]outcome{}
	for _, n := range names {
		out[n] = outcome{state: s, due: due}
	}
	return out
}

// cells are the table: state, order, outcome.
func cells() map[string]map[string]outcome {
	own, interval := "note: "+DiscardOwn.String(), "note: "+NoteInterval.String()
	heir := acts("inherited: another node is active")
	table := map[string]map[string]outcome{
		initialize: {
			"startup":      {Backup, dead, acts(becomesBackup)},
			"another link": {Backup, dead, acts(becomesBackup)},
		},
		backup: {
			"lower priority, below the edge":    {Backup, dead - tenth, acts(preemptsSoon)},
			"remove":                            {Initialize, 0, acts("backup to initialize: stopped")},
			"lower priority, above the edge":    {Backup, dead, nil},
			"lower priority, no pre-emption":    {Backup, dead, nil},
			"higher priority, our own":          {Backup, dead - tenth, acts(own)},
			"higher priority, another interval": {Backup, 3*400*time.Millisecond + 156*400*time.Millisecond/256, acts(interval)},
			"priority 0, after a sleep":         {Backup, skewed, acts(releases)},
			"reload, longer interval":           {Backup, 3*5*time.Second + 156*5*time.Second/256, nil},
			"reload, shorter interval":          {Backup, 3*tenth + 156*tenth/256, nil},
		},
		active: {
			"remove":                            {Initialize, 0, acts("send 0", stops)},
			"lower priority, above the edge":    {Active, second - tenth, acts("send 100", tellsRival)}, // Preempt_Mode is not
			"lower priority, below the edge":    {Active, second - tenth, acts("send 100", tellsRival)}, // looked at
			"lower priority, no pre-emption":    {Active, second - tenth, acts("send 100", tellsRival)}, // in Active
			"higher priority, our own":          {Active, second - tenth, acts(own)},
			"higher priority, another interval": {Backup, 3*400*time.Millisecond + 156*400*time.Millisecond/256, acts(interval, "send 100", losesByPriority)},
			"priority 0, after a sleep":         {Backup, skewed, acts(isLate, releases)},
			"reload, shorter interval":          {Active, tenth, nil},
		},
		releasing: {
			"startup":                           {Backup, dead, acts(becomesBackup)}, // the release is called off
			"another link":                      {Backup, dead, acts(becomesBackup)},
			"remove":                            {Initialize, 0, nil},
			"lower priority, above the edge":    {Initialize, 0, heir},
			"lower priority, below the edge":    {Initialize, 0, heir},
			"lower priority, no pre-emption":    {Initialize, 0, heir},
			"higher priority, another interval": {Initialize, 0, acts(interval, heir[0])},
			"priority 0, after a sleep":         {Initialize, dead - tenth - time.Minute, nil},
			"higher priority, our own":          {Initialize, dead - tenth, acts(own)},
		},
	}
	maps.Copy(table[initialize], nothing(Initialize, 0, "remove", "too early", "higher priority, our own",
		"lower priority, above the edge", "lower priority, below the edge", "lower priority, no pre-emption",
		"higher priority, another interval", "priority 0, after a sleep",
		"priority to 0", "reload, longer interval", "reload, shorter interval",
		"reload, other addresses", "reload, nothing valid"))
	maps.Copy(table[backup], nothing(Backup, dead-tenth, "startup", "too early",
		"priority to 0", "reload, other addresses", "reload, nothing valid", "another link"))
	maps.Copy(table[active], nothing(Active, second-tenth, "startup", "too early", "priority to 0",
		"reload, longer interval", "reload, other addresses", "reload, nothing valid", "another link"))
	maps.Copy(table[releasing], nothing(Initialize, dead-tenth, "too early", "priority to 0", "reload, longer interval", "reload, shorter interval", "reload, other addresses", "reload, nothing valid"))
	return table
}

// Every order in every state. A cell that is missing fails, and so does one that is about nothing.
func TestStateTimesOrder(t *testing.T) {
	t.Parallel()
	table := cells()
	for _, state := range []string{initialize, backup, active, releasing} {
		for name := range table[state] {
			if orders[name] == nil {
				t.Errorf("%s: the table has a cell for %q, which is no order", state, name)
			}
		}
		for _, order := range slices.Sorted(maps.Keys(orders)) {
			want, ok := table[state][order]
			if !ok {
				t.Errorf("%s: the table has no cell for %q", state, order)
				continue
			}
			t.Run(state+"/"+order, func(t *testing.T) {
				t.Parallel()
				s := inState(t, state)
				got := orders[order](s)
				if diff := cmp.Diff(append([]string{}, want.acts...), words(got)); diff != "" {
					t.Errorf("actions (-want +got):\n%s", diff)
				}
				s.state(1, want.state)
				due := time.Duration(0)
				if d := s.r.Deadline(); d != Never {
					due = d.Sub(s.now)
				}
				if due != want.due {
					t.Errorf("due in %s, want in %s", due, want.due)
				}
			})
		}
	}
}
