// SPDX-License-Identifier: Apache-2.0

package differential

import "strings"

// second is an interface for cases that take one away.
var second = []Interface{
	{Name: "eth0", Prefixes: []string{"10.99.0.1/24", "fd99::1/64"}},
	{Name: "eth1", Network: "n1", Prefixes: []string{"10.98.0.1/24"}},
}

// secondB is node b's.
var secondB = []Interface{
	{Name: "eth0", Prefixes: []string{"10.99.0.2/24", "fd99::2/64"}},
	{Name: "eth1", Network: "n1", Prefixes: []string{"10.98.0.2/24"}},
}

func twoLinks(c Case) Case {
	c.Nodes[0].Interfaces = second
	if len(c.Nodes) > 1 {
		c.Nodes[1].Interfaces = secondB
	}
	return c
}

// groupOf makes a sync group with its notify programs.
func groupOf(name, members string, words ...string) string {
	return "vrrp_sync_group " + name + " {\n group {\n  " + strings.ReplaceAll(members, " ", "\n  ") + "\n }\n notify /run/bin/group\n" +
		" notify_master \"/run/bin/group master\"\n notify_backup \"/run/bin/group backup\"\n notify_fault \"/run/bin/group fault\"\n " +
		strings.Join(words, "\n ") + "\n}\n"
}

// trackerCases are what changes priorities and states. Processes are not among them: outside of the first network
// namespace the kernel refuses keepalived its process events (errno 111), so that 2.2.7 tracks none.
func trackerCases() []Case {
	group := globals + router("VI_1") + router("VI_2", "interface eth1", "virtual_router_id 52", "virtual_ipaddress { 10.98.0.100/24 }")
	withGroup := func(n *Node) { n.Programs = append([]string{"group"}, recorders...) }
	list := []Case{
		with(eachNode(twoLinks(two("sync group", group+groupOf("G", "VI_1 VI_2"),
			Step{"a starts", Start("a"), Until{"a VI_1 MASTER", "a VI_2 MASTER", "a called any 4"}},
			Step{"b starts", Start("b"), Until{"b VI_1 BACKUP", "b VI_2 BACKUP", "b called any 2"}},
			Step{"a loses eth1", Unplug("a", "eth1"), Until{"a VI_1 FAULT", "b VI_1 MASTER", "b VI_2 MASTER", "b called any 2"}},
			Step{"a has eth1 again", Plug("a", "eth1"), Until{"a VI_1 MASTER", "a VI_2 MASTER", "b VI_1 BACKUP", "b VI_2 BACKUP", "b called any 2"}},
			Step{"a stops", Stop("a"), Until{"a ended", "b VI_1 MASTER", "b VI_2 MASTER", "b called any 2"}})), withGroup), func(c *Case) { c.Chance = `discarding|Receive advertisement timeout` }),
		with(two("weights", globals+check("plus", "weight 60")+router("VI_1", "priority 1$N0", "track_script { plus }"),
			Step{"a starts", Start("a"), Until{"a VI_1 MASTER", "a called any 2"}},
			Step{"b starts", Start("b"), Until{"b VI_1 MASTER", "a VI_1 BACKUP", "b called any 2"}},
			Step{"b's check fails", Script("b", "plus", 1), Until{"a VI_1 MASTER", "b VI_1 BACKUP", "b called any 1"}},
			Step{"b's check succeeds", Script("b", "plus", 0), Until{"b VI_1 MASTER", "a VI_1 BACKUP", "b called any 1"}}),
			func(c *Case) { c.Chance = `master_priority|discarding` }),
		one("negative weight", globals+check("minus", "weight -60")+router("VI_1", "track_script { minus }"), startA,
			Step{"the check fails", Script("a", "minus", 1), Until{"a says from 150 to 90"}},
			Step{"the check succeeds", Script("a", "minus", 0), Until{"a says from 90 to 150"}}, stopA),
		one("reversed weight", globals+check("turned", "weight 60 reverse")+router("VI_1", "track_script { turned }"), startA,
			Step{"the check fails", Script("a", "turned", 1), Until{"a says from 90 to 150"}},
			Step{"the check succeeds", Script("a", "turned", 0), Until{"a says from 150 to 90"}}, stopA),
		one("clamped above", globals+check("much", "weight 200")+router("VI_1", "track_script { much }"), startA,
			Step{"the check fails", Script("a", "much", 1), Until{"a says from 254 to 150"}}, stopA),
		one("clamped below", globals+check("much", "weight -200")+router("VI_1", "track_script { much }"), startA,
			Step{"the check fails", Script("a", "much", 3), Until{"a says from 150 to 1"}}, stopA),
		two("fault by a check", globals+check("chk")+router("VI_1", "track_script { chk }"), startA, startB,
			Step{"a's check fails", Script("a", "chk", 1), Until{"a VI_1 FAULT", "b VI_1 MASTER", "a called any 1", "b called any 1"}},
			Step{"a's check succeeds", Script("a", "chk", 0), Until{"a VI_1 MASTER", "b VI_1 BACKUP", "a called any 2", "b called any 1"}},
			takeover),
		eachNode(one("fault at the start", globals+check("chk")+router("VI_1", "track_script { chk }"),
			Step{"start", Start("a"), Until{"a says VRRP_Script(chk) failed"}},
			Step{"the check succeeds", Script("a", "chk", 0), Until{"a VI_1 MASTER", "a called any 2"}}), func(n *Node) { n.Checks = map[string]int{"chk": 1} }),
		one("init_fail, rise and fall", globals+check("chk", "rise 2", "fall 2", "init_fail")+router("VI_1", "track_script { chk }"),
			Step{"start", Start("a"), Until{"a VI_1 MASTER", "a called any 2"}},
			Step{"the check fails", Script("a", "chk", 1), Until{"a VI_1 FAULT", "a called any 1"}},
			Step{"the check succeeds", Script("a", "chk", 0), Until{"a VI_1 MASTER", "a called any 2"}}),
		one("a script that is not there", globals+"vrrp_script none {\n script \"/run/bin/is-not-there\"\n interval 1\n}\n"+check("chk", "weight 10")+
			router("VI_1", "track_script { none; chk }"), startA, stopA),
		one("track_file", globals+"track_file load {\n file /run/load\n weight -2\n}\n"+router("VI_1", "track_file { load }"), startA,
			Step{"a file with 20", File("a", "load", "20\n"), Until{"a says from 150 to 110"}},
			Step{"a file with -20", File("a", "load", "-20\n"), Until{"a says from 110 to 190"}},
			Step{"a file with 200", File("a", "load", "200\n"), Until{"a VI_1 FAULT", "a called any 1"}},
			Step{"a file with 0", File("a", "load", "0\n"), Until{"a VI_1 MASTER", "a called any 2"}},
			Step{"no file", Remove("a", "load"), nil}),
		one("track_file without weight", globals+"track_file load {\n file /run/load\n weight 0\n}\n"+router("VI_1", "track_file { load }"), startA,
			Step{"a file with 1", File("a", "load", "1\n"), Until{"a VI_1 FAULT", "a called any 1"}},
			Step{"a file with 0", File("a", "load", "0\n"), Until{"a VI_1 MASTER", "a called any 2"}}),
		twoLinks(one("track_interface", globals+router("VI_1", "track_interface { eth1 }"), startA,
			Step{"eth1 is lost", Unplug("a", "eth1"), Until{"a VI_1 FAULT", "a called any 1"}},
			Step{"eth1 is back", Plug("a", "eth1"), Until{"a VI_1 MASTER", "a called any 2"}})),
		twoLinks(one("interface_up_down_delays", globals+"interface_up_down_delays {\n eth1 0.5 1\n}\n"+router("VI_1", "track_interface { eth1 }"), startA,
			Step{"eth1 is lost for a moment", All(Unplug("a", "eth1"), Plug("a", "eth1")), nil},
			Step{"eth1 is lost", Unplug("a", "eth1"), Until{"a VI_1 FAULT", "a called any 1"}},
			Step{"eth1 is back", Plug("a", "eth1"), Until{"a VI_1 MASTER", "a called any 2"}})),
		twoLinks(one("track_interface with a weight", globals+router("VI_1", "track_interface { eth1 weight -30 }"), startA,
			Step{"eth1 is lost", Unplug("a", "eth1"), Until{"a says from 150 to 120"}},
			Step{"eth1 is back", Plug("a", "eth1"), Until{"a says from 120 to 150"}})),
		two("own interface lost", globals+router("VI_1"), startA, startB,
			Step{"a loses eth0", Unplug("a", "eth0"), Until{"a VI_1 FAULT", "b VI_1 MASTER", "a called any 1", "b called any 1"}},
			Step{"a has eth0 again", Plug("a", "eth0"), Until{"a VI_1 MASTER", "b VI_1 BACKUP", "a called any 2", "b called any 1"}}),
		with(two("dont_track_primary", globals+router("VI_1", "dont_track_primary"), startA, startB,
			Step{"a loses eth0", Unplug("a", "eth0"), Until{"b VI_1 MASTER", "b called any 1"}},
			Step{"a has eth0 again", Plug("a", "eth0"), Until{"b VI_1 BACKUP", "b called any 1"}}),
			func(c *Case) { c.Chance = `proto_ipv4|Received advert` }), // who speaks first
		// Not here: an address that somebody takes away. keepalived becomes BACKUP and takes over again; Regent puts it back
		// within milliseconds and stays MASTER (TestAddressDeletedByHandIsRestored).
		one("an address taken away, not tracked", globals+router("VI_1", "virtual_ipaddress { 10.99.0.100/24 no_track }"), startA,
			Step{"by hand", Run("a", "ip addr del 10.99.0.100/24 dev eth0"), nil}, stopA),
	}
	for i := range list {
		for j := range list[i].Nodes {
			list[i].Nodes[j].Files = map[string]string{"load": "0\n"}
		}
	}
	return list
}
