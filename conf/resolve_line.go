// SPDX-License-Identifier: Apache-2.0

package conf

import (
	"net/netip"
	"slices"
	"strings"
)

// addressLine resolves an address with what iproute2 would be told beside it.
func addressLine(s scope, v scalar[string]) (p netip.Prefix, options string, ok bool) {
	text, options, _ := strings.Cut(strings.TrimSpace(v.V), " ")
	options = strings.TrimSpace(options)
	p, why := virtualAddress(text)
	if why != "" {
		s.errorf(v.off, "address %q %s", text, why)
		return p, "", false
	}
	if options == "" {
		return p, "", true
	}
	return p, options, judge(s, "address", s.d.options.Address, scalar[string]{v.given, text + " " + options})
}

// judge lets a hook of the options have its say on a line.
func judge(s scope, name string, hook func(string) error, v scalar[string]) bool {
	if hook == nil {
		return true
	}
	if err := hook(v.V); err != nil {
		s.errorf(v.off, "%s %q: %v", name, v.V, err)
		return false
	}
	return true
}

// routing resolves a list of routes or rules.
func routing(s scope, name string, v list, hook func(string) error) []string {
	for i, e := range v.V {
		switch {
		case !e.Set:
		case strings.TrimSpace(e.V) == "":
			s.errorf(e.off, "%s is empty: write it or remove it", name)
		case slices.ContainsFunc(v.V[:i], func(o scalar[string]) bool { return o.V == e.V }):
			s.errorf(e.off, "%s %q is listed twice: remove one", name, e.V)
		default:
			judge(s, name, hook, e)
		}
	}
	return v.texts()
}

// alongside resolves what moves with the addresses of a service.
func (r *serviceResolver) alongside() {
	seen := map[netip.Addr]bool{}
	for _, p := range r.out.Addresses {
		seen[p.Addr()] = true
	}
	for _, e := range r.raw.Excluded.V {
		if !e.Set {
			continue
		}
		p, options, ok := addressLine(r.scope, e)
		switch {
		case !ok:
		case seen[p.Addr()]:
			r.errorf(e.off, "address %s is listed twice: remove one", p.Addr())
		default:
			seen[p.Addr()] = true
			r.out.Excluded = append(r.out.Excluded, AddressLine{p, options})
		}
	}
	r.out.Advertised = r.advertised()
	r.out.Routes = routing(r.scope, "route", r.raw.Routes, r.d.options.route(r.out.Interface))
	r.out.Rules = routing(r.scope, "rule", r.raw.Rules, r.d.options.Rule)
}

// advertised resolves the list of adverts. An address may be there twice, as with keepalived.
func (r *serviceResolver) advertised() (out []netip.Addr) {
	for _, e := range r.raw.Advertised.V {
		if !e.Set {
			continue
		}
		if a := hostAddress(r.scope, "advertised_addresses", e); a.IsValid() {
			out = append(out, a)
		}
	}
	for _, p := range r.out.Addresses {
		same := func(a netip.Addr) bool { return a.Is6() == p.Addr().Is6() }
		if len(out) > 0 && !slices.ContainsFunc(out, same) {
			r.errorf(r.raw.Advertised.off, "advertised_addresses has none of the family of %s: list what adverts of that family say", p.Addr())
			break
		}
	}
	return out
}

// resolveStatic resolves what is there as long as the daemon runs.
func resolveStatic(s scope, raw *rawConfig, cfg *Config) {
	for i, e := range raw.StaticAddresses.V {
		if !e.Set {
			continue
		}
		p, options, ok := addressLine(s, e)
		switch {
		case ok && !slices.Contains(strings.Fields(options), "dev"):
			s.errorf(e.off, "static address %s has no interface: write \"%s dev eth0\", with the right name", p, p)
		case slices.ContainsFunc(raw.StaticAddresses.V[:i], func(o scalar[string]) bool { return o.V == e.V }):
			s.errorf(e.off, "static address %q is listed twice: remove one", e.V)
		}
	}
	cfg.StaticAddresses = raw.StaticAddresses.texts()
	cfg.StaticRoutes = routing(s, "route", raw.StaticRoutes, s.d.options.route(""))
	cfg.StaticRules = routing(s, "rule", raw.StaticRules, s.d.options.Rule)
}

// route is the hook for routes with an interface for those that name none.
func (o Options) route(dev string) func(string) error {
	if o.Route == nil {
		return nil
	}
	return func(line string) error { return o.Route(line, dev) }
}
