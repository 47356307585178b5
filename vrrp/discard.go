// SPDX-License-Identifier: Apache-2.0

package vrrp

import "fmt"

// Discard says why an advert was discarded; a Note is about one that was accepted and is odd.
type Discard uint8

// The reasons, in the order in which they are looked for.
const (
	DiscardNone          Discard = iota
	DiscardTTL                   // TTL or hop limit is not 255, nor what unicast adverts may have
	DiscardLength                // too short, or not as long as the address count says
	DiscardTrailer               // too long by an authentication trailer, which is not configured
	DiscardVersion               // neither 2 nor 3, or not what the virtual router speaks
	DiscardType                  // not an advertisement
	DiscardCount                 // no address (erratum 8299)
	DiscardChecksum              // wrong
	DiscardVRID                  // no such virtual router on the interface
	DiscardSource                // martian, or not link-local over IPv6
	DiscardDestination           // unicast to a multicast router, or the other way round
	DiscardOwn                   // our own packet came back
	DiscardPeer                  // unicast, and not from a peer
	DiscardHMACMissing           // no trailer
	DiscardHMACMalformed         // not a trailer of ours
	DiscardHMACStale             // its time is not ours
	DiscardHMACKey               // no such key
	DiscardHMAC                  // wrong
	DiscardReplay                // not above the last one of its source
	DiscardAuthType              // not the configured type
	DiscardAuthData              // wrong password
	DiscardInterval              // 0 (erratum 8301), or version 2 and not ours (RFC 3768 §7.1)
	DiscardAddressList           // version 2, not ours, and the sender is not the owner (RFC 3768 §7.1)
	DiscardLinkLocal             // the first IPv6 address is not link-local (erratum 8300)
	NoteInterval                 // version 3: not ours, adopted
	NoteAddressList              // version 3: not ours
	NoteLinkLocal                // the first IPv6 address is not link-local
	NoteOwner                    // another owner: priority 255 beside ours (erratum 8298)
	NoteGroup                    // the IPv6 side heard a better Active; the IPv4 side decides
	NoteLowerPriority            // of an Active that is about to be pre-empted
	NoteReleased                 // of an Active that leaves
	NotePreemptDelay             // of one that is pre-empted after the delay
	NoteChecksum                 // that of an old peer, which is answered in kind
	discards                     // how many there are
)

// String returns the reason in words.
func (d Discard) String() string {
	switch d {
	case DiscardNone:
		return "accepted"
	case DiscardTTL:
		return "TTL is not 255: it did not come from this link"
	case DiscardLength:
		return "its length does not fit its address count"
	case DiscardTrailer:
		return "it has an authentication trailer, and no key is configured here"
	case DiscardVersion:
		return "its version is not the configured one"
	case DiscardType:
		return "it is of another type than advertisement"
	case DiscardCount:
		return "it has no address"
	case DiscardChecksum:
		return "its checksum is wrong"
	case DiscardVRID:
		return "its VRID is not configured on the interface"
	case DiscardSource:
		return "its source cannot be a router on this link"
	case DiscardDestination:
		return "it came by multicast to a unicast router, or by unicast to a multicast one"
	case DiscardPeer:
		return "it is not from a unicast peer"
	case DiscardOwn:
		return "it came from our own address"
	case DiscardHMACMissing:
		return "it has no authentication trailer"
	case DiscardHMACMalformed:
		return "its authentication trailer is of another kind"
	case DiscardHMACStale:
		return "its time is too far from ours: it was recorded, or the clocks differ"
	case DiscardHMACKey:
		return "its authentication trailer is of a key that is not configured"
	case DiscardHMAC:
		return "its authentication trailer is wrong"
	case DiscardReplay:
		return "it was received before, or its sender's clock was set back"
	case DiscardAuthType:
		return "its authentication type is not the configured one"
	case DiscardAuthData:
		return "its password is wrong"
	case DiscardInterval:
		return "its interval is zero, or of version 2 and not the configured one"
	case DiscardAddressList:
		return "its addresses are not the configured ones"
	case DiscardLinkLocal:
		return "its first address is not link-local"
	case NoteInterval:
		return "accepted: its interval is not the configured one and is adopted"
	case NoteAddressList:
		return "accepted: its addresses are not the configured ones"
	case NoteLinkLocal:
		return "accepted: its first address is not link-local"
	case NoteOwner:
		return "accepted: another node claims to own the addresses (priority 255)"
	case NoteGroup:
		return "accepted: a better active node for IPv6; the IPv4 side decides"
	case NoteLowerPriority:
		return "its priority is lower than ours: its sender is about to be pre-empted"
	case NoteReleased:
		return "the active node releases the address"
	case NotePreemptDelay:
		return "accepted: its priority is lower than ours, and its sender is pre-empted after the delay"
	case NoteChecksum:
		return "accepted: its checksum is that of keepalived before 1.3.7; it gets such ones too"
	}
	return fmt.Sprintf("discard(%d)", uint8(d))
}

// Counters are the statistics of one virtual router, by their names in RFC 8347; the last four are not in it.
type Counters struct {
	MasterTransitions    uint64
	AdvertisementRcvd    uint64 // accepted ones
	AdvertisementSent    uint64
	IntervalErrors       uint64
	PriorityZeroPktsRcvd uint64
	PriorityZeroPktsSent uint64
	InvalidTypePktsRcvd  uint64
	AddressListErrors    uint64
	PacketLengthErrors   uint64

	AuthErrors        uint64 // type, password or trailer
	SourceErrors      uint64
	DestinationErrors uint64
	LateWakeups       uint64
}

// GlobalCounters are those that RFC 8347 keeps for the whole node, with the errors of packets that belong to no router.
type GlobalCounters struct {
	ChecksumErrors uint64
	VersionErrors  uint64
	VRIDErrors     uint64
	TTLErrors      uint64

	PacketLengthErrors  uint64 // of messages too short to hold a VRID, or for no router of ours
	InvalidTypePktsRcvd uint64 // for no router of ours
	SourceErrors        uint64 // likewise
	DestinationErrors   uint64 // likewise
	OwnPackets          uint64
}

// count feeds the counter of a discard or note; c is nil where no virtual router is known.
func (g *GlobalCounters) count(d Discard, c *Counters) {
	var none Counters
	if c == nil {
		c = &none
	}
	switch d {
	case DiscardTTL:
		g.TTLErrors++
	case DiscardChecksum:
		g.ChecksumErrors++
	case DiscardVersion:
		g.VersionErrors++
	case DiscardVRID:
		g.VRIDErrors++
	case DiscardOwn:
		g.OwnPackets++
	case DiscardLength, DiscardTrailer, DiscardCount:
		c.PacketLengthErrors++
		if c == &none {
			g.PacketLengthErrors++
		}
	case DiscardType:
		c.InvalidTypePktsRcvd++
		if c == &none {
			g.InvalidTypePktsRcvd++
		}
	case DiscardInterval, NoteInterval:
		c.IntervalErrors++
	case DiscardAddressList, DiscardLinkLocal, NoteAddressList, NoteLinkLocal:
		c.AddressListErrors++
	case DiscardAuthType, DiscardAuthData, DiscardHMACMissing, DiscardHMACMalformed, DiscardHMACStale, DiscardHMACKey, DiscardHMAC, DiscardReplay:
		c.AuthErrors++
	case DiscardSource, DiscardPeer:
		c.SourceErrors++
		if c == &none {
			g.SourceErrors++
		}
	case DiscardDestination:
		c.DestinationErrors++
		if c == &none {
			g.DestinationErrors++
		}
	case DiscardNone, NoteOwner, NoteGroup, NoteLowerPriority, NotePreemptDelay, NoteReleased, NoteChecksum, discards:
	}
}
