// SPDX-License-Identifier: Apache-2.0

// Package peers proves that Regent shares a segment with other VRRP daemons.
//
// A [Daemon] runs one of them ([Keepalived], [FRR] or [Regent]) on a node of a laboratory network, each told the same
// [Router] in its own words. A [Run] collects what happened on the segment: the adverts as tshark decoded them from a
// capture (never as our own decoder would) and [Sample]s of which node's kernel held the addresses. [Run.Judge] is the
// judge. It is a pure function of those records: after each event (a start, a SIGTERM, a cut) there is an election
// window of bounded length, and outside of the windows exactly one node advertises and exactly one holds the addresses.
// What a killed daemon leaves in its own kernel is recorded apart, since no other node can do anything about it.
//
// The tests of the package are the matrix of peers, protocols and scenarios. docs/interop.md is what a run of them
// measured: go test ./internal/peers -run TestInterop -update writes it.
package peers
