// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"fmt"
	"os/user"
	"strconv"
	"time"

	"github.com/regent-ha/regent/conf"
	"github.com/regent-ha/regent/internal/event"
	"github.com/regent-ha/regent/internal/notify"
	"github.com/regent-ha/regent/vrrp"
)

// stopPatience is how long programs that are told of the stop may take.
const stopPatience = time.Second

// messenger tells programs of changes of state.
type messenger struct {
	run    *notify.Notifier
	fifo   *notify.FIFO // nil: none
	path   string       // of the FIFO
	told   map[string]notify.State
	judged map[string]error        // programs by user and path, so that each is reported once
	users  map[string]*notify.User // by name
}

// openNotify makes ready to tell programs what the configuration wants.
func (d *Daemon) openNotify() {
	d.messenger = &messenger{run: notify.New(notify.Options{Logger: d.o.Log}), told: map[string]notify.State{}}
	d.reloadNotify()
}

// reloadNotify takes in another configuration.
func (d *Daemon) reloadNotify() {
	m := d.messenger
	m.judged, m.users = map[string]error{}, map[string]*notify.User{}
	for i := range d.cfg.Services { // what cannot be run is told now, not when it is needed
		if p := d.cfg.Services[i].Notify; p != nil {
			for _, words := range [][]string{p.Active, p.Backup, p.Fault, p.Stop, p.Any} {
				d.program(&d.cfg.Services[i], words)
			}
		}
	}
	if m.path == d.cfg.Notify.FIFO {
		return
	}
	if m.fifo != nil {
		if err := m.fifo.Close(); err != nil {
			d.o.Log.Warn("the FIFO for changes of state does not close", "error", err)
		}
	}
	m.fifo, m.path = nil, d.cfg.Notify.FIFO
	if m.path == "" {
		return
	}
	owner, err := d.lookUp(d.cfg.Notify.User)
	if err == nil {
		m.fifo, err = notify.OpenFIFO(m.path, owner)
	}
	if err != nil {
		d.report.Report(event.NotifyRefused, fmt.Sprintf("nobody hears of changes of state by FIFO: %v", err))
	}
}

// closeNotify lets programs end.
func (d *Daemon) closeNotify() error {
	if d.messenger == nil {
		return nil
	}
	if err := d.messenger.run.Close(stopPatience); err != nil {
		d.o.Log.Warn("programs that are told of changes of state", "error", err)
	}
	if d.messenger.fifo == nil {
		return nil
	}
	return d.messenger.fifo.Close()
}

// inform tells programs of a service's state. It goes by the first of its virtual routers.
func (d *Daemon) inform(r *router, state notify.State) {
	m := d.messenger
	name := r.service.Name
	for _, other := range d.routers {
		if other.service.Name == name && other != r && !other.leaving && other.vrrp.Family == vrrp.IPv4 {
			return
		}
	}
	if m.told[name] == state {
		return
	}
	m.told[name] = state
	c := notify.Change{Kind: notify.Instance, Name: name, State: state, Priority: int(r.vrrp.Priority)}
	if p := r.service.Notify; p != nil {
		words := map[notify.State][]string{notify.Master: p.Active, notify.Backup: p.Backup, notify.Fault: p.Fault, notify.Stop: p.Stop}[state]
		d.tellProgram(r.service, words)
		if p.Any != nil {
			d.tellProgram(r.service, append(p.Any[:len(p.Any):len(p.Any)], c.Arguments()...))
		}
	}
	if m.fifo != nil {
		m.fifo.Write(c)
	}
	if state == notify.Stop {
		delete(m.told, name)
	}
}

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

func (d *Daemon) tellProgram(s *conf.Service, words []string) {
	if c, ok := d.program(s, words); ok {
		d.messenger.run.Run(s.Name, c)
	}
}

// program is a command as it may be run; false if there is none, or it must not.
func (d *Daemon) program(s *conf.Service, words []string) (notify.Command, bool) {
	if len(words) == 0 {
		return notify.Command{}, false
	}
	name := s.Notify.User
	if name == "" {
		name = d.cfg.Notify.User
	}
	u, err := d.lookUp(name)
	key := name + " " + words[0]
	before, known := d.messenger.judged[key]
	if err == nil {
		err = notify.Inspect(words[0], u)
	}
	d.messenger.judged[key] = err
	if err != nil {
		if !known || before == nil {
			d.report.Report(event.NotifyRefused, fmt.Sprintf("%s: not told of changes of state: %v", s.Name, err), "service", s.Name)
		}
		return notify.Command{}, false
	}
	return notify.Command{Args: words, User: u}, true
}

// lookUp finds a user; nil is the daemon's own.
func (d *Daemon) lookUp(name string) (*notify.User, error) {
	if name == "" {
		return nil, nil
	}
	if u := d.messenger.users[name]; u != nil {
		return u, nil
	}
	found, err := user.Lookup(name)
	if err != nil {
		return nil, fmt.Errorf("user %q: %w", name, err)
	}
	number := func(text string) uint32 {
		n, bad := strconv.ParseUint(text, 10, 32)
		if bad != nil && err == nil {
			err = fmt.Errorf("user %q: %w", name, bad)
		}
		return uint32(n) //nolint:gosec // 32 bits
	}
	u := &notify.User{UID: number(found.Uid), GID: number(found.Gid)}
	groups, bad := found.GroupIds()
	if bad != nil {
		return nil, fmt.Errorf("groups of user %q: %w", name, bad)
	}
	for _, g := range groups {
		u.Groups = append(u.Groups, number(g))
	}
	if err == nil {
		d.messenger.users[name] = u
	}
	return u, err
}
