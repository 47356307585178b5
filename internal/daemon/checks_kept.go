// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"fmt"

	"github.com/regent-ha/regent/conf"
	"github.com/regent-ha/regent/internal/event"
)

// tellKept reports, after a reload, what checks of services by hand came to before and go on to come to; before are those that had a
// result, by service and name.
func (d *Daemon) tellKept(before map[string]map[string]bool) {
	for i := range d.cfg.Services {
		s := &d.cfg.Services[i]
		for j, c := range d.watched[s.Name] {
			if r := d.results[s.Name][j]; r != nil && s.Raw && (c.Kind == conf.CheckExec || c.Kind == conf.CheckReadable) && before[s.Name][nameOf(c)] && d.firstWith(s, c) {
				word := map[bool]string{true: "passes", false: "fails"}[r.OK]
				d.report.Report(event.CheckKept, fmt.Sprintf("%s: its check %s, as before: %s", s.Name, word, r.Detail), "service", s.Name, "check", nameOf(c),
					"kind", string(c.Kind), "ok", r.OK)
			}
		}
	}
	for i := range d.cfg.Services {
		s := &d.cfg.Services[i]
		p := d.preferences[s.Name]
		switch fault, is := d.trackedFault(s.Name); {
		case !s.Raw || !d.has(s.Name):
		case p.takes && p.priority != s.Priority && !d.linkFault(s):
			d.report.Report(event.CheckKept, fmt.Sprintf("%s: priority %d: %s", s.Name, p.priority, p.why), "service", s.Name,
				"from", int(s.Priority), "priority", int(p.priority))
		case p.takes && d.linkFault(s):
			fault.check = conf.HealthCheck{Kind: conf.CheckInterface, Name: s.Interface}
			d.report.Report(event.CheckKept, fmt.Sprintf("%s: in fault, as before: interface %s is down", s.Name, s.Interface), append([]any{"service", s.Name}, fault.fields()...)...)
		case !p.takes && is:
			d.report.Report(event.CheckKept, fmt.Sprintf("%s: in fault, as before: %s", s.Name, p.why), append([]any{"service", s.Name}, fault.fields()...)...)
		}
	}
}

// trackedFault is a check that is a fault.
type trackedFault struct {
	check conf.HealthCheck
	value int64 // of a number
}

func (f trackedFault) fields() []any {
	return []any{"fault", "check", "check", nameOf(f.check), "kind", string(f.check.Kind), "value", f.value}
}

// leastStatus is the status of a file that is a fault whatever is in it.
const leastStatus = -254

// trackedFault finds the first check of a service by hand that is a fault.
func (d *Daemon) trackedFault(service string) (trackedFault, bool) {
	for i, c := range d.watched[service] {
		if r := d.results[service][i]; r != nil {
			if h := handCheck(c, r); h.Fault() {
				value := int64(c.Weight) * h.Value
				if c.Weight == 0 {
					value = leastStatus
				}
				return trackedFault{c, value}, true
			}
		}
	}
	return trackedFault{}, false
}

// linkFault reports whether a service does not take part as its interface is down.
func (d *Daemon) linkFault(s *conf.Service) bool {
	l := d.links[s.Interface]
	return l.Index != 0 && !l.Up && s.TrackInterface
}

// initialFault says why a router does not begin: a check of its service, or of another one of its group, or its interface.
func (d *Daemon) initialFault(r *router) []any {
	if r.silent && r.service.Raw {
		names := []string{r.service.Name}
		if g := d.groupOf(r.service.Name); g != nil {
			names = append(names, g.Services...)
		}
		for _, name := range names {
			if f, is := d.trackedFault(name); is {
				return f.fields()
			}
		}
	}
	if d.linkFault(r.service) {
		return trackedFault{check: conf.HealthCheck{Kind: conf.CheckInterface, Name: r.service.Interface}}.fields()
	}
	return []any{"fault", "initial"}
}
