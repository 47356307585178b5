// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/regent-ha/regent/vrrp"
)

// Binding says where a virtual router lives: the interface and the source that its adverts leave from, and whom they go to.
type Binding struct {
	ID        vrrp.ID
	Interface string // name, for messages; what counts is the index
	Index     int
	Family    vrrp.Family
	Source    netip.Addr   // primary IPv4 address, or IPv6 link-local address
	Peers     []netip.Addr // unicast peers; empty: the group
	Group     netip.Addr   // multicast group; absent: that of the family
	TTL       uint8        // TTL or hop limit of unicast adverts; 0 is 255, which multicast ones always have
}

// check reports what cannot be right about a binding.
func (b Binding) check() error {
	fits := func(a netip.Addr) bool {
		return a.IsValid() && !a.Is4In6() && a.Is4() == (b.Family == vrrp.IPv4)
	}
	switch {
	case b.ID == 0:
		return errors.New("no virtual router named")
	case b.Family != vrrp.IPv4 && b.Family != vrrp.IPv6:
		return fmt.Errorf("no such family: %s", b.Family)
	case b.Index <= 0:
		return fmt.Errorf("interface index %d: want a positive one", b.Index)
	case !fits(b.Source):
		return fmt.Errorf("source %s: want an %s address", b.Source, b.Family)
	}
	if g := b.group(); !fits(g) || !g.IsMulticast() {
		return fmt.Errorf("multicast group %s: want one of %s", g, b.Family)
	}
	for _, p := range b.Peers {
		if !fits(p) {
			return fmt.Errorf("unicast peer %s: want an %s address", p, b.Family)
		}
	}
	return nil
}

// equal reports whether two bindings are the same.
func (b Binding) equal(c Binding) bool {
	return b.ID == c.ID && b.Index == c.Index && b.Family == c.Family && b.Source == c.Source && slices.Equal(b.Peers, c.Peers) &&
		b.group() == c.group() && b.hops() == c.hops()
}

// group is the multicast group that is heard: of unicast that of the family, so that all share a port.
func (b Binding) group() netip.Addr {
	if b.Group.IsValid() && len(b.Peers) == 0 {
		return b.Group
	}
	return b.Family.Group()
}

// hops is the TTL or hop limit of what is sent.
func (b Binding) hops() uint8 {
	if b.TTL == 0 || len(b.Peers) == 0 {
		return hopLimit
	}
	return b.TTL
}
