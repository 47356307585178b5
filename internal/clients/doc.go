// SPDX-License-Identifier: Apache-2.0

// Package clients measures what programs do that nobody wrote for Regent, when the service that they use is lost and they know
// a second address of it: whether they move on, how soon, and by which answer.
//
//	client 10.99.0.128      n1 10.99.0.1        n2 10.99.0.2        n3 10.99.0.3
//	   |                       |                   |                   |
//	---+-----------------------+-------------------+-------------------+---
//	                       owns .129          inherits .129        has .144
//	                        servers           a wrong server        servers
//	                                          at every port
//
// A [Site] is that network: regent on n1 and n2, the servers of every protocol on n1 and n3, and on n2 wildcard servers that no
// client may ever reach. A [Client] knows .129 and .144. For each measurement n1 is cut off, n2 inherits .129 and refuses it, and
// the client starts when n2 has announced that on the wire. What it does is judged from outside: by its exit status, by what
// it prints, and by the capture ([Trace]), which has to show that it asked at .129 and what it got there.
//
// [Client.Answers] are what n2 may say instead of a reset, or of "port unreachable" for UDP. Each is a measurement of its own, at
// an address of its own: .130 and .131 are inherited like .129.
//
// [Report] holds everything that was measured; docs/clients.md is its text and docs/clients.json the same for programs. The first
// of these commands writes both, the second one only prints what it measures of some clients:
//
//	make clients
//	REGENT_CLIENTS=psql,curl go test ./internal/clients -run Every -v
//
// The Go libraries among the clients are programs of the module in goclients, so that Regent's own does not depend on them. The
// tests of this package run the same measurement with the few clients that every machine has, and with small servers.
package clients
