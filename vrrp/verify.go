// SPDX-License-Identifier: Apache-2.0

package vrrp

import (
	"crypto/hmac"
	"encoding/binary"
	"net/netip"
	"time"
)

// window is [HMAC.Window] of a virtual router.
func (m *machine) window() time.Duration {
	if w := m.cfg.HMAC.Window; w != 0 {
		return w
	}
	return min(max(3*m.cfg.Interval, leastWindow), maxWindow)
}

// verify judges the trailer of an advert, in the order of what is cheap; wall is our clock. Only an advert that is accepted as
// genuine and new moves the state.
func (m *machine) verify(now Time, wall time.Time, advert, trailer []byte, p *Packet) Discard {
	s := m.seal
	if trailer == nil {
		if s.cfg.Mode == HMACEnforce {
			return DiscardHMACMissing
		}
		return DiscardNone
	}
	if trailer[0] != trailerType || trailer[2] != 0 || trailer[3] != 0 {
		return DiscardHMACMalformed
	}
	sequence := binary.BigEndian.Uint64(trailer[4:])
	off, most := int64(sequence-Sequence(wall)), int64(distance(m.window()))
	if !s.cfg.Monotonic && (off > most || off < -most) {
		return DiscardHMACStale
	}
	key := s.keys[trailer[1]]
	if key == nil {
		return DiscardHMACKey
	}
	copy(s.tail[:], trailer)
	if !hmac.Equal(s.digest(key, p.Family, p.Source, advert), trailer[signedSize:]) {
		return DiscardHMAC
	}
	return m.fresh(now, p.Source, sequence)
}

// fresh notes a sequence number, which has to be above the last one of its source (RFC 1982). Unicast peers have a place each; by
// multicast the source that was heard least recently makes room.
func (m *machine) fresh(now Time, src netip.Addr, sequence uint64) Discard {
	s := m.seal
	peer, oldest := len(m.cfg.Peers) == 0, -1
	for _, a := range m.cfg.Peers {
		peer = peer || a == src
	}
	if !peer {
		return DiscardPeer
	}
	for i := range s.seen {
		place := &s.seen[i]
		if place.src == src {
			if int64(sequence-place.sequence) <= 0 {
				return DiscardReplay
			}
			place.sequence, place.used = sequence, now
			return DiscardNone
		}
		if oldest < 0 || place.used < s.seen[oldest].used {
			oldest = i
		}
	}
	room := slots
	if len(m.cfg.Peers) > 0 {
		room = len(m.cfg.Peers)
	}
	if len(s.seen) < room {
		s.seen = append(s.seen, seen{src, sequence, now})
	} else {
		s.seen[oldest] = seen{src, sequence, now}
	}
	return DiscardNone
}
