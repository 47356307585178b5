// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"fmt"
	"slices"
	"time"

	"github.com/regent-ha/regent/conf"
	"github.com/regent-ha/regent/internal/event"
	"github.com/regent-ha/regent/internal/notify"
	"github.com/regent-ha/regent/vrrp"
)

// told is the state of an action in the words of programs; false: they hear nothing of it.
func told(r *router, a vrrp.Action) (notify.State, bool) {
	switch {
	case a.Kind == vrrp.Inherited && r.leaving: // the address is gone now
		return notify.Stop, true
	case a.Kind != vrrp.Enter:
		return "", false
	case a.To == vrrp.Active:
		return notify.Master, true
	case a.To == vrrp.Backup:
		return notify.Backup, true
	case a.Reason != vrrp.ReasonShutdown:
		return notify.Fault, true
	}
	// A release that waits for an heir ends later; one that is to come back is Backup then.
	return notify.Stop, !r.releasing && !r.returning
}

// news is what programs are to hear of a router. Whether they hear of an end is judged when the addresses are gone.
type news struct {
	router *router
	action vrrp.Action
}

// newsOf is what programs are to hear of an action.
func newsOf(r *router, a vrrp.Action) []news {
	switch a.Kind {
	case vrrp.Enter, vrrp.Inherited, vrrp.Rival:
		return []news{{r, a}}
	}
	return nil
}

// informAll tells news in their order.
func (d *Daemon) informAll(all []news) {
	for _, n := range all {
		if n.action.Kind == vrrp.Rival {
			d.challenged(n.router)
			continue
		}
		if state, ok := told(n.router, n.action); ok {
			d.inform(n.router, state)
		}
	}
}

// stateKeys are the programs for states.
var stateKeys = map[notify.State]string{notify.Master: "active", notify.Backup: "backup", notify.Fault: "fault", notify.Stop: "stop", notify.Deleted: "deleted"}

// speaksFor reports whether a service is told about by this virtual router: the first of its two.
func (d *Daemon) speaksFor(r *router) bool {
	for _, other := range d.routers {
		if other.service.Name == r.service.Name && other != r && !other.leaving && other.vrrp.Family == vrrp.IPv4 {
			return false
		}
	}
	return true
}

// inform tells programs of a service's state.
func (d *Daemon) inform(r *router, state notify.State) {
	m, name, removed := d.messenger, r.service.Name, false
	if !d.speaksFor(r) {
		return
	}
	if state == notify.Stop && !d.stopping { // a reload took it out of the file
		if state = notify.Fault; r.service.Notify != nil && r.service.Notify.Deleted != nil {
			state = notify.Deleted
		}
		defer delete(m.told, name)
		removed = state == notify.Fault
	}
	if m.told[name] == state {
		return
	}
	m.told[name] = state
	programs := r.service.Notify
	if removed && programs != nil { // keepalived runs no program for the state then
		rest := *programs
		rest.Fault = nil
		programs = &rest
	}
	d.spread(programs, r.service.Mail, notify.Change{Kind: notify.Instance, Name: name, State: state, Priority: int(r.vrrp.Priority)})
	m.heard[name] = int(r.vrrp.Priority)
	d.informGroup(name)
}

// farewell tells of the stop of those of which the loop's last words were not heard any more.
func (d *Daemon) farewell() {
	for _, r := range d.routers {
		d.inform(r, notify.Stop)
	}
}

// spread tells a change to those who want to hear of it: the program for the state, the one for all, the FIFO, and the readers of
// mail.
func (d *Daemon) spread(p *conf.Programs, mail bool, c notify.Change) {
	target := string(c.Kind) + " " + c.Name
	if p != nil {
		words, user := programOf(p, stateKeys[c.State])
		if command, ok := d.program(c.Name, words, user); ok {
			d.messenger.run.Run(target, command)
		}
		if words, user = programOf(p, "any"); words != nil {
			if command, ok := d.program(c.Name, append(words[:len(words):len(words)], c.Arguments()...), user); ok {
				d.messenger.run.Run(target, command)
			}
		}
	}
	d.messenger.write(c)
	if mail && d.messenger.poster != nil {
		d.messenger.poster.Post(c)
	}
}

// informGroup tells of the state of a service's group, when its members agree on another one.
func (d *Daemon) informGroup(service string) {
	g := d.groupOf(service)
	if g == nil {
		return
	}
	m := d.messenger
	state := notify.State("")
	for i, member := range g.Services {
		is := m.told[member]
		switch {
		case is == notify.Fault: // of one is of all
			state = notify.Fault
		case i == 0:
			state = is
		case state != notify.Fault && is != state:
			state = ""
		}
	}
	if state == "" || state == m.groups[g.Name] {
		return
	}
	initial := m.groups[g.Name] == "" && !slices.ContainsFunc(d.routers, func(r *router) bool { return r.waited && slices.Contains(g.Services, r.service.Name) })
	m.groups[g.Name] = state
	if state != notify.Stop {
		d.report.Report(event.GroupMoved, fmt.Sprintf("sync group %s is %s", g.Name, state), "group", g.Name, "state", string(state), "initial", initial)
	}
	d.spread(g.Notify, g.Mail, notify.Change{Kind: notify.Group, Name: g.Name, State: state})
}

// challenged tells that an Active heard an advert of lower priority.
func (d *Daemon) challenged(r *router) {
	if !d.speaksFor(r) || time.Since(r.since) < r.vrrp.Interval {
		return // the last words of who gave way
	}
	if p := r.service.Notify; p != nil {
		words, user := programOf(p, "lower_priority")
		if command, ok := d.program(r.service.Name, words, user); ok {
			d.messenger.run.Run("INSTANCE "+r.service.Name, command)
		}
	}
	d.messenger.write(notify.Change{Kind: notify.Instance, Name: r.service.Name, State: notify.LowerPriority, Priority: int(r.vrrp.Priority)})
}

// ranked tells readers of the FIFO of another priority, if they want to know.
func (d *Daemon) ranked(r *router) {
	m, s := d.messenger, r.service
	is := int(r.vrrp.Priority)
	was, known := m.heard[s.Name]
	if len(m.pipes) == 0 || !d.speaksFor(r) || !known || was == is || !d.cfg.Notify.PriorityChanges && (s.Notify == nil || !s.Notify.PriorityChanges) {
		return
	}
	word := notify.BackupPriority
	switch m.told[s.Name] {
	case notify.Master:
		word = notify.MasterPriority
	case notify.Backup:
	default:
		return
	}
	m.heard[s.Name] = is
	m.write(notify.Change{Kind: notify.Instance, Name: s.Name, State: word, Priority: is})
}

// tellAgain tells the FIFO all states, after a reload.
func (d *Daemon) tellAgain() {
	if len(d.messenger.pipes) == 0 || !d.cfg.Notify.StatesOnReload {
		return
	}
	for _, r := range d.routers {
		if state := d.messenger.told[r.service.Name]; state != "" && d.speaksFor(r) && !r.leaving {
			d.messenger.write(notify.Change{Kind: notify.Instance, Name: r.service.Name, State: state, Priority: int(r.vrrp.Priority)})
		}
	}
	for i := range d.cfg.SyncGroups {
		g := &d.cfg.SyncGroups[i]
		if state := d.messenger.groups[g.Name]; state != "" {
			d.messenger.write(notify.Change{Kind: notify.Group, Name: g.Name, State: state})
		}
	}
}
