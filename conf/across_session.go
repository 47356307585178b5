// SPDX-License-Identifier: Apache-2.0

package conf

import "net/netip"

// wish is a check that wants a BFD session.
type wish struct {
	address netip.Addr
	iface   string // of a link-local address
	bfd     BFD
	line    int
}

// sharedSessions finds checks that want one BFD session with different settings: there is one session between two addresses, whoever
// has a check on it.
func sharedSessions(s scope, raw *rawConfig, all []pair, cfg *Config) {
	var seen []wish
	look := func(at scope, off int, c *HealthCheck, iface string) {
		address, err := netip.ParseAddr(c.Target)
		if c.Kind != CheckBFD || err != nil {
			return
		}
		w := wish{address: address, bfd: *c.BFD, line: s.line(off)}
		if address.Is6() && address.IsLinkLocalUnicast() {
			w.iface = iface
		}
		for _, o := range seen {
			if w.clashes(o) {
				at.errorf(off, "bfd %s: line %d wants the same session with other settings: give both the same", address, o.line)
				break
			}
		}
		seen = append(seen, w)
	}
	checks := func(raws []table[rawCheck], checks []HealthCheck, iface string) {
		next := 0
		for i := range raws {
			if raws[i].Set {
				look(raws[i].scope, raws[i].V.BFD.off, &checks[next], iface)
				next++
			}
		}
	}
	for _, p := range all {
		checks(p.raw.V.Checks.V, p.s.Checks, p.s.Interface)
	}
	next := 0
	for i := range raw.SyncGroups.V {
		if t := &raw.SyncGroups.V[i]; t.Set {
			checks(t.V.Checks.V, cfg.SyncGroups[next].Checks, "")
			next++
		}
	}
	next = 0
	for i := range raw.Sessions.V {
		if t := &raw.Sessions.V[i]; t.Set {
			look(t.scope, t.V.Neighbor.off, &cfg.Sessions[next], "")
			next++
		}
	}
}

// clashes reports whether two checks want the same session in different ways.
func (w wish) clashes(o wish) bool {
	same := w.address == o.address && w.iface == o.iface && w.bfd.Multihop == o.bfd.Multihop &&
		(w.bfd.Source == o.bfd.Source || !w.bfd.Source.IsValid() || !o.bfd.Source.IsValid())
	return same && w.bfd != o.bfd
}
