// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"errors"
	"fmt"
	"net/netip"
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
	d.readStatic(next)
	d.holdStatic()
	for _, s := range c.Services {
		if s.Was != "" {
			d.rename(s.Was, s.New)
		}
	}
	d.reloadPolicy(c)
	d.reloadNotify()
	d.openWindow()
	if d.o.Reloaded != nil {
		d.o.Reloaded(next)
	}
	count := map[conf.ChangeKind]int{}
	gone := map[string]bool{}
	var fresh, stay []*conf.Service
	for _, s := range c.Services {
		count[s.Kind]++
		switch s.Kind {
		case conf.Removed, conf.Restart:
			gone[s.Name] = true
		case conf.InPlace, conf.Unchanged:
			switch had, takes := d.has(s.Name), conf.TakesPart(next, s.New); {
			case had && !takes:
				gone[s.Name] = true
			case had:
				stay = append(stay, s.New)
			case takes:
				fresh = append(fresh, s.New)
			}
		case conf.Added:
		}
		if s.Kind == conf.Added || s.Kind == conf.Restart {
			fresh = append(fresh, s.New)
		}
	}
	updated, retold := d.update(stay)
	var leave []*router
	for _, r := range d.routers {
		if gone[r.service.Name] && !r.leaving {
			leave = append(leave, r)
		}
	}
	if err := d.create(fresh, 0, 0, true); err != nil {
		d.o.Log.Error(fmt.Sprintf("reload: %v", err))
	}
	d.regroup()
	d.guard()
	d.openFilter(d.life, false)
	d.release(leave)
	d.attachAll(d.routers)
	d.apply(d.routers)
	d.refresh(updated, retold)
	d.limit()
	d.tellAgain()
	d.report.Report(event.Reloaded, "a new configuration is in force", "added", count[conf.Added], "removed", count[conf.Removed],
		"changed", count[conf.InPlace], "restarted", count[conf.Restart], "unchanged", count[conf.Unchanged])
}

// rename lets a service go on under another name.
func (d *Daemon) rename(from string, to *conf.Service) {
	for _, r := range d.routers {
		if r.service.Name == from {
			r.service = to
		}
	}
	move(d.preferences, from, to.Name)
	move(d.shown, from, to.Name)
	move(d.messenger.told, from, to.Name)
	move(d.messenger.heard, from, to.Name)
	d.checks.Forget(from)
	delete(d.results, from)
	delete(d.watched, from)
}

func move[V any](m map[string]V, from, to string) {
	if v, ok := m[from]; ok {
		m[to] = v
		delete(m, from)
	}
}

// has reports whether a service has routers that stay.
func (d *Daemon) has(name string) bool {
	return slices.ContainsFunc(d.routers, func(r *router) bool { return r.service.Name == name && !r.leaving })
}

// update gives the routers of services their new settings in place, in one visit to the loop, and returns those that
// really changed, and those of them whose addresses are to be announced in another way. A change outside of a service (of a
// node, say) may change its plan, so each is looked at.
func (d *Daemon) update(services []*conf.Service) (changed, retold []*router) {
	byName := make(map[string]map[vrrp.Family]spec, len(services))
	for _, s := range services {
		byName[s.Name] = map[vrrp.Family]spec{}
		for _, sp := range specs(d.cfg, s, d.preferences[s.Name], 0) {
			byName[s.Name][sp.vrrp.Family] = sp
		}
	}
	for _, r := range d.routers {
		sp, stays := byName[r.service.Name][r.vrrp.Family]
		if !stays || r.leaving {
			continue
		}
		sp.vrrp.Leader, sp.vrrp.Hold, sp.vrrp.Delay = r.vrrp.Leader, r.vrrp.Hold, r.vrrp.Delay
		if reflect.DeepEqual(sp, r.spec) {
			r.service = sp.service
			continue
		}
		fresh := slices.ContainsFunc(sp.prefixes, func(p netip.Prefix) bool { return !slices.Contains(r.prefixes, p) })
		if fresh || sp.service.GARP != r.service.GARP {
			retold = append(retold, r)
		}
		if r.active() && !r.sameHoldings(&sp) { // told when the loop has all
			defer d.report.Report(event.HoldingsChanged, r.service.Name+": other addresses, routes or rules are in force", r.fields("moves", sp.moves())...)
		}
		r.spec = sp
		changed = append(changed, r)
	}
	if len(changed) == 0 {
		return nil, nil
	}
	err := d.loop.Do(func(now vrrp.Time, v *vrrp.Router, acts []vrrp.Action) []vrrp.Action {
		for _, r := range changed {
			acts = v.Update(now, r.id, r.vrrp, acts)
		}
		return acts
	})
	if err != nil {
		d.o.Log.Error(fmt.Sprintf("reload: %v", err))
	}
	return changed, retold
}

// sameHoldings reports whether two plans of a router hold the same while it is Active.
func (s *spec) sameHoldings(o *spec) bool {
	return slices.Equal(s.prefixes, o.prefixes) && slices.Equal(s.lines, o.lines) &&
		slices.EqualFunc(s.paths, o.paths, func(a, b path) bool { return a.String() == b.String() })
}

// refresh brings serving, announcing and the last will of changed routers in line.
func (d *Daemon) refresh(rs, retold []*router) {
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
	d.announceHeld(d.holdings(retold))
	d.bequeath(hs)
}

// create makes the routers of services, all in one visit to the loop; hold is for a start after a crash, delay for any start of the
// daemon; added if it is a reload that brings them.
func (d *Daemon) create(services []*conf.Service, hold, delay time.Duration, added bool) error {
	var fresh []*router
	for _, s := range services {
		leader := vrrp.ID(0)
		for _, sp := range specs(d.cfg, s, d.preferences[s.Name], hold) {
			d.lastID++
			r := &router{spec: sp, id: d.lastID, since: time.Now(), reason: "starting", added: added}
			r.silent = !d.preferences[s.Name].takes
			r.vrrp.Leader, r.vrrp.Delay = leader, max(0, delay)
			leader = r.id // the IPv6 side, which comes second, moves with the IPv4 side
			fresh = append(fresh, r)
		}
	}
	var errs []error
	err := d.loop.Do(func(_ vrrp.Time, v *vrrp.Router, out []vrrp.Action) []vrrp.Action {
		for _, r := range fresh {
			if err := v.Add(r.id, r.vrrp); err != nil {
				errs = append(errs, fmt.Errorf("service %q: %w", r.service.Name, err))
				r.id = 0
			}
		}
		return out
	})
	if err != nil {
		return err
	}
	for _, r := range fresh {
		if r.id != 0 {
			d.routers = append(d.routers, r)
			d.byID[r.id] = r
		}
	}
	return errors.Join(errs...)
}

// remove forgets routers.
func (d *Daemon) remove(rs []*router) {
	ids := make([]vrrp.ID, len(rs))
	for i, r := range rs {
		ids[i] = r.id
		delete(d.byID, r.id)
		delete(d.blocked, r.id)
	}
	err := d.loop.DetachAll(ids, vrrp.ReasonShutdown)
	if err == nil {
		err = d.loop.Do(func(now vrrp.Time, v *vrrp.Router, out []vrrp.Action) []vrrp.Action {
			for _, id := range ids {
				out = v.Remove(now, id, out)
			}
			return out
		})
	}
	if err != nil {
		d.o.Log.Error(fmt.Sprintf("remove: %v", err))
	}
}
