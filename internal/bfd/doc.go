// SPDX-License-Identifier: Apache-2.0

// Package bfd watches paths to neighbours with Bidirectional Forwarding
// Detection: RFC 5880 in asynchronous mode, over one hop (RFC 5881) or several
// (RFC 5883). It is what stands behind a check of the kind "bfd", and behind a
// bfd_instance of keepalived.
//
//	s := bfd.Open(bfd.Options{Logger: logger})
//	defer s.Close()                              // tells the neighbours: AdminDown
//	err := s.Watch("uplink", bfd.Config{Neighbor: netip.MustParseAddr("10.0.0.2")})
//	for c := range s.Changes() {
//		fmt.Println(c.Name, c.Up, c.Diagnostic)  // uplink true no diagnostic
//	}
//
// # Parts
//
//	        packets, time, random numbers                     packet to send, change of state
//	socket ------------------------------> table --> Session --------------------------------> socket, Changes
//	                                      (finds it)  (decides)
//
// [Packet] is the wire format: [Parse] makes the checks of RFC 5880 §6.8.6 that
// need no session. A table finds the session of a packet, by its discriminator
// once the neighbour knows it, before that by addresses. [Session] is the state
// machine: it reads no clock, has no socket, makes no random number; all of that
// comes in as arguments, and one [Output] comes out. [Speaker] (Linux) owns
// sockets and timers and is otherwise empty.
//
// # States
//
//	          hears Down   hears Init   hears Up   hears AdminDown   silence
//	Down      Init         Up           –          –                 –
//	Init      –            Up           Up         Down              Down
//	Up        Down         –            –          Down              Down
//
// A session that is not up sends once in IdleTX, at least a second. One that
// comes up goes over to MinTX at once and tells so with a poll sequence. It is
// down after its neighbour's multiplier times the slower of the neighbour's
// MinTX and the own MinRX have passed in silence. A process that was itself
// held up looks into its sockets before it calls a silence one.
//
// # Not spoken
//
//   - Authentication: packets that carry it are discarded (§6.8.6), as none is in use.
//   - The echo function: packets say that no echo is wanted (Required Min Echo RX
//     Interval 0), so that the neighbour must not send any (§6.8.9).
//   - Demand mode: never asked for. A neighbour that asks for it gets it, as it
//     must (§6.8.7): periodic packets cease while both sides are up, polls are answered.
//   - Point-to-multipoint: packets with the bit are discarded.
//
// # Distance
//
// Over one hop packets leave with TTL 255 and arrive with it, or are discarded:
// no one farther away can forge them (RFC 5881 §5). [Config].TTL and
// [Config].MaxHops loosen that as keepalived's do. keepalived itself sends IPv6
// with hop limit 64 unless told otherwise, against the RFC: to hear it takes a
// TTL of 64 here, or hoplimit 255 there.
//
// # A neighbour that ends
//
// Sessions end by AdminDown. Its neighbour is then down, but its path has not
// failed (RFC 5882 §3.2): such a [Change] is marked Administrative, and a tracker
// that does as keepalived's does leaves it at that.
package bfd
