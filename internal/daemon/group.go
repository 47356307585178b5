// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"errors"
	"fmt"
	"slices"

	"github.com/regent-ha/regent/conf"
	"github.com/regent-ha/regent/internal/monitor"
	"github.com/regent-ha/regent/policy"
	"github.com/regent-ha/regent/vrrp"
)

// Services of a sync group are Active together or not at all. The core moves them together; what stops one from taking part in
// elections is found out here, and stops all.

// groupOf is the sync group of a service; nil: it is in none.
func (d *Daemon) groupOf(service string) *conf.SyncGroup { return groupOf(d.cfg, service) }

func groupOf(cfg *conf.Config, service string) *conf.SyncGroup {
	for i := range cfg.SyncGroups {
		if slices.Contains(cfg.SyncGroups[i].Services, service) {
			return &cfg.SyncGroups[i]
		}
	}
	return nil
}

// checksFor are all checks of a service: its own, and those of its group.
func checksFor(cfg *conf.Config, s *conf.Service) []conf.HealthCheck {
	g := groupOf(cfg, s.Name)
	if g == nil {
		return s.Checks
	}
	out := slices.Clone(s.Checks)
	if !g.Weights { // they would set members against each other
		out = slices.DeleteFunc(out, func(c conf.HealthCheck) bool { return c.Weight != 0 && c.Kind != conf.CheckNumber })
		for i := range out {
			if out[i].Kind == conf.CheckNumber {
				out[i].Weight = 0
			}
		}
	}
	return append(out, g.Checks...)
}

// errGroup is why a router does not take part that could: another of its group cannot.
type errGroup struct{ group, member string }

func (e errGroup) Error() string {
	return fmt.Sprintf("service %q of sync group %q does not take part", e.member, e.group)
}

// handOf is the preference of a service by hand by its own checks.
func (d *Daemon) handOf(s *conf.Service) preference {
	var results []policy.HandCheck
	was, had := d.preferences[s.Name]
	for i, c := range d.watched[s.Name] {
		h := handCheck(c, d.results[s.Name][i])
		switch {
		case h.Known:
		case had && was.takes && s.OnFault == conf.FaultRelease:
			// A check that a reload brings must fail before it ends anything.
			h.Known, h.OK = h.Weight == 0, !c.Reverse
		case c.StartBad && s.OnFault != conf.FaultRelease:
			h.Known, h.Detail = true, nameOf(c)+" was not good often enough yet"
		}
		results = append(results, h)
	}
	return byHand(s, results)
}

// handCheck is a check with its result, nil if there is none, as policy wants it.
func handCheck(c conf.HealthCheck, r *monitor.Result) policy.HandCheck {
	h := policy.HandCheck{Weight: c.Weight, Reverse: c.Reverse, Number: c.Kind == conf.CheckNumber}
	if r == nil {
		return h
	}
	h.Known, h.OK, h.Detail, h.Value = true, r.OK, r.Detail, int64(r.Value)
	if c.Kind == conf.CheckFile && r.OK {
		h.Weight = int(r.Value) * max(1, h.Weight)
	}
	return h
}

// joined is the preference of a service by hand: in a fault of one member of its group no other takes part either.
func (d *Daemon) joined(s *conf.Service) preference {
	p := d.handOf(s)
	g := d.groupOf(s.Name)
	if g == nil || !p.takes {
		return p
	}
	for _, name := range g.Services {
		other := d.service(name)
		if name == s.Name || other == nil {
			continue
		}
		if q := d.handOf(other); !q.takes {
			p.takes, p.waits, p.duty, p.why = false, q.waits, dutyNone, errGroup{g.Name, name}.Error()
			return p
		}
	}
	return p
}

// withGroups adds the other members of the groups of routers: whether one takes part depends on all.
func (d *Daemon) withGroups(rs []*router) []*router {
	if len(d.cfg.SyncGroups) == 0 {
		return rs
	}
	out := slices.Clone(rs)
	for _, r := range rs {
		g := d.groupOf(r.service.Name)
		if g == nil {
			continue
		}
		for _, other := range d.routers {
			if other != r && slices.Contains(g.Services, other.service.Name) {
				out = append(out, other)
			}
		}
	}
	return unique(out)
}

// strandGroups adds the other members of the groups of routers that cannot take part.
func (d *Daemon) strandGroups(lost []stranded) []stranded {
	if len(d.cfg.SyncGroups) == 0 {
		return lost
	}
	out := map[*router]bool{}
	for _, s := range lost {
		out[s.router] = true
	}
	for _, s := range slices.Clone(lost) {
		g := d.groupOf(s.router.service.Name)
		if g == nil || errors.As(s.why, &errGroup{}) {
			continue
		}
		for _, r := range d.routers {
			if !out[r] && !r.leaving && slices.Contains(g.Services, r.service.Name) {
				out[r] = true
				lost = append(lost, stranded{r, errGroup{g.Name, s.router.service.Name}})
			}
		}
	}
	return lost
}

// regroup tells the core which virtual routers move together.
func (d *Daemon) regroup() {
	leaders := map[string]vrrp.ID{}
	for _, r := range d.routers {
		if !r.leaving && r.vrrp.Leader == 0 {
			leaders[r.service.Name] = r.id
		}
	}
	grouped := map[vrrp.ID]bool{}
	err := d.loop.Do(func(now vrrp.Time, v *vrrp.Router, out []vrrp.Action) []vrrp.Action {
		for i := range d.cfg.SyncGroups {
			var ids []vrrp.ID
			for _, name := range d.cfg.SyncGroups[i].Services {
				if id := leaders[name]; id != 0 {
					ids = append(ids, id)
					grouped[id] = true
				}
			}
			out = v.SetGroup(now, ids, out)
		}
		for id := range d.grouped {
			if !grouped[id] {
				out = v.SetGroup(now, []vrrp.ID{id}, out) // alone: no group
			}
		}
		return out
	})
	if err != nil {
		d.o.Log.Error(fmt.Sprintf("sync groups: %v", err))
	}
	d.grouped = grouped
}
