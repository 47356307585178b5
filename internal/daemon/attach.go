// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/regent-ha/regent/conf"
	"github.com/regent-ha/regent/internal/event"
	"github.com/regent-ha/regent/internal/notify"
	"github.com/regent-ha/regent/takeover"
	"github.com/regent-ha/regent/vrrp"
	"github.com/regent-ha/regent/vrrp/transport"
)

// linksChanged takes in what happened to the interfaces.
func (d *Daemon) linksChanged(c takeover.Change) {
	before := d.links
	d.links = map[string]takeover.LinkState{}
	for _, l := range d.watch.Snapshot() {
		d.links[l.Name] = d.steadied(l)
	}
	d.tellLinks(before)
	d.virtual.look = true
	d.wentAway(c.Removed)
	d.lostStatic(c.Removed)
	d.holdStatic()
	d.paths.retry()
	d.attachAll(d.routers)
	d.apply(d.restoreAddresses(c.Removed))
	for name, checks := range d.watched {
		if slices.ContainsFunc(checks, func(c conf.HealthCheck) bool { return c.Kind == conf.CheckInterface }) {
			d.checks.Hurry(name)
		}
	}
	d.forget()
}

// attachAll starts the routers that can start, stops those that cannot go on, and moves those whose interface or
// source is another one now.
func (d *Daemon) attachAll(rs []*router) {
	rs = d.withGroups(rs)
	d.virtualize()
	choose := d.sources()
	var move, moved []*router
	var lost []stranded
	var bindings []transport.Binding
	for _, r := range rs {
		if r.leaving || d.stopping {
			continue
		}
		link := d.links[r.service.Interface]
		_, err := choose(link, &r.spec)
		if err == nil {
			err = d.place(r, r.home(link.Index))
		}
		if err == nil {
			err = d.placePaths(r)
		}
		if r.silent {
			err = d.silence(r)
		}
		if err != nil {
			lost = append(lost, stranded{r, err})
		}
	}
	lost = d.strandGroups(lost)
	out := make(map[*router]bool, len(lost))
	for _, s := range lost {
		out[s.router] = true
	}
	for _, r := range rs {
		if r.leaving || d.stopping || out[r] {
			continue
		}
		link := d.links[r.service.Interface]
		src, err := choose(link, &r.spec)
		switch {
		case err != nil: // said above
		case r.link != link.Index || r.source != src || r.sends != r.ttl:
			move = append(move, r)
			bindings = append(bindings, transport.Binding{ID: r.id, Interface: link.Name, Index: link.Index,
				Family: r.vrrp.Family, Source: src, Peers: r.vrrp.Peers, Group: r.vrrp.Group, TTL: r.ttl})
		case r.hardware != link.HardwareAddr:
			r.hardware = link.HardwareAddr
			moved = append(moved, r)
		}
	}
	if len(moved) > 0 {
		d.announceHeld(d.holdings(moved))
	}
	if len(move) > 0 {
		errs := d.loop.AttachAll(bindings)
		for i, r := range move {
			if errs != nil && errs[i] != nil {
				lost = append(lost, stranded{r, errs[i]})
				continue
			}
			d.attached(r, d.links[r.service.Interface], bindings[i].Source)
		}
	}
	if lost = d.strandGroups(lost); len(lost) > 0 {
		d.detach(lost)
	}
}

// errSilent is why a router does not take part that could.
var errSilent = errors.New("no node may perform it, and the file wants silence then")

// silence is why a router does not take part that could: policy wants that, or its checks.
func (d *Daemon) silence(r *router) error {
	if r.service.Raw {
		return errors.New(d.preferences[r.service.Name].why)
	}
	return errSilent
}

// quiet reports whether nobody is told that a router does not take part: that is no fault.
func (d *Daemon) quiet(r *router) bool {
	return r.silent && (!r.service.Raw || d.preferences[r.service.Name].waits)
}

// sources returns [source] that remembers: thousands of routers share a few interfaces.
func (d *Daemon) sources() func(takeover.LinkState, *spec) (netip.Addr, error) {
	type question struct {
		link   string
		family vrrp.Family
		source netip.Addr
	}
	type answer struct {
		source netip.Addr
		err    error
	}
	ours := d.ours()
	known := map[question]answer{}
	return func(link takeover.LinkState, s *spec) (netip.Addr, error) {
		q := question{s.service.Interface, s.vrrp.Family, s.service.Source}
		a, ok := known[q]
		if !ok {
			a.source, a.err = source(link, s, ours)
			known[q] = a
		}
		return a.source, a.err
	}
}

// attached notes that a router has started on a link, or moved there.
func (d *Daemon) attached(r *router, link takeover.LinkState, src netip.Addr) {
	if r.link != 0 && r.link != link.Index {
		r.held = nil // the interface that had them is gone
	}
	r.link, r.source, r.hardware, r.sends = link.Index, src, link.HardwareAddr, r.ttl
	if r.vrrp.Family == vrrp.IPv6 {
		var err error
		if r.forwards, err = takeover.Forwarding(link.Name); err != nil {
			d.o.Log.Debug("read forwarding", "error", err) // only the router flag of announcements depends on it
		}
	}
	d.promote(link.Name)
	if d.blocked[r.id] != "" {
		delete(d.blocked, r.id)
		d.report.Report(event.LinkReady, fmt.Sprintf("%s starts on %s, source %s", r.service.Name, link.Name, src),
			r.fields("source", src)...)
	}
}

// promote sets promote_secondaries on an interface: else removing the first of several IPv4 addresses of a subnet would
// take the others along.
func (d *Daemon) promote(link string) {
	if d.restore[link] != nil {
		return
	}
	restore, err := d.kernel.PromoteSecondaries(link)
	if err != nil {
		d.o.Log.Warn("promote_secondaries cannot be set: removing an address may remove others of its subnet", "interface", link, "error", err)
		restore = func() error { return nil }
	}
	d.restore[link] = restore
}

// stranded is a router that cannot go on.
type stranded struct {
	router *router
	why    error
}

// detach stops routers that cannot go on; each reason is reported once.
func (d *Daemon) detach(list []stranded) {
	var running []*router
	var ids []vrrp.ID
	for _, s := range list {
		r := s.router
		if r.link != 0 {
			running = append(running, r)
			ids = append(ids, r.id)
			// The loop's action says so too, in a moment; the addresses go now.
			r.state, r.releasing = vrrp.Initialize, false
		} else if !d.quiet(r) {
			defer d.inform(r, notify.Fault)
		}
		if d.blocked[r.id] != s.why.Error() {
			d.blocked[r.id] = s.why.Error()
			r.reason = s.why.Error()
			if d.preferences[r.service.Name].waits {
				if !r.begun {
					d.o.Log.Info(r.service.Name+" waits for the first results of its checks", "service", r.service.Name, "waits", true, "moves", r.moves())
				}
				r.begun, r.waited = true, true
				continue
			}
			fields := r.fields("moves", r.moves()) // a running one says so itself
			if r.link == 0 && !r.begun {
				fields = append(fields, d.initialFault(r)...)
			}
			r.begun = true
			d.report.Report(event.LinkLost, fmt.Sprintf("%s does not take part: %v", r.service.Name, s.why), fields...)
		}
	}
	if len(running) == 0 {
		return
	}
	if err := d.loop.DetachAll(ids, vrrp.ReasonLink); err != nil {
		d.o.Log.Error(fmt.Sprintf("detach: %v", err))
	}
	d.apply(running)
	for _, r := range running {
		r.link, r.source = 0, netip.Addr{}
	}
}

// restoreAddresses puts back what somebody removed from under an Active router. If the loop had slept, it steps back
// to Backup instead: another node may be Active.
func (d *Daemon) restoreAddresses(removed []takeover.Address) (touched []*router) {
	if len(removed) == 0 {
		return nil
	}
	gone := make(map[takeover.Address]bool, len(removed))
	for _, a := range removed {
		gone[a] = true
	}
	lost := map[*router][]netip.Prefix{}
	var missing []holding // whose announcements end: the interface may be another one now
	for _, r := range d.routers {
		for a := range r.held {
			if gone[a] {
				delete(r.held, a)
				missing = append(missing, holding{r, a})
				if r.loose[a] {
					if r.gone == nil {
						r.gone = map[takeover.Address]bool{}
					}
					r.gone[a] = true
					continue
				}
				lost[r] = append(lost[r], a.Prefix)
			}
		}
	}
	d.announce.Stop(d.announcements(missing))
	if len(lost) == 0 {
		return nil
	}
	// An Active that slept steps down by itself as soon as the loop looks at its deadlines.
	active := map[*router]bool{}
	err := d.loop.Do(func(now vrrp.Time, v *vrrp.Router, out []vrrp.Action) []vrrp.Action {
		out = v.Expire(now, out)
		for r := range lost {
			st, _ := v.Status(r.id)
			active[r] = st.State == vrrp.Active
		}
		return out
	})
	if err != nil {
		return nil
	}
	for r, prefixes := range lost {
		touched = append(touched, r)
		switch {
		case active[r] || r.releasing:
			d.report.Report(event.AddressRestored, fmt.Sprintf("%s: somebody removed %v; put back", r.service.Name, prefixes), r.fields()...)
		case r.active():
			d.report.Report(event.AddressYielded, fmt.Sprintf("%s: %v ended while the daemon slept; another node may answer", r.service.Name, prefixes), r.fields()...)
			r.state = vrrp.Backup // the loop's action says so in a moment; nothing may be put back before
		}
	}
	return touched
}

// ours are all virtual addresses of this daemon (true), and the static ones (false).
func (d *Daemon) ours() map[netip.Addr]bool {
	out := map[netip.Addr]bool{}
	for _, s := range d.static.addresses {
		out[s.Prefix.Addr()] = false
	}
	for _, r := range d.routers {
		for _, a := range r.everything() {
			out[a] = true
		}
	}
	return out
}
