// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"strings"
	"time"
)

// effectCases are what a state does to the host, and reloads.
func effectCases() []Case {
	fifos := strings.Replace(globals, "{\n", "{\n notify_fifo /run/all.fifo\n vrrp_notify_fifo /run/vrrp.fifo\n vrrp_notify_priority_changes on\n", 1)
	readers := strings.Replace(globals, "{\n", "{\n vrrp_notify_fifo /run/ka.fifo\n vrrp_notify_fifo_script /run/bin/read\n", 1)
	secured := strings.Replace(globals, "{\n", "{\n enable_script_security\n script_user nobody nogroup\n", 1)
	withFIFOs := func(n *Node) { n.FIFOs = []string{"all.fifo", "vrrp.fifo"} }
	second := router("VI_2", "virtual_router_id 52", "virtual_ipaddress { 10.99.0.101/24 }")
	reload := func(name, from, to string, until ...string) Case {
		return one(name, from, startA, Step{"reload", Reload("a", conf(to, 1, 150)), append(Until{"a says Reload"}, until...)}, stopA)
	}
	return []Case{
		with(eachNode(two("fifo", fifos+check("chk", "weight -80")+router("VI_1", "track_script { chk }"), startA, startB,
			Step{"a's check fails", Script("a", "chk", 1), Until{"a VI_1 BACKUP", "b VI_1 MASTER", "b called any 1"}},
			Step{"a's check succeeds", Script("a", "chk", 0), Until{"a VI_1 MASTER", "b VI_1 BACKUP", "b called any 1"}},
			takeover), withFIFOs), func(c *Case) { c.Ordered = true }),
		// keepalived writes the last line, then ends the reader: who is faster is chance.
		with(one("fifo reader", readers+router("VI_1"), startA, stopA), func(c *Case) { c.Chance = ` STOP ` }),
		one("users of programs", secured+router("VI_1", `notify_master "/run/bin/master VI_1" root root`), startA, stopA),
		twoLinks(two("virtual routes and rules", globals+router("VI_1", "virtual_routes { 198.51.100.0/24 via 10.99.0.254 dev eth0; 203.0.113.0/24 via 10.99.0.254 dev eth0 table 100 metric 5; "+
			"default via 10.98.0.254 dev eth1 table 101; blackhole 192.0.2.0/24 }",
			"virtual_rules { from 10.99.0.100 table 100 preference 200; to 198.51.100.0/24 fwmark 7 table 101 priority 201 }"), startA, startB, takeover)),
		one("source of a route", globals+router("VI_1", "virtual_routes { src 10.99.0.100 198.51.100.0/24 via 10.99.0.254 dev eth0 }"), startA, stopA),
		one("IPv6 routes and rules", globals+router("VI_1", "virtual_ipaddress { fe80::100/64 }", "virtual_routes { 2001:db8::/32 via fd99::254 dev eth0 metric 7 }", "virtual_rules { from fd99::/64 table 100 priority 300 }"), startA, stopA),
		twoLinks(one("static items", globals+"static_ipaddress {\n 10.98.0.50/24 dev eth1\n fd98::50/64 dev eth1\n}\nstatic_routes {\n 198.51.100.0/24 via 10.98.0.254 dev eth1\n}\nstatic_rules {\n from 10.98.0.50 table 100 preference 400\n}\n"+
			router("VI_1"), startA, stopA)),
		one("options of addresses", globals+router("VI_1", "virtual_ipaddress { 10.99.0.100/24 label eth0:v brd +; 10.99.0.101/32 scope link; 10.99.0.102/32; 10.99.0.103/24 brd 10.99.0.255 preferred_lft 0; 10.99.0.104/24 noprefixroute; 10.99.0.105 }",
			"virtual_ipaddress_excluded { fd99::100/64 -nodad; fd99::101; fd99::102/64 home preferred_lft 0 }"), startA, stopA),
		twoLinks(one("addresses on another interface", globals+router("VI_1", "virtual_ipaddress { 10.98.0.100/24 dev eth1; 10.99.0.100/24 }"), startA,
			Step{"eth1 is lost", Unplug("a", "eth1"), Until{"a VI_1 FAULT", "a called any 1"}})),
		with(two("use_vmac", globals+router("VI_1", "use_vmac"), startA, startB, takeover, Step{"b stops", Stop("b"), Until{"b ended"}}), func(c *Case) { c.Kernel = true }),
		with(two("use_vmac with a name, vmac_xmit_base", globals+router("VI_1", "use_vmac vr51", "vmac_xmit_base"), startA, startB, takeover), func(c *Case) { c.Kernel = true }),
		with(two("use_vmac IPv6", globals+router("VI_1", "use_vmac", "virtual_ipaddress { fe80::100/64; fd99::100/64 }"), startA, startB, takeover), func(c *Case) { c.Kernel = true }),
		with(one("no_accept", globals+router("VI_1", "no_accept"), startA, stopA), func(*Case) {}),
		two("two instances", globals+router("VI_1")+router("VI_2", "priority 1$M5", "virtual_router_id 52", "virtual_ipaddress { 10.99.0.101/24 }"),
			Step{"a starts", Start("a"), Until{"a VI_1 MASTER", "a VI_2 MASTER", "a called any 4"}},
			Step{"b starts", Start("b"), Until{"b VI_1 BACKUP", "b called any 2"}},
			Step{"a stops", Stop("a"), Until{"a ended", "b VI_1 MASTER", "b VI_2 MASTER", "b called any 1"}}),
		reload("reload of the same", globals+router("VI_1"), globals+router("VI_1")),
		reload("an instance is added", globals+router("VI_1"), globals+router("VI_1")+second, "a VI_2 MASTER"),
		one("an instance is removed", globals+router("VI_1")+second,
			Step{"start", Start("a"), Until{"a VI_1 MASTER", "a VI_2 MASTER", "a called any 4"}},
			Step{"reload", Reload("a", conf(globals+router("VI_1"), 1, 150)), Until{"a says Reload", "a lacks 10.99.0.101"}}, stopA),
		eachNode(one("an instance with notify_deleted is removed", globals+router("VI_1")+strings.Replace(second, "notify /", "notify_deleted \"/run/bin/deleted VI_2\"\n notify /", 1),
			Step{"start", Start("a"), Until{"a VI_1 MASTER", "a VI_2 MASTER", "a called any 4"}},
			Step{"reload", Reload("a", conf(globals+router("VI_1"), 1, 150)), Until{"a says Reload", "a lacks 10.99.0.101"}}, stopA),
			func(n *Node) { n.Programs = append([]string{"deleted"}, recorders...) }),
		reload("an address is added", globals+router("VI_1"), globals+router("VI_1", "virtual_ipaddress { 10.99.0.100/24; 10.99.0.101/24 }"), "a holds 10.99.0.101"),
		reload("an address is removed", globals+router("VI_1", "virtual_ipaddress { 10.99.0.100/24; 10.99.0.101/24 }"), globals+router("VI_1"), "a lacks 10.99.0.101"),
		reload("a priority is changed", globals+router("VI_1"), globals+router("VI_1", "priority 120")),
		reload("a route is added", globals+router("VI_1"), globals+router("VI_1", "virtual_routes { 198.51.100.0/24 via 10.99.0.254 dev eth0 }")),
		reload("an instance gets another name", globals+router("VI_1"), globals+router("OTHER")),
		one("a check is kept at a reload", globals+check("chk")+router("VI_1", "track_script { chk }"), startA,
			Step{"reload", Reload("a", conf(globals+check("chk")+router("VI_1", "track_script { chk }", "priority 140"), 1, 150)), Until{"a says Reload"}}, stopA),
		with(two("reload of a pair", globals+router("VI_1"), startA, startB,
			Step{"a's priority falls below b's", Reload("a", conf(globals+router("VI_1", "priority 50"), 1, 50)), Until{"b VI_1 MASTER", "a VI_1 BACKUP", "b called any 1"}}),
			func(c *Case) { c.Quiet = 600 * time.Millisecond }),
	}
}
