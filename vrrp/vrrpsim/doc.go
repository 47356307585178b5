// SPDX-License-Identifier: Apache-2.0

// Package vrrpsim plays a whole cluster in one goroutine: several nodes, each with a real [vrrp.Router], on a network
// that loses, delays, doubles and reorders packets, under a clock that only the simulation moves. A run is a function of
// its seed. It is support for tests, of this protocol and of what is decided on top of it.
//
// A [Cluster] is put together from services and nodes and then driven by hand:
//
//	c := vrrpsim.New(seed)
//	web := c.AddService(vrrpsim.Service{VRID: 51, Families: []vrrp.Family{vrrp.IPv4, vrrp.IPv6}, Interval: 100 * time.Millisecond})
//	a := c.AddNode(vrrpsim.NodeOptions{}).Join(web, vrrpsim.Role{Priority: 200, PreemptBelow: 255})
//	b := c.AddNode(vrrpsim.NodeOptions{}).Join(web, vrrpsim.Role{Priority: 100, PreemptBelow: 255})
//	a.Start(0)
//	b.Start(0)
//	c.Run(c.Now().Add(time.Second))    // a is Active
//	a.Crash()
//	c.Run(c.Now().Add(time.Second))    // b is
//	b.Holds(web.IDs()[0])              // true
//
// What a node does with packets and deadlines is what package transport does: a round takes all packets that wait, then
// what is due, then sends. A node that is paused does no rounds; its packets wait in bounded socket buffers, and the round
// after its wake-up takes them before it looks at the clock. Each node's clock starts somewhere else and runs at a rate of
// its own.
//
// # Schedules
//
// [Play] makes a cluster and a history for it from one seed: clusters of two to five nodes; some tens of
// Active_Down_Intervals of loss, partitions, pauses, crashes, restarts, reloads; and quiet stretches in between in which the
// [Judge] holds the nodes to what the protocol promises (see [Invariant]). Within the quiet stretches single, well-defined
// events, such as one planned release on a healthy network, are held to their exact time.
//
// Some schedules put all services into one sync group ([Cluster.AddGroup]): each node is Active for all of them or for none, and
// takes over as fast as the slowest of them allows.
//
// What no protocol can elect well is not generated: nodes that share a source address, unicast peers that do not all know
// each other, version 2 nodes with different intervals or address lists, members
// of a sync group whose priorities are in another order than on other nodes. What merely looks odd is: several nodes with the
// same priority, some that pre-empt and some that do not or only lower bands, intervals that differ from node to node.
//
// A schedule that fails says how it is played again:
//
//	REGENT_SIM_SEED=17 go test ./vrrp/vrrpsim -run TestSchedules -v
//
// REGENT_SIM_SCHEDULES sets how many seeds a test run takes, REGENT_SIM_FIRST the first of them.
package vrrpsim
