// SPDX-License-Identifier: Apache-2.0

// Package policy decides who may perform a service, who must not, and what follows from that. It is pure: a [View] of the
// cluster goes in, decisions and their reasons in words come out. The same view gives the same answers on every node.
//
// # Who performs a service
//
// [Decide] says for one node and one service which priority the node has in the election (see the bands in bands.go), what
// it does with the address while it is Active, and why. The owner serves when it is ready. A standby is a candidate when it
// is listed, takeover is allowed, its record is fresh, it is ready, neither drained nor overloaded, has room for the demand,
// and has not failed more often than others. Room and load are judged only for nodes that do not perform the service yet: the
// performer is never demoted by its own load, or services would play ping-pong.
//
// A higher band pre-empts a lower one: a node that may serve takes the address from one that merely refuses. There is
// always somebody to refuse, unless the file wants silence.
//
// # Who must not
//
// [Forecast] asks for every node what becomes of the services that it performs if it fails. They are placed together on the
// nodes that remain, all or none. What finds no place is unprotected: it is marked as not to be taken over until there is
// room again. Marks are left aside by the forecast, so none keeps itself alive. The plan of the forecast also orders the
// candidates of [Decide] where room is scarce, so that services which only fit in one way do land in that way.
//
// With failures_to_tolerate = 2 or more, each set of so many nodes is supposed to fail together. Services are placed when
// every set leaves room for all that it performed.
//
// The search for a place is exact: it goes through the services (few candidates first, then large demand, then name) and
// their candidates (best first), and goes back where there is no way on. The first descent nearly always succeeds; where it
// does not, bounds tell what cannot fit before it is tried. A trial is given up after workLimit looks at a candidate, sets of
// nodes after setLimit of them: the forecast is then suspended, which forbids nothing and lifts nothing. It is also suspended
// when something does not fit and nothing is known of a node that might have had room.
//
// # A worked example
//
// Three nodes; db1 owns orders (demand 40), db2 owns parts (demand 40), and db3, with a capacity of 60, is the standby of
// both. While all live, each service has a place to go, so both are protected. Then db1 fails. db3 performs orders, and 20 of
// its 60 are left: parts, which needs 40, has nowhere to go if db2 fails. orders could go back to nobody but its dead owner.
// Both are unprotected now: db3 marks orders and db2 marks parts. [Explain] says so on db3:
//
//	orders on db3: duty serve when active, priority 240
//	  because standby, performs it
//	  may perform it, best first: db3
//	  if db2 fails: unprotected parts
//	  if db3 fails: unprotected orders
//	parts on db3: duty refuse when active, priority 158
//	  because needs 40, db3 has 20 of 60 free
//	  may perform it, best first: db2
//	  if db2 fails: unprotected parts
//	  if db3 fails: unprotected orders
//
// When db1 returns it takes orders back, db3 has room again, and both marks are lifted. What would be if db2 failed now is
// asked of the view that [Suppose] makes:
//
//	then, err := policy.Suppose(view, view.Cluster.Node("db2"), "down")
//	…
//	fmt.Print(policy.Explain(then, service, node).Text())
//
// [Meter] judges overload with hysteresis, [ByHand] services whose priority is given by hand, [ParseRecord] and
// [AppendRecord] carry records between nodes. What one node does over time is package agent.
package policy
