// SPDX-License-Identifier: Apache-2.0

package keepalived

import (
	"math"
	"net/netip"
	"strconv"
	"strings"
)

// rules is a block of policy rules.
func (p *parser) rules(to *[]Rule, static bool) action {
	return action{block: true, do: func(n *node) {
		p.each(n, func(line *node) {
			if r, ok := p.rule(n.name(), line, static); ok {
				*to = append(*to, r)
			}
		})
	}}
}

func ruleOptions() []string {
	return []string{"not", "inet", "inet6", "from", "to", "table", "lookup", "iif", "dev", "oif", "tos", "dsfield", "fwmark",
		"preference", "priority", "order", "realms", "goto", "nop", "type", "blackhole", "unreachable", "prohibit", "uidrange", "l3mdev",
		"protocol", "ipproto", "ip_proto", "sport", "dport", "suppress_prefixlength", "sup_pl", "suppress_ifgroup", "sup_group",
		"tunnel-id", "no_track", "track_group"}
}

// rule reads a line in the words of iproute2.
func (p *parser) rule(block string, line *node, static bool) (Rule, bool) {
	r := Rule{At: line.at()}
	w := &words{p, block, line.words, true}
	family := 0
	end := func(t Token) netip.Prefix {
		if t.Text == "all" || t.Text == "any" || t.Text == "default" {
			return netip.Prefix{}
		}
		to, _, ok := prefix(t.Text)
		f := map[bool]int{true: 4, false: 6}[to.Addr().Is4()]
		switch {
		case !ok:
			w.drop(t.At, "%q is no address", t.Text)
		case family != 0 && family != f:
			w.drop(t.At, "%s is not of the family of what precedes it", t.Text)
		}
		family = f
		return to
	}
	for w.ok {
		o, more := w.next()
		if !more {
			break
		}
		switch o.Text {
		case "from":
			r.From = end(w.value(o))
		case "to":
			r.To = end(w.value(o))
		case "inet":
			family = 4
		case "inet6":
			family = 6
		default:
			if !w.ruleAction(&r, o) && !w.ruleWord(&r, o, static) {
				w.drop(o.At, "unknown option %q%s", o.Text, meant(o.Text, ruleOptions()))
			}
		}
	}
	r.IPv6 = family == 6
	if !w.ok {
		return r, false
	}
	switch {
	case r.Action == "" && r.L3MDev:
		r.Action = "table"
	case r.Action == "":
		w.drop(r.At, "the rule says neither a table nor another action")
	case r.Action == "goto" && !r.Preference.IsSet():
		w.drop(r.At, "goto %d needs a preference of its own", r.Goto)
	case r.Action == "goto" && r.Goto <= r.Preference.V:
		w.drop(r.At, "goto %d leads back: the target must be greater than the preference, %d", r.Goto, r.Preference.V)
	case !r.Preference.IsSet():
		p.warn(r.At, "%s: the rule has no preference; %d is taken, which is probably not what was meant", block, p.preference)
		r.Preference.V = p.preference
		p.preference--
	}
	return r, w.ok
}

// ruleAction reads what a rule does, and reports whether the word said that.
func (w *words) ruleAction(r *Rule, o Token) bool {
	switch o.Text {
	case "table", "lookup":
		r.Action, r.Table = "table", w.value(o).Text
	case "goto":
		r.Action, r.Goto = "goto", w.uint32(o, w.value(o))
	case "type":
		t := w.value(o)
		if !w.ruleAction(r, t) && w.ok {
			w.drop(t.At, "type is blackhole, unreachable, prohibit or nop, not %q", t.Text)
		}
	case "nop", "blackhole", "unreachable", "prohibit":
		r.Action = o.Text
	default:
		return false
	}
	return true
}

// ruleWord reads one option, and reports whether it was one.
func (w *words) ruleWord(r *Rule, o Token, static bool) bool {
	switch o.Text {
	case "not":
		r.Not = true
	case "iif", "dev":
		r.In = w.value(o).Text
	case "oif":
		r.Out = w.value(o).Text
	case "tos", "dsfield":
		r.TOS = w.value(o).Text
	case "fwmark":
		t := w.value(o)
		mark, mask, masked := strings.Cut(t.Text, "/")
		r.Mark = Value[uint32]{w.uint32(o, Token{Text: mark, At: t.At}), t.At}
		if masked {
			r.Mask = Value[uint32]{w.uint32(o, Token{Text: mask, At: t.At}), t.At}
		}
	case "preference", "priority", "order":
		t := w.value(o)
		r.Preference = Value[uint32]{w.uint32(o, t), t.At}
	case "realms":
		r.Realms = w.value(o).Text
	case "uidrange":
		low, high := w.span(o, math.MaxUint32)
		r.UIDs, r.HasUIDs = [2]uint32{uint32(low), uint32(high)}, true
	case "l3mdev":
		r.L3MDev = true
	case "protocol":
		r.Protocol = w.value(o).Text
	case "ipproto", "ip_proto":
		r.IPProto = w.value(o).Text
	case "sport":
		low, high := w.span(o, math.MaxUint16)
		r.Sport = [2]uint16{uint16(low), uint16(high)}
	case "dport":
		low, high := w.span(o, math.MaxUint16)
		r.Dport = [2]uint16{uint16(low), uint16(high)}
	case "suppress_prefixlength", "sup_pl":
		t := w.value(o)
		r.SupPrefix = Value[int]{int(w.uint32(o, t)), t.At}
	case "suppress_ifgroup", "sup_group":
		t := w.value(o)
		r.SupGroup = Value[int]{int(w.uint32(o, t)), t.At}
	case "tunnel-id":
		t := w.value(o)
		n, err := parseUint(t.Text)
		if err != nil && w.ok {
			w.drop(t.At, "tunnel-id: want a number, not %q", t.Text)
		}
		r.TunnelID = Value[uint64]{n, t.At}
	case "no_track":
		r.NoTrack = true
	case "track_group":
		w.group(o, &r.TrackGroup, static)
	default:
		return false
	}
	return true
}

// span reads A or A-B.
func (w *words) span(o Token, most uint64) (low, high uint64) {
	t := w.value(o)
	a, b, two := strings.Cut(t.Text, "-")
	low, err := strconv.ParseUint(a, 10, 64)
	high = low
	if two && err == nil {
		high, err = strconv.ParseUint(b, 10, 64)
	}
	if (err != nil || low > high || high > most) && w.ok {
		w.drop(t.At, "%s: want a number or a range up to %d, not %q", o.Text, most, t.Text)
	}
	return low, high
}
