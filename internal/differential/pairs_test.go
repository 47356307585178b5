// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"strings"
	"time"
)

// recorders are the notify programs of [router].
var recorders = []string{"any", "master", "backup", "fault", "stop"}

// globals begin the files written here: version 3, so that adverts can be fast, and no second announcements.
const globals = `global_defs {
 vrrp_version 3
 vrrp_garp_master_delay 0
 vrrp_garp_master_repeat 1
}
`

// router is an instance with adverts each 100 ms and all notify programs; words are more of its lines. Without another
// one its interface is eth0, its VRID 51, its priority $P and its address 10.99.0.100/24.
func router(name string, words ...string) string {
	lines := strings.Join(words, "\n ")
	add := func(keyword, text string) {
		if !strings.HasPrefix(lines, keyword+" ") && !strings.Contains(lines, "\n "+keyword+" ") {
			lines = text + "\n " + lines
		}
	}
	add("notify_stop", `notify_stop "/run/bin/stop `+name+`"`)
	add("notify_fault", `notify_fault "/run/bin/fault `+name+`"`)
	add("notify_backup", `notify_backup "/run/bin/backup `+name+`"`)
	add("notify_master", `notify_master "/run/bin/master `+name+`"`)
	add("notify", `notify /run/bin/any`)
	add("virtual_ipaddress", "virtual_ipaddress { 10.99.0.100/24 }")
	add("advert_int", "advert_int 0.1")
	add("priority", "priority $P")
	add("virtual_router_id", "virtual_router_id 51")
	add("interface", "interface eth0")
	// A block in one line is one token a line for keepalived.
	lines = strings.NewReplacer("{ ", "{\n  ", "; ", "\n  ", " }", "\n }").Replace(lines)
	return "vrrp_instance " + name + " {\n " + lines + "\n}\n"
}

// check is a vrrp_script that runs /run/bin/check NAME each second; words are more of its lines.
func check(name string, words ...string) string {
	return "vrrp_script " + name + " {\n script \"/run/bin/check " + name + "\"\n interval 1\n " + strings.Join(words, "\n ") + "\n}\n"
}

// alone tells whether there is one instance, so that what a host holds is not up to another one.
func alone(text string) bool { return strings.Count(text, "vrrp_instance ") == 1 }

// one is a case with one node of priority 150.
func one(name, text string, steps ...Step) Case {
	return Case{Name: name, Holds: alone(text), Nodes: []Node{{Conf: conf(text, 1, 150), Programs: recorders}}, Steps: steps}
}

// two is a case with two nodes, of priority 150 and 100.
func two(name, text string, steps ...Step) Case {
	return Case{Name: name, Holds: alone(text), Nodes: []Node{
		{Conf: conf(text, 1, 150), Programs: recorders},
		{Conf: conf(text, 2, 100), Programs: recorders},
	}, Steps: steps}
}

// with changes a case.
func with(c Case, change func(*Case)) Case {
	change(&c)
	return c
}

// eachNode changes all nodes of a case.
func eachNode(c Case, change func(*Node)) Case {
	for i := range c.Nodes {
		change(&c.Nodes[i])
	}
	return c
}

// Steps that many cases have.
var (
	startA   = Step{"a starts", Start("a"), Until{"a VI_1 MASTER", "a called any 2"}}
	startB   = Step{"b starts", Start("b"), Until{"b VI_1 BACKUP", "b called any 1"}}
	stopA    = Step{"a stops", Stop("a"), Until{"a ended", "a called any 1"}}
	takeover = Step{"a stops", Stop("a"), Until{"a ended", "b VI_1 MASTER", "b called any 1"}}
)

// pairCases are elections.
func pairCases() []Case {
	return []Case{
		two("failover", globals+router("VI_1"), startA, startB,
			Step{"a loses its power", Die("a"), Until{"b VI_1 MASTER", "b called any 1"}},
			Step{"a boots", Start("a"), Until{"a VI_1 MASTER", "b VI_1 BACKUP", "b called any 1"}},
			takeover,
			Step{"b stops", Stop("b"), Until{"b ended", "b called any 1"}}),
		one("left addresses", globals+router("VI_1"), startA,
			Step{"killed and started again", All(Kill("a"), Start("a")), Until{"a VI_1 MASTER", "a called any 2"}}, stopA),
		two("state MASTER", globals+router("VI_1", "state MASTER"), startA,
			Step{"b starts", Start("b"), Until{"b VI_1 BACKUP"}}, takeover),
		two("equal priorities", strings.ReplaceAll(globals+router("VI_1"), "$P", "100"), startA,
			Step{"b starts", Start("b"), Until{"b VI_1 BACKUP"}}, takeover,
			Step{"a starts", Start("a"), Until{"a VI_1 BACKUP"}}),
		two("nopreempt", globals+router("VI_1", "nopreempt"),
			Step{"b starts", Start("b"), Until{"b VI_1 MASTER", "b called any 2"}},
			Step{"a starts", Start("a"), Until{"a VI_1 BACKUP", "a called any 1"}},
			Step{"b stops", Stop("b"), Until{"b ended", "a VI_1 MASTER", "a called any 1"}}),
		two("preempt_delay", globals+router("VI_1", "preempt_delay 1"),
			Step{"b starts", Start("b"), Until{"b VI_1 MASTER", "b called any 2"}},
			Step{"a starts", Start("a"), Until{"a VI_1 MASTER", "b VI_1 BACKUP", "a called any 2", "b called any 1"}},
			takeover),
		with(two("split brain", globals+router("VI_1", `notify_master_rx_lower_pri "/run/bin/again VI_1"`), startA, startB,
			Step{"b hears nothing", Deafen("b", "a"), Until{"b VI_1 MASTER", "b called any 1", "a called again 1"}},
			Step{"b hears again", Hear("b"), Until{"b VI_1 BACKUP", "b called any 1"}}),
			func(c *Case) {
				c.Nodes[0].Programs = append([]string{"again"}, recorders...)
				// Each advert of b is one more event on a; who speaks first in the end is chance.
				c.Repeats, c.Chance = true, `proto_ipv4|Received advert`
			}),
		two("lower_prio_no_advert", globals+router("VI_1", "lower_prio_no_advert true", "garp_lower_prio_repeat 0"), startA, startB,
			Step{"b hears nothing", Deafen("b", "a"), Until{"b VI_1 MASTER", "b called any 1"}},
			Step{"b hears again", Hear("b"), Until{"b VI_1 BACKUP", "b called any 1"}}),
		two("higher_prio_send_advert", globals+router("VI_1", "higher_prio_send_advert true"),
			Step{"b starts", Start("b"), Until{"b VI_1 MASTER", "b called any 2"}},
			Step{"a starts", Start("a"), Until{"a VI_1 MASTER", "b VI_1 BACKUP", "a called any 2", "b called any 1"}}),
		with(two("address owner", globals+router("VI_1", "state MASTER"), Step{"a starts", Start("a"), Until{"a VI_1 MASTER", "a called any 1"}}, startB, takeover), func(c *Case) {
			c.Nodes[0].Conf = strings.Replace(c.Nodes[0].Conf, "priority 150", "priority 255", 1)
			c.Nodes[1].Conf = strings.Replace(c.Nodes[1].Conf, "state MASTER", "state BACKUP", 1)
		}),
		two("unicast", globals+router("VI_1", "unicast_src_ip 10.99.0.$N", "unicast_peer { 10.99.0.$M }"), startA, startB, takeover),
		two("unicast IPv6", globals+router("VI_1", "unicast_src_ip fd99::$N", "unicast_peer { fd99::$M }", "virtual_ipaddress { fd99::100/64 }"), startA, startB, takeover),
		two("IPv6", globals+router("VI_1", "virtual_ipaddress { fe80::100/64; fd99::100/64 }"), startA, startB, takeover),
		two("excluded addresses", globals+router("VI_1", "virtual_ipaddress_excluded { fd99::100/64; 10.99.1.1/32 }"), startA, startB, takeover),
		two("another interval", globals+router("VI_1", "advert_int 0.$N"), startA, startB, takeover),
		// Not here: another list of addresses, which keepalived discards up to 2.3.2 (both nodes are masters then), and later
		// versions and Regent accept with a warning.
		with(two("version 2 with a password", "global_defs {\n vrrp_garp_master_delay 0\n}\n"+router("VI_1", "advert_int 1", "authentication { auth_type PASS; auth_pass secret }"),
			startA, startB, takeover), func(c *Case) { c.Quiet = 1200 * time.Millisecond }),
		with(two("another password", "global_defs {\n vrrp_garp_master_delay 0\n}\n"+router("VI_1", "advert_int 1", "authentication { auth_type PASS; auth_pass secret$N }"),
			startA, Step{"b starts", Start("b"), Until{"b VI_1 MASTER", "b called any 2"}}),
			func(c *Case) { c.Quiet, c.Chance = 1200*time.Millisecond, `goes on|invalid passwd` }),
		with(one("down_timer_adverts", globals+router("VI_1", "down_timer_adverts 10"), startA, stopA), func(*Case) {}),
		one("startup delay", strings.Replace(globals, "vrrp_version 3", "vrrp_version 3\n vrrp_startup_delay 1", 1)+router("VI_1"), startA, stopA),
		with(one("announcements", "global_defs {\n vrrp_version 3\n}\n"+router("VI_1", "garp_master_delay 1", "garp_master_repeat 3", "virtual_ipaddress_excluded { fd99::100/64 }"),
			startA, stopA), func(c *Case) { c.Counted, c.Quiet = true, 1500*time.Millisecond }),
	}
}
