// SPDX-License-Identifier: Apache-2.0

// Package shadow compares what a VRRP daemon on this host does with what Regent would do in its place.
//
//	c, err := shadow.New(now, routers)
//	findings = c.Heard(now, packet, findings) // what others say
//	findings = c.Said(now, packet, findings)  // what the daemon of this host says
//	findings = c.Expire(now, findings)        // when it is c.Deadline()
//
// The real protocol core runs in it and hears what the other daemon hears; what it wants to send goes nowhere. The other daemon is
// known by what it says: who sends adverts is Active. Both are given time to settle, at the start and after each change, before a
// difference counts: elections of two programs need not end in the same millisecond.
//
// Nothing here reads a clock, opens a socket or touches an address.
package shadow
