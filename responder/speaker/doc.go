// SPDX-License-Identifier: Apache-2.0

// Package speaker answers clients of a refused address in the words of their protocol, where the configuration asks for
// that instead of a reset. What is said is package answer's; here is who listens, and how much it bears.
//
//	s, err := speaker.Open(speaker.Options{Logger: log})
//	s.Set(map[speaker.Port]speaker.Line{{Address: a, Protocol: speaker.TCP, Number: 5432}: {Stream: &answer.PostgreSQL{}}})
//	r, err := responder.Open(ctx, responder.Options{Speaker: responder.Speaker(s.Ports())})
//
// # How packets come here
//
// The speaker has one transparent socket for each family and protocol, at 127.0.0.1 and ::1. The table of package responder
// hands it, by tproxy, what is for a spoken port of a refused address; the packet keeps its destination, and so a connection
// that is accepted here has the inherited address as its own. When the process is gone the rule finds no socket and the next
// one resets: nobody ever falls through to another service.
//
// A host firewall stands behind these rules, unlike with refusing: it must let clients reach the port as if the service
// were here.
//
// # A conversation
//
// The reply is written, then FIN, then what the client still says is read and thrown away for a second at most: closing with
// unread data would send a reset, which destroys the reply on its way. A conversation has 5 s and 16 KiB. There are 1,024 at
// once, 128 with one source (IPv6: one /64), and 100 new ones a second with it; the kernel hands over 2,000 connections a
// second. Beyond each of these a client is reset: that is the answer that everybody else gets, too.
//
// # Datagrams
//
// A reply leaves from the inherited address, by a raw socket: a socket that is bound there might collide with the very
// service that is refused. It is never longer than the request. What gets no reply gets "port unreachable".
package speaker
