// SPDX-License-Identifier: Apache-2.0

package keepalived

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRoutes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ in, want, said string }{
		{"src 192.168.100.1 192.168.109.0/24 via 192.168.200.254 dev eth1", "To = 192.168.109.0/24|Source = 192.168.100.1|Via = 192.168.200.254|Dev = eth1|Type = unicast|NoTrack -", ""},
		{"blackhole 192.168.113.1", "Type = blackhole|To = 192.168.113.1/32|NoTrack = true", "101:1: warning: the route to 192.168.113.1/32 names no interface (dev): it is not tracked"},
		{"0.0.0.0/0 gw 192.168.0.1 table 100 no_track", "To = 0.0.0.0/0|Via = 192.168.0.1|Table = 100", "101:11: warning: virtual_routes: gw is an old word for via"},
		{"10.0.0.0/8 via 1.1.1.1 or 1.1.1.2 dev eth0", "Via -|Hops[0].Via = 1.1.1.1|Hops[1].Via = 1.1.1.2", "101:24: warning: virtual_routes: or is an old word for nexthop via"},
		{"default via 1.1.1.1 dev eth0 metric 5 mtu lock 1400 scope link", "To = 0.0.0.0/0|Metric = 5|Metrics[0].Name = mtu|Metrics[0].N = 1400|Metrics[0].Lock = true|Scope = link", ""},
		{"default via fe80::1 dev eth0", "To = ::/0|IPv6 = true|Via = fe80::1", ""},
		{"inet6 default dev eth0", "To = ::/0|IPv6 = true", ""},
		{"default via inet6 fe80::1 dev eth0", "To = 0.0.0.0/0|IPv6 -|Via = fe80::1", ""},
		{"1.2.3.0/24 dev eth0 nexthop via 1.1.1.1 dev eth0 weight 2 nexthop via 1.1.1.3 weight 3 onlink realms 5 no_track", "Hops[0].Weight = 2|Hops[0].Dev = eth0|Hops[1].OnLink = true|Hops[1].Realms = 5|NoTrack = true|Hops[2].Via -", ""},
		{"to 5.5.5.0/24 oif eth0 protocol static no_track initcwnd 9 rtt 5ms rto_min 2s congctl lock cubic features ecn quickack 1", "Metrics[0].N = 9|Metrics[1].N = 200|Metrics[2].N = 2000|Protocol = static|Congestion = cubic|CongLock = true|ECN = true|Metrics[3].Name = quickack", "101:64: warning: rtt 5ms is less than 200 ms, which is taken"},
		{"2001:db8::/32 dev eth0 pref high expires 60 ttl-propagate enabled as to 2001:db8::9 vrf blue onlink prepend tos 0x10 realms 1/2", "Preference = high|Expires = 60|Propagate = true|As = 2001:db8::9|VRF = blue|OnLink = true|Mode = prepend|TOS = 0x10|Realms = 1/2", ""},
		{"1.0.0.0/8 dev eth0 encap ip id 5 dst 2.2.2.2 ttl 9 table 7", `Encap = ["ip" "id" "5" "dst" "2.2.2.2" "ttl" "9"]|Table = 7`, ""},
		{"1.0.0.0/8 dev eth0 encap mpls 100/200 table 7", `Encap = ["mpls" "100/200"]|Table = 7`, ""},
		{"1.0.0.0/8 proto static dev eth0", "", `101:11: warning: virtual_routes: "proto" is neither a destination nor an option: did you mean "protocol"?; the line is dropped`},
		{"1.0.0.0/8 2.0.0.0/8 dev eth0", "", `101:11: warning: virtual_routes: "2.0.0.0/8" is a second destination; the line is dropped`},
		{"1.0.0.0/8 via fe80::1 dev eth0", "", "101:15: warning: virtual_routes: fe80::1 is not of the family of what precedes it; the line is dropped"},
		{"via 1.0.0.1 dev eth0", "", "101:1: warning: virtual_routes: the route has no destination; the line is dropped"},
		{"1.0.0.0/8 dev", "", "101:11: warning: virtual_routes: dev needs a value; the line is dropped"},
		{"1.0.0.0/8 via x", "", `101:15: warning: virtual_routes: via "x" is no address; the line is dropped`},
		{"1.0.0.0/8 mtu x", "", `101:15: warning: virtual_routes: mtu: want a number, not "x"; the line is dropped`},
		{"1.0.0.0/8 scope x", "", `101:17: warning: virtual_routes: scope is global, site, link, host, nowhere or a number up to 255, not "x"; the line is dropped`},
		{"1.0.0.0/8 metric 99999999999", "", `101:18: warning: virtual_routes: metric: want a number up to 4294967295, not "99999999999"; the line is dropped`},
		{"1.0.0.0/8 nexthop via 1.1.1.1 weight 0", "", `101:38: warning: virtual_routes: weight: want 1 to 256, not "0"; the line is dropped`},
		{"1.0.0.0/8 encap foo", "", `101:17: warning: virtual_routes: encap knows mpls, ip, ip6 and ila, not "foo"; the line is dropped`},
	} {
		t.Run(tt.in, func(t *testing.T) {
			t.Parallel()
			c, got := said(t, body("", "virtual_routes {\n"+tt.in+"\n}"))
			if diff := cmp.Diff(tt.said, strings.Join(got, "|")); diff != "" {
				t.Errorf("said (-want +got):\n%s", diff)
			}
			if (tt.want == "") != (len(c.Instances[0].Routes) == 0) {
				t.Fatalf("%d routes", len(c.Instances[0].Routes))
			}
			expect(t, c, "Instances[0].Routes[0].", tt.want)
		})
	}
}

func TestRules(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ in, want, said string }{
		{"from 1.1.1.1 table 5", "From = 1.1.1.1/32|Action = table|Table = 5|Preference = 16384", "101:1: warning: virtual_rules: the rule has no preference; 16384 is taken, which is probably not what was meant"},
		{"from 1.1.1.0/24 lookup main priority 100 no_track", "From = 1.1.1.0/24|Table = main|Preference = 100 @101:38|NoTrack = true", ""},
		{"not to 3.3.3.3 fwmark 5/0x7 tos 4 iif eth0 oif eth1 goto 20000 order 9", "Not = true|To = 3.3.3.3/32|Mark = 5|Mask = 7|In = eth0|Out = eth1|Goto = 20000|Action = goto", ""},
		{"blackhole from 9.9.9.9 preference 5", "Action = blackhole", ""},
		{"type prohibit from all to 2001:db8::/32 preference 5", "Action = prohibit|From -|To = 2001:db8::/32|IPv6 = true", ""},
		{"inet6 l3mdev no_track protocol 12 ipproto UDP sport 10-20 dport 30 uidrange 1-2 preference 5", "L3MDev = true|Action = table|IPv6 = true|Protocol = 12|IPProto = UDP|Sport = [10 20]|Dport = [30 30]|UIDs = [1 2]|HasUIDs = true", ""},
		{"table 9 suppress_prefixlength 0 sup_group 5 tunnel-id 7 realms 1/2 preference 5 nop", "Action = nop|SupPrefix = 0 @101|SupGroup = 5|TunnelID = 7|Realms = 1/2", ""},
		{"from 2.2.2.2 preference 5", "", "101:1: warning: virtual_rules: the rule says neither a table nor another action; the line is dropped"},
		{"from 2.2.2.2 goto 20000", "", "101:1: warning: virtual_rules: goto 20000 needs a preference of its own; the line is dropped"},
		{"from 2.2.2.2 goto 5 preference 5", "", "101:1: warning: virtual_rules: goto 5 leads back: the target must be greater than the preference, 5; the line is dropped"},
		{"to 1.1.1./24 table 5", "", `101:4: warning: virtual_rules: "1.1.1./24" is no address; the line is dropped`},
		{"from 1.1.1.1 to fe80::1 table 5", "", "101:17: warning: virtual_rules: fe80::1 is not of the family of what precedes it; the line is dropped"},
		{"from 1.1.1.1 tabel 5", "", `101:14: warning: virtual_rules: unknown option "tabel": did you mean "table"?; the line is dropped`},
		{"sport 9-5 table 5", "", `101:7: warning: virtual_rules: sport: want a number or a range up to 65535, not "9-5"; the line is dropped`},
		{"type from table 5", "", `101:6: warning: virtual_rules: type is blackhole, unreachable, prohibit or nop, not "from"; the line is dropped`},
	} {
		t.Run(tt.in, func(t *testing.T) {
			t.Parallel()
			c, got := said(t, body("", "virtual_rules {\n"+tt.in+"\n}"))
			if diff := cmp.Diff(tt.said, strings.Join(got, "|")); diff != "" {
				t.Errorf("said (-want +got):\n%s", diff)
			}
			if (tt.want == "") != (len(c.Instances[0].Rules) == 0) {
				t.Fatalf("%d rules", len(c.Instances[0].Rules))
			}
			expect(t, c, "Instances[0].Rules[0].", tt.want)
		})
	}
}

func TestPreferencesCountDown(t *testing.T) {
	t.Parallel()
	c, _ := said(t, body("", "virtual_rules {\nfrom 1.1.1.1 table 5\nfrom 1.1.1.2 table 5 preference 7\nfrom 1.1.1.3 table 5\n}"))
	expect(t, c, "Instances[0].", "Rules[0].Preference = 16384|Rules[1].Preference = 7|Rules[2].Preference = 16383")
}
