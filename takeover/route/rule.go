// SPDX-License-Identifier: Apache-2.0

package route

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Rule is a policy rule as a line says it. [ParseRule] makes it. It is comparable.
type Rule struct {
	IPv6     bool
	Not      bool         // it applies to what the rest does not match
	From, To netip.Prefix // masked; not valid for all

	TOS            uint8
	Mark, Mask     uint32 // fwmark; the mask is 0 where no mark is asked for
	In, Out        string // names of interfaces
	UIDs           Opt[[2]uint32]
	IPProto        uint8
	Sport, Dport   [2]uint16 // first and last; 0 for all
	TunnelID       uint64
	Protocol       uint8 // who installed it; 0 is [Protocol]
	SuppressPrefix Opt[uint32]
	SuppressGroup  Opt[uint32]
	Realms         Realms // IPv4

	Action   Action
	Table    uint32 // of [Lookup]
	L3MDev   bool   // of [Lookup]: the table is that of the VRF of the packet
	Goto     uint32 // of [Goto]: the priority of the rule to go on with
	Priority Opt[uint32]

	NoTrack bool // it may be deleted by others; only the caller cares for that
}

// Action is what a rule does (FR_ACT_*).
type Action uint8

// The actions of rules.
const (
	Lookup            Action = 1
	Goto              Action = 2
	Nop               Action = 3
	RejectBlackhole   Action = 6
	RejectUnreachable Action = 7
	RejectProhibit    Action = 8
)

// actionOf finds an action by the word that stands for it alone; 0 if there is none.
func actionOf(word string) Action {
	for _, a := range []Action{Nop, RejectBlackhole, RejectUnreachable, RejectProhibit} {
		if a.String() == word {
			return a
		}
	}
	return 0
}

// String returns the word of ip(8).
func (a Action) String() string {
	switch a {
	case Lookup:
		return "table"
	case Goto:
		return "goto"
	case Nop:
		return "nop"
	}
	return Type(a).String() // their numbers are the same
}

// String returns canonical text.
func (r Rule) String() string {
	var l line
	l.flag("not", r.Not)
	switch {
	case r.From.IsValid():
		l.pair("from", r.From, true)
	case r.IPv6 && !r.To.IsValid(): // nothing else tells the family
		l.pair("from", "::/0", true)
	case !r.To.IsValid():
		l.pair("from", "all", true)
	}
	l.pair("to", r.To, r.To.IsValid())
	l.pair("tos", fmt.Sprintf("0x%02x", r.TOS), r.TOS != 0)
	mark := fmt.Sprintf("%#x", r.Mark)
	if r.Mask != math.MaxUint32 || r.Mark == 0 {
		mark += fmt.Sprintf("/%#x", r.Mask)
	}
	l.pair("fwmark", mark, r.Mask != 0)
	l.pair("iif", r.In, r.In != "")
	l.pair("oif", r.Out, r.Out != "")
	l.pair("uidrange", fmt.Sprintf("%d-%d", r.UIDs.V[0], r.UIDs.V[1]), r.UIDs.Set)
	l.pair("ipproto", ipProtoName(r.IPProto), r.IPProto != 0)
	l.pair("sport", ports(r.Sport), r.Sport != [2]uint16{})
	l.pair("dport", ports(r.Dport), r.Dport != [2]uint16{})
	l.pair("tunnel-id", r.TunnelID, r.TunnelID != 0)
	l.pair("protocol", protocolName(r.Protocol), r.Protocol != 0)
	l.pair("suppress_prefixlength", r.SuppressPrefix.V, r.SuppressPrefix.Set)
	l.pair("suppress_ifgroup", r.SuppressGroup.V, r.SuppressGroup.Set)
	l.pair("realms", r.Realms, r.Realms != Realms{})
	switch {
	case r.L3MDev:
		l.word("l3mdev")
	case r.Action == Lookup:
		l.pair("table", tableName(r.Table), true)
	case r.Action == Goto:
		l.pair("goto", r.Goto, true)
	default:
		l.word(r.Action.String())
	}
	l.pair("priority", r.Priority.V, r.Priority.Set)
	l.flag("no_track", r.NoTrack)
	return strings.Join(l, " ")
}

func ports(p [2]uint16) string {
	if p[0] == p[1] {
		return strconv.Itoa(int(p[0]))
	}
	return fmt.Sprintf("%d-%d", p[0], p[1])
}

// ParseRule reads a rule with the names that every system has.
func ParseRule(line string) (Rule, error) { return Options{}.ParseRule(line) }

// ParseRule reads a rule. Errors say which word is wrong, and which is meant where that can be guessed.
func (o Options) ParseRule(line string) (Rule, error) {
	c := o.cursor(line)
	if len(c.rest) == 0 {
		return Rule{}, errEmpty
	}
	var r Rule
	for c.err == nil {
		w, more := c.next()
		if !more {
			break
		}
		w = ruleSynonym(w)
		if !slices.Contains(ruleOptions(), w) {
			c.unknown("unknown word", w, ruleOptions())
			break
		}
		c.once(w)
		c.ruleOption(&r, w)
	}
	c.finishRule(&r)
	if c.err != nil {
		return Rule{}, c.err
	}
	return r, nil
}

func ruleOptions() []string {
	return []string{"not", "inet", "inet6", "from", "to", "table", "iif", "oif", "tos", "fwmark", "priority", "realms", "goto", "nop",
		"type", "blackhole", "unreachable", "prohibit", "uidrange", "l3mdev", "protocol", "ipproto", "sport", "dport",
		"suppress_prefixlength", "suppress_ifgroup", "tunnel-id", "no_track"}
}

// ruleSynonym returns the first of several words for the same.
func ruleSynonym(w string) string {
	switch w {
	case "lookup":
		return "table"
	case "dev":
		return "iif"
	case "dsfield":
		return "tos"
	case "preference", "pref", "order":
		return "priority"
	case "realm":
		return "realms"
	case "proto":
		return "protocol"
	case "ip_proto":
		return "ipproto"
	case "sup_pl":
		return "suppress_prefixlength"
	case "sup_group":
		return "suppress_ifgroup"
	case "tun_id":
		return "tunnel-id"
	}
	return w
}

func (c *cursor) ruleOption(r *Rule, w string) {
	switch w {
	case "not":
		r.Not = true
	case "inet", "inet6":
		c.sets(map[string]int{"inet": 4, "inet6": 6}[w], w)
	case "from":
		r.From = c.prefix("from ", c.value(w))
	case "to":
		r.To = c.prefix("to ", c.value(w))
	case "table":
		c.act(r, Lookup)
		r.Table = c.table(w)
	case "goto":
		c.act(r, Goto)
		r.Goto = c.plain(w, 1<<32-1)
	case "type":
		v := c.value(w)
		if actionOf(v) == 0 && c.err == nil {
			c.unknown("type", v, []string{"nop", "blackhole", "unreachable", "prohibit"})
		}
		c.act(r, actionOf(v))
	case "nop", "blackhole", "unreachable", "prohibit":
		c.act(r, actionOf(w))
	case "iif":
		r.In = c.device(w)
	case "oif":
		r.Out = c.device(w)
	case "tos":
		r.TOS = c.tos(w)
	case "fwmark":
		c.mark(r)
	case "priority":
		r.Priority = some(c.plain(w, 1<<32-1))
	case "realms":
		r.Realms = c.realms(w)
	case "uidrange":
		r.UIDs = some(c.span(w, 0, math.MaxUint32))
	case "l3mdev":
		r.L3MDev = true
	case "protocol":
		r.Protocol = c.protocol(w)
	case "ipproto":
		r.IPProto = uint8(c.named(w, 10, 255, ipProtocols(), "etc/protocols"))
	case "sport":
		p := c.span(w, 1, math.MaxUint16)
		r.Sport = [2]uint16{uint16(p[0]), uint16(p[1])}
	case "dport":
		p := c.span(w, 1, math.MaxUint16)
		r.Dport = [2]uint16{uint16(p[0]), uint16(p[1])}
	case "suppress_prefixlength":
		r.SuppressPrefix = some(c.plain(w, 128))
	case "suppress_ifgroup":
		r.SuppressGroup = some(c.named(w, 10, math.MaxInt32, []name{{"default", 0}}, "etc/iproute2/group"))
	case "tunnel-id":
		v := c.value(w)
		n, ok := parseNumber(v, 10, 1<<64-1)
		if r.TunnelID = n; !ok || n == 0 {
			c.failf("tunnel-id %q: want a number from 1", v)
		}
	case "no_track":
		r.NoTrack = true
	}
}

// act notes what the rule does, which can be one thing only.
func (c *cursor) act(r *Rule, a Action) {
	if r.Action != 0 {
		c.failf("%s beside %s: a rule does one thing", a, r.Action)
	}
	r.Action = a
}

// mark takes MARK[/MASK].
func (c *cursor) mark(r *Rule) {
	w := c.value("fwmark")
	text, mask, masked := strings.Cut(w, "/")
	n, ok := parseNumber(text, 10, math.MaxUint32)
	m, good := uint64(math.MaxUint32), true
	if masked {
		m, good = parseNumber(mask, 10, math.MaxUint32)
	}
	r.Mark, r.Mask = uint32(n), uint32(m)
	switch {
	case !ok || !good:
		c.failf("fwmark %q: want MARK or MARK/MASK", w)
	case n == 0 && !masked:
		c.failf("fwmark 0: the kernel takes that for any mark: write 0/0xffffffff for packets without one")
	case m == 0:
		c.failf("fwmark %s: the mask lets every packet through: remove it", w)
	}
}

// span takes A or A-B.
func (c *cursor) span(option string, least, most uint64) (p [2]uint32) {
	w := c.value(option)
	a, b, two := strings.Cut(w, "-")
	if !two {
		b = a
	}
	low, ok := parseNumber(a, 10, most)
	high, good := parseNumber(b, 10, most)
	if !ok || !good || low > high || low < least {
		c.failf("%s %q: want a number or a range from %d to %d", option, w, least, most)
	}
	return [2]uint32{uint32(low), uint32(high)}
}

// finishRule puts in what is open and refuses what does not go together.
func (c *cursor) finishRule(r *Rule) {
	r.IPv6 = c.family == 6
	for _, p := range []*netip.Prefix{&r.From, &r.To} {
		if p.IsValid() && p.Bits() == 0 {
			*p = netip.Prefix{}
		}
	}
	if r.L3MDev && r.Action == 0 {
		r.Action = Lookup
	}
	switch {
	case c.err != nil:
	case r.Action == 0:
		c.failf("the rule does nothing: want table, goto, nop, blackhole, unreachable or prohibit")
	case r.L3MDev && (r.Action != Lookup || r.Table != 0):
		c.failf("l3mdev says the table: remove %s", r.Action)
	case r.Action == Goto && r.Goto == 0:
		c.failf("goto 0: want the priority of a later rule")
	case r.Action == Goto && !r.Priority.Set:
		c.failf("goto %d needs a priority of its own", r.Goto)
	case r.Action == Goto && r.Goto <= r.Priority.V:
		c.failf("goto %d leads back: want more than the priority, %d", r.Goto, r.Priority.V)
	case r.IPv6 && r.Realms != Realms{}:
		c.failf("realms are for IPv4: remove them")
	}
}
