// SPDX-License-Identifier: Apache-2.0

package conf

import (
	"fmt"
	"net/netip"
	"slices"
)

// pair is a service as the file has it and as it was resolved.
type pair struct {
	raw   *table[rawService]
	s     *Service
	iface string // as the file gives it for nodes without an interface of their own
}

// pairs returns the services that were resolved, in the order of the file.
func pairs(raw *rawConfig, cfg *Config) []pair {
	var out []pair
	for i := range raw.Services.V {
		if t := &raw.Services.V[i]; t.Set {
			out = append(out, pair{t, &cfg.Services[len(out)], t.V.Interface.V})
		}
	}
	return out
}

// checkAcross finds services that cannot live together.
func checkAcross(s scope, raw *rawConfig, cfg *Config) {
	all := pairs(raw, cfg)
	names := map[string]pair{}
	for _, p := range all {
		if p.s.Name == "" {
			continue
		}
		if first, ok := names[p.s.Name]; ok {
			p.raw.scope.errorf(p.raw.V.Name.off, "the name is taken by the service on line %d: every service has its own", s.line(first.raw.off))
			continue
		}
		names[p.s.Name] = p
	}
	for _, p := range all {
		for _, v := range p.raw.V.AntiAffinity.V {
			if !v.Set {
				continue
			}
			other, ok := names[v.V]
			switch {
			case !ok:
				p.raw.scope.errorf(v.off, "anti_affinity: there is no service %q", v.V)
			case other.s == p.s:
				p.raw.scope.errorf(v.off, "anti_affinity names the service itself: name others")
			}
		}
	}
	sharedAddresses(s, all)
	sharedVRIDs(s, raw, all)
	sharedSessions(s, raw, all, cfg)
}

// sharedAddresses finds an address that two services list. Link-local ones belong to their link only.
func sharedAddresses(s scope, all []pair) {
	type spot struct {
		addr  netip.Addr
		iface string
	}
	seen := map[spot]pair{}
	claim := func(p pair, at spot, off int) {
		first, ok := seen[at]
		if !ok {
			seen[at] = p
		} else if first.s != p.s {
			p.raw.scope.errorf(off, "address %s belongs to %s on line %d too: an address has one service", at.addr, label(first), s.line(first.raw.off))
		}
	}
	for _, p := range all {
		for _, v := range p.raw.V.Addresses.V {
			prefix, err := netip.ParsePrefix(v.V)
			if err != nil || !v.Set {
				continue
			}
			at := spot{addr: prefix.Addr()}
			if at.addr.IsLinkLocalUnicast() && at.addr.Is6() {
				at.iface = p.iface
			}
			claim(p, at, v.off)
		}
		if p.s.LinkLocal.IsValid() { // the listed one claims it a second time, for the same service
			off := p.raw.V.LinkLocal.off
			if p.raw.V.LinkLocal.absent() {
				off = p.raw.V.VRID.off
			}
			claim(p, spot{p.s.LinkLocal, p.iface}, off)
		}
	}
}

// sharedVRIDs finds two services with one VRID on one interface in one family: peers could not tell them apart. A node
// with an interface of its own has every service there.
func sharedVRIDs(s scope, raw *rawConfig, all []pair) {
	type router struct {
		iface string
		ipv6  bool
		vrid  uint8
	}
	views := []struct{ iface, node string }{{}}
	for _, n := range raw.Nodes.V {
		if n.V.Interface.Set {
			views = append(views, struct{ iface, node string }{n.V.Interface.V, n.name})
		}
	}
	told := map[*Service]bool{}
	for _, view := range views {
		seen := map[router]pair{}
		for _, p := range all {
			for _, ipv6 := range []bool{false, true} {
				if p.s.VRID == 0 || len(p.s.Prefixes(ipv6)) == 0 {
					continue
				}
				at := router{p.iface, ipv6, p.s.VRID}
				where := "on " + p.iface
				if view.iface != "" {
					at.iface = view.iface
					where = fmt.Sprintf("on %s of node %q, which has its services there", view.iface, view.node)
				}
				first, ok := seen[at]
				if !ok {
					seen[at] = p
					continue
				}
				if !told[p.s] {
					told[p.s] = true
					p.raw.scope.errorf(p.raw.V.VRID.off, "virtual_router_id %d belongs to %s on line %d too, %s: give each its own", p.s.VRID, label(first), s.line(first.raw.off), where)
				}
			}
		}
	}
}

func label(p pair) string {
	if p.s.Name == "" {
		return "the service"
	}
	return fmt.Sprintf("service %q", p.s.Name)
}

// sameSegment reports whether two services have addresses of one network, so that their adverts meet.
func sameSegment(a, b *Service) bool {
	return slices.ContainsFunc(a.Addresses, func(p netip.Prefix) bool {
		return slices.ContainsFunc(b.Addresses, func(q netip.Prefix) bool {
			return !(p.Addr().Is6() && p.Addr().IsLinkLocalUnicast()) && p.Bits() < p.Addr().BitLen() && q.Bits() < q.Addr().BitLen() && p.Overlaps(q)
		})
	})
}
