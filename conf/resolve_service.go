// SPDX-License-Identifier: Apache-2.0

package conf

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// serviceResolver turns one raw service into a Service.
type serviceResolver struct {
	scope
	raw *rawService
	cfg *Config // so far: node and nodes are resolved
	out Service
}

func (r *serviceResolver) resolve() Service {
	raw := r.raw
	r.out = Service{
		Name: nameOf(r.scope, "name", raw.Name),
		VRID: uint8(whole(r.scope, "virtual_router_id", raw.VRID, 0, 1, 255)),
		VMAC: boolean(raw.VMAC, false),
		GARP: r.garp(),
	}
	r.missing("name", raw.Name.given, "every service has a name of its own")
	r.missing("interface", raw.Interface.given, "write the interface that has the addresses")
	r.missing("virtual_router_id", raw.VRID.given, "write a number from 1 to 255 that is alone on the segment")
	r.missing("addresses", raw.Addresses.given, `write what clients connect to, such as ["10.0.0.101/24"]`)
	r.out.Interface = interfaceName(r.scope, "interface", raw.Interface)
	if own := r.cfg.Nodes[r.cfg.Node].Interface; own != "" {
		r.out.Interface = own
	}
	r.addresses()
	r.linkLocal()
	r.limits()
	r.ports()
	r.protocol()
	r.authentication()
	r.unicast()
	r.alongside()
	r.election()
	r.form()
	for i := range raw.Checks.V {
		if t := &raw.Checks.V[i]; t.Set {
			r.out.Checks = append(r.out.Checks, resolveCheck(t, r.out.Raw))
		}
	}
	r.control()
	r.respond()
	r.notify()
	return r.out
}

func (r *serviceResolver) missing(key string, g given, why string) {
	if g.absent() {
		r.errorf(r.off, "%s is missing: %s", key, why)
	}
}

func (r *serviceResolver) garp() GARP {
	t := r.raw.GARP
	g := GARP{
		Repeat:        whole(t.scope, "repeat", t.V.Repeat, 5, 1, 100),
		Delay:         span(t.scope, "delay", t.V.Delay, 5*time.Second, 0, 10*time.Minute),
		Refresh:       span(t.scope, "refresh", t.V.Refresh, 0, 0, 24*time.Hour),
		RefreshRepeat: whole(t.scope, "refresh_repeat", t.V.RefreshRepeat, 1, 1, 100),
		Interval:      span(t.scope, "interval", t.V.Interval, 0, 0, time.Second),
		Extra:         span(t.scope, "extra", t.V.Extra, 0, 0, 24*time.Hour),
		ExtraAll:      boolean(t.V.ExtraAll, false),
	}
	g.LowerPrioDelay = span(t.scope, "lower_prio_delay", t.V.LowerPrioDelay, g.Delay, 0, 10*time.Minute)
	g.LowerPrioRepeat = whole(t.scope, "lower_prio_repeat", t.V.LowerPrioRepeat, g.Repeat, 0, 100)
	g.NAInterval = span(t.scope, "na_interval", t.V.NAInterval, g.Interval, 0, time.Second)
	return g
}

// Longest and shortest advert intervals: 12 bits of centiseconds in version 3 (RFC 9568 §5.2.7; less than 1 is invalid),
// 8 bits of seconds in version 2 (RFC 3768 §5.3.7).
const (
	centisecond = 10 * time.Millisecond
	maxV3       = 4095 * centisecond
	maxV2       = 255 * time.Second
)

// protocol resolves version, interval and checksums.
func (r *serviceResolver) protocol() {
	raw, out := r.raw, &r.out
	out.Version = 3
	if raw.Version.Set {
		switch v := raw.Version.V; {
		case v != 2 && v != 3:
			r.errorf(raw.Version.off, "version %d: want 2 or 3", v)
		case v == 2 && len(out.IPv6) > 0:
			r.errorf(raw.Version.off, "version 2 has no IPv6: remove it, or give the IPv6 addresses a service of their own")
		default:
			out.Version = uint8(v)
		}
	}
	out.AdvertInterval = 100 * time.Millisecond
	if out.Version == 2 {
		out.AdvertInterval = time.Second
	}
	if v := raw.AdvertInterval; v.Set {
		switch {
		case out.Version == 2 && (v.V < time.Second || v.V > maxV2 || v.V%time.Second != 0):
			r.errorf(v.off, "advert_interval %s: version 2 wants whole seconds, 1s to 255s", v.text)
		case out.Version == 3 && (v.V < centisecond || v.V > maxV3):
			r.errorf(v.off, "advert_interval %s: want 10ms to 40.95s", v.text)
		case out.Version == 3 && v.V%centisecond != 0:
			down := v.V.Truncate(centisecond)
			r.errorf(v.off, "advert_interval %s: an advert tells it in steps of 10ms, write %s or %s", v.text, brief(down), brief(min(down+centisecond, maxV3)))
		default:
			out.AdvertInterval = v.V
		}
	}
	const pseudo, message, either = "pseudo-header", "rfc9568", "either"
	out.Checksum = enum(r.scope, "checksum", raw.Checksum, pseudo, message)
	out.AcceptChecksum = enum(r.scope, "accept_checksum", raw.AcceptChecksum, either, pseudo, message)
	for _, c := range []struct {
		name string
		v    scalar[string]
	}{{"checksum", raw.Checksum}, {"accept_checksum", raw.AcceptChecksum}} {
		switch {
		case !c.v.Set:
		case out.Version == 2:
			r.warnf(c.v.off, "%s has no effect: version 2 has one checksum only", c.name)
		case len(out.IPv4) == 0 && len(out.IPv6) > 0:
			r.warnf(c.v.off, "%s has no effect: it is about IPv4, and there is no IPv4 address", c.name)
		}
	}
}

// authentication resolves what version 2 adverts carry.
func (r *serviceResolver) authentication() {
	t := r.raw.Authentication
	r.out.Auth.Type = AuthNone
	if !t.Set {
		return
	}
	s := t.scope
	if r.raw.Version.V != 2 {
		s.errorf(t.off, "version 3 has no authentication: remove it, or write version = 2")
	}
	kind := enum(s, "type", t.V.Type, AuthNone, AuthPass)
	if t.V.Type.absent() {
		s.errorf(t.off, `type is missing: write type = "PASS"`)
		return
	}
	secret, off := password(s, t.V.Password, t.V.PasswordFile)
	switch n := len(secret.Reveal()); {
	case kind != AuthPass:
		if t.V.Type.V == string(AuthNone) && !secret.IsZero() {
			s.errorf(off, `a password without type "PASS" is not sent: write type = "PASS" or remove it`)
		}
		return
	case t.V.Password.absent() && t.V.PasswordFile.absent():
		s.errorf(t.off, "password is missing: give password_file, or password")
	case n > 8:
		s.errorf(off, "the password has %d bytes: an advert holds 8, and peers would compare only these", n)
	case strings.ContainsRune(secret.Reveal(), 0):
		s.errorf(off, "the password has a NUL byte in it: adverts pad with these")
	}
	r.out.Auth = Authentication{Type: AuthPass, Password: secret}
}

// form resolves the keys of which a service has one kind or the other: a priority by hand, or an owner and policy.
func (r *serviceResolver) form() {
	raw := r.raw
	byHand := []struct {
		name string
		given
	}{{"priority", raw.Priority.given}, {"preempt", raw.Preempt.given}, {"preempt_delay", raw.PreemptDelay.given}, {"refuse", raw.Refuse.given},
		{"initial_state", raw.InitialState.given}, {"on_fault", raw.OnFault.given}}
	byPolicy := []struct {
		name string
		given
	}{
		{"standbys", raw.Standbys.given}, {"inheritors", raw.Inheritors.given}, {"takeover", raw.Takeover.given},
		{"serve_at", raw.ServeAt.given}, {"demand", raw.Demand.given}, {"anti_affinity", raw.AntiAffinity.given},
		{"failback", raw.Failback.given}, {"failback_delay", raw.FailbackDelay.given}, {"failure_threshold", raw.FailureThreshold.given},
		{"failure_window", raw.FailureWindow.given}, {"on_no_candidate", raw.OnNoCandidate.given},
	}
	r.out.Raw = raw.Owner.absent()
	if r.out.Raw {
		if raw.Priority.absent() {
			r.errorf(r.off, "neither priority nor owner: give owner and standbys and let policy decide, or a priority by hand")
		}
		for _, k := range byPolicy {
			if !k.absent() {
				r.errorf(k.off, "%s needs owner: policy decides for a service that has an owner", k.name)
			}
		}
		r.byHand()
		return
	}
	for _, k := range byHand {
		if !k.absent() {
			r.errorf(k.off, "%s is for a service without owner: policy decides here, remove %s or owner", k.name, k.name)
		}
	}
	r.byPolicy()
}

func (r *serviceResolver) byHand() {
	raw, out := r.raw, &r.out
	out.Priority = uint8(whole(r.scope, "priority", raw.Priority, 100, 1, 255))
	out.Preempt = boolean(raw.Preempt, true)
	out.PreemptDelay = span(r.scope, "preempt_delay", raw.PreemptDelay, 0, 0, 1000*time.Second)
	out.Refuse = boolean(raw.Refuse, false)
	out.OnFault = enum(r.scope, "on_fault", raw.OnFault, FaultRefuse, FaultRelease)
	if out.Refuse && out.OnFault == FaultRelease {
		r.errorf(raw.OnFault.off, "on_fault \"release\" goes without refuse = true: what refuses anyway has no fault")
	}
}

func (r *serviceResolver) byPolicy() {
	raw, out := r.raw, &r.out
	out.Owner = r.node("owner", raw.Owner)
	out.Standbys = r.nodes("standbys", raw.Standbys)
	out.Inheritors = r.nodes("inheritors", raw.Inheritors)
	for _, v := range raw.Standbys.V {
		switch {
		case !v.Set:
		case v.V == out.Owner:
			r.errorf(v.off, "standbys has the owner %q in it: remove it, the owner comes first anyway", v.V)
		case raw.Inheritors.Set && r.known(v.V) && !slices.Contains(out.Inheritors, v.V):
			r.errorf(v.off, "standby %q is not among inheritors, so it would never have the address: add it there, or remove it here", v.V)
		}
	}
	out.Takeover = enum(r.scope, "takeover", raw.Takeover, TakeoverAllow, TakeoverForbid)
	out.ServeAt = enum(r.scope, "serve_at", raw.ServeAt, ServeInherited, ServeOwn)
	out.Demand = whole(r.scope, "demand", raw.Demand, 0, 0, 1_000_000_000)
	out.AntiAffinity = raw.AntiAffinity.texts()
	out.Failback = enum(r.scope, "failback", raw.Failback, FailbackAutomatic, FailbackManual, FailbackDelayed)
	out.FailbackDelay = span(r.scope, "failback_delay", raw.FailbackDelay, time.Minute, 0, 24*time.Hour)
	out.FailureThreshold = whole(r.scope, "failure_threshold", raw.FailureThreshold, 3, 1, 1000)
	out.FailureWindow = span(r.scope, "failure_window", raw.FailureWindow, 10*time.Minute, time.Second, 7*24*time.Hour)
	out.OnNoCandidate = enum(r.scope, "on_no_candidate", raw.OnNoCandidate, NoCandidateRefuse, NoCandidateSilent)
}

// nodes resolves a list of nodes.
func (r *serviceResolver) nodes(key string, v list) []string {
	for i, e := range v.V {
		r.node(key, e)
		if e.Set && slices.ContainsFunc(v.V[:i], func(o scalar[string]) bool { return o.Set && o.V == e.V }) {
			r.errorf(e.off, "%s has %q twice: remove one", key, e.V)
		}
	}
	return v.texts()
}

// node resolves the name of a node.
func (r *serviceResolver) node(key string, v scalar[string]) string {
	name := nameOf(r.scope, key, v)
	if name != "" && !r.known(name) {
		r.errorf(v.off, "%s: no node %q in [nodes] (%s): add it there, or name one of these", key, name, nodeNames(r.cfg.Nodes))
	}
	return name
}

// known reports whether a node of that name may be: if the file lists nodes, it must be one of them.
func (r *serviceResolver) known(name string) bool {
	_, ok := r.cfg.Nodes[name]
	return ok || r.cfg.Nodes == nil
}

// nodeNames lists the nodes for a diagnostic.
func nodeNames(nodes map[string]Node) string {
	names := slices.Sorted(maps.Keys(nodes))
	if len(names) == 0 {
		return "empty"
	}
	if len(names) > 8 {
		names = append(names[:8], "…")
	}
	return strings.Join(names, ", ")
}
