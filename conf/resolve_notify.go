// SPDX-License-Identifier: Apache-2.0

package conf

import (
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// resolveNotify resolves [notify].
func resolveNotify(t table[rawNotify]) Notify {
	s, raw := t.scope, &t.V
	n := Notify{
		User:            filled(s, "user", raw.User),
		Insecure:        !boolean(raw.ScriptSecurity, true),
		PriorityChanges: boolean(raw.PriorityChanges, false),
		StatesOnReload:  boolean(raw.StatesOnReload, false),
		Start:           program(s, "start", raw.Start),
		StartTimeout:    span(s, "start_timeout", raw.StartTimeout, 10*time.Second, time.Second, 1000*time.Second),
		Stop:            program(s, "stop", raw.Stop),
		StopTimeout:     span(s, "stop_timeout", raw.StopTimeout, 10*time.Second, time.Second, 1000*time.Second),
	}
	n.addFIFO(s, &rawFIFO{raw.FIFO, raw.FIFOUser, raw.FIFOScript})
	for i := range raw.More.V {
		if t := &raw.More.V[i]; t.Set {
			if t.V.FIFO.absent() {
				t.scope.errorf(t.scope.off, "fifo is missing: write the path of the pipe")
			}
			n.addFIFO(t.scope, &t.V)
		}
	}
	return n
}

// addFIFO resolves a pipe, if there is one.
func (n *Notify) addFIFO(s scope, raw *rawFIFO) {
	f := FIFO{absolute(s, "fifo", raw.FIFO, ""), filled(s, "fifo_user", raw.User), program(s, "fifo_script", raw.Script)}
	switch {
	case raw.FIFO.absent():
		if !(raw.Script.absent() && raw.User.absent()) {
			s.errorf(s.off, "fifo is missing: fifo_script and fifo_user are about it")
		}
		return
	case slices.ContainsFunc(n.FIFOs, func(o FIFO) bool { return o.Path == f.Path }):
		s.errorf(raw.FIFO.off, "fifo %s is there already: remove one", f.Path)
	}
	n.FIFOs = append(n.FIFOs, f)
}

// program resolves a command that is started by itself: by its whole path, or by a name that is looked for in PATH.
func program(s scope, name string, v list) []string {
	words := command(s, name, v)
	if len(words) > 0 && strings.Contains(words[0], "/") && !filepath.IsAbs(words[0]) {
		s.errorf(v.V[0].off, "%s %q: want the whole path of the program", name, words[0])
	}
	return words
}

// notify resolves [service.notify].
func (r *serviceResolver) notify() { r.out.Notify = resolvePrograms(r.raw.Notify) }

// resolvePrograms resolves the programs of a service or group; nil if there are none.
func resolvePrograms(t table[rawPrograms]) *Programs {
	if !t.Set {
		return nil
	}
	s, raw := t.scope, &t.V
	p := &Programs{User: filled(s, "user", raw.User), PriorityChanges: boolean(raw.PriorityChanges, false)}
	none := raw.PriorityChanges.absent()
	u := &raw.Users.V
	for _, k := range []struct {
		name string
		raw  list
		out  *[]string
		user scalar[string]
	}{
		{"active", raw.Active, &p.Active, u.Active}, {"backup", raw.Backup, &p.Backup, u.Backup}, {"fault", raw.Fault, &p.Fault, u.Fault},
		{"stop", raw.Stop, &p.Stop, u.Stop}, {"any", raw.Any, &p.Any, u.Any}, {"deleted", raw.Deleted, &p.Deleted, u.Deleted},
		{"lower_priority", raw.LowerPriority, &p.LowerPriority, u.LowerPriority},
	} {
		none = none && k.raw.absent()
		*k.out = program(s, k.name, k.raw)
		if k.user.Set {
			if p.Users == nil {
				p.Users = map[string]string{}
			}
			p.Users[k.name] = filled(raw.Users.scope, k.name, k.user)
		}
	}
	if none {
		s.errorf(s.off, "nobody is told: write one of active, backup, fault, stop, any")
	}
	return p
}
