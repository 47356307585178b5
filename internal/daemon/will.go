// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"github.com/regent-ha/regent/takeover"
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
	wills := make(map[*router]*Will, len(routers))
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
func will(v *vrrp.Router, r *router) *Will {
	st, ok := v.Status(r.id)
	if !ok {
		return nil
	}
	w := &Will{
		Interface: r.service.Interface, Index: r.link, Family: r.vrrp.Family, VRID: r.vrrp.VRID, Version: r.vrrp.Version,
		Source: r.source, Down: st.ActiveDownInterval,
	}
	destinations := r.vrrp.Peers
	if len(destinations) == 0 {
		destinations = append(destinations, r.vrrp.Family.Group())
	}
	for _, dst := range destinations {
		w.Adverts = append(w.Adverts, Advert{dst, append([]byte(nil), v.Message(r.id, vrrp.Release, dst)...)})
	}
	w.Addresses = make([]takeover.Address, 0, len(r.held))
	for a := range r.held {
		w.Addresses = append(w.Addresses, a)
	}
	return w
}
