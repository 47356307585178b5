// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"bytes"

	"github.com/regent-ha/regent/internal/supervisor"
	"github.com/regent-ha/regent/vrrp"
)

// bequeath brings the last will of the routers behind holdings up to date.
func (d *Daemon) bequeath(hs []holding) {
	if d.o.Parent == nil {
		return
	}
	routers := map[*router]bool{}
	for _, h := range hs {
		routers[h.router] = true
	}
	if len(routers) == 0 {
		return
	}
	// One visit to the loop makes the messages of all.
	wills := make(map[*router]*supervisor.Entry, len(routers))
	err := d.loop.Do(func(_ vrrp.Time, v *vrrp.Router, out []vrrp.Action) []vrrp.Action {
		for r := range routers {
			if len(r.held) > 0 {
				wills[r] = will(v, r)
			}
		}
		return out
	})
	if err != nil {
		return // the loop is gone, and so is this process in a moment
	}
	for r := range routers {
		d.o.Parent.Will(r.id, wills[r])
	}
}

// will makes the last will of a router. It runs in the loop.
func will(v *vrrp.Router, r *router) *supervisor.Entry {
	st, ok := v.Status(r.id)
	if !ok {
		return nil
	}
	w := &supervisor.Entry{
		Name: r.service.Name, Interface: r.service.Interface, Index: r.link, Family: r.vrrp.Family, VRID: r.vrrp.VRID,
		Source: r.source, Down: st.Patience, Hops: supervisor.Hops{Sent: r.ttl, Least: r.vrrp.MinTTL, Most: r.vrrp.MaxTTL},
		HMAC: r.vrrp.HMAC,
	}
	destinations := r.vrrp.Peers
	if len(destinations) == 0 {
		destinations = append(destinations, r.vrrp.Multicast())
	}
	for _, dst := range destinations {
		message := v.Message(r.id, vrrp.Release, dst)
		if w.HMAC != nil { // it gets its trailer when it is sent: one of now would be stale then
			message, _ = vrrp.SplitTrailer(r.vrrp.Family, message)
		}
		w.Adverts = append(w.Adverts, supervisor.Advert{Destination: dst, Message: bytes.Clone(message)})
	}
	for _, p := range r.paths {
		if p.rule != nil {
			w.Rules = append(w.Rules, p.text)
		} else {
			w.Routes = append(w.Routes, p.text)
		}
	}
	for a, mine := range r.held {
		if mine {
			w.Addresses = append(w.Addresses, supervisor.Address{Prefix: a.Prefix, Link: a.Link})
		}
	}
	return w
}
