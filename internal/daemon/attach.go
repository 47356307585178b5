// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"fmt"
	"net/netip"

	"github.com/regent-ha/regent/internal/event"
	"github.com/regent-ha/regent/takeover"
	"github.com/regent-ha/regent/vrrp"
	"github.com/regent-ha/regent/vrrp/transport"
)

// linksChanged takes in what happened to the interfaces.
func (d *Daemon) linksChanged(c takeover.Change) {
	d.links = map[string]takeover.LinkState{}
	for _, l := range d.watch.Snapshot() {
		d.links[l.Name] = l
	}
	d.attachAll(d.routers)
	d.restoreAddresses(c.Removed)
	d.apply()
	d.forget()
}

// attachAll starts the routers that can start, stops those that cannot go on, and moves those whose interface or
// source is another one now.
func (d *Daemon) attachAll(rs []*router) {
	ours := d.ours()
	for _, r := range rs {
		if r.leaving || d.stopping {
			continue
		}
		link := d.links[r.service.Interface]
		src, err := source(link, &r.spec, ours)
		if err != nil {
			d.detach(r, err)
			continue
		}
		if r.link == link.Index && r.source == src {
			if r.hardware != link.HardwareAddr {
				r.hardware = link.HardwareAddr
				d.announceHeld(d.holdings([]*router{r}))
			}
			continue
		}
		d.attach(r, link, src)
	}
}

func (d *Daemon) attach(r *router, link takeover.LinkState, src netip.Addr) {
	err := d.loop.Attach(transport.Binding{ID: r.id, Interface: link.Name, Index: link.Index, Family: r.vrrp.Family,
		Source: src, Peers: r.vrrp.Peers})
	if err != nil {
		d.detach(r, err)
		return
	}
	if r.link != 0 && r.link != link.Index {
		r.held = nil // the interface that had them is gone
	}
	r.link, r.source, r.hardware = link.Index, src, link.HardwareAddr
	if r.vrrp.Family == vrrp.IPv6 {
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

// detach stops a router that cannot go on; why is reported once.
func (d *Daemon) detach(r *router, why error) {
	if d.blocked[r.id] != why.Error() {
		d.blocked[r.id] = why.Error()
		r.reason = why.Error()
		d.report.Report(event.LinkLost, fmt.Sprintf("%s does not take part: %v", r.service.Name, why), r.fields()...)
	}
	if r.link == 0 {
		return
	}
	if err := d.loop.Detach(r.id, vrrp.ReasonLink); err != nil {
		d.o.Log.Error(fmt.Sprintf("detach: %v", err), r.fields()...)
	}
	// The state follows by the loop's action; the addresses go now.
	r.state, r.releasing = vrrp.Initialize, false
	d.apply()
	r.link, r.source = 0, netip.Addr{}
}

// restoreAddresses puts back what somebody removed from under an Active router. If the loop had slept, it steps back
// to Backup instead: another node may be Active.
func (d *Daemon) restoreAddresses(removed []takeover.Address) {
	if len(removed) == 0 {
		return
	}
	lost := map[*router][]netip.Prefix{}
	for _, r := range d.routers {
		for _, a := range removed {
			if _, has := r.held[a]; has {
				delete(r.held, a)
				lost[r] = append(lost[r], a.Prefix)
			}
		}
	}
	if len(lost) == 0 {
		return
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
		return
	}
	for r, prefixes := range lost {
		switch {
		case active[r] || r.releasing:
			d.report.Report(event.AddressRestored, fmt.Sprintf("%s: somebody removed %v; put back", r.service.Name, prefixes), r.fields()...)
		case r.active():
			d.report.Report(event.AddressYielded, fmt.Sprintf("%s: %v ended while the daemon slept; another node may answer", r.service.Name, prefixes), r.fields()...)
			r.state = vrrp.Backup // the loop's action says so in a moment; nothing may be put back before
		}
	}
}

// ours are all virtual addresses of this daemon.
func (d *Daemon) ours() map[netip.Addr]bool {
	out := map[netip.Addr]bool{}
	for _, r := range d.routers {
		for _, a := range r.addresses() {
			out[a] = true
		}
	}
	return out
}
