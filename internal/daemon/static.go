// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"errors"
	"fmt"

	"github.com/regent-ha/regent/conf"
	"github.com/regent-ha/regent/internal/event"
	"github.com/regent-ha/regent/takeover"
)

// statics are the addresses, routes and rules that are there as long as the daemon runs, whoever is Active. They have no
// lease: a crash leaves them, and the next start finds them there.
type statics struct {
	addresses []takeover.AddressSpec
	paths     []path
	held      map[takeover.Address]bool // on an interface; false: somebody else put it there
	gone      map[takeover.Address]bool // that somebody removed and may
	failed    map[takeover.Address]string
}

// readStatic takes static items from the configuration.
func (d *Daemon) readStatic(cfg *conf.Config) {
	d.static.addresses = nil
	for _, line := range cfg.StaticAddresses {
		spec, err := takeover.ParseAddress(line, "") // it was judged when the file was read
		if err != nil {
			continue
		}
		if spec.Preferred == takeover.PreferredDefault {
			spec.Preferred = takeover.PreferredForever // an address like any other of the host
		}
		d.static.addresses = append(d.static.addresses, spec)
	}
	d.static.paths = pathsOf(cfg.StaticRoutes, cfg.StaticRules, "")
}

// wantedStatic are the static addresses that are there or can be there now: the kernel takes no IPv6 address that works on an
// interface that is down.
func (d *Daemon) wantedStatic() []takeover.Address {
	if d.still {
		return nil
	}
	var out []takeover.Address
	for _, s := range d.static.addresses {
		link := d.links[s.Device]
		a := takeover.Address{Prefix: s.Prefix, Link: link.Index}
		_, here := d.static.held[a]
		if link.Index == 0 || !here && s.Prefix.Addr().Is6() && !link.Up || d.static.gone[a] {
			continue
		}
		d.kernel.Dress(map[takeover.Address]takeover.Attributes{a: s.Attributes})
		out = append(out, a)
	}
	return out
}

// holdStatic brings the static addresses in line with the configuration.
func (d *Daemon) holdStatic() {
	st := &d.static
	if len(st.addresses)+len(st.held) == 0 {
		return
	}
	if st.held == nil {
		st.held, st.gone, st.failed = map[takeover.Address]bool{}, map[takeover.Address]bool{}, map[takeover.Address]string{}
	}
	wanted := map[takeover.Address]bool{}
	var add, drop []takeover.Address
	for _, a := range d.wantedStatic() {
		wanted[a] = true
		if _, has := st.held[a]; !has {
			add = append(add, a)
		}
	}
	for a, mine := range st.held {
		if !wanted[a] {
			if mine {
				drop = append(drop, a)
			}
			delete(st.held, a)
		}
	}
	for i, err := range d.kernel.Delete(drop) {
		if err != nil {
			d.staticFailed(drop[i], err)
		}
	}
	errs := d.kernel.Add(add, 0)
	for i, a := range add {
		if errs != nil && errs[i] != nil && !errors.Is(errs[i], takeover.ErrForeign) {
			d.staticFailed(a, errs[i])
			continue
		}
		st.held[a] = errs == nil || errs[i] == nil
		delete(st.failed, a)
	}
}

// staticFailed reports an address that cannot be there, once.
func (d *Daemon) staticFailed(a takeover.Address, err error) {
	if d.static.failed[a] != err.Error() {
		d.static.failed[a] = err.Error()
		d.report.Report(event.AddressFailed, fmt.Sprintf("static: %v", err), "address", a.Prefix)
	}
}

// lostStatic takes in what was removed from the interfaces.
func (d *Daemon) lostStatic(removed []takeover.Address) {
	for _, a := range removed {
		if _, held := d.static.held[a]; !held {
			continue
		}
		delete(d.static.held, a)
		link, loose := "", false
		for _, s := range d.static.addresses {
			if l := d.links[s.Device]; l.Index == a.Link && s.Prefix == a.Prefix {
				link, loose = s.Device, s.NoTrack
			}
		}
		switch {
		case link == "" || !d.links[link].Up: // it went with its interface, and comes back with it
		case loose:
			d.static.gone[a] = true
		default:
			d.report.Report(event.AddressRestored, fmt.Sprintf("somebody removed the static address %s; put back", a.Prefix), "address", a.Prefix)
		}
	}
}

// endStatic removes the static items: the daemon ends, and the virtual addresses are gone.
func (d *Daemon) endStatic() {
	d.still = true
	d.dropPaths()
	d.holdStatic()
}
