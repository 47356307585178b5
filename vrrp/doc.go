// SPDX-License-Identifier: Apache-2.0

// Package vrrp is the protocol: version 2 (RFC 3768) and 3 (RFC 9568), IPv4 and IPv6. It decides and computes; it reads
// no clock, opens no socket, starts no goroutine.
//
// A [Router] holds any number of virtual routers. Its caller, package transport or a simulation, hands it packets and
// instants, and does what the [Action]s say:
//
//	out = router.Receive(now, packet, out[:0])   // for each packet that waits
//	out = router.Expire(now, out)                // when Deadline has come, after all packets that wait
//	for _, a := range out { … }                  // SendAdvert first of all
//	sleep until router.Deadline()
//
// Beyond RFC 9568 it knows pre-emption of lower bands only (Config.PreemptBelow), a planned release that waits for the
// heir, IPv6 virtual routers that move with their IPv4 leader, lateness: a machine that was not called for an
// Active_Down_Interval listens before it speaks, and corroboration: a Backup that misses two adverts says so ([Suspect]), and
// who knows that the Active lives may put the takeover off once ([Router.Hold]).
//
// Sync groups ([Router.SetGroup]) move as one: all members Active, or none. What keepalived does differently from the RFCs is an
// option of [Config] each; the zero value is the RFC. Its trailers ([HMAC]) need the wall clock too: [Router.SetWall].
package vrrp
