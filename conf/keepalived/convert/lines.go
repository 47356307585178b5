// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/regent-ha/regent/conf"
	"github.com/regent-ha/regent/conf/keepalived"
)

// addressLines writes addresses with their options; i is nil for static ones. An address on the instance's own
// interface names none, unless it is to stand beside the VMAC.
func (v *converter) addressLines(list []keepalived.Address, i *keepalived.Instance) []element {
	var out []element
	type at struct {
		addr netip.Addr
		dev  string
	}
	seen := map[at]bool{}
	for _, a := range list {
		if i != nil && seen[at{a.Prefix.Addr(), a.Dev}] {
			v.note(a.At, "%s is there already; it is left out here", a.Prefix.Addr())
			continue
		}
		seen[at{a.Prefix.Addr(), a.Dev}] = true
		own := i != nil && a.OnInstance(i)
		out = append(out, element{addressLine(a, own), a.At})
	}
	return out
}

func addressLine(a keepalived.Address, own bool) string {
	var b line
	b.word(a.Prefix.String())
	b.pair("dev", a.Dev, a.Dev != "" && !own)
	b.pair("peer", a.Peer, a.Peer.IsValid())
	b.pair("brd", a.Broadcast, a.Broadcast.IsValid())
	usual := uint8(0)
	if a.Prefix.Addr().Is4() && a.Prefix.Addr().IsLoopback() {
		usual = scopeHost
	}
	b.pair("scope", scopeName(a.Scope), a.Scope != usual)
	b.pair("label", a.Label, a.Label != "")
	b.flag("home", a.Home)
	b.flag("mngtmpaddr", a.ManageTemp)
	b.flag("noprefixroute", a.NoPrefix)
	b.flag("autojoin", a.AutoJoin)
	b.flag("-nodad", a.DAD)
	switch {
	case a.Preferred != keepalived.Forever:
		b.pair("preferred_lft", a.Preferred, true)
	case a.Prefix.Addr().Is6(): // which Regent does not prefer, as a rule
		b.pair("preferred_lft", "forever", true)
	}
	b.flag("no_track", a.NoTrack)
	b.flag("use_vmac", a.VMAC)
	return b.String()
}

// scopeHost is the scope of what is good on this machine only.
const scopeHost = 254

func scopeName(n uint8) string {
	switch n {
	case 0:
		return "global"
	case 200:
		return "site"
	case 253:
		return "link"
	case scopeHost:
		return "host"
	case 255:
		return "nowhere"
	}
	return strconv.Itoa(int(n))
}

func routeLines(list []keepalived.Route) []element {
	var out []element
	for _, r := range list {
		out = append(out, element{routeLine(r), r.At})
	}
	return unlike(out)
}

func ruleLines(list []keepalived.Rule) []element {
	var out []element
	for _, r := range list {
		out = append(out, element{ruleLine(r), r.At})
	}
	return unlike(out)
}

// good leaves out what the judge refuses.
func (v *converter) good(list []element, judge func(string) error) []element {
	if judge == nil {
		return list
	}
	var out []element
	for _, e := range list {
		if err := judge(e.text); err != nil {
			v.tell(e.at, keepalived.Mistake, conf.Warning, "%q is left out: %v", e.text, err)
			continue
		}
		out = append(out, e)
	}
	return out
}

// unlike leaves out what is the same as an earlier one.
func unlike(list []element) []element {
	var out []element
	seen := map[string]bool{}
	for _, e := range list {
		if !seen[e.text] {
			seen[e.text] = true
			out = append(out, e)
		}
	}
	return out
}

// routeLine writes a route in iproute2's words.
func routeLine(r keepalived.Route) string {
	var b line
	b.flag(r.Mode, r.Mode != "")
	b.flag(r.Type, r.Type != "unicast")
	if to := r.To; to.Bits() == 0 && !to.Addr().Is6() {
		b.word("default")
	} else {
		b.word(to.String())
	}
	via := "via"
	if r.Via.IsValid() && r.Via.Is6() != r.IPv6 {
		via = map[bool]string{true: "via inet6", false: "via inet"}[r.Via.Is6()]
	}
	b.pair(via, r.Via, r.Via.IsValid())
	b.pair("dev", r.Dev, r.Dev != "")
	b.pair("src", r.Source, r.Source.IsValid())
	b.pair("table", r.Table, r.Table != "")
	b.pair("metric", r.Metric.V, r.Metric.IsSet())
	b.pair("scope", routeScope(r), routeScope(r) != "")
	b.pair("tos", tos(r.TOS), r.TOS != "")
	b.pair("protocol", r.Protocol, r.Protocol != "")
	for _, m := range r.Metrics {
		b.word(m.Name)
		b.flag("lock", m.Lock)
		n := strconv.FormatUint(uint64(m.N), 10)
		if m.Name == "rtt" || m.Name == "rttvar" || m.Name == "rto_min" {
			n += "ms"
		}
		b.word(n)
	}
	if r.Congestion != "" {
		b.word("congctl")
		b.flag("lock", r.CongLock)
		b.word(r.Congestion)
	}
	b.pair("features", "ecn", r.ECN)
	b.pair("realms", r.Realms, r.Realms != "")
	b.pair("pref", r.Preference, r.Preference != "")
	b.pair("expires", r.Expires.V, r.Expires.IsSet())
	b.pair("ttl-propagate", map[bool]string{true: "enabled", false: "disabled"}[r.Propagate.V], r.Propagate.IsSet())
	b.pair("vrf", r.VRF, r.VRF != "")
	b.pair("as to", r.As, r.As.IsValid())
	b.encap(r.Encap)
	b.flag("onlink", r.OnLink)
	for _, h := range r.Hops {
		b.word("nexthop")
		b.pair("via", h.Via, h.Via.IsValid())
		b.pair("dev", h.Dev, h.Dev != "")
		b.pair("weight", h.Weight, h.Weight != 1)
		b.pair("realms", h.Realms, h.Realms != "")
		b.encap(h.Encap)
		b.flag("onlink", h.OnLink)
	}
	b.flag("no_track", r.NoTrack)
	return b.String()
}

// routeScope is the scope of a route as keepalived has it: global unless it is said, where iproute2 chooses another one
// for routes without a gateway.
func routeScope(r keepalived.Route) string {
	if r.Scope == "" && !r.IPv6 && r.Type == "unicast" && !r.Via.IsValid() && len(r.Hops) == 0 {
		return "global"
	}
	return r.Scope
}

// tos is a number as iproute2 reads it, or a name.
func tos(text string) string {
	if n, err := strconv.ParseUint(text, 0, 8); err == nil {
		return fmt.Sprintf("%#02x", n)
	}
	return text
}

// ruleLine writes a rule in iproute2's words.
func ruleLine(r keepalived.Rule) string {
	var b line
	b.flag("not", r.Not)
	switch {
	case r.From.IsValid():
		b.pair("from", r.From, true)
	case r.IPv6 && !r.To.IsValid(): // nothing else tells the family
		b.pair("from", "::/0", true)
	case !r.To.IsValid():
		b.pair("from", "all", true)
	}
	b.pair("to", r.To, r.To.IsValid())
	b.pair("tos", tos(r.TOS), r.TOS != "")
	if r.Mark.IsSet() {
		mark := fmt.Sprintf("%#x", r.Mark.V)
		if r.Mask.IsSet() {
			mark += fmt.Sprintf("/%#x", r.Mask.V)
		}
		b.pair("fwmark", mark, true)
	}
	b.pair("iif", r.In, r.In != "")
	b.pair("oif", r.Out, r.Out != "")
	b.pair("uidrange", fmt.Sprintf("%d-%d", r.UIDs[0], r.UIDs[1]), r.HasUIDs)
	b.pair("ipproto", r.IPProto, r.IPProto != "")
	b.pair("sport", span(r.Sport), r.Sport != [2]uint16{})
	b.pair("dport", span(r.Dport), r.Dport != [2]uint16{})
	b.pair("tunnel-id", r.TunnelID.V, r.TunnelID.IsSet())
	b.pair("protocol", r.Protocol, r.Protocol != "")
	b.pair("suppress_prefixlength", r.SupPrefix.V, r.SupPrefix.IsSet())
	b.pair("suppress_ifgroup", r.SupGroup.V, r.SupGroup.IsSet())
	b.pair("realms", r.Realms, r.Realms != "")
	b.flag("l3mdev", r.L3MDev)
	switch r.Action {
	case "table":
		b.pair("table", r.Table, r.Table != "")
	case "goto":
		b.pair("goto", r.Goto, true)
	default:
		b.flag(r.Action, r.Action != "")
	}
	b.pair("priority", r.Preference.V, true)
	b.flag("no_track", r.NoTrack)
	return b.String()
}

func span(ports [2]uint16) string {
	if ports[0] == ports[1] {
		return strconv.Itoa(int(ports[0]))
	}
	return fmt.Sprintf("%d-%d", ports[0], ports[1])
}

// line collects words.
type line []string

func (l *line) word(w string) { *l = append(*l, w) }

func (l *line) flag(w string, on bool) {
	if on {
		l.word(w)
	}
}

func (l *line) pair(name string, value any, on bool) {
	if on {
		l.word(name)
		l.word(fmt.Sprint(value))
	}
}

func (l *line) encap(words []string) {
	if len(words) > 0 {
		l.word("encap")
		*l = append(*l, words...)
	}
}

func (l *line) String() string { return strings.Join(*l, " ") }
