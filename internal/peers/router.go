// SPDX-License-Identifier: Apache-2.0

package peers

import (
	"net/netip"
	"time"
)

// Router is one virtual router as a daemon of any kind is told about it.
type Router struct {
	Interface string
	VRID      uint8
	Version   int // 2 or 3
	Priority  int
	Interval  time.Duration
	NoPreempt bool
	Refuse    bool // Regent refuses on the addresses; other daemons have no such thing
	// Addresses are the virtual addresses in the order they are advertised. An IPv6 list begins with a link-local one.
	Addresses []netip.Prefix
	// Excluded are virtual addresses that are not advertised.
	Excluded []netip.Prefix
	// Password is the simple text authentication of version 2, empty for none.
	Password string
	// Source is the address that adverts come from: the interface's own one, or for FRR over IPv6 the one that its
	// macvlan is given.
	Source netip.Addr
	// Peers are the unicast destinations, none for multicast.
	Peers []netip.Addr
}

// IPv6 reports whether the addresses are of that family.
func (r Router) IPv6() bool {
	return len(r.Addresses) > 0 && r.Addresses[0].Addr().Is6()
}

// Skew returns how long a Backup with the router's priority waits after a priority-0 advert (RFC 9568 §6.1), when the
// Active advertised every interval.
func (r Router) Skew(interval time.Duration) time.Duration {
	if r.Version == 2 {
		return time.Duration(256-r.Priority) * time.Second / 256 // RFC 3768 §6.1: whatever the interval
	}
	return time.Duration(256-r.Priority) * interval / 256
}

// DownInterval returns how long a Backup with the router's priority waits for an Active that advertised every interval.
func (r Router) DownInterval(interval time.Duration) time.Duration {
	return 3*interval + r.Skew(interval)
}
