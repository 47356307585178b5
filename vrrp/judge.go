// SPDX-License-Identifier: Apache-2.0

package vrrp

import (
	"net/netip"
	"slices"
	"time"
)

// Receive takes in a packet. A discarded one changes nothing but counters.
func (r *Router) Receive(now Time, p Packet, out []Action) []Action {
	a := &r.advert
	var m *machine
	if len(p.Message) >= 2 {
		m = r.lookup[place{p.Interface, p.Family, VRID(p.Message[1])}]
	}
	advert, trailer := p.Message, []byte(nil)
	if m != nil && m.seal != nil {
		advert, trailer = SplitTrailer(p.Family, p.Message)
	}
	why := DiscardTTL
	if m == nil && p.TTL == 255 || m != nil && m.cfg.goodTTL(p.TTL) {
		why = a.Parse(p.Family, advert)
	}
	if why == DiscardLength && m != nil && m.seal == nil {
		if _, trailer := SplitTrailer(p.Family, p.Message); trailer != nil {
			why = DiscardTrailer
		}
	}
	if m != nil && m.state == Initialize && !m.releasing {
		return out // RFC 9568 §6.4.1: it listens to nothing
	}
	if why == DiscardNone {
		why = r.judge(now, m, a, &p, advert, trailer)
	}
	if why != DiscardNone {
		return r.discard(now, m, why, &p, a.Priority, out)
	}
	m.counters.AdvertisementRcvd++
	if a.Priority == Release {
		m.counters.PriorityZeroPktsRcvd++
	}
	out = r.remark(now, m, a, p.Source, out)
	if m.age(p.Source, r.aged) {
		out = m.note(now, NoteChecksum, p.Source, a.Priority, out)
	}
	out = m.receive(now, a, p.Source, out)
	r.touch(m)
	return out
}

// judge decides whether a well-formed advert is accepted.
func (r *Router) judge(now Time, m *machine, a *Advert, p *Packet, advert, trailer []byte) Discard {
	r.aged = false
	accept, covered := Either, advert
	if p.Family == IPv6 {
		covered = p.Message // its checksum is the kernel's, and covers all
	}
	if m != nil {
		accept = m.cfg.AcceptChecksum
	}
	switch {
	case familyOf(p.Source) != p.Family:
		return DiscardSource
	case familyOf(p.Destination) != p.Family:
		return DiscardDestination
	case !GoodChecksum(covered, a.Version, accept, p.Source, p.Destination):
		if !m.goodOldChecksum(covered, a.Version, p) {
			return DiscardChecksum
		}
		r.aged = true
	}
	switch {
	case m == nil:
		return DiscardVRID
	case a.Version != m.cfg.Version:
		return DiscardVersion
	case p.Source == m.link.Source:
		return DiscardOwn
	case martian(p.Source), p.Family == IPv6 && p.Destination.IsMulticast() && !p.Source.IsLinkLocalUnicast():
		return DiscardSource
	case p.Destination.IsMulticast() && p.Destination != m.cfg.Multicast(), p.Destination.IsMulticast() == (len(m.cfg.Peers) > 0):
		return DiscardDestination
	case m.cfg.CheckPeers && len(m.cfg.Peers) > 0 && !slices.Contains(m.cfg.Peers, p.Source):
		return DiscardPeer
	}
	if m.seal != nil {
		if why := m.verify(now, r.wall.Add(now.Sub(r.instant)), advert, trailer, p); why != DiscardNone {
			return why
		}
	}
	switch {
	case a.Interval == 0 || a.Version == 2 && a.Interval != m.cfg.Interval:
		return DiscardInterval
	case a.Version == 2 && a.Auth.Type != m.cfg.Auth.Type:
		return DiscardAuthType
	case a.Version == 2 && a.Auth.Type == AuthPass && !sameSecret(a.Auth.Data, m.cfg.Auth.Data):
		return DiscardAuthData
	case a.Version == 2 && !m.cfg.AnyAddresses && a.Priority != Owner && !sameAddresses(a.Addresses, m.cfg.Addresses):
		return DiscardAddressList
	case p.Family == IPv6 && m.cfg.RequireLinkLocal && !a.Addresses[0].IsLinkLocalUnicast():
		return DiscardLinkLocal
	}
	return DiscardNone
}

// remark reports and counts what is odd about an accepted advert.
func (r *Router) remark(now Time, m *machine, a *Advert, src netip.Addr, out []Action) []Action {
	remark := func(d Discard) {
		r.global.count(d, &m.counters)
		out = m.note(now, d, src, a.Priority, out)
	}
	if a.Interval != m.cfg.Interval {
		n := len(out)
		remark(NoteInterval)
		if len(out) > n && m.state == Backup {
			out[n].Before, out[n].Interval = m.interval, a.Interval
		}
	}
	if !sameAddresses(a.Addresses, m.cfg.Addresses) {
		remark(NoteAddressList)
	}
	if a.Priority == Owner && m.priority == Owner {
		remark(NoteOwner)
	}
	if m.cfg.Family == IPv6 && !a.Addresses[0].IsLinkLocalUnicast() && m.cfg.Addresses[0].IsLinkLocalUnicast() {
		remark(NoteLinkLocal)
	}
	return out
}

// discard counts and reports; the report of packets that belong to nobody is the router's.
func (r *Router) discard(now Time, m *machine, why Discard, p *Packet, prio Priority, out []Action) []Action {
	if m == nil {
		r.global.count(why, nil)
		if r.noted[why] != 0 && now.Sub(r.noted[why]) < noteEvery {
			return out
		}
		r.noted[why] = now
		return append(out, Action{Kind: Discarded, Discard: why, Peer: p.Source, PeerPriority: prio})
	}
	r.global.count(why, &m.counters)
	m.tally.refuse(why, r.advert.Auth.Type)
	return m.note(now, why, p.Source, prio, out)
}

// familyOf is 0 for an address that is none, or an IPv4 one in IPv6 clothes.
func familyOf(a netip.Addr) Family {
	switch {
	case a.Is4():
		return IPv4
	case a.Is6() && !a.Is4In6():
		return IPv6
	}
	return 0
}

// martian reports a source that no router on the link can have. IPv6 adverts come from link-local addresses (RFC 9568
// §5.1.2.1); unicast ones may come from further away.
func martian(src netip.Addr) bool {
	return src.IsUnspecified() || src.IsMulticast() || src.IsLoopback() || src == netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

// noteEvery is how often the same discard of the same router is reported; the counters have the rest.
const noteEvery = 10 * time.Second

// note reports something odd, once in a while.
func (m *machine) note(now Time, d Discard, src netip.Addr, p Priority, out []Action) []Action {
	if m.noted[d] != 0 && now.Sub(m.noted[d]) < noteEvery {
		return out
	}
	m.noted[d] = now
	return append(out, Action{ID: m.id, Kind: Discarded, Discard: d, Peer: src, PeerPriority: p})
}

// sameAddresses compares lists as sets, since some routers send theirs in another order.
func sameAddresses(a, b []netip.Addr) bool {
	if slices.Equal(a, b) {
		return true
	}
	if len(a) != len(b) {
		return false
	}
	for _, x := range a {
		if !slices.Contains(b, x) {
			return false
		}
	}
	return true
}
