// SPDX-License-Identifier: Apache-2.0

package keepalived

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// routes is a block of routes.
func (p *parser) routes(to *[]Route, static bool) action {
	return action{block: true, do: func(n *node) {
		p.each(n, func(line *node) {
			if r, ok := p.route(n.name(), line, static); ok {
				*to = append(*to, r)
			}
		})
	}}
}

func routeTypes() []string {
	return []string{"unicast", "local", "broadcast", "multicast", "throw", "unreachable", "prohibit", "blackhole", "nat", "anycast"}
}

func routeMetrics() []string {
	return []string{"mtu", "hoplimit", "advmss", "rtt", "rttvar", "reordering", "window", "cwnd", "ssthresh", "rto_min",
		"initcwnd", "initrwnd", "quickack", "fastopen_no_cookie"}
}

func routeOptions() []string {
	return slices.Concat([]string{"to", "via", "gw", "or", "dev", "oif", "table", "src", "from", "metric", "priority", "preference",
		"scope", "tos", "dsfield", "protocol", "realms", "features", "congctl", "pref", "expires", "ttl-propagate", "as", "encap",
		"nexthop", "onlink", "vrf", "add", "append", "prepend", "no_track", "track_group", "inet", "inet6"}, routeTypes(), routeMetrics())
}

// route reads a line in the words of iproute2.
func (p *parser) route(block string, line *node, static bool) (Route, bool) {
	r := Route{At: line.at(), Type: "unicast"}
	w := &words{p, block, line.words, true}
	family := 0 // 4 or 6 once a word tells
	same := func(a netip.Addr, at Place) {
		f := map[bool]int{true: 4, false: 6}[a.Is4()]
		if family != 0 && family != f {
			w.drop(at, "%s is not of the family of what precedes it", a)
		}
		family = f
	}
	for w.ok {
		o, more := w.next()
		if !more {
			break
		}
		switch name := o.Text; {
		case slices.Contains(routeTypes(), name):
			r.Type = name
		case name == "inet":
			family = 4
		case name == "inet6":
			family = 6
		case slices.Contains(routeMetrics(), name):
			w.metric(&r, o)
		default:
			if !w.routeWord(&r, o, same, static) {
				if name == "to" {
					o = w.value(o)
				}
				w.destination(&r, o, same)
			}
		}
	}
	if !r.To.IsValid() && w.ok {
		w.drop(r.At, "the route has no destination")
	}
	r.IPv6 = family == 6
	if r.IPv6 && r.To.IsValid() && !r.To.Addr().Is6() && r.To.Bits() == 0 {
		r.To = netip.PrefixFrom(netip.IPv6Unspecified(), 0) // "default" says nothing of the family
	}
	return r, w.ok
}

// destination reads what is no option.
func (w *words) destination(r *Route, t Token, same func(netip.Addr, Place)) {
	if t.Text == "default" || t.Text == "any" || t.Text == "all" {
		r.To = netip.PrefixFrom(netip.IPv4Unspecified(), 0)
		return
	}
	to, _, ok := prefix(t.Text)
	switch {
	case !ok:
		w.drop(t.At, "%q is neither a destination nor an option%s", t.Text, meant(t.Text, routeOptions()))
	case r.To.IsValid():
		w.drop(t.At, "%q is a second destination", t.Text)
	default:
		same(to.Addr(), t.At)
		r.To = to
	}
}

// routeWord reads one option and reports whether it was one.
func (w *words) routeWord(r *Route, o Token, same func(netip.Addr, Place), static bool) bool {
	switch o.Text {
	case "via", "gw", "or":
		via := w.gateway(o, same)
		switch o.Text {
		case "gw":
			w.warn(o.At, "%s: gw is an old word for via", w.name)
		case "or":
			// The old way to say two next hops.
			w.warn(o.At, "%s: or is an old word for nexthop via", w.name)
			r.Hops = append(r.Hops, NextHop{Via: r.Via, Weight: 1}, NextHop{Via: via, Weight: 1})
			r.Via = netip.Addr{}
			return true
		}
		r.Via = via
	case "dev", "oif":
		r.Dev = w.value(o).Text
	case "table":
		r.Table = w.value(o).Text
	case "src", "from":
		t := w.value(o)
		if a, err := netip.ParseAddr(t.Text); err == nil && a.Zone() == "" {
			same(a, t.At)
			r.Source = a
		} else {
			w.drop(t.At, "%s %q is no address", o.Text, t.Text)
		}
	case "metric", "priority", "preference":
		t := w.value(o)
		r.Metric = Value[uint32]{w.uint32(o, t), t.At}
	case "scope":
		t := w.value(o)
		if _, ok := scopeOf(t.Text); !ok && w.ok {
			w.drop(t.At, "scope is global, site, link, host, nowhere or a number up to 255, not %q", t.Text)
		}
		r.Scope = t.Text
	case "tos", "dsfield":
		r.TOS = w.value(o).Text
	case "protocol":
		r.Protocol = w.value(o).Text
	case "realms":
		r.Realms = w.value(o).Text
	case "features":
		if t := w.value(o); t.Text == "ecn" {
			r.ECN = true
		} else {
			w.drop(t.At, "features knows ecn, not %q", t.Text)
		}
	case "congctl":
		r.CongLock = w.take("lock")
		r.Congestion = w.value(o).Text
	case "pref":
		t := w.value(o)
		if r.Preference = t.Text; !slices.Contains([]string{"low", "medium", "high"}, t.Text) {
			w.drop(t.At, "pref is low, medium or high, not %q", t.Text)
		}
	case "expires":
		t := w.value(o)
		r.Expires = Value[uint32]{w.uint32(o, t), t.At}
	case "ttl-propagate":
		t := w.value(o)
		if r.Propagate = (Value[bool]{t.Text == "enabled", t.At}); t.Text != "enabled" && t.Text != "disabled" {
			w.drop(t.At, "ttl-propagate is enabled or disabled, not %q", t.Text)
		}
	case "as":
		w.take("to")
		t := w.value(o)
		var err error
		if r.As, err = netip.ParseAddr(t.Text); err != nil {
			w.drop(t.At, "as %q is no address", t.Text)
		}
	case "encap":
		r.Encap = w.encap(o)
	case "nexthop":
		r.Hops = append(r.Hops, w.hop(same))
	case "onlink":
		r.OnLink = true
	case "vrf":
		r.VRF = w.value(o).Text
	case "add", "append", "prepend":
		r.Mode = o.Text
	case "no_track":
		r.NoTrack = true
	case "track_group":
		w.group(o, &r.TrackGroup, static)
	default:
		return false
	}
	return true
}

// group reads track_group, which is for static items.
func (w *words) group(o Token, to *string, static bool) {
	t := w.value(o)
	if !static {
		w.warn(o.At, "%s: track_group is for static ones; it is ignored", w.name)
		return
	}
	*to = t.Text
}

// gateway reads [inet|inet6] ADDR.
func (w *words) gateway(o Token, same func(netip.Addr, Place)) netip.Addr {
	other := w.take("inet") || w.take("inet6") // a gateway may be of the other family only when that is said
	t := w.value(o)
	a, err := netip.ParseAddr(t.Text)
	if err != nil || a.Zone() != "" {
		w.drop(t.At, "%s %q is no address", o.Text, t.Text)
		return netip.Addr{}
	}
	if !other {
		same(a, t.At)
	}
	return a
}

func (w *words) uint32(o, t Token) uint32 {
	n, err := parseUint(t.Text)
	if (err != nil || n > 1<<32-1) && w.ok {
		w.drop(t.At, "%s: want a number up to %d, not %q", o.Text, uint32(1<<32-1), t.Text)
		return 0
	}
	return uint32(n)
}

// leastTime is the least rtt, rttvar and rto_min in milliseconds.
const leastTime = 200

func isTime(metric string) bool { return metric == "rtt" || metric == "rttvar" || metric == "rto_min" }

// metric reads NAME [lock] N.
func (w *words) metric(r *Route, o Token) {
	m := Metric{Name: o.Text, Lock: w.take("lock")}
	t := w.value(o)
	number, unit, share := t.Text, uint64(1), uint64(1)
	if isTime(o.Text) {
		// These are times: without a unit in that of the kernel, as in iproute2.
		if s, ok := strings.CutSuffix(number, "ms"); ok {
			number = s
		} else if s, ok := strings.CutSuffix(number, "s"); ok {
			number, unit = s, 1000
		} else {
			share = map[string]uint64{"rtt": 8, "rttvar": 4, "rto_min": 1}[o.Text]
		}
	}
	n, err := strconv.ParseUint(number, 0, 32)
	if (err != nil || n*unit > 1<<32-1) && w.ok {
		w.drop(t.At, "%s: want a number, not %q", o.Text, t.Text)
		return
	}
	m.N = uint32(n * unit / share)
	if isTime(o.Text) && m.N < leastTime {
		w.warn(t.At, "%s %dms is less than %d ms, which is taken", o.Text, m.N, leastTime)
		m.N = leastTime
	}
	r.Metrics = append(r.Metrics, m)
}

// hop reads what follows nexthop.
func (w *words) hop(same func(netip.Addr, Place)) NextHop {
	h := NextHop{Weight: 1}
	for w.ok && len(w.rest) > 0 {
		o := w.rest[0]
		switch o.Text {
		case "via":
			w.rest = w.rest[1:]
			h.Via = w.gateway(o, same)
		case "dev":
			w.rest = w.rest[1:]
			h.Dev = w.value(o).Text
		case "weight":
			w.rest = w.rest[1:]
			t := w.value(o)
			if n, err := strconv.Atoi(t.Text); err != nil || n < 1 || n > 256 {
				w.drop(t.At, "weight: want 1 to 256, not %q", t.Text)
			} else {
				h.Weight = n
			}
		case "onlink":
			w.rest = w.rest[1:]
			h.OnLink = true
		case "realms":
			w.rest = w.rest[1:]
			h.Realms = w.value(o).Text
		case "encap":
			w.rest = w.rest[1:]
			h.Encap = w.encap(o)
		default:
			return h
		}
	}
	return h
}

// encap keeps the words of an encapsulation, which end where an option of the route begins.
func (w *words) encap(o Token) []string {
	kind := w.value(o)
	out := []string{kind.Text}
	if !w.ok {
		return nil
	}
	switch kind.Text {
	case "mpls", "ila":
		return append(out, w.value(o).Text)
	case "ip", "ip6":
	default:
		w.drop(kind.At, "encap knows mpls, ip, ip6 and ila, not %q", kind.Text)
		return nil
	}
	for len(w.rest) > 0 && slices.Contains([]string{"id", "dst", "src", "tos", "tc", "ttl", "hoplimit", "flags"}, w.rest[0].Text) {
		name, _ := w.next()
		out = append(out, name.Text, w.value(name).Text)
	}
	return out
}
