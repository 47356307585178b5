// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"slices"
	"time"

	"github.com/regent-ha/regent/takeover"
)

// announceHeld starts GARP and NA for addresses that are new on their links.
func (d *Daemon) announceHeld(hs []holding) { d.announceAs(hs, holding.announcing) }

// announceAgain announces addresses that a second Active may have announced, too, unless their services want no such announcements.
func (d *Daemon) announceAgain(hs []holding) {
	hs = slices.DeleteFunc(hs, func(h holding) bool { return h.router.service.GARP.LowerPrioRepeat == 0 })
	d.announceAs(hs, holding.announcingAgain)
}

// announceAs announces in one go all addresses with the same settings.
func (d *Daemon) announceAs(hs []holding, settings func(holding) takeover.Policy) {
	byPolicy := map[takeover.Policy][]holding{}
	for _, h := range hs {
		p := settings(h)
		byPolicy[p] = append(byPolicy[p], h)
	}
	for p, hs := range byPolicy {
		d.announce.Start(d.announcements(hs), p)
	}
}

// announcing is how often an address is announced.
func (h holding) announcing() takeover.Policy {
	g := h.router.service.GARP
	p := takeover.Policy{Repeat: g.Repeat, Delay: g.Delay, Refresh: g.Refresh, RefreshRepeat: g.RefreshRepeat, Interval: g.Interval,
		// The next node takes over when three adverts are missing, of which the last may have left an interval before.
		Fresh: h.router.vrrp.Interval * 3 / 2}
	if h.address.Prefix.Addr().Is6() {
		p.Interval = g.NAInterval
	}
	// Switches between here and hosts learn the place of the virtual MAC from adverts, which leave on the service's link alone.
	if elsewhere := h.address.Link != h.router.home(h.router.link); elsewhere && g.Extra > 0 && (h.router.service.VMAC || g.ExtraAll) {
		p.Refresh = soonest(p.Refresh, g.Extra)
	}
	return p
}

// announcingAgain is how often an address is announced after an advert of lower priority.
func (h holding) announcingAgain() takeover.Policy {
	p := h.announcing()
	p.Repeat, p.Delay = h.router.service.GARP.LowerPrioRepeat, h.router.service.GARP.LowerPrioDelay
	return p
}

// soonest of two periods, where 0 is never.
func soonest(a, b time.Duration) time.Duration {
	if a == 0 || b == 0 {
		return max(a, b)
	}
	return min(a, b)
}
