// SPDX-License-Identifier: Apache-2.0

// Package route reads routes and policy rules in the words of ip(8), installs them, finds them again and tells when
// somebody takes them away.
//
// # Lines
//
// [Parse] makes a [Route] of a line, [ParseRule] a [Rule]; [Options] say where more names are found than those that are
// built in. Their String methods give back canonical text: the same words in the same order, whatever order and which
// synonyms the line had. Parsing that text gives the same route again. Devices are names until a route is installed.
//
//	default via 10.0.0.1 dev eth0 table 100 metric 5
//	10.2.0.0/16 nexthop via 10.0.0.1 dev eth0 weight 3 nexthop via 10.0.1.1 dev eth1
//	unreachable fd00:2::/32 metric 9000
//	from 10.0.0.101 table 100 priority 10
//
// Words mean what they mean to ip(8), and what it leaves open is as it does it: a route without a gateway has the scope
// link, tos is hexadecimal, rtt without a unit is in the kernel's own one. To that come the words of keepalived that ip(8)
// does not have: gw and or (old ones for via and a second next hop), add, append, prepend and replace, no_track, inet and
// inet6.
//
// # The kernel
//
// [Kernel] adds and deletes batches. What it adds carries the mark [Protocol] unless the line names a protocol, so that
// [Kernel.Leftovers] finds what an earlier run left. Adding what is there already is no error, and neither is deleting
// what is not.
//
// A route is one by its destination, table, tos and metric, as the kernel sees it. Adding puts a route before another one
// that is the same by these, which counts again when ours has gone: that of a subnet, say, or a default route by DHCP. With
// IPv6 the kernel makes one route with several next hops of them: give ours a metric of its own. The words add, append and
// replace in the line have it otherwise, as with ip-route(8).
//
// # Watching
//
// [Kernel.Watch] tells of routes and rules that were added here and are there no more: deleted, replaced by one of another
// protocol, or flushed with their interface, which the kernel does without a word.
package route
