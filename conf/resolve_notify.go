// SPDX-License-Identifier: Apache-2.0

package conf

import "path/filepath"

// resolveNotify resolves [notify].
func resolveNotify(t table[rawNotify]) Notify {
	if !t.Set {
		return Notify{}
	}
	return Notify{FIFO: absolute(t.scope, "fifo", t.V.FIFO, ""), User: filled(t.scope, "user", t.V.User)}
}

// notify resolves [service.notify].
func (r *serviceResolver) notify() {
	t := r.raw.Notify
	if !t.Set {
		return
	}
	s, raw := t.scope, &t.V
	p := &Programs{User: filled(s, "user", raw.User)}
	none := true
	for _, k := range []struct {
		name string
		raw  list
		out  *[]string
	}{{"active", raw.Active, &p.Active}, {"backup", raw.Backup, &p.Backup}, {"fault", raw.Fault, &p.Fault}, {"stop", raw.Stop, &p.Stop}, {"any", raw.Any, &p.Any}} {
		none = none && k.raw.absent()
		*k.out = command(s, k.name, k.raw)
		if len(*k.out) > 0 && (*k.out)[0] != "" && !filepath.IsAbs((*k.out)[0]) {
			s.errorf(k.raw.V[0].off, "%s %q: want the whole path of the program", k.name, (*k.out)[0])
		}
	}
	if none {
		s.errorf(s.off, "nobody is told: write one of active, backup, fault, stop, any")
	}
	r.out.Notify = p
}
