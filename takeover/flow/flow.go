// SPDX-License-Identifier: Apache-2.0

package flow

import "net/netip"

// Flow is one established TCP connection to a service's address, seen from the side that performs the service.
type Flow struct {
	Local  netip.AddrPort // the service's; never IPv4-mapped, never with a zone
	Remote netip.AddrPort // the client's; likewise
	// Exact says that the sequence numbers are known: Send is the next that this side sends (SND.NXT), Receive the next
	// that it expects (RCV.NXT).
	Exact         bool
	Send, Receive uint32
}
