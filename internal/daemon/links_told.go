// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"slices"

	"github.com/regent-ha/regent/conf"
	"github.com/regent-ha/regent/takeover"
)

// tellLinks logs interfaces of services that went up or down.
func (d *Daemon) tellLinks(before map[string]takeover.LinkState) {
	for name, is := range d.links {
		if was, known := before[name]; !known || was.Index != is.Index || was.Up == is.Up || !d.cares(name) {
			continue
		}
		word := map[bool]string{true: "up", false: "down"}[is.Up]
		d.o.Log.Info("Netlink reports "+name+" "+word, "interface", name)
	}
}

// cares reports whether a service, an address or route of one, or a check of one, depends on an interface.
func (d *Daemon) cares(name string) bool {
	if slices.ContainsFunc(d.routers, func(r *router) bool {
		return slices.ContainsFunc(r.lines, func(l line) bool { return l.device == name }) ||
			slices.ContainsFunc(r.paths, func(p path) bool { return !p.loose() && slices.Contains(p.devices(), name) })
	}) {
		return true
	}
	return slices.ContainsFunc(d.cfg.Services, func(s conf.Service) bool {
		return s.Interface == name || slices.ContainsFunc(d.watched[s.Name], func(c conf.HealthCheck) bool { return c.Kind == conf.CheckInterface && c.Target == name })
	})
}
