// SPDX-License-Identifier: Apache-2.0

package bfd

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// Bounds and defaults, the latter being keepalived's.
const (
	defaultInterval   = 10 * time.Millisecond
	defaultIdle       = time.Second
	defaultMultiplier = 5
	gtsm              = 255 // RFC 5082: what a neighbour's packets have, and no one else's

	leastInterval    = time.Millisecond
	greatestInterval = time.Hour // that of the wire is 71 minutes
	anyDistance      = 255       // of MaxHops: no check
)

// Config of a session. What is zero has the default.
type Config struct {
	// Neighbor is the other end: an IPv4 address, or an IPv6 one, with a zone if link-local (fe80::1%eth0).
	Neighbor netip.Addr
	// Source of packets. Absent: the kernel picks it by route. A session over several hops takes only packets that come to it.
	Source netip.Addr
	// MinRX is bfd.RequiredMinRxInterval: packets may come this fast. 1 ms to 1 h, whole microseconds; 10 ms.
	MinRX time.Duration
	// MinTX is bfd.DesiredMinTxInterval while up: packets go no faster. 1 ms to 1 h, whole microseconds; 10 ms.
	MinTX time.Duration
	// IdleTX is bfd.DesiredMinTxInterval while not up: 1 s (RFC 5880 §6.8.3 wants no less) to 1 h; 1 s. A greater MinTX wins.
	IdleTX time.Duration
	// Multiplier is bfd.DetectMult: the neighbour takes so many lost packets for a loss of the path. 1 to 255; 5.
	Multiplier int
	// Passive waits for the neighbour to speak first (RFC 5880 §6.1). One side must be active.
	Passive bool
	// TTL is the TTL or hop limit of packets sent. 1 to 255; 255, which is what RFC 5881 §5 demands over one hop.
	TTL int
	// MaxHops is how far below TTL the TTL of packets may be that come in. 255 takes all. Over one hop 0 takes those alone that
	// have TTL (GTSM); over several, where there is no rule, 0 is taken for 255.
	MaxHops int
	// Multihop speaks RFC 5883 on port 4784.
	Multihop bool
}

// complete returns the config with its defaults, and with addresses in their one form.
func (c Config) complete() Config {
	c.Neighbor, c.Source = c.Neighbor.Unmap(), c.Source.Unmap()
	c.MinRX = cmp.Or(c.MinRX, defaultInterval)
	c.MinTX = cmp.Or(c.MinTX, defaultInterval)
	c.IdleTX = max(cmp.Or(c.IdleTX, defaultIdle), c.MinTX)
	c.Multiplier = cmp.Or(c.Multiplier, defaultMultiplier)
	c.TTL = cmp.Or(c.TTL, gtsm)
	if c.Multihop {
		c.MaxHops = cmp.Or(c.MaxHops, anyDistance)
	}
	return c
}

// Validate reports all that is wrong with the config.
func (c Config) Validate() error {
	c = c.complete()
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	switch n := c.Neighbor; {
	case !n.IsValid():
		wrong("neighbor: none given")
	case n.IsUnspecified() || n.IsMulticast() || n == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		wrong("neighbor %s: want the address of a host", n)
	case n.Is6() && n.IsLinkLocalUnicast() && n.Zone() == "":
		wrong("neighbor %s: a link-local address needs its interface (%s%%eth0)", n, n)
	case c.Multihop && n.IsLinkLocalUnicast():
		wrong("neighbor %s: a link-local address is one hop away", n)
	}
	if s := c.Source; s.IsValid() {
		switch {
		case s.IsUnspecified() || s.IsMulticast():
			wrong("source %s: want an address of this host", s)
		case c.Neighbor.IsValid() && s.Is4() != c.Neighbor.Is4():
			wrong("source %s and neighbor %s: want one family", s, c.Neighbor)
		}
	}
	for _, d := range []struct {
		name  string
		value time.Duration
		least time.Duration
	}{{"min_rx", c.MinRX, leastInterval}, {"min_tx", c.MinTX, leastInterval}, {"idle_tx", c.IdleTX, time.Second}} {
		if d.value < d.least || d.value > greatestInterval {
			wrong("%s %v: want %v to %v", d.name, d.value, d.least, greatestInterval)
		} else if d.value%time.Microsecond != 0 {
			wrong("%s %v: want whole microseconds", d.name, d.value)
		}
	}
	for _, n := range []struct {
		name         string
		value, least int
	}{{"multiplier", c.Multiplier, 1}, {"ttl", c.TTL, 1}, {"max_hops", c.MaxHops, 0}} {
		if n.value < n.least || n.value > 255 {
			wrong("%s %d: want %d to 255", n.name, n.value, n.least)
		}
	}
	return errors.Join(errs...)
}

// near reports whether a packet with this TTL may come from the neighbour.
func (c Config) near(ttl int) bool {
	return c.MaxHops == anyDistance || ttl+c.MaxHops >= c.TTL
}

// samePath reports whether two configs are about one session, which then differ in what can be changed while it runs.
func (c Config) samePath(d Config) bool {
	return c.Neighbor == d.Neighbor && c.Source == d.Source && c.Multihop == d.Multihop
}
