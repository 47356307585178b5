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

// verify judges the trailer of an advert; wall is our clock. Only an advert that is accepted as genuine and new moves the state.
func (m *machine) verify(now Time, wall time.Time, advert, trailer []byte, p *Packet) Discard {
	why := m.seal.judge(wall, m.window(), advert, trailer, p)
	if why != DiscardNone || trailer == nil {
		return why
	}
	return m.fresh(now, p.Source, binary.BigEndian.Uint64(trailer[4:]), Sequence(wall))
}

// judge judges a trailer by itself, in the order of what is cheap.
func (s *seal) judge(wall time.Time, window time.Duration, advert, trailer []byte, p *Packet) Discard {
	if trailer == nil {
		if s.cfg.Mode == HMACEnforce {
			return DiscardHMACMissing
		}
		return DiscardNone
	}
	if trailer[0] != trailerType || trailer[2] != 0 || trailer[3] != 0 {
		return DiscardHMACMalformed
	}
	off, most := int64(binary.BigEndian.Uint64(trailer[4:])-Sequence(wall)), int64(distance(window))
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
	return DiscardNone
}

// Verify judges the trailer that [SplitTrailer] found behind the advert of a packet, nil if there is none, by our clock. It remembers
// nothing, so replays within the window pass, and a Window of 0 is 5 s. A [Router] does better by itself.
func (h *HMAC) Verify(p *Packet, advert, trailer []byte, wall time.Time) Discard {
	window := h.Window
	if window == 0 {
		window = leastWindow
	}
	return newSeal(h).judge(wall, window, advert, trailer, p)
}

// fresh notes a sequence number, which has to be above the last one of its source (RFC 1982), or our clock was set back. Unicast peers have a place each; by
// multicast the source that was heard least recently makes room.
func (m *machine) fresh(now Time, src netip.Addr, sequence, clock uint64) Discard {
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
			if int64(sequence-place.sequence) <= 0 && !m.setBack(place.sequence, clock) {
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

// setBack reports whether our clock was set back, so far that the last number of a source would be stale now: senders on this clock
// start again then ([seal.next]), and to refuse them until the clock is where it was would make two nodes Active.
func (m *machine) setBack(last, clock uint64) bool {
	return !m.seal.cfg.Monotonic && int64(last-clock) > int64(distance(m.window()))
}
