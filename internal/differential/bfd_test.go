// SPDX-License-Identifier: Apache-2.0

package differential

import "strings"

// session is a bfd_instance over eth1, which nothing else uses. It notices a loss within a second.
const session = `bfd_instance path {
 neighbor_ip 10.98.0.$M
 source_ip 10.98.0.$N
 min_rx 200
 min_tx 200
 multiplier 5
}
`

// bfdCases are what sessions of bidirectional forwarding detection do to those who track them. Only a's instances do, so that
// nothing depends on which end of the session is told first; b has an instance VI_B of its own that keeps the other end alive. The
// path is cut while they start: how long a session takes to come up is of no account.
func bfdCases() []Case {
	up := func(more ...string) Until {
		return append(Until{"a says Tracked BFD instance path is UP", "b VI_B MASTER"}, more...)
	}
	pair := func(name, bfd, instances, plain string, steps ...Step) Case {
		c := twoLinks(two(name, globals+session+router("VI_B", "virtual_router_id 60", "virtual_ipaddress { 10.99.0.160/24 }", "track_bfd { path }")+plain, append([]Step{
			{"b starts without the path", All(Cut("a", "eth1"), Start("b")), Until{"b says (VI_B) entering FAULT state"}}}, steps...)...))
		if plain != "" {
			c.Steps[0].Until = append(c.Steps[0].Until, "b VI_1 MASTER")
		}
		c.Holds = false
		c.Nodes[0].Conf = conf(globals+bfd+instances, 1, 150)
		// Adverts cross when a begins again.
		c.Chance = `received lower priority|master_priority|Received advert`
		return c
	}
	lost, back := Cut("a", "eth1"), Heal("a", "eth1")
	other := router("VI_2", "virtual_router_id 52", "virtual_ipaddress { 10.99.0.101/24 }")
	tracks := func(words string) string { return router("VI_1", "track_bfd { path"+words+" }") }
	down := Step{"a starts", Start("a"), Until{"a says entering FAULT state", "a called any 1"}}
	list := []Case{
		pair("track_bfd with a reversed weight", strings.Replace(session, "multiplier", "weight 60 reverse\n multiplier", 1), tracks(""), router("VI_1"),
			Step{"a starts", Start("a"), Until{"a VI_1 MASTER", "b VI_1 BACKUP", "a called any 2"}},
			Step{"the path is there", back, up("a VI_1 BACKUP", "b VI_1 MASTER", "a says from 150 to 90")},
			Step{"the path is lost", lost, Until{"a VI_1 MASTER", "b VI_1 BACKUP", "a says from 90 to 150"}}),
		pair("track_bfd, a fault while up", session, tracks(" weight 0 reverse"), router("VI_1"),
			Step{"a starts", Start("a"), Until{"a VI_1 MASTER", "b VI_1 BACKUP", "a called any 2"}},
			Step{"the path is there", back, up("a VI_1 FAULT", "b VI_1 MASTER")},
			Step{"the path is lost", lost, Until{"a VI_1 MASTER", "b VI_1 BACKUP"}}),
		pair("track_bfd", session, tracks("")+strings.Replace(other, "virtual_router_id", "track_bfd {\n path weight -60\n }\n virtual_router_id", 1), router("VI_1")+other,
			Step{"a starts", Start("a"), Until{"a says entering FAULT state", "a VI_2 BACKUP", "a called any 2"}},
			Step{"the path is there", back, up("a VI_1 MASTER", "a VI_2 MASTER", "b VI_1 BACKUP", "b VI_2 BACKUP", "a called any 3")},
			Step{"the path is lost", lost, Until{"a VI_1 FAULT", "a VI_2 BACKUP", "b VI_1 MASTER", "b VI_2 MASTER"}}),
		pair("track_bfd of a group", session, router("VI_1")+other+strings.Replace(groupOf("G", "VI_1 VI_2"), " notify /run", " track_bfd {\n  path\n }\n notify /run", 1), "",
			Step{"a starts", Start("a"), Until{"a says entering FAULT state", "a called any 2"}},
			Step{"the path is there", back, up("a VI_1 MASTER", "a VI_2 MASTER")},
			Step{"the path is lost", lost, Until{"a VI_1 FAULT", "a called any 2"}}),
		pair("track_bfd, reloaded", session, tracks(""), router("VI_1"), down,
			Step{"the path is there", back, up("a VI_1 MASTER", "b VI_1 BACKUP", "a called any 2")},
			Step{"a reads the same file", Reload("a", conf(globals+session+tracks(""), 1, 150)), Until{"a says Reload complete"}},
			Step{"a reads another weight", Reload("a", conf(globals+session+tracks(" weight -60"), 1, 150)), Until{"a says Reload complete"}},
			Step{"the path is lost", lost, Until{"a says from 150 to 90", "b VI_1 MASTER"}}),
	}
	list[3].Nodes[0].Programs = append([]string{"group"}, recorders...)
	return list
}
