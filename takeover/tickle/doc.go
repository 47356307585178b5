// SPDX-License-Identifier: Apache-2.0

// Package tickle tells clients whose connections died with the node that performed the service.
//
// Such a client may wait for an answer that will never come: it sends nothing, so nobody can refuse it, and ICMP does not
// end a TCP connection. Whoever inherits the address knows the client's port and, where the performer could read them, the
// sequence numbers (package flow). It sends a segment from the address:
//
//	numbers known    RST|ACK seq=Send    ack=Receive    the client's connection ends
//	                 ACK     seq=Send-1  ack=Receive    the client answers with an ACK
//	unknown          ACK     seq=0       ack=0          the client answers with an ACK
//
// To an ACK of a connection that does not exist here, whatever refuses the address answers with RST seq=SEG.ACK (RFC 9293
// §3.10.7.1), which the client takes. The first two pass a stateful firewall on the client. The third does in one of four
// cases, and with the three others that have 2³¹ for one or both numbers in all, if the firewall is Linux 6.1 or later.
//
//	sender, err := tickle.Open(tickle.Options{})    // in the network namespace of the thread; needs CAP_NET_RAW
//	…the address is local, and neighbours have been told:
//	sender.Start(mirror.Flows("orders"))
//	…the service is performed here, or the address is given back:
//	sender.Cancel(addresses)
//
// A [Pacer] decides what is sent when: three times within a second, at a rate that leaves the machine time for adverts.
// The [Sender] sends it, in a goroutine of its own. It sends to nobody who is not in the list that it was given, and, since
// the kernel looks at the source address, from no address that this node does not hold. A segment has 40 or 60 bytes, no
// answer is greater.
package tickle
