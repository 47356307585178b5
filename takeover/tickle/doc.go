// SPDX-License-Identifier: Apache-2.0

// Package tickle tells clients that their connection is gone.
//
// A client that waits for an answer says nothing, so no reset reaches it when the node that it waits for dies: it hangs until
// its own timeout. The node that inherits the address knows the client's connection from the former holder (package flow) and
// sends it a segment from the inherited address. The client's kernel ends the connection, or answers; the answer meets no
// connection here and gets a reset that fits.
//
//	s, err := tickle.Open(tickle.Options{Logger: log})
//	s.Start(mirror.Flows("orders"))   // when the address is here and neighbours were told
//	s.Cancel(addrs)                   // when it leaves again
//
// # What is sent
//
// With known sequence numbers, first a reset with exactly the number that the client expects next (RFC 5961 §3.2: any other is
// not obeyed). A firewall that follows connections lets it pass. Then, for connections that have moved on since they were last
// looked at, a segment as of a keepalive (RFC 9293 §3.8.4): one octet before the window, which the client answers and a
// firewall knows. Last, and for connections without numbers each time, an empty segment with number 0: the client has to
// answer it as well (RFC 9293 §3.10.7.4), but a firewall that drops what is invalid keeps it away.
//
// Each client gets three segments in a second, for one may be lost, and kernels answer such segments twice a second at most.
// What comes after a reset that worked meets no socket there and does no harm. Clients that are not in the table get nothing.
//
// # Pace
//
// Segments leave in batches, 256 in a millisecond, from a goroutine of their own: 100,000 clients are told in 0.4 s.
package tickle
