// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/regent-ha/regent/conf/keepalived"
)

// options of lines, each alone and with others: what they mean is in the line that is written for them.
var (
	addressWords = []string{"dev eth9", "brd +", "brd 10.0.0.7", "scope link", "scope 200", "scope 77", "label eth0:x", "home", "mngtmpaddr", "noprefixroute",
		"autojoin", "-nodad", "preferred_lft 0", "preferred_lft 600", "preferred_lft forever", "no_track", "peer 10.9.9.9", "track_group TG"}
	routeWords = []string{"dev eth9", "src 10.0.0.9", "table 5", "table main", "metric 7", "scope link", "tos 0x10", "protocol 186", "mtu 1400", "mtu lock 1300",
		"hoplimit 3", "advmss 1200", "rtt 100ms", "rttvar 2s", "rto_min 5", "window 9", "initcwnd 4", "quickack 1", "fastopen_no_cookie 1", "features ecn",
		"congctl lock cubic", "congctl reno", "realms 3/4", "expires 60", "ttl-propagate disabled", "vrf blue", "encap ip id 5 dst 10.1.1.1 ttl 9", "onlink",
		"append", "no_track", "blackhole", "unreachable", "track_group TG"}
	ruleWords = []string{"not", "to 10.2.0.0/16", "iif eth9", "oif eth8", "tos 0x10", "fwmark 5", "fwmark 0x10/0xff", "uidrange 5-9", "ipproto tcp", "sport 80",
		"dport 1000-2000", "tunnel-id 5", "protocol 9", "suppress_prefixlength 0", "suppress_ifgroup 3", "realms 7", "no_track", "track_group TG"}
)

// A line that is written is read as what it was written for: in keepalived's own words, each option and any few of them.
func TestLinesSayWhatTheyWereWrittenFor(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		pick := func(name string, words []string) string {
			return strings.Join(rapid.SliceOfNDistinct(rapid.SampledFrom(words), 0, 4, func(w string) string { return strings.Fields(w)[0] }).Draw(t, name), " ")
		}
		v4 := rapid.SampledFrom([]string{"10.0.0.1", "10.0.0.1/24", "127.0.0.1/8"}).Draw(t, "address")
		v6 := rapid.SampledFrom([]string{"2001:db8::1", "2001:db8::1/64", "fe80::1/64"}).Draw(t, "address6")
		to := rapid.SampledFrom([]string{"10.0.0.0/8", "default", "10.0.0.9", "10.0.0.0/8 via 10.0.0.254", "default nexthop via 10.0.0.1 dev e weight 3 nexthop via 10.0.0.2 onlink"}).Draw(t, "route")
		to6 := rapid.SampledFrom([]string{"default via fe80::1 dev e", "2001:db8::/32 via fe80::1 dev e", "2001:db8::1 pref high", "10.0.0.0/8 via inet6 fe80::1 dev e"}).Draw(t, "route6")
		action := rapid.SampledFrom([]string{"table 5", "table main", "goto 20000", "blackhole", "nop", "l3mdev"}).Draw(t, "action")
		from := rapid.SampledFrom([]string{"from 10.0.0.0/8", "from all", "inet", "inet6", "from 2001:db8::/32"}).Draw(t, "from")
		words := ruleWords
		if strings.Contains(from, "6") || strings.Contains(from, ":") {
			words = words[2:]
		}
		config := fmt.Sprintf("track_group TG { group { A } }\nstatic_ipaddress {\n%s %s\n%s %s\n}\nstatic_routes {\n%s %s\n%s\n}\nstatic_rules {\n%s %s priority 100 %s\n}\n",
			v4, pick("options", addressWords), v6, pick("options6", addressWords), to, pick("route options", routeWords), to6, from, action, pick("rule options", words))
		c, _, _ := text(config)
		var lines [3]string
		for _, a := range c.StaticAddresses {
			lines[0] += addressLine(a, false) + "\n"
		}
		for _, e := range routeLines(c.StaticRoutes) {
			lines[1] += e.text + "\n"
		}
		for _, e := range ruleLines(c.StaticRules) {
			lines[2] += e.text + "\n"
		}
		for i, r := range c.StaticRoutes {
			c.StaticRoutes[i].Scope = routeScope(r) // what keepalived does not have to be told
		}
		again, _, _ := text("static_ipaddress {\n" + lines[0] + "}\nstatic_routes {\n" + lines[1] + "}\nstatic_rules {\n" + lines[2] + "}\n")
		same := cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })
		either := cmp.Comparer(func(a, b netip.Prefix) bool { return a == b || a.Bits() <= 0 && b.Bits() <= 0 }) // 'from ::/0' is from any
		o := cmp.Options{cmpopts.IgnoreTypes(keepalived.Place{}), cmpopts.EquateComparable(netip.Addr{}), cmpopts.EquateEmpty(),
			cmpopts.IgnoreFields(keepalived.Address{}, "ImpliedDev", "PlainLength", "TrackGroup"),
			cmpopts.IgnoreFields(keepalived.Route{}, "TrackGroup"), cmpopts.IgnoreFields(keepalived.Rule{}, "TrackGroup")}
		for _, d := range []string{cmp.Diff(c.StaticAddresses, again.StaticAddresses, o, same), cmp.Diff(c.StaticRoutes, again.StaticRoutes, o, same), cmp.Diff(c.StaticRules, again.StaticRules, o, either)} {
			if d != "" {
				t.Fatalf("%s\nwritten:\n%s\nread again (-want +got):\n%s", config, strings.Join(lines[:], ""), d)
			}
		}
	})
}

// A line that this machine cannot do is left out and told, like a name of a table that it does not have.
func TestLinesThatTheMachineCannotDoAreLeftOut(t *testing.T) {
	t.Parallel()
	const config = "static_routes {\n 10.1.0.0/16 via 10.0.0.9 dev eth0 table nosuch\n 10.2.0.0/16 via 10.0.0.9 dev eth0\n}\nstatic_rules {\n from 10.0.0.9 table nosuch priority 9\n}\n"
	judge := func(line string) error {
		if strings.Contains(line, "nosuch") {
			return errors.New("no such table")
		}
		return nil
	}
	c, _, _ := text(config)
	got, problems := Convert(c, Options{Route: judge, Rule: judge})
	if s := string(got.TOML); strings.Contains(s, "nosuch") || !strings.Contains(s, "10.2.0.0/16") {
		t.Errorf("converted:\n%s", s)
	}
	if len(problems) != 2 || problems[0].Line != 2 || problems[1].Line != 6 || problems.Err() != nil || !strings.Contains(problems[0].Text, "is left out: no such table") {
		t.Errorf("told: %v", problems)
	}
}
