// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/regent-ha/regent/conf"
	"github.com/regent-ha/regent/takeover"
	"github.com/regent-ha/regent/vrrp"
)

// line is an address that moves with a router and has a place of its own: another interface, or none in the adverts.
type line struct {
	prefix   netip.Prefix
	device   string // "": the service's interface
	excluded bool   // from the adverts
}

// linesOf are the lines of a service's router; those that are excluded from adverts belong to the first.
func linesOf(s *conf.Service, prefixes []netip.Prefix, first bool) []line {
	var out []line
	for _, p := range prefixes {
		if dev := deviceOf(s.AddressOptions[p.Addr()]); dev != "" {
			out = append(out, line{p, dev, false})
		}
	}
	if first {
		for _, e := range s.Excluded {
			out = append(out, line{e.Prefix, deviceOf(e.Options), true})
		}
	}
	return out
}

// deviceOf is the interface that iproute2's words name.
func deviceOf(options string) string {
	words := strings.Fields(options)
	for i := 0; i+1 < len(words); i++ {
		if words[i] == "dev" {
			return words[i+1]
		}
	}
	return ""
}

// place finds the interfaces of a router's lines, or says why one cannot be used.
func (d *Daemon) place(r *router, home int) error {
	if len(r.lines) == 0 {
		r.elsewhere, r.beside = nil, nil
		return nil
	}
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
		if l.excluded {
			beside = append(beside, takeover.Address{Prefix: l.prefix, Link: at})
		} else {
			elsewhere[l.prefix.Addr()] = at
		}
	}
	r.elsewhere, r.beside = elsewhere, beside
	return nil
}

// hardwareOf is the link-layer address of the interface that a router's address is on.
func (d *Daemon) hardwareOf(r *router, a takeover.Address) takeover.MAC {
	if a.Link == r.link {
		return r.hardware
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
