// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/regent-ha/regent/conf"
	"github.com/regent-ha/regent/internal/event"
	"github.com/regent-ha/regent/takeover/route"
	"github.com/regent-ha/regent/vrrp"
)

// path is a route or a policy rule.
type path struct {
	text  string // canonical: two services that say the same share it
	route *route.Route
	rule  *route.Rule // nil: it is a route
}

func (p path) String() string {
	if p.rule != nil {
		return "rule " + p.text
	}
	return "route " + p.text
}

// loose reports whether it may be deleted by others.
func (p path) loose() bool {
	if p.rule != nil {
		return p.rule.NoTrack
	}
	return p.route.NoTrack
}

// marked reports whether it carries our mark in the kernel.
func (p path) marked() bool {
	if p.rule != nil {
		return p.rule.Protocol == 0
	}
	return p.route.Protocol == 0
}

// devices are the interfaces without which a route is none.
func (p path) devices() []string {
	if p.rule != nil {
		return nil // a rule for an interface that is not there applies to nothing, and does no harm
	}
	var out []string
	if p.route.Dev != "" {
		out = append(out, p.route.Dev)
	}
	for _, h := range p.route.Hops {
		if h.Dev != "" {
			out = append(out, h.Dev)
		}
	}
	return out
}

// pathsOf reads lines, which were judged when the file was read; dev is the interface of routes that name none. Routes
// come first: rules lead to them.
func pathsOf(routes, rules []string, dev string) []path {
	if len(routes)+len(rules) == 0 {
		return nil
	}
	o := route.Options{Files: os.DirFS("/"), Dev: dev}
	var out []path
	for _, line := range routes {
		if r, err := o.Parse(line); err == nil {
			out = append(out, path{r.String(), &r, nil})
		}
	}
	for _, line := range rules {
		if r, err := o.ParseRule(line); err == nil {
			out = append(out, path{r.String(), nil, &r})
		}
	}
	return out
}

// paths are the routes and rules that this daemon put into the kernel.
type paths struct {
	kernel  *route.Kernel
	removed <-chan route.Removed // nil until there are some
	held    []path               // in the order in which they came
	failed  map[string]failure   // by text: what is wanted and cannot be had
	record  *recorder
}

// failure is why a path is not there.
type failure struct {
	why  string
	wait bool // for a change of the interfaces
}

// wantedPaths are all that should be there now: the static ones, and those of services whose addresses are here.
func (d *Daemon) wantedPaths() []path {
	var out []path
	if !d.still {
		out = append(out, d.static.paths...)
	}
	for _, r := range d.routers {
		if len(r.paths) > 0 && r.link != 0 && (r.state == vrrp.Active || r.releasing) {
			out = append(out, r.paths...)
		}
	}
	return out
}

// planPaths compares what is wanted with what is held. What has to go goes in the reverse order of its coming, rules
// first; what is to come comes routes first. A path that two want is there once.
func planPaths(want, held []path) (add, drop []path) {
	if len(want)+len(held) == 0 {
		return nil, nil
	}
	wanted, has := make(map[string]bool, len(want)), make(map[string]bool, len(held))
	for _, p := range held {
		has[p.String()] = true
	}
	for _, p := range want {
		if key := p.String(); !wanted[key] {
			wanted[key] = true
			if !has[key] {
				add = append(add, p)
			}
		}
	}
	for _, p := range held {
		if !wanted[p.String()] {
			drop = append(drop, p)
		}
	}
	slices.Reverse(drop)
	rank := func(p path) int {
		if p.rule != nil {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(add, func(a, b path) int { return rank(a) - rank(b) })
	slices.SortStableFunc(drop, func(a, b path) int { return rank(b) - rank(a) })
	return add, drop
}

// addPaths installs what is wanted and not there.
func (d *Daemon) addPaths() {
	add, _ := planPaths(d.wantedPaths(), d.paths.held)
	add = slices.DeleteFunc(add, func(p path) bool { return d.paths.failed[p.String()].wait })
	if len(add) == 0 {
		return
	}
	d.watchPaths()
	for i, err := range d.paths.do(add, d.paths.kernel.Add, d.paths.kernel.AddRules) {
		key := add[i].String()
		// Whoever put it there, it leads where it should; with add in the line it may lead elsewhere.
		if err == nil || errors.Is(err, route.ErrExists) && add[i].route.Mode != route.Add {
			delete(d.paths.failed, key)
			d.paths.held = append(d.paths.held, add[i])
			continue
		}
		if d.paths.failed[key].why != err.Error() {
			d.report.Report(event.RouteFailed, err.Error(), "route", key)
		}
		d.paths.failed[key] = failure{err.Error(), true}
	}
	d.rememberPaths()
}

// dropPaths removes what is held and not wanted any more.
func (d *Daemon) dropPaths() {
	want := d.wantedPaths()
	_, drop := planPaths(want, d.paths.held)
	if len(d.paths.failed) > 0 {
		d.paths.forget(want)
	}
	if len(drop) == 0 {
		return
	}
	gone := map[string]bool{}
	for i, err := range d.paths.do(drop, d.paths.kernel.Delete, d.paths.kernel.DeleteRules) {
		gone[drop[i].String()] = true
		if err != nil { // trying again would change nothing; the next start removes what is left
			d.report.Report(event.RouteFailed, err.Error(), "route", drop[i].String())
		}
	}
	d.paths.held = slices.DeleteFunc(d.paths.held, func(p path) bool { return gone[p.String()] })
	d.rememberPaths()
}

// do hands routes and rules to their functions, run by run, and returns an error for each or nil.
func (ps *paths) do(list []path, routes func([]route.Route) []error, rules func([]route.Rule) []error) []error {
	out := make([]error, 0, len(list))
	for start, end := 0, 0; start < len(list); start = end {
		var rs []route.Route
		var us []route.Rule
		for end = start; end < len(list) && (list[end].rule != nil) == (list[start].rule != nil); end++ {
			if p := list[end]; p.rule != nil {
				us = append(us, *p.rule)
			} else {
				rs = append(rs, *p.route)
			}
		}
		errs := routes(rs) // none of none
		if us != nil {
			errs = rules(us)
		}
		if errs == nil {
			errs = make([]error, end-start)
		}
		out = append(out, errs...)
	}
	return out
}

// forget drops failures of what nobody wants any more.
func (ps *paths) forget(want []path) {
	wanted := make(map[string]bool, len(want))
	for _, p := range want {
		wanted[p.String()] = true
	}
	for key := range ps.failed {
		if !wanted[key] {
			delete(ps.failed, key)
		}
	}
}

// retry lets what failed be tried again: an interface has changed.
func (ps *paths) retry() {
	for key, f := range ps.failed {
		f.wait = false
		ps.failed[key] = f
	}
}

// watchPaths begins to watch routes and rules, when there are some: a host with a full routing table tells of many.
func (d *Daemon) watchPaths() {
	if d.paths.removed != nil {
		return
	}
	removed, err := d.paths.kernel.Watch(d.life)
	if err != nil {
		d.o.Log.Error("routes and rules that somebody removes are not put back", "error", err)
		removed = make(chan route.Removed)
	}
	d.paths.removed = removed
}

// pathsRemoved puts back what somebody removed, unless its line says that he may.
func (d *Daemon) pathsRemoved(c route.Removed) {
	gone := map[string]bool{}
	for _, r := range c.Routes {
		gone[path{r.String(), &r, nil}.String()] = true
	}
	for _, r := range c.Rules {
		gone[path{r.String(), nil, &r}.String()] = true
	}
	var lost []path
	d.paths.held = slices.DeleteFunc(d.paths.held, func(p path) bool {
		if !gone[p.String()] || p.loose() {
			return false
		}
		lost = append(lost, p)
		return true
	})
	if len(lost) == 0 {
		return
	}
	d.addPaths()
	for _, p := range lost {
		if slices.ContainsFunc(d.paths.held, func(o path) bool { return o.String() == p.String() }) {
			d.report.Report(event.RouteRestored, fmt.Sprintf("somebody removed the %s; put back", p), "route", p.String())
		}
	}
}

// placePaths says why a router's routes cannot be there.
func (d *Daemon) placePaths(r *router) error {
	for _, p := range r.paths {
		if p.loose() {
			continue
		}
		for _, dev := range p.devices() {
			if dev == r.service.Interface {
				continue
			}
			switch link := d.links[dev]; {
			case link.Index == 0:
				return fmt.Errorf("interface %s of route %q does not exist", dev, p.text)
			case !link.Up:
				return fmt.Errorf("interface %s of route %q is down", dev, p.text)
			}
		}
	}
	return nil
}

// servicePaths are the routes and rules of a service.
func servicePaths(s *conf.Service) []path { return pathsOf(s.Routes, s.Rules, s.Interface) }
