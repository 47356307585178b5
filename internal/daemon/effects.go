// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/regent-ha/regent/internal/event"
	"github.com/regent-ha/regent/takeover"
	"github.com/regent-ha/regent/vrrp"
)

// apply brings the kernel in line with the states of the routers that were touched: what is given up first, then what is
// taken, each in the order that package takeover plans.
func (d *Daemon) apply(touched []*router) {
	c := reconcile(d.routers, touched)
	d.perform(takeover.Give(services(c.give), takeover.Lost), c.give)
	d.perform(takeover.Take(services(c.take)), c.take)
	d.dropPaths() // what no address came or went with
	d.addPaths()
	d.closeAddresses()
	d.moved = true
	if len(c.give)+len(c.take) > 0 {
		d.remember()
	}
}

// services are the holdings as the plan wants to know them.
func services(hs []holding) []takeover.Service {
	var out []takeover.Service
	index := map[vrrp.ID]int{}
	for _, h := range hs {
		i, ok := index[h.router.id]
		if !ok {
			i = len(out)
			index[h.router.id] = i
			out = append(out, h.router.service4plan())
		}
		out[i].Addresses = append(out[i].Addresses, h.address)
	}
	return out
}

// service4plan describes a router to the plan, without addresses.
func (r *router) service4plan() takeover.Service {
	return takeover.Service{Name: r.service.Name, Serve: r.duty == dutyServe, Guarded: r.guarded, Stateless: r.service.Control == nil}
}

// perform carries out steps. The holdings say whose addresses they are about.
func (d *Daemon) perform(steps []takeover.Step, hs []holding) {
	for _, s := range steps {
		switch s.Do {
		case takeover.Refuse, takeover.EndRefusing: // of guarded services they stand for as long as they are configured
			d.shut(hs, s.Do == takeover.Refuse)
		case takeover.Serve:
			if !d.stopping {
				d.serve(hs, s.Addresses)
			}
		case takeover.EndServing:
			d.refusal("end serving", d.respond.Withdraw(plain(s.Addresses)))
		case takeover.AddAddresses:
			d.closeAddresses()
			hs = d.add(hs)
			d.addPaths()
		case takeover.Announce: // addresses were announced as they were added
			d.bequeath(hs)
		case takeover.Tickle:
			d.wake(hs)
		case takeover.StopAnnouncing:
			d.announce.Stop(d.announcements(hs))
			d.rest(plain(s.Addresses))
		case takeover.DestroySockets:
			if _, err := d.kernel.DestroySockets(plain(s.Addresses)); err != nil {
				d.o.Log.Warn("sockets on released addresses were not all destroyed", "error", err)
			}
		case takeover.SendRelease:
			d.sendRelease(hs)
		case takeover.AwaitHeir:
			return // the rest follows when the heir was heard: the router wants its addresses no more then
		case takeover.DeleteAddresses:
			d.dropPaths() // after the resets, which may need them
			d.delete(hs)
			d.bequeath(hs)
		}
	}
}

// shut puts refuse elements for services that have none, or removes them again.
func (d *Daemon) shut(hs []holding, refusing bool) {
	changed := false
	for _, h := range hs {
		if r := h.router; !r.guarded && !r.silentAddresses() && r.refusing != refusing {
			r.refusing, changed = refusing, true
		}
	}
	if changed {
		d.guard()
	}
}

// serve lifts the refusal of addresses, each until its service's lease ends.
func (d *Daemon) serve(hs []holding, as []takeover.Address) {
	until := map[takeover.Address]time.Duration{}
	for _, h := range hs {
		until[h.address] = h.router.until
	}
	by := map[time.Duration][]takeover.Address{}
	for _, a := range as {
		by[until[a]] = append(by[until[a]], a)
	}
	for end, as := range by {
		d.refusal("serve", d.respond.Serve(plain(as), remaining(end)))
	}
}

func (d *Daemon) refusal(what string, err error) {
	if err != nil {
		d.report.Report(event.RefusalFailed, fmt.Sprintf("%s: %v", what, err))
	}
}

// add installs addresses, announces them as they come, and returns those that are there now.
func (d *Daemon) add(hs []holding) []holding {
	good := make([]holding, 0, len(hs))
	for lease, all := range byLease(hs) {
		for hs := range slices.Chunk(all, addedAtOnce) {
			from := len(good)
			good = append(good, d.addSome(hs, lease)...)
			d.announceHeld(good[from:])
		}
	}
	return good
}

// addedAtOnce is how many addresses are added before they are announced, while the next ones are added.
const addedAtOnce = 250

func (d *Daemon) addSome(hs []holding, lease time.Duration) []holding {
	good := make([]holding, 0, len(hs))
	errs := d.kernel.Add(addressesOf(hs), lease)
	for i, h := range hs {
		if errs != nil && errs[i] != nil {
			d.addressFailed(h, errs[i])
			if !errors.Is(errs[i], takeover.ErrForeign) { // which answers here all the same
				continue
			}
		}
		if h.router.held == nil {
			h.router.held = map[takeover.Address]bool{}
		}
		h.router.held[h.address] = errs == nil || errs[i] == nil
		good = append(good, h)
	}
	return good
}

// delete removes addresses; what cannot be removed ends with its lease. An address that somebody else put there stays.
func (d *Daemon) delete(hs []holding) {
	var mine []holding
	for _, h := range hs {
		if h.router.held[h.address] {
			mine = append(mine, h)
		}
		delete(h.router.held, h.address)
	}
	errs := d.kernel.Delete(addressesOf(mine))
	for i, h := range mine {
		if errs != nil && errs[i] != nil {
			d.addressFailed(h, errs[i])
		}
	}
}

func (d *Daemon) addressFailed(h holding, err error) {
	d.report.Report(event.AddressFailed, fmt.Sprintf("%s: %v", h.router.service.Name, err), h.router.fields("address", h.address.Prefix)...)
}

func (d *Daemon) announcements(hs []holding) []takeover.Announcement {
	out := make([]takeover.Announcement, len(hs))
	for i, h := range hs {
		out[i] = takeover.Announcement{Address: h.address.Prefix.Addr(), Link: h.address.Link,
			HardwareAddr: d.hardwareOf(h.router, h.address), Router: h.router.forwards}
	}
	return out
}

// renew extends the leases of all held addresses, as long as the protocol loop is alive: an address must not outlive
// the loop that defends it.
func (d *Daemon) renew() {
	if d.closed.failed {
		d.openFilter(d.life, false)
		d.closeAddresses()
	}
	if d.virtual.kernel != nil {
		d.virtual.kernel.Check()
	}
	if d.loopLate() {
		return
	}
	for lease, hs := range byLease(d.holdings(d.routers)) {
		errs := d.kernel.Refresh(addressesOf(hs), lease)
		for i, h := range hs {
			// One that is gone is put back, or not, when the watcher tells of it.
			if errs != nil && errs[i] != nil && !errors.Is(errs[i], takeover.ErrGone) {
				d.addressFailed(h, errs[i])
			}
		}
	}
}

// holdings are all addresses of routers that this daemon installed.
func (d *Daemon) holdings(rs []*router) []holding {
	var out []holding
	for _, r := range rs {
		for a, mine := range r.held {
			if mine {
				out = append(out, holding{r, a})
			}
		}
	}
	return out
}

func byLease(hs []holding) map[time.Duration][]holding {
	out := map[time.Duration][]holding{}
	for _, h := range hs {
		out[h.router.lease()] = append(out[h.router.lease()], h)
	}
	return out
}

func addressesOf(hs []holding) []takeover.Address {
	out := make([]takeover.Address, len(hs))
	for i, h := range hs {
		out[i] = h.address
	}
	return out
}

// plain are addresses without length and link.
func plain(as []takeover.Address) []netip.Addr {
	out := make([]netip.Addr, len(as))
	for i, a := range as {
		out[i] = a.Prefix.Addr()
	}
	return out
}

// GiveUp ends the sockets on addresses and removes them: what a last will comes to.
func GiveUp(k *takeover.Kernel, as []takeover.Address) error {
	_, err := k.DestroySockets(plain(as))
	return errors.Join(append(k.Delete(as), err)...)
}
