// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"errors"
	"fmt"
	"regexp"
)

// Allowance is a difference that was looked at and found right.
type Allowance struct {
	Kind Kind
	// Case and Line are regular expressions of the whole name and the whole line.
	Case, Line string
	// Missing: the line is the first program's and the second does not have it; otherwise it is the second's alone.
	Missing bool
	// Reason in words for an operator.
	Reason string
}

// Allowed lists how Regent may differ from keepalived 2.2.7.
func Allowed() []Allowance {
	return []Allowance{
		{Kind: Route, Case: `.*`, Line: `[0-9a-f]*:[0-9a-f:]*/\d+ dev \S+ noprefixroute`,
			Reason: "an IPv6 address with a lease would give its lease to the route of its subnet, which the host has already or does not need"},
		{Kind: Route, Case: `.*`, Line: `dev \S+ dst [0-9a-f:]+ flags \[\] metric 256 pref medium`, Missing: true,
			Reason: "likewise: the route of a single IPv6 address of the node itself, which no packet takes"},
		{Kind: Log, Case: `track_bfd of a group`, Line: `VRRP_Group\(G\)(: Syncing VI_1| Syncing instances) to FAULT state`, Missing: true,
			Reason: "at the start a fault of one member is told of the other; Regent tells it of the group"},
		{Kind: Log, Case: `track_bfd of a group`, Line: `VRRP_Group\(G\) Syncing instances to FAULT state`,
			Reason: "as above"},
		{Kind: Log, Case: `higher_prio_send_advert`, Line: `\(VI_1\) Received advert from 10\.99\.0\.2 with lower priority 100, ours 150, forcing new election`, Missing: true,
			Reason: "Regent knows the last advert of a node that gives way, and holds no election because of it"},
		{Kind: JSON, Case: `generated octavia`, Line: `\[\]\.data\.vroutes\[\] = ".* \[installed ifindex 0\]"`, Missing: true,
			Reason: "keepalived counts routes as installed whose interface it did not learn again"},
		{Kind: JSON, Case: `generated octavia`, Line: `\[\]\.data\.vroutes\[\] = "prepend 2001:[^\[]*"`,
			Reason: "as above"},
		{Kind: Route, Case: `.*`, Line: `dev \S+ dst (fe80::|ff00::)\S+ flags \[\] metric (256|0) pref medium.*`, Missing: true,
			Reason: "keepalived's VMAC has IPv6 and a link-local address of its own; Regent's has what it is to hold"},
		{Kind: Kernel, Case: `.*vmac.*|generated (vyos|puppet)|sample conditional_conf`, Line: `macvlan private .*`, Missing: true,
			Reason: "see the next"},
		{Kind: Kernel, Case: `.*vmac.*|generated (vyos|puppet)|sample conditional_conf`, Line: `macvlan bridge .*`,
			Reason: "all adverts arrive at the interface below then, also those of a peer with the same virtual MAC"},
		{Kind: Kernel, Case: `.*vmac.*|generated (vyos|puppet)|sample conditional_conf`, Line: `ipv[46]/conf/\S+/(arp_ignore|arp_filter|accept_local|rp_filter|disable_ipv6) \d`, Missing: true,
			Reason: "see the next"},
		{Kind: Kernel, Case: `.*vmac.*|generated (vyos|puppet)|sample conditional_conf`, Line: `ipv[46]/conf/\S+/(arp_ignore|arp_filter|accept_local|rp_filter|disable_ipv6) \d`,
			Reason: "arp_announce, arp_ignore and a table of nftables keep the physical MAC off the segment, which keepalived's settings do not; and the interface below gets its own back at the end"},
		{Kind: JSON, Case: `generated puppet`, Line: `\[\]\.data\.track_process\[\] = "nginx"`,
			Reason: "keepalived cannot track processes in a network namespace"},
		{Kind: Wire, Case: `.*`, Line: `.* dst fd[0-9a-f:]+ hlim 64 .*`, Missing: true,
			Reason: "keepalived's IPv6 unicast adverts leave with the kernel's hop limit"},
		{Kind: Wire, Case: `.*`, Line: `.* dst fd[0-9a-f:]+ hlim 255 .*`,
			Reason: "Regent's have 255 (RFC 9568 section 5.1.2.3), so that receivers may insist on it; keepalived accepts them"},
		{Kind: JSON, Case: `.*`, Line: `\[\]\.stats\.auth_ext_\w+ = …`,
			Reason: "counters of the trailer of adverts, which keepalived has since 2.4"},
		{Kind: JSON, Case: `.*`, Line: `\[\]\.data\.auth_data = .*`, Missing: true,
			Reason: "keepalived shows the password up to 2.3"},
		{Kind: JSON, Case: `.*`, Line: `\[\]\.data\.auth_data = "\*{8}"`,
			Reason: "keepalived hides the password since 2.4"},
		{Kind: JSON, Case: `.*`, Line: `\[\]\.data\.script_master_rx_lower_pri = .*`,
			Reason: "a key that keepalived has since 2.3"},
		{Kind: Log, Case: `.*(?:reload|is added|is removed|is changed|is kept|are changed|are removed|another name).*`, Line: `\(\S+\) setting VIPs\.`, Missing: true,
			Reason: "keepalived says so of each master at each reload, whatever changed; Regent when something did"},
		{Kind: Kernel, Case: `.*`, Line: `ipv4/conf/\S+/promote_secondaries 0`, Missing: true,
			Reason: "where the file does not say promote_secondaries: see the next"},
		{Kind: Kernel, Case: `.*`, Line: `ipv4/conf/\S+/promote_secondaries 1`,
			Reason: "Regent sets it as long as it runs: else taking one address away may take others of its subnet along"},
	}
}

// Review takes the allowed differences away. It returns the rest, and how often each allowance was needed.
func Review(list []Difference, allowed []Allowance) (rest []Difference, used []int, err error) {
	type matcher struct{ name, line *regexp.Regexp }
	matchers := make([]matcher, len(allowed))
	for i, a := range allowed {
		if strict(a.Kind) {
			return nil, nil, fmt.Errorf("allowance %d: %s may never differ", i, a.Kind)
		}
		name, err1 := regexp.Compile("^(?:" + a.Case + ")$")
		line, err2 := regexp.Compile("^(?:" + a.Line + ")$")
		if err := errors.Join(err1, err2); err != nil {
			return nil, nil, fmt.Errorf("allowance %d: %w", i, err)
		}
		if a.Reason == "" {
			return nil, nil, fmt.Errorf("allowance %d (%s) has no reason", i, a.Line)
		}
		matchers[i] = matcher{name, line}
	}
	used = make([]int, len(allowed))
next:
	for _, d := range list {
		for i, a := range allowed {
			if a.Kind == d.Kind && a.Missing != d.Extra && matchers[i].name.MatchString(d.Case) && matchers[i].line.MatchString(d.Line) {
				used[i]++
				continue next
			}
		}
		rest = append(rest, d)
	}
	return rest, used, nil
}
