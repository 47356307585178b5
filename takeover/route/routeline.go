// SPDX-License-Identifier: Apache-2.0

package route

import (
	"net/netip"
	"slices"
	"strings"
)

// Parse reads a route with the names that every system has.
func Parse(line string) (Route, error) { return Options{}.Parse(line) }

// Parse reads a route. Errors say which word is wrong, and which is meant where that can be guessed.
func (o Options) Parse(line string) (Route, error) {
	c := o.cursor(line)
	if len(c.rest) == 0 {
		return Route{}, errEmpty
	}
	var r Route
	for c.err == nil {
		w, more := c.next()
		if !more {
			break
		}
		switch w = routeSynonym(w); {
		case slices.Contains(typeNames[1:], w):
			c.once("the type")
			r.Type = Type(slices.Index(typeNames[:], w))
		case slices.Contains(modeNames[:], w):
			c.once("prepend, add, append or replace")
			r.Mode = Mode(slices.Index(modeNames[:], w))
		case kindOf(w) != 0:
			c.metric(&r, kindOf(w))
		case slices.Contains(routeOptions(), w):
			if w != "nexthop" && w != "or" {
				c.once(w)
			}
			c.routeOption(&r, w)
		default:
			c.destination(&r, w)
		}
	}
	c.finish(&r)
	if c.err != nil {
		return Route{}, c.err
	}
	return r, nil
}

// routeOptions are the words with a meaning but types, modes and metrics.
func routeOptions() []string {
	return []string{"to", "via", "or", "dev", "src", "table", "vrf", "metric", "scope", "tos", "protocol", "realms", "pref", "expires",
		"ttl-propagate", "as", "encap", "nexthop", "onlink", "no_track", "inet", "inet6"}
}

// routeSynonym returns the first of several words for the same.
func routeSynonym(w string) string {
	switch w {
	case "gw":
		return "via"
	case "oif":
		return "dev"
	case "from":
		return "src"
	case "priority", "preference":
		return "metric"
	case "dsfield":
		return "tos"
	case "proto":
		return "protocol"
	case "realm":
		return "realms"
	}
	return w
}

// destination reads what is no option.
func (c *cursor) destination(r *Route, w string) {
	p, err := parsePrefix(w)
	switch all := w == "default" || w == "any" || w == "all"; {
	case c.err != nil:
		return
	case err != nil && !all && !strings.ContainsAny(w, ".:/"):
		c.unknown("unknown word", w, slices.Concat(routeOptions(), typeNames[1:], kindNames[MTU:], modeNames[:]))
	case err != nil && !all:
		c.failf("%w", err)
	case c.seen["destination"]:
		c.failf("%q is a second destination: each route needs a line of its own", w)
	case !all:
		c.sets(familyOf(p.Addr()), w)
		r.To = p
	}
	c.seen["destination"] = true
}

func (c *cursor) routeOption(r *Route, w string) {
	switch w {
	case "to":
		c.destination(r, c.value(w))
	case "inet", "inet6":
		c.sets(map[string]int{"inet": 4, "inet6": 6}[w], w)
	case "via":
		r.Via = c.gateway(w)
	case "or":
		if len(r.Hops) == 0 {
			r.Hops = append(r.Hops, Hop{Via: r.Via, Weight: 1})
			r.Via = netip.Addr{}
		}
		r.Hops = append(r.Hops, Hop{Via: c.gateway(w), Weight: 1})
	case "dev":
		r.Dev = c.device(w)
	case "src":
		if r.Src = c.address(w); c.err == nil {
			c.sets(familyOf(r.Src), r.Src.String())
		}
	case "table":
		r.Table = c.table(w)
	case "vrf":
		r.VRF = c.device(w)
	case "metric":
		r.Metric = c.plain(w, 1<<32-1)
	case "scope":
		r.Scope = some(uint8(c.named(w, 10, 255, scopes(), "etc/iproute2/rt_scopes")))
	case "tos":
		r.TOS = c.tos(w)
	case "protocol":
		r.Protocol = c.protocol(w)
	case "realms":
		r.Realms = c.realms(w)
	case "pref":
		r.Pref = some(uint8(c.named(w, 10, 3, preferences(), "")))
	case "expires":
		r.Expires = some(c.plain(w, 1<<32-1))
	case "ttl-propagate":
		r.Propagate = some(c.named(w, 10, 0, []name{{"enabled", 1}, {"disabled", 0}}, "") == 1)
	case "as":
		c.take("to")
		r.As = c.address(w)
	case "encap":
		r.Encap = c.encap()
	case "nexthop":
		r.Hops = append(r.Hops, c.hop())
	case "onlink":
		r.OnLink = true
	case "no_track":
		r.NoTrack = true
	}
}

// metric reads [lock] VALUE.
func (c *cursor) metric(r *Route, k Kind) {
	m := Metric{Kind: k}
	if k != Features {
		c.once(k.String())
		m.Lock = c.take("lock") || k == RTOMin
	}
	w := c.value(k.String())
	if c.err != nil {
		return
	}
	switch {
	case k == Congestion:
		if m.Text = w; !validName(w) {
			c.failf("congctl %q: no algorithm has such a name", w)
		}
	case k == Features:
		i := slices.IndexFunc(features(), func(f feature) bool { return f.name == w })
		if i < 0 {
			c.failf("features %q: want ecn or tcp_usec_ts", w)
			return
		}
		m.Value = features()[i].bit
		if at := slices.IndexFunc(r.Metrics, func(m Metric) bool { return m.Kind == Features }); at >= 0 {
			r.Metrics[at].Value |= m.Value
			return
		}
	default:
		m.Value = c.amount(k, w)
	}
	r.Metrics = append(r.Metrics, m)
}

// amount reads a number, or a time with its unit.
func (c *cursor) amount(k Kind, w string) uint32 {
	number, factor := w, uint64(1)
	if unit := uint64(k.unit()); unit > 0 {
		for _, u := range []struct {
			suffix string
			factor uint64
		}{{"msecs", unit}, {"msec", unit}, {"ms", unit}, {"secs", 1000 * unit}, {"sec", 1000 * unit}, {"s", 1000 * unit}} {
			if n, ok := strings.CutSuffix(w, u.suffix); ok {
				number, factor = n, u.factor
				break
			}
		}
	}
	n, ok := parseNumber(number, 10, k.most()/factor)
	if !ok {
		unit := ""
		if k.unit() > 0 {
			unit = " with ms or s behind it"
		}
		c.failf("%s %q: want a number up to %d%s", k, w, k.most()/max(uint64(k.unit()), 1), unit)
	}
	return uint32(n * factor)
}

// hop reads what follows nexthop, up to what is none of its words.
func (c *cursor) hop() Hop {
	h := Hop{Weight: 1}
	seen := c.seen
	c.seen = map[string]bool{} // each has its own
	defer func() { c.seen = seen }()
	for c.err == nil && len(c.rest) > 0 {
		w := routeSynonym(c.rest[0])
		if !slices.Contains([]string{"via", "dev", "weight", "realms", "encap", "onlink"}, w) {
			break
		}
		c.rest = c.rest[1:]
		c.once(w)
		switch w {
		case "via":
			h.Via = c.gateway(w)
		case "dev":
			h.Dev = c.device(w)
		case "weight":
			if h.Weight = int(c.plain(w, 256)); h.Weight == 0 {
				c.failf("weight 0: want 1 to 256")
			}
		case "realms":
			h.Realms = c.realms(w)
		case "encap":
			h.Encap = c.encap()
		case "onlink":
			h.OnLink = true
		}
	}
	if c.err == nil && !h.Via.IsValid() && h.Dev == "" {
		c.failf("nexthop: want via or dev behind it")
	}
	return h
}

// finish puts in what is open and refuses what does not go together.
func (c *cursor) finish(r *Route) {
	if c.err != nil {
		return
	}
	if !c.seen["destination"] {
		c.failf("the route has no destination: want an address with its length, or default")
		return
	}
	r.IPv6 = c.family == 6
	if !r.To.IsValid() {
		r.To = netip.PrefixFrom(netip.IPv4Unspecified(), 0)
		if r.IPv6 {
			r.To = netip.PrefixFrom(netip.IPv6Unspecified(), 0)
		}
	}
	if r.Type == 0 {
		r.Type = Unicast
	}
	if r.Table == 0 && r.VRF == "" {
		r.Table = r.Type.table()
	}
	slices.SortStableFunc(r.Metrics, func(a, b Metric) int { return int(a.Kind) - int(b.Kind) })
	if len(r.Hops) > 0 {
		c.spread(r)
	}
	if r.Dev == "" && !r.Via.IsValid() && len(r.Hops) == 0 && r.needsDevice() {
		r.Dev = c.Dev
	}
	switch {
	case c.err != nil:
	case r.VRF != "" && r.Table != 0:
		c.failf("vrf %s says the table: remove table %s", r.VRF, tableName(r.Table))
	case r.IPv6 && (r.Via.Is4() || slices.ContainsFunc(r.Hops, func(h Hop) bool { return h.Via.Is4() })):
		c.failf("an IPv6 route cannot go by an IPv4 gateway")
	case r.needsDevice() && r.Dev == "" && !r.Via.IsValid() && len(r.Hops) == 0:
		c.failf("the route leads nowhere: want via, dev or nexthop")
	}
}

// needsDevice reports whether packets are sent.
func (r *Route) needsDevice() bool {
	switch r.Type {
	case Blackhole, Unreachable, Prohibit, Throw:
		return false
	}
	return true
}

// spread gives several next hops what stands before them, which the kernel wants of each.
func (c *cursor) spread(r *Route) {
	if r.Via.IsValid() {
		c.failf("via %s beside nexthop: write nexthop via %s", r.Via, r.Via)
		return
	}
	for i := range r.Hops {
		h := &r.Hops[i]
		if h.Dev == "" {
			h.Dev = r.Dev
		}
		if h.Encap == nil {
			h.Encap = r.Encap
		}
		h.OnLink = h.OnLink || r.OnLink
	}
	r.Dev, r.Encap, r.OnLink = "", nil, false
}
