// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"cmp"
	"fmt"
	"net/netip"

	"github.com/regent-ha/regent/conf"
	"github.com/regent-ha/regent/takeover"
	"github.com/regent-ha/regent/vrrp"
)

// line is an address that has something of its own: another interface, no place in the adverts, or attributes.
type line struct {
	prefix   netip.Prefix
	device   string // "": the service's interface
	excluded bool   // from the adverts
	virtual  bool   // on an interface with a MAC of its own
	dress    takeover.Attributes
}

// linesOf are the lines of a service's router; those that are excluded from adverts belong to the first.
func linesOf(s *conf.Service, prefixes []netip.Prefix, first bool) []line {
	var out []line
	for _, p := range prefixes {
		if options := s.AddressOptions[p.Addr()]; options != "" {
			out = append(out, lineOf(p, options, false))
		}
	}
	if first {
		for _, e := range s.Excluded {
			out = append(out, lineOf(e.Prefix, e.Options, true))
		}
	}
	return out
}

// lineOf reads what was judged when the file was read.
func lineOf(p netip.Prefix, options string, excluded bool) line {
	spec, err := takeover.ParseAddress(p.String()+" "+options, "")
	if err != nil {
		return line{prefix: p, excluded: excluded}
	}
	return line{p, spec.Device, excluded, spec.VMAC, spec.Attributes}
}

// place finds the interfaces of a router's lines, or says why one cannot be used.
func (d *Daemon) place(r *router, home int) error {
	if len(r.lines) == 0 {
		r.elsewhere, r.beside, r.loose = nil, nil, nil
		return nil
	}
	dress := map[takeover.Address]takeover.Attributes{}
	loose := map[takeover.Address]bool{}
	elsewhere := map[netip.Addr]int{}
	var beside []takeover.Address
	for _, l := range r.lines {
		at := home
		if l.device != "" {
			link := d.links[l.device]
			switch {
			case link.Index == 0:
				return fmt.Errorf("interface %s of address %s does not exist", l.device, l.prefix.Addr())
			case !link.Up:
				return fmt.Errorf("interface %s of address %s is down", l.device, l.prefix.Addr())
			}
			at = link.Index
		}
		if l.virtual {
			at = cmp.Or(r.virtual[cmp.Or(l.device, r.service.Interface)].Index, at)
		}
		a := takeover.Address{Prefix: l.prefix, Link: at}
		dress[a] = l.dress
		if l.dress.NoTrack {
			loose[a] = true
		}
		if l.excluded {
			beside = append(beside, a)
		} else {
			elsewhere[l.prefix.Addr()] = at
		}
	}
	d.kernel.Dress(dress)
	r.elsewhere, r.beside, r.loose = elsewhere, beside, loose
	return nil
}

// hardwareOf is the link-layer address of the interface that a router's address is on.
func (d *Daemon) hardwareOf(r *router, a takeover.Address) takeover.MAC {
	if a.Link == r.link {
		return r.hardware
	}
	for _, v := range r.virtual {
		if v.Index == a.Link {
			return takeover.MAC(v.MAC)
		}
	}
	for _, l := range d.links {
		if l.Index == a.Link {
			return l.HardwareAddr
		}
	}
	return takeover.MAC{}
}

// first reports whether a router of a service is the first of its two.
func first(s *conf.Service, f vrrp.Family) bool { return f == vrrp.IPv4 || len(s.IPv4) == 0 }
