// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"github.com/regent-ha/regent/internal/event"
	"github.com/regent-ha/regent/takeover"
	"github.com/regent-ha/regent/takeover/vmac"
	"github.com/regent-ha/regent/vrrp"
)

// virtualMACs is what there is of interfaces with MACs of their own.
type virtualMACs struct {
	kernel *vmac.Kernel       // nil: nobody wanted one yet
	wants  []vmac.Want        // as they were set last
	look   bool               // interfaces changed since
	began  bool               // what an earlier run left was looked at
	kept   []takeover.Address // of a worker that crashed: the supervisor may still have them
	failed map[string]string  // by service and interface: what is wrong
}

// home is the index of the interface that a router's addresses are on, where link is that of the service.
func (r *router) home(link int) int {
	if !r.service.VMAC {
		return link
	}
	return cmp.Or(r.virtual[r.service.Interface].Index, link)
}

// virtuals are the interfaces that a router wants, of which no two have the same base.
func (s *spec) virtuals() []vmac.Want {
	bases := []string{}
	if s.service.VMAC {
		bases = append(bases, s.service.Interface)
	}
	for _, l := range s.lines {
		if base := cmp.Or(l.device, s.service.Interface); l.virtual && !slices.Contains(bases, base) {
			bases = append(bases, base)
		}
	}
	var out []vmac.Want
	for _, base := range bases {
		out = append(out, s.wantOn(base))
	}
	return out
}

func (s *spec) wantOn(base string) vmac.Want {
	six := s.vrrp.Family == vrrp.IPv6
	own := base == s.service.Interface && s.service.VMAC
	w := vmac.Want{VRID: uint8(s.vrrp.VRID), Six: six, Base: base, MAC: vmac.RFC(uint8(s.vrrp.VRID), six), IPv6: six,
		// Unicast has nothing that a switch could learn.
		Adverts: own && !s.service.VMACBase && len(s.vrrp.Peers) == 0}
	if m, err := vmac.Parse(s.service.VMACAddress); err == nil {
		w.MAC = m
	}
	if own && first(s.service, s.vrrp.Family) { // the name is for one of the two
		w.Name = s.service.VMACName
	}
	for _, l := range s.lines {
		on := cmp.Or(l.device, s.service.Interface) == base && (l.virtual || own && l.device == "")
		w.IPv6 = w.IPv6 || on && l.prefix.Addr().Is6()
	}
	return w
}

// virtualize makes the interfaces that routers want, and removes those that none wants any more. Where one cannot be made, addresses are
// on the service's own interface: to be found at another MAC is better than not to be found.
func (d *Daemon) virtualize() {
	var wants []vmac.Want
	var owners []*router
	for _, r := range d.routers {
		for _, w := range r.virtuals() {
			wants, owners = append(wants, w), append(owners, r)
		}
	}
	v := &d.virtual
	if v.kernel == nil {
		if len(wants) == 0 && v.began {
			return
		}
		if err := d.openVirtual(); err != nil {
			if len(wants) > 0 {
				d.noVirtual("all services", "", err)
			}
			return
		}
	}
	if len(wants) == 0 && !v.began { // what an earlier run left goes
		v.began = true
		v.kernel.Set(nil)
		if err := v.kernel.Close(false); err != nil {
			d.o.Log.Debug("look for interfaces of an earlier run", "error", err)
		}
		v.kernel = nil
		return
	}
	v.began = true
	if !v.look && slices.Equal(wants, v.wants) {
		return
	}
	v.look, v.wants = false, wants
	places, errs := v.kernel.Set(wants)
	for _, r := range owners {
		r.virtual = nil
	}
	for i, r := range owners {
		at := wants[i].Base
		if errs != nil && errs[i] != nil {
			d.noVirtual(r.service.Name, at, errs[i])
			continue
		}
		delete(v.failed, r.service.Name+" "+at)
		if r.virtual == nil {
			r.virtual = map[string]vmac.Place{}
		}
		r.virtual[at] = places[i]
	}
	d.showVirtual()
}

// openVirtual opens the kernel's side.
func (d *Daemon) openVirtual() (err error) {
	v := &d.virtual
	v.kernel, err = vmac.Open(d.o.Log, func() {
		d.post(func() {
			if v.kernel != nil {
				d.report.Report(event.VMACRestored, "somebody changed the nftables table of virtual MACs; it is restored")
				v.kernel.Mend()
			}
		})
	})
	v.look = true
	return err
}

// noVirtual reports once that an interface cannot be had.
func (d *Daemon) noVirtual(service, base string, err error) {
	key := service + " " + base
	if d.virtual.failed[key] == err.Error() {
		return
	}
	if d.virtual.failed == nil {
		d.virtual.failed = map[string]string{}
	}
	d.virtual.failed[key] = err.Error()
	d.report.Report(event.VirtualMAC, fmt.Sprintf("%s: %v", service, err), "service", service, "interface", base)
}

// showVirtual tells which addresses answer at which MAC: before they come, and after they have gone.
func (d *Daemon) showVirtual() {
	if d.virtual.kernel == nil {
		return
	}
	answering := map[int]map[netip.Addr]bool{}
	note := func(a takeover.Address) {
		if answering[a.Link] == nil {
			answering[a.Link] = map[netip.Addr]bool{}
		}
		answering[a.Link][a.Prefix.Addr()] = true
	}
	for _, a := range d.virtual.kept {
		note(a)
	}
	for _, r := range d.routers {
		if len(r.virtual) == 0 {
			continue
		}
		for _, a := range r.wants() {
			note(a)
		}
		for a := range r.held {
			note(a)
		}
	}
	out := make(map[int][]netip.Addr, len(answering))
	for link, as := range answering {
		out[link] = slices.Collect(maps.Keys(as))
	}
	d.virtual.kernel.Show(out)
}

// keepAnswering notes addresses that a worker left when it crashed: where they are answers until they have gone.
func (d *Daemon) keepAnswering(left []takeover.Address) { d.virtual.kept = left }

// wentAway forgets those of them that are not there any more.
func (d *Daemon) wentAway(removed []takeover.Address) {
	d.virtual.kept = slices.DeleteFunc(d.virtual.kept, func(a takeover.Address) bool { return slices.Contains(removed, a) })
}

// closeVirtual lets go of the interfaces. After an orderly stop they go; otherwise they stay, with what the supervisor has on them.
func (d *Daemon) closeVirtual() error {
	if d.virtual.kernel == nil {
		return nil
	}
	return d.virtual.kernel.Close(d.stopping)
}
