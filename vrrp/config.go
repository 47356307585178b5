// SPDX-License-Identifier: Apache-2.0

package vrrp

import (
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// Config is what a virtual router is told about itself.
type Config struct {
	Family    Family
	VRID      VRID
	Version   uint8         // 2 or 3; IPv6 is always 3
	Priority  Priority      // 1 to 254, or [Owner]
	Interval  time.Duration // Advertisement_Interval: v3 10ms to 40.95s, v2 whole seconds
	Addresses []netip.Addr  // as advertised, in order

	Checksum       Checksum // on sending, IPv4 version 3: PseudoHeader or MessageOnly
	AcceptChecksum Checksum // on receipt: Either, PseudoHeader or MessageOnly
	OldChecksum    OldChecksum
	Auth           Auth  // version 2 only
	HMAC           *HMAC // nil: none; it must not change while it is in use. [Router.SetWall] has to be called

	// PreemptBelow: a Backup takes over from an Active whose priority is below this and below its own.
	// 255 is RFC 9568 pre-emption, 0 is none. An [Owner] always does.
	PreemptBelow Priority
	// PreemptDelay is how long a Backup tolerates lower priorities: from its start, and after that from the first advert of a
	// lower priority that it hears as Backup. An advert that is not lower, and being Active, end it; a silent Active is
	// succeeded regardless.
	PreemptDelay time.Duration
	// Hold: for so long after the first start this router pre-empts nobody, and an owner starts as Backup.
	// A worker that is restarted after a crash uses it.
	Hold time.Duration
	// Delay: for so long after the first start adverts are ignored and nothing is decided; the timers run from its end, and
	// an owner is Active then.
	Delay time.Duration
	// StartActive makes the first election short: one interval and a quarter of Skew_Time, so that a better one is still first.
	// It pre-empts nobody that it would not pre-empt anyway.
	StartActive bool
	// DownAdverts is how many intervals without an advert make an Active_Down_Interval, besides Skew_Time: 1 to 100, 0 is 3 as
	// RFC 9568 has it.
	DownAdverts int

	// LowerPrioNoAdvert: an Active does not answer adverts that lose against its own. RFC 9568 §6.4.3 answers them, RFC 5798 did not.
	LowerPrioNoAdvert bool
	// OwnerIgnoreAdverts: with [Owner] as its priority it goes by no advert at all; they are checked and counted.
	OwnerIgnoreAdverts bool
	// AnyAddresses accepts adverts of version 2 with other addresses than ours, with a remark; RFC 3768 §7.1 discards them, if
	// not from the owner.
	AnyAddresses bool

	// Suspect: a Backup that misses two adverts says so with [Suspect], so that others can be asked before it takes over.
	Suspect bool

	// Rivals: an Active says with [Rival] that it heard an advert that loses against its own.
	Rivals bool

	// Peers are the unicast destinations; empty means the multicast group.
	Peers []netip.Addr
	// MinTTL and MaxTTL are the TTLs (hop limits) that unicast adverts may arrive with; both 0 is 255 alone, as by multicast.
	// MaxTTL 0 beside a MinTTL is 255.
	MinTTL, MaxTTL uint8
	// CheckPeers discards unicast adverts that do not come from one of Peers.
	CheckPeers bool
	// Group is the multicast group, if it is not the one of the family: see [Config.Multicast].
	Group netip.Addr
	// RequireLinkLocal discards IPv6 adverts whose first address is not link-local (erratum 8300).
	RequireLinkLocal bool

	// Leader is the virtual router (the IPv4 one of the same service) that this one moves with; 0 is none.
	Leader ID
}

// Multicast is where adverts go and come from without Peers: Group, else that of the family.
func (c *Config) Multicast() netip.Addr {
	if c.Group.IsValid() {
		return c.Group
	}
	return c.Family.Group()
}

// missed is DownAdverts, as a factor of intervals.
func (c *Config) missed() time.Duration {
	if c.DownAdverts == 0 {
		return 3
	}
	return time.Duration(c.DownAdverts)
}

// goodTTL judges the TTL of a packet.
func (c *Config) goodTTL(ttl uint8) bool {
	if len(c.Peers) == 0 || c.MinTTL == 0 && c.MaxTTL == 0 {
		return ttl == 255
	}
	most := c.MaxTTL
	if most == 0 {
		most = 255
	}
	return c.MinTTL <= ttl && ttl <= most
}

// check refuses what no message can carry.
func (c *Config) check() error {
	interval := centi
	if c.Version == 2 {
		interval = time.Second
	}
	switch {
	case c.Family != IPv4 && c.Family != IPv6:
		return fmt.Errorf("%s: want ipv4 or ipv6", c.Family)
	case c.Version != 3 && (c.Version != 2 || c.Family != IPv4):
		return fmt.Errorf("version %d over %s: want 3, or 2 over ipv4", c.Version, c.Family)
	case c.VRID == 0:
		return errors.New("VRID 0: want 1 to 255")
	case c.Priority == Release:
		return errors.New("priority 0: want 1 to 255")
	case c.Interval < interval || c.Interval%interval != 0 || c.Interval > 4095*centi && c.Version == 3 || c.Interval > 255*time.Second:
		return fmt.Errorf("interval %s: want 10ms to 40.95s, or whole seconds up to 255 in version 2", c.Interval)
	case len(c.Addresses) == 0 || len(c.Addresses) > 255:
		return fmt.Errorf("%d addresses: want 1 to 255", len(c.Addresses))
	}
	switch {
	case c.DownAdverts < 0 || c.DownAdverts > 100:
		return fmt.Errorf("%d adverts until the active node is down: want 1 to 100, or 0 for 3", c.DownAdverts)
	case c.MaxTTL != 0 && c.MinTTL > c.MaxTTL:
		return fmt.Errorf("TTL from %d to %d: want the lower one first", c.MinTTL, c.MaxTTL)
	case c.Group.IsValid() && (familyOf(c.Group) != c.Family || !c.Group.IsMulticast()):
		return fmt.Errorf("multicast group %s: want one of %s", c.Group, c.Family)
	case c.OldChecksum > OldAlways:
		return fmt.Errorf("old checksum %d: want never, detect or always", c.OldChecksum)
	case c.Delay < 0 || c.Hold < 0 || c.PreemptDelay < 0:
		return errors.New("a delay below zero: want 0 or more")
	}
	if c.HMAC != nil {
		if err := c.HMAC.check(); err != nil {
			return err
		}
	}
	for _, a := range c.Addresses {
		if familyOf(a) != c.Family {
			return fmt.Errorf("address %s: want %s", a, c.Family)
		}
	}
	for _, a := range c.Peers {
		if familyOf(a) != c.Family || a.IsMulticast() {
			return fmt.Errorf("unicast peer %s: want %s", a, c.Family)
		}
	}
	return nil
}
