// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"github.com/regent-ha/regent/conf/keepalived"
	"github.com/regent-ha/regent/takeover/route"
)

// routeText is a route as keepalived lists it.
func routeText(r keepalived.Route) string {
	var t text
	special := r.Type != "" && r.Type != "unicast" // it leads to no interface
	t.add(cmp.Or(r.Mode, map[bool]string{false: "prepend", true: "add"}[special]))
	if special {
		t.add(r.Type)
	}
	switch to := r.To; {
	case to.IsValid():
		t.add(hostText(to))
	case r.IPv6:
		t.add("::/0")
	default:
		t.add("0.0.0.0/0")
	}
	if r.Source.IsValid() {
		t.pair("src", r.Source.String())
	}
	if n, err := strconv.ParseUint(r.TOS, 0, 8); err == nil {
		t.pair("tos", strconv.FormatUint(n, 10))
	}
	t.gateway(r.Via)
	t.pair("dev", r.Dev)
	t.pair("table", numberOf("table", r.Table))
	if r.Protocol != "" || !r.NoTrack || r.Dev == "" {
		t.pair("proto", cmp.Or(numberOf("protocol", r.Protocol), "18"))
	}
	t.pair("scope", numberOf("scope", r.Scope))
	if r.Metric.IsSet() {
		t.pair("metric", strconv.FormatUint(uint64(r.Metric.V), 10))
	}
	if r.OnLink {
		t.add("onlink")
	}
	if r.Expires.IsSet() {
		t.pair("expires", fmt.Sprintf("%dsec", r.Expires.V))
	}
	t.pair("pref", r.Preference)
	t.pair("realms", r.Realms)
	t.metrics(r)
	for _, h := range r.Hops {
		t.add("nexthop")
		t.gateway(h.Via)
		t.pair("dev", h.Dev)
		if h.Weight != 1 {
			t.pair("weight", strconv.Itoa(h.Weight))
		}
		if h.OnLink {
			t.add("onlink")
		}
		t.pair("realms", h.Realms)
	}
	if r.NoTrack || special {
		t.add("no_track")
	}
	return strings.Join(t.words, " ")
}

// metrics are the properties of the path, times first.
func (t *text) metrics(r keepalived.Route) {
	lock := func(on bool) string { return map[bool]string{true: "lock "}[on] }
	if r.Congestion != "" {
		t.pair("congctl", lock(r.CongLock)+r.Congestion)
	}
	times := []string{"rtt", "rttvar", "rto_min"}
	for _, name := range times {
		for _, m := range r.Metrics {
			if m.Name == name {
				t.pair(name, fmt.Sprintf("%s%dms", lock(m.Lock), m.N))
			}
		}
	}
	if r.ECN {
		t.pair("features", "ecn")
	}
	for _, name := range []string{"mtu", "window", "ssthresh", "cwnd", "advmss", "reordering", "hoplimit", "initcwnd", "initrwnd", "quickack", "fastopen_no_cookie"} {
		for _, m := range r.Metrics {
			if m.Name == name {
				t.pair(name, lock(m.Lock)+strconv.FormatUint(uint64(m.N), 10))
			}
		}
	}
}

func (t *text) gateway(via netip.Addr) {
	if via.IsValid() {
		t.add("via inet" + map[bool]string{true: "6"}[via.Is6()] + " " + via.String())
	}
}

// ruleText is a rule as keepalived lists it.
func ruleText(r keepalived.Rule) string {
	var t text
	if r.Not {
		t.add("not")
	}
	if r.From.IsValid() {
		t.pair("from", hostText(r.From))
	} else {
		t.add("from all")
	}
	if r.To.IsValid() {
		t.pair("to", hostText(r.To))
	}
	if r.Preference.IsSet() || r.Preference.V != 0 {
		t.pair("priority", strconv.FormatUint(uint64(r.Preference.V), 10))
	}
	tos, _ := strconv.ParseUint(r.TOS, 0, 8) // 0 of none
	t.pair("tos", fmt.Sprintf("%#x", tos))
	if r.Mark.IsSet() {
		mask := ""
		if r.Mask.IsSet() {
			mask = fmt.Sprintf("/%#x", r.Mask.V)
		}
		t.pair("fwmark", fmt.Sprintf("%#x%s", r.Mark.V, mask))
	}
	if r.SupPrefix.IsSet() {
		t.pair("suppress_prefixlen", strconv.Itoa(r.SupPrefix.V))
	}
	if r.SupGroup.IsSet() {
		t.pair("suppress_ifgroup", strconv.Itoa(r.SupGroup.V))
	}
	if r.TunnelID.IsSet() {
		t.pair("tunnel-id", strconv.FormatUint(r.TunnelID.V, 10))
	}
	if r.HasUIDs {
		t.pair("uidrange", fmt.Sprintf("%d-%d", r.UIDs[0], r.UIDs[1]))
	}
	if r.L3MDev {
		t.add("l3mdev")
	}
	t.pair("iif", r.In)
	t.pair("oif", r.Out)
	if r.Protocol != "" || !r.NoTrack {
		t.pair("protocol", cmp.Or(r.Protocol, "18"))
	}
	t.pair("ipproto", r.IPProto)
	t.ports("sport", r.Sport)
	t.ports("dport", r.Dport)
	t.pair("realms", r.Realms)
	switch r.Action {
	case "", "table":
		t.pair("lookup", cmp.Or(numberOf("table", r.Table), "0"))
	case "goto":
		t.pair("goto", strconv.FormatUint(uint64(r.Goto), 10))
	case "nop":
		t.add("nop")
	default:
		t.add("type " + r.Action)
	}
	if r.NoTrack {
		t.add("no_track")
	}
	return strings.Join(t.words, " ")
}

func (t *text) ports(name string, span [2]uint16) {
	switch {
	case span == [2]uint16{}:
	case span[0] == span[1]:
		t.pair(name, strconv.Itoa(int(span[0])))
	default:
		t.pair(name, fmt.Sprintf("%d-%d", span[0], span[1]))
	}
}

// hostText leaves the length of a whole address out.
func hostText(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}

// numberOf is the number behind the name of a table, scope or protocol of a route; what is no name stays.
func numberOf(option, name string) string {
	if name == "" || strings.Trim(name, "0123456789") == "" {
		return name
	}
	r, err := route.Options{Files: os.DirFS("/")}.Parse("default via 192.0.2.1 " + option + " " + name)
	if err != nil {
		return name
	}
	n := map[string]uint32{"table": r.Table, "scope": uint32(r.Scope.V), "protocol": uint32(r.Protocol)}
	return strconv.FormatUint(uint64(n[option]), 10)
}
