// SPDX-License-Identifier: Apache-2.0

// Package answer says "not here, not now" in the words of a protocol. It is pure: bytes of a client in, bytes for it
// out. Who listens, and with which limits, is package speaker's.
//
//	reply, used, verdict := answer.Stream.Hear(facts, heard, out)   // TCP: Wait for more, Close with FIN, or Reset
//	reply, ok := answer.Datagram.Answer(facts, request, out)        // UDP: without ok, "port unreachable"
//
// # Which answer moves a client
//
// A reset, nearly always: it fails the attempt to connect, and every client that knows a second address tries it then. Words
// come after the connection was made, and many clients take that for the service itself and stop. docs/clients.md of the
// project shows for each client what moves it. Words are for those who need them:
//
//	postgresql   libpq (which stops at every other error) and people; not with sslmode=require
//	mysql        the drivers of Java
//	http         proxies that retry on 503, and people; redirected (307), clients with one address only
//	dns          resolvers with unconnected sockets, which never see an ICMP error
//	quic         every client of QUIC: none heeds ICMP
//	sip, smtp, mqtt, tns, cql   clients that know a next server, and their logs
//
// # What is never said
//
// GOAWAY of HTTP/2: clients of gRPC come back to the same address thousands of times a second. NXDOMAIN, FORMERR and empty
// answers of DNS: resolvers believe them. "Kiss of death" of NTP: clients go away for good. Over UDP, an answer to an answer,
// or one that is longer than the request.
package answer
