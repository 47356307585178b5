// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"

	"github.com/regent-ha/regent/conf"
	"github.com/regent-ha/regent/internal/event"
	"github.com/regent-ha/regent/takeover"
	"github.com/regent-ha/regent/takeover/route"
)

// pathsName is the file in the state directory that says which routes and rules this daemon installed: those whose line
// names a protocol do not carry our mark.
const pathsName = "routes.json"

// pathsRecord is the file.
type pathsRecord struct {
	Routes []string `json:"routes"`
	Rules  []string `json:"rules"`
}

// openPaths opens the kernel's side of routes and rules.
func (d *Daemon) openPaths() (err error) {
	d.paths.failed = map[string]failure{}
	d.paths.record = newRecorder(d.o.StateDir, pathsName, func(err error) {
		d.o.Log.Warn("the record of routes cannot be written; what a crash leaves of those with a protocol of their own would not be known", "error", err)
	})
	d.paths.kernel, err = route.Open(d.o.Log)
	return err
}

func (d *Daemon) closePaths() error {
	if d.paths.record != nil {
		d.paths.record.close()
	}
	if d.paths.kernel == nil {
		return nil
	}
	return d.paths.kernel.Close()
}

// rememberPaths writes down which routes and rules this daemon holds.
func (d *Daemon) rememberPaths() {
	record := pathsRecord{[]string{}, []string{}}
	for _, p := range d.paths.held {
		if p.rule != nil {
			record.Rules = append(record.Rules, p.text)
		} else {
			record.Routes = append(record.Routes, p.text)
		}
	}
	d.paths.record.write(record)
}

// removeLeftPaths removes the routes and rules that an earlier run left: those with our mark, those that it wrote down,
// and those of this configuration that have a protocol of their own. The static ones of this configuration stay. After a
// crash all that are still configured do: they belong to the supervisor, like the addresses.
func (d *Daemon) removeLeftPaths() error {
	stay := slices.Clone(d.static.paths)
	var known []path
	for i := range d.cfg.Services {
		if s := &d.cfg.Services[i]; conf.TakesPart(d.cfg, s) {
			known = append(known, servicePaths(s)...)
		}
	}
	if d.afterCrash() {
		stay = append(stay, known...)
	}
	var record pathsRecord
	if err := readFile(filepath.Join(d.o.StateDir, pathsName), &record); err != nil {
		d.o.Log.Warn("the record of routes cannot be read", "error", err)
	}
	staying := map[string]bool{}
	var stayRoutes []route.Route
	var stayRules []route.Rule
	for _, p := range stay {
		staying[p.String()] = true
		if p.rule != nil {
			stayRules = append(stayRules, *p.rule)
		} else {
			stayRoutes = append(stayRoutes, *p.route)
		}
	}
	routes, rules, err := d.paths.kernel.Leftovers(stayRoutes, stayRules)
	if err != nil {
		return fmt.Errorf("look for routes of an earlier run: %w", err)
	}
	var quiet []path // nobody knows whether they are there
	for _, p := range append(pathsOf(record.Routes, record.Rules, ""), known...) {
		if !p.marked() && !staying[p.String()] {
			staying[p.String()] = true
			quiet = append(quiet, p)
		}
	}
	left := make([]path, 0, len(routes)+len(rules))
	for _, r := range rules {
		left = append(left, path{r.String(), nil, &r})
	}
	for _, r := range routes {
		left = append(left, path{r.String(), &r, nil})
	}
	for i, err := range d.paths.do(left, d.paths.kernel.Delete, d.paths.kernel.DeleteRules) {
		if err != nil {
			d.report.Report(event.RouteFailed, fmt.Sprintf("of an earlier run: %v", err), "route", left[i].String())
			continue
		}
		d.report.Report(event.LeftoverRemoved, fmt.Sprintf("the %s was left by an earlier run; removed", left[i]), "route", left[i].String())
	}
	if err := errors.Join(d.paths.do(quiet, d.paths.kernel.Delete, d.paths.kernel.DeleteRules)...); err != nil {
		d.o.Log.Warn("routes with a protocol of their own that an earlier run may have left cannot be removed", "error", err)
	}
	if len(record.Routes)+len(record.Rules) > 0 {
		d.rememberPaths()
	}
	return nil
}

// isStatic returns what reports whether an address is one of the static ones.
func (d *Daemon) isStatic(links []takeover.LinkState) func(takeover.Address) bool {
	static := map[takeover.Address]bool{}
	for _, s := range d.static.addresses {
		for _, l := range links {
			if l.Name == s.Device {
				static[takeover.Address{Prefix: s.Prefix, Link: l.Index}] = true
			}
		}
	}
	return func(a takeover.Address) bool { return static[a] }
}

// Unroute removes routes and rules, as [route.Route.String] writes them: what a last will comes to.
func Unroute(log *slog.Logger, routes, rules []string) error {
	k, err := route.Open(log)
	if err != nil {
		return err
	}
	list := pathsOf(routes, rules, "")
	slices.Reverse(list) // rules lead to routes
	return errors.Join(append((&paths{}).do(list, k.Delete, k.DeleteRules), k.Close())...)
}
