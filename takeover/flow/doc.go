// SPDX-License-Identifier: Apache-2.0

// Package flow knows which connections a service has: on the node that performs it, and on those that may inherit it.
//
// A client that waits silently for an answer does not notice that the node which was to give it has died. Whoever inherits the
// address can tell it (package tickle), if it knows the client's port, and exactly if it knows the sequence numbers. So
// the performer samples its connections and tells the others:
//
//	performer                                              possible heir
//	Sampler ─ each second ─▶ Table ─▶ Source ══ update ══▶ Mirror ─ on inheriting ─▶ List
//	                                         ◀═══ ask ════
//
// All but the [Sampler] is pure: time is an argument, messages go in and out as bytes. They may be lost, repeated and
// overtake each other; the caller sees to it that they are authentic. All messages are at most [MessageLimit] long.
//
// # Performer
//
//	table := &flow.Table{}
//	source, err := flow.NewSource("orders", epoch, table)
//	source.SetPeers([]string{"n2", "n3"})
//	budget := flow.NewBudget(0, 0)                      // one for all Sources of the node
//	…each second:
//	flows, err = sampler.Sample(addresses, flows[:0])
//	table.Set(now, flows)
//	again := source.Next(now, budget, tell)             // call it again then
//	…on a message of kind KindAsk:
//	err = source.Receive(from, message)
//
// # Possible heir
//
//	mirror := flow.NewMirror(flow.MirrorOptions{})
//	mirror.Allow(map[string][]netip.Addr{"orders": addresses})
//	…on a message of kind KindUpdate:
//	reply, err := mirror.Receive(now, from, message)    // the reply, if any, goes back
//	…on inheriting:
//	list := mirror.Flows("orders")
//
// # Costs
//
// 100,000 IPv4 connections take 4 MB at the performer and as much at each heir (30 to 41 bytes each: a record of 24 and its
// part of the index); to tell all of them takes 1.9 MB, 19 bytes each, and half a second at the default [Budget]. When
// nothing changes a peer hears some 40 bytes each 10 s.
package flow
