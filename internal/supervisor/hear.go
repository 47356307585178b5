// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"net/netip"
	"time"

	"github.com/regent-ha/regent/vrrp"
)

// unicast reports whether the adverts of an entry go to peers.
func (e *Entry) unicast() bool { return len(e.Adverts) > 0 && !e.Adverts[0].Destination.IsMulticast() }

// group is the multicast group that heirs are heard in.
func (e *Entry) group() netip.Addr {
	if len(e.Adverts) == 0 || e.unicast() {
		return e.Family.Group()
	}
	return e.Adverts[0].Destination
}

// hops is the TTL or hop limit of what is sent.
func (e *Entry) hops() int {
	if e.Hops.Sent == 0 || !e.unicast() {
		return 255
	}
	return int(e.Hops.Sent)
}

// arrives judges the TTL of what is heard.
func (e *Entry) arrives(ttl uint8) bool {
	least, most := e.Hops.Least, e.Hops.Most
	switch {
	case !e.unicast() || least == 0 && most == 0:
		return ttl == 255
	case most == 0:
		most = 255
	}
	return least <= ttl && ttl <= most
}

// inherits reports whether a packet says that another node is Active for the virtual router of an entry. What the worker would
// discard says nothing.
func (e *Entry) inherits(p *vrrp.Packet, a *vrrp.Advert, wall time.Time) bool {
	if e.Index != p.Interface || e.Family != p.Family || e.Source == p.Source || !e.arrives(p.TTL) {
		return false
	}
	advert, covered, trailer := p.Message, p.Message, []byte(nil)
	if e.HMAC != nil {
		if advert, trailer = vrrp.SplitTrailer(p.Family, p.Message); p.Family == vrrp.IPv4 {
			covered = advert
		}
	}
	if a.Parse(p.Family, advert) != vrrp.DiscardNone || a.VRID != e.VRID || a.Priority == vrrp.Release {
		return false
	}
	if !vrrp.GoodChecksum(covered, a.Version, vrrp.Either, p.Source, p.Destination) &&
		!(e.unicast() && vrrp.GoodChecksum(covered, a.Version, vrrp.PseudoHeader, p.Source, e.group())) { // keepalived before 1.3.7
		return false
	}
	return e.HMAC == nil || e.HMAC.Verify(p, advert, trailer, wall) == vrrp.DiscardNone
}

// sealed is a message as it is sent at an instant.
func (e *Entry) sealed(a Advert, wall time.Time) []byte {
	if e.HMAC == nil || e.HMAC.Mode == vrrp.HMACReceiveOnly {
		return a.Message
	}
	return vrrp.AppendTrailer(a.Message[:len(a.Message):len(a.Message)], e.HMAC, e.Family, e.Source, a.Destination, vrrp.Sequence(wall))
}
