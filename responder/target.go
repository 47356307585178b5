// SPDX-License-Identifier: Apache-2.0

package responder

import (
	"fmt"
	"net/netip"
)

// Protocol numbers that a Port may have.
const (
	TCP uint8 = 6
	UDP uint8 = 17
)

// Target is an address that is to be refused: whole, or only some of its ports.
type Target struct {
	Address netip.Addr
	Ports   []Port // none: the whole address
	// Spoken are the ports among them that a speaker answers in the protocol's own words (see [Options].Speaker). Without
	// one, or when it is gone, they are refused like all others.
	Spoken []Port
}

// Port is a TCP or UDP port.
type Port struct {
	Proto  uint8 // TCP or UDP
	Number uint16
}

// String returns the port as the configuration writes it: tcp/5432.
func (p Port) String() string {
	switch p.Proto {
	case TCP:
		return fmt.Sprintf("tcp/%d", p.Number)
	case UDP:
		return fmt.Sprintf("udp/%d", p.Number)
	}
	return fmt.Sprintf("protocol %d/%d", p.Proto, p.Number)
}

// plain returns the address as the sets hold it: without zone, IPv4 as IPv4.
func plain(a netip.Addr) (netip.Addr, error) {
	a = a.Unmap().WithZone("")
	if !a.IsValid() || a.IsUnspecified() || a.IsMulticast() {
		return netip.Addr{}, fmt.Errorf("refuse %v: not the address of a host", a)
	}
	return a, nil
}

// check returns an error for a port that the rules cannot name.
func (p Port) check() error {
	if p.Proto != TCP && p.Proto != UDP {
		return fmt.Errorf("port %v: want tcp or udp", p)
	}
	if p.Number == 0 {
		return fmt.Errorf("port %v: want 1 to 65535", p)
	}
	return nil
}

// Count is what was answered for an address since its elements were made.
type Count struct {
	Resets       uint64 // TCP segments answered with a reset
	Unreachables uint64 // datagrams of UDP and other protocols answered with ICMP; the kernel's rate limit may have held some back
}
