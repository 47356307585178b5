// SPDX-License-Identifier: Apache-2.0

// Package netlab builds small networks for tests, the demo and the bench: nodes
// in network namespaces, bridges between them, faults on the wire, captures,
// and tshark to judge what was captured.
//
// Nothing leaves the namespaces and nothing is left behind: namespaces are
// anonymous (a file descriptor, no name under /run/netns), so that the kernel
// removes them when the process ends, however it ends.
//
//	func TestHeirAnswers(t *testing.T) {
//		lab := netlab.Test(t)                        // skips or fails by itself
//		a, err := lab.Node("a", "10.99.0.1/24", "fd99::1/64")
//		b, err := lab.Node("b", "10.99.0.2/24", "fd99::2/64")
//		wire, err := lab.Capture("election", "proto 112 or arp")
//		daemon, err := a.Start(ctx, "regent", "run", "-c", file)
//		…
//		a.Cut()                                      // silence, carrier stays
//		path, err := wire.Stop()
//		adverts, err := netlab.Adverts(ctx, path)
//	}
//
// # Topology
//
//	 node a              node b              node c        each its own namespace
//	  eth0                eth0                eth0         02:00:00:00:00:NN
//	   |                   |                   |
//	+--p1------------------p2------------------p3--+
//	|                     br0                      |       the network's namespace
//	+----------------------------------------------+
//
// NN counts the nodes from 01. IPv6 addresses are usable at once (no duplicate
// address detection during set-up; it is at the kernel's default afterwards).
// The bridge has no addresses and sends nothing, spanning tree is off, and
// multicast snooping is off unless asked for. More networks come from
// [Lab.Network], second interfaces from [Node.Attach].
//
// # In a namespace
//
// [Node.Do] runs a function on a thread that is inside; sockets opened there
// stay there. Goroutines started by that function are not inside.
// [Node.Command] makes a process that is. [Node.Dial] and [Node.Listen] are
// the common cases.
//
// # Faults
//
// [Port.Cut] takes frames away in both directions while the node keeps its
// carrier, [Port.LinkDown] takes the carrier, [Network.Drop] loses frames by
// direction, by match and with a probability, [Network.Duplicate] doubles
// them.
//
// # Captures
//
// A [Capture] of a network sees every frame that reached the bridge exactly once,
// with the kernel's time stamp of its arrival; frames of a node that is cut
// off, or that [Network.Drop] takes as they arrive, are not among them. It is ready when
// the call returns. The files are pcap with nanoseconds.
//
// # Without root
//
// [Reexec] starts the program again as root of a new user namespace; [Main]
// does it for test binaries. Where that is forbidden as well, tests skip with
// the reason, or fail if REGENT_REQUIRE_NETWORK=1.
package netlab
