// SPDX-License-Identifier: Apache-2.0

package route

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Protocol is the mark (rtm_protocol) of routes and rules whose line names none: 112, the number of VRRP.
const Protocol = 112

// Opt is a value that may be absent. The zero value is absent.
type Opt[T comparable] struct {
	V   T
	Set bool
}

func some[T comparable](v T) Opt[T] { return Opt[T]{v, true} }

// Type is what a route does with packets (RTN_*).
type Type uint8

// The types of routes.
const (
	Unicast     Type = 1
	Local       Type = 2
	Broadcast   Type = 3
	Anycast     Type = 4
	Multicast   Type = 5
	Blackhole   Type = 6
	Unreachable Type = 7
	Prohibit    Type = 8
	Throw       Type = 9
	NAT         Type = 10
)

var typeNames = [...]string{"", "unicast", "local", "broadcast", "anycast", "multicast", "blackhole", "unreachable", "prohibit",
	"throw", "nat"}

// String returns the word of ip(8).
func (t Type) String() string {
	if t > 0 && int(t) < len(typeNames) {
		return typeNames[t]
	}
	return strconv.Itoa(int(t))
}

// Tables that every system has.
const (
	TableDefault = 253
	TableMain    = 254
	TableLocal   = 255
)

// Route is a route as a line says it. [Parse] makes it.
type Route struct {
	Type Type
	IPv6 bool
	To   netip.Prefix // masked; of length 0 for default

	Via  netip.Addr // gateway; of the other family where IPv4 goes by an IPv6 neighbour
	Dev  string     // name of the interface
	Hops []Hop      // several next hops, instead of Via and Dev

	Src      netip.Addr // address to send from
	Table    uint32     // main, or local for the types that belong there; 0 is that default, too
	VRF      string     // the table is that of this VRF device
	Metric   uint32     // 0 is the kernel's default
	Scope    Opt[uint8]
	TOS      uint8
	Protocol uint8 // 0 is [Protocol]

	Metrics   []Metric // in the order of the kernel's numbers
	Realms    Realms
	Pref      Opt[uint8]  // IPv6: 3 low, 0 medium, 1 high (RFC 4191)
	Expires   Opt[uint32] // IPv6: seconds
	Propagate Opt[bool]   // MPLS: ttl-propagate
	As        netip.Addr  // MPLS: new destination
	Encap     *Encap
	OnLink    bool // the gateway is a neighbour although no subnet says so

	Mode    Mode
	NoTrack bool // it may be deleted by others; only the caller cares for that
}

// Mode says what happens to routes of the same destination, table, tos and metric that are there already.
type Mode uint8

// The modes of adding.
const (
	Prepend Mode = iota // the new one comes before them; of IPv6 it becomes one of several next hops
	Add                 // they are an error
	Append              // the new one comes behind them
	Replace             // the first of them is lost, whoever put it there
)

var modeNames = [...]string{"prepend", "add", "append", "replace"}

// Hop is one of several next hops.
type Hop struct {
	Via    netip.Addr
	Dev    string
	Weight int // 1 to 256
	Realms Realms
	Encap  *Encap
	OnLink bool
}

// Realms is a pair of realms, source and destination; 0 is none.
type Realms struct{ From, To uint16 }

func (r Realms) String() string {
	if r.From == 0 {
		return strconv.Itoa(int(r.To))
	}
	return fmt.Sprintf("%d/%d", r.From, r.To)
}

// Metric is a property of the path (RTAX_*).
type Metric struct {
	Kind  Kind
	Value uint32 // in the kernel's unit
	Text  string // congctl only: the algorithm
	Lock  bool   // not to be changed by what is learned
}

// Encap is a light-weight tunnel.
type Encap struct {
	Kind     string   // mpls, ip, ip6 or ila
	Labels   []uint32 // mpls: top first
	Dst, Src netip.Addr
	ID       Opt[uint64]
	TOS, TTL Opt[uint8] // for ip6 called tc and hoplimit
	Flags    uint16     // ip, ip6: 1 csum, 4 key, 8 seq, and others of the kernel
	Locator  uint64     // ila
}

// table is the table of a route of which none is said.
func (t Type) table() uint32 {
	switch t {
	case Local, Broadcast, Anycast, NAT:
		return TableLocal
	}
	return TableMain
}

// scope is the scope of the route, where none is said as ip(8) has it.
func (r *Route) scope() uint8 {
	switch {
	case r.Scope.Set:
		return r.Scope.V
	case r.IPv6:
		return 0
	}
	switch r.Type {
	case Local, NAT:
		return 254
	case Broadcast, Multicast, Anycast:
		return 253
	case Unicast:
		if !r.Via.IsValid() && len(r.Hops) == 0 {
			return 253
		}
	}
	return 0
}

// String returns canonical text.
func (r Route) String() string {
	var l line
	l.flag(modeNames[min(int(r.Mode), len(modeNames)-1)], r.Mode != Prepend)
	l.flag(r.Type.String(), r.Type != Unicast && r.Type != 0)
	if r.To.Bits() == 0 && !r.IPv6 {
		l.word("default")
	} else {
		l.word(r.To.String())
	}
	l.via(r.Via, r.IPv6)
	l.pair("dev", r.Dev, r.Dev != "")
	l.pair("src", r.Src, r.Src.IsValid())
	l.pair("table", tableName(r.Table), r.Table != 0 && r.Table != r.Type.table())
	l.pair("vrf", r.VRF, r.VRF != "")
	l.pair("metric", r.Metric, r.Metric != 0)
	l.pair("scope", scopeName(r.Scope.V), r.Scope.Set)
	l.pair("tos", fmt.Sprintf("0x%02x", r.TOS), r.TOS != 0)
	l.pair("protocol", protocolName(r.Protocol), r.Protocol != 0)
	for _, m := range r.Metrics {
		l.metric(m)
	}
	l.pair("realms", r.Realms, r.Realms != Realms{})
	l.pair("pref", prefName(r.Pref.V), r.Pref.Set)
	l.pair("expires", r.Expires.V, r.Expires.Set)
	l.pair("ttl-propagate", map[bool]string{true: "enabled", false: "disabled"}[r.Propagate.V], r.Propagate.Set)
	l.pair("as to", r.As, r.As.IsValid())
	l.encap(r.Encap)
	l.flag("onlink", r.OnLink)
	for _, h := range r.Hops {
		l.word("nexthop")
		l.via(h.Via, r.IPv6)
		l.pair("dev", h.Dev, h.Dev != "")
		l.pair("weight", h.Weight, h.Weight > 1)
		l.pair("realms", h.Realms, h.Realms != Realms{})
		l.encap(h.Encap)
		l.flag("onlink", h.OnLink)
	}
	l.flag("no_track", r.NoTrack)
	return strings.Join(l, " ")
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

func (l *line) via(a netip.Addr, six bool) {
	if !a.IsValid() {
		return
	}
	l.word("via")
	if a.Is6() != six {
		l.word(map[bool]string{true: "inet6", false: "inet"}[a.Is6()])
	}
	l.word(a.String())
}

func (l *line) metric(m Metric) {
	switch m.Kind {
	case Features:
		for _, f := range features() {
			if m.Value&f.bit != 0 {
				l.pair("features", f.name, true)
			}
		}
		return
	case Congestion:
		l.word("congctl")
		l.flag("lock", m.Lock)
		l.word(m.Text)
		return
	}
	l.word(m.Kind.String())
	l.flag("lock", m.Lock && m.Kind != RTOMin)
	unit := m.Kind.unit()
	if unit > 0 && m.Value%unit == 0 {
		l.word(fmt.Sprintf("%dms", m.Value/unit))
		return
	}
	l.word(strconv.FormatUint(uint64(m.Value), 10))
}

func (l *line) encap(e *Encap) {
	if e == nil {
		return
	}
	l.pair("encap", e.Kind, true)
	switch e.Kind {
	case "mpls":
		labels := make([]string, len(e.Labels))
		for i, n := range e.Labels {
			labels[i] = strconv.FormatUint(uint64(n), 10)
		}
		l.word(strings.Join(labels, "/"))
		l.pair("ttl", e.TTL.V, e.TTL.Set)
		return
	case "ila":
		l.word(fmt.Sprintf("%x:%x:%x:%x", e.Locator>>48, e.Locator>>32&0xffff, e.Locator>>16&0xffff, e.Locator&0xffff))
		return
	}
	tos, ttl := "tos", "ttl"
	if e.Kind == "ip6" {
		tos, ttl = "tc", "hoplimit"
	}
	l.pair("id", e.ID.V, e.ID.Set)
	l.pair("dst", e.Dst, e.Dst.IsValid())
	l.pair("src", e.Src, e.Src.IsValid())
	l.pair(tos, fmt.Sprintf("0x%02x", e.TOS.V), e.TOS.Set)
	l.pair(ttl, e.TTL.V, e.TTL.Set)
	l.pair("flags", e.Flags, e.Flags != 0)
}
