// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/regent-ha/regent/conf"
	"github.com/regent-ha/regent/internal/event"
	"github.com/regent-ha/regent/takeover"
	"github.com/regent-ha/regent/vrrp"
)

// Reload reads the configuration again. A file with an error changes nothing. Services that did not change keep
// running without a missed advert.
func (d *Daemon) reload() {
	if d.stopping {
		return
	}
	next, diags := d.o.Load()
	if next == nil {
		for _, g := range diags {
			d.o.Log.Error(g.String())
		}
		d.report.Report(event.ReloadRefused, fmt.Sprintf("the new configuration is refused, the old one stays: %v", diags.Err()),
			"errors", diags.Errors())
		return
	}
	d.o.Parent.Reloading()
	defer d.o.Parent.Ready("reloaded")
	c := conf.Diff(d.cfg, next)
	for _, g := range c.Global {
		if g.Restart {
			d.o.Log.Warn("reload: takes effect at the next start only", "setting", g.Key, "reason", g.Reason)
		}
	}
	d.cfg = next
	count := map[conf.ChangeKind]int{}
	gone := map[string]bool{}
	var updated []*router
	var fresh []*conf.Service
	for _, s := range c.Services {
		count[s.Kind]++
		switch s.Kind {
		case conf.Removed, conf.Restart:
			gone[s.Name] = true
		case conf.InPlace, conf.Unchanged:
			switch had, takes := d.has(s.Name), conf.StaticPlan(next, s.New).Takes; {
			case had && !takes:
				gone[s.Name] = true
			case had:
				updated = append(updated, d.update(s.New)...)
			case takes:
				fresh = append(fresh, s.New)
			}
		case conf.Added:
		}
		if s.Kind == conf.Added || s.Kind == conf.Restart {
			fresh = append(fresh, s.New)
		}
	}
	var leave []*router
	for _, r := range d.routers {
		if gone[r.service.Name] && !r.leaving {
			leave = append(leave, r)
		}
	}
	for _, s := range fresh {
		if err := d.create(s, 0); err != nil {
			d.o.Log.Error(fmt.Sprintf("reload: %v", err))
		}
	}
	d.guard()
	d.release(leave)
	d.attachAll(d.routers)
	d.apply()
	d.refresh(updated)
	d.limit()
	d.report.Report(event.Reloaded, "a new configuration is in force", "added", count[conf.Added], "removed", count[conf.Removed],
		"changed", count[conf.InPlace], "restarted", count[conf.Restart], "unchanged", count[conf.Unchanged])
}

// has reports whether a service has routers that stay.
func (d *Daemon) has(name string) bool {
	return slices.ContainsFunc(d.routers, func(r *router) bool { return r.service.Name == name && !r.leaving })
}

// update gives the routers of a service their new settings in place, and returns those that really changed. A change
// outside of the service (of a node, say) may change its plan, so each is looked at.
func (d *Daemon) update(s *conf.Service) []*router {
	byFamily := map[vrrp.Family]spec{}
	for _, sp := range specs(d.cfg, s, 0) {
		byFamily[sp.vrrp.Family] = sp
	}
	var out []*router
	for _, r := range d.routers {
		if r.service.Name != s.Name || r.leaving {
			continue
		}
		sp := byFamily[r.vrrp.Family] // a change of families is a restart
		sp.vrrp.Leader, sp.vrrp.Hold = r.vrrp.Leader, r.vrrp.Hold
		if !reflect.DeepEqual(sp, r.spec) {
			r.spec = sp
			out = append(out, r)
		}
	}
	if len(out) == 0 {
		return nil
	}
	err := d.loop.Do(func(now vrrp.Time, v *vrrp.Router, acts []vrrp.Action) []vrrp.Action {
		for _, r := range out {
			acts = v.Update(now, r.id, r.vrrp, acts)
		}
		return acts
	})
	if err != nil {
		d.o.Log.Error(fmt.Sprintf("reload: %v", err))
	}
	return out
}

// refresh brings serving, announcing and the last will of changed routers in line.
func (d *Daemon) refresh(rs []*router) {
	var serve, refuse []takeover.Address
	hs := d.holdings(rs)
	for _, h := range hs {
		switch {
		case h.router.guarded && h.router.duty == dutyServe:
			serve = append(serve, h.address)
		case h.router.guarded:
			refuse = append(refuse, h.address)
		}
	}
	if len(serve) > 0 {
		d.refusal("serve", d.respond.Serve(plain(serve), 0))
	}
	if len(refuse) > 0 {
		d.refusal("end serving", d.respond.Withdraw(plain(refuse)))
	}
	d.announceHeld(hs)
	d.bequeath(hs)
}

// create makes the routers of a service; hold is for a start after a crash.
func (d *Daemon) create(s *conf.Service, hold time.Duration) error {
	leader := vrrp.ID(0)
	for _, sp := range specs(d.cfg, s, hold) {
		d.lastID++
		r := &router{spec: sp, id: d.lastID, since: time.Now(), reason: "starting"}
		r.vrrp.Leader = leader
		var err error
		if e := d.loop.Do(func(_ vrrp.Time, v *vrrp.Router, out []vrrp.Action) []vrrp.Action {
			err = v.Add(r.id, r.vrrp)
			return out
		}); e != nil {
			err = e
		}
		if err != nil {
			return fmt.Errorf("service %q: %w", s.Name, err)
		}
		d.routers = append(d.routers, r)
		d.byID[r.id] = r
		if sp.vrrp.Family == vrrp.IPv4 {
			leader = r.id
		}
	}
	return nil
}

// remove forgets a router.
func (d *Daemon) remove(r *router) {
	err := d.loop.Detach(r.id, vrrp.ReasonShutdown)
	if err == nil {
		err = d.loop.Do(func(now vrrp.Time, v *vrrp.Router, out []vrrp.Action) []vrrp.Action { return v.Remove(now, r.id, out) })
	}
	if err != nil {
		d.o.Log.Error(fmt.Sprintf("remove: %v", err), r.fields()...)
	}
	delete(d.byID, r.id)
	delete(d.blocked, r.id)
}
