// SPDX-License-Identifier: Apache-2.0

package differential

import "strings"

// routeCases are what becomes of routes, rules, static items and addresses that take no packets when something happens.
func routeCases() []Case {
	const static = "static_ipaddress {\n 10.98.0.50/24 dev eth1\n fd98::50/64 dev eth1\n}\nstatic_routes {\n 198.51.100.0/24 via 10.98.0.254 dev eth1\n 192.0.2.0/25 dev eth1\n}\nstatic_rules {\n from 10.98.0.50 table 100 preference 400\n}\n"
	const routes = "virtual_routes { 203.0.113.0/24 via 10.98.0.254 dev eth1; 192.0.2.128/25 dev eth1 tos 16; unreachable 192.0.2.64/28 metric 5 }"
	const rules = "virtual_rules { from 10.99.0.100 table 100 preference 200; to 203.0.113.0/24 tos 16 table 101 preference 201; fwmark 7/0xff table 100 preference 202 no_track }"
	strict := strings.Replace(globals, "{\n", "{\n vrrp_strict\n", 1)
	moved := globals + router("VI_1", routes, rules)
	reload := func(name, from, to string, until ...string) Case {
		return twoLinks(one(name, from, startA, Step{"reload", Reload("a", conf(to, 1, 150)), append(Until{"a says Reload"}, until...)}, stopA))
	}
	return []Case{
		twoLinks(one("an interface of routes is lost", moved, startA,
			Step{"eth1 is lost", Unplug("a", "eth1"), Until{"a VI_1 FAULT", "a called any 1"}},
			Step{"eth1 is back", Plug("a", "eth1"), Until{"a VI_1 MASTER", "a called any 2"}}, stopA)),
		// Without a virtual route keepalived does not see that a static one is deleted.
		twoLinks(one("static items are lost", globals+static+router("VI_1", "virtual_routes { 198.51.101.0/24 via 10.99.0.254 dev eth0 }"), startA,
			Step{"somebody deletes a route", Run("a", "ip route del 198.51.100.0/24"), nil},
			Step{"somebody deletes an address", Run("a", "ip addr del fd98::50/64 dev eth1"), Until{"a holds fd98::50"}},
			Step{"eth1 is lost", All(Unplug("a", "eth1"), Run("a", "until ip link show eth1 | grep -q NO-CARRIER; do sleep 0.02; done")), nil},
			Step{"eth1 is back", Plug("a", "eth1"), Until{"a holds fd98::50"}}, stopA)),
		twoLinks(two("routes of a sync group", "vrrp_sync_group G { group { VI_1; VI_2 } }\n"+moved+router("VI_2", "virtual_router_id 52", "virtual_ipaddress { 10.99.0.101/24 }",
			"virtual_routes { 198.51.101.0/24 via 10.99.0.254 dev eth0 }"),
			Step{"a starts", Start("a"), Until{"a VI_1 MASTER", "a VI_2 MASTER", "a called any 4"}},
			Step{"b starts", Start("b"), Until{"b VI_1 BACKUP", "b called any 2"}},
			Step{"a stops", Stop("a"), Until{"a ended", "b VI_1 MASTER", "b VI_2 MASTER", "b called any 2"}})),
		twoLinks(one("routes of somebody else stay", globals+router("VI_1", "virtual_routes { 10.98.0.0/24 via 10.99.0.254 dev eth0; 198.51.100.0/24 via 10.99.0.254 dev eth0; fd98::/64 via fd99::254 dev eth0 metric 256 }"),
			Step{"a starts", All(Run("a", "ip route add 198.51.100.0/24 via 10.99.0.253"), Start("a")), Until{"a VI_1 MASTER", "a called any 2"}}, stopA)),
		reload("routes and rules are changed", moved,
			globals+router("VI_1", "virtual_routes { 203.0.113.0/24 via 10.98.0.253 dev eth1; 198.51.100.0/25 via 10.99.0.254 dev eth0; unreachable 192.0.2.64/28 metric 5 }",
				"virtual_rules { from 10.99.0.100 table 101 preference 200; to 203.0.113.0/24 tos 16 table 101 preference 201 }")),
		reload("routes and rules are removed", moved, globals+router("VI_1")),
		reload("static items are changed", globals+static+router("VI_1"), globals+strings.NewReplacer("10.98.0.50", "10.98.0.51", "198.51.100.0", "198.51.101.0").Replace(static)+router("VI_1"), "a holds 10.98.0.51"),
		reload("static items are removed", globals+static+router("VI_1"), globals+router("VI_1"), "a lacks 10.98.0.50"),
		reload("no_accept at a reload", globals+router("VI_1"), globals+router("VI_1", "no_accept")),
		one("vrrp_strict", strict+router("VI_1", "preempt_delay 5", "garp_lower_prio_repeat 3"), startA, stopA),
		one("strict_mode", globals+router("VI_1", "strict_mode on", "accept"), startA, stopA),
		one("strict_mode IPv6", globals+router("VI_1", "strict_mode on", "virtual_ipaddress { fe80::100/64; fd99::100/64 }"), startA, stopA),
	}
}
