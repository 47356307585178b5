// SPDX-License-Identifier: Apache-2.0

package vrrp

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"maps"
	"net/netip"
	"slices"
	"time"
)

// HMACMode says what is done with adverts without a trailer.
type HMACMode uint8

// Modes, in the reverse of the order in which a cluster is moved to trailers.
const (
	HMACEnforce     HMACMode = iota // discard them
	HMACPermissive                  // accept them
	HMACReceiveOnly                 // accept them, and send no trailer either
)

// HMAC is the authentication that keepalived knows since 2.4.2: a trailer of 28 octets after the advert, which no RFC has. Without
// it a receiver discards such adverts as too long. A trailer that is there is judged in every mode. Keys never appear in logs or
// status.
type HMAC struct {
	Keys   map[uint8][]byte // by key id, 1 to 255; 32 to 64 octets each
	Active uint8            // the key to send with; none is needed in HMACReceiveOnly
	// Window is how far the time of a trailer may be from ours, 1 s to 300 s; 0 is three intervals, 5 s at least. Clocks have to
	// agree that far.
	Window time.Duration
	// Monotonic: the time of a trailer is not compared with ours; it has to grow.
	Monotonic bool
	Mode      HMACMode
}

// String tells which keys there are, and nothing of what they are.
func (h *HMAC) String() string {
	return fmt.Sprintf("hmac(keys %v, active %d)", slices.Sorted(maps.Keys(h.Keys)), h.Active)
}

// Limits of keys (octets) and of Window.
const (
	minKey, maxKey = 32, 64
	minWindow      = time.Second
	leastWindow    = 5 * time.Second
	maxWindow      = 300 * time.Second
)

func (h *HMAC) check() error {
	for _, id := range slices.Sorted(maps.Keys(h.Keys)) {
		switch n := len(h.Keys[id]); {
		case id == 0:
			return errors.New("hmac key 0: want 1 to 255")
		case n < minKey || n > maxKey:
			return fmt.Errorf("hmac key %d has %d octets: want %d to %d", id, n, minKey, maxKey)
		}
	}
	switch {
	case len(h.Keys) == 0:
		return errors.New("hmac without a key: want one at least")
	case h.Mode > HMACReceiveOnly:
		return fmt.Errorf("hmac mode %d: want enforce, permissive or receive-only", h.Mode)
	case h.Mode != HMACReceiveOnly && h.Keys[h.Active] == nil:
		return fmt.Errorf("active hmac key %d: there is no such key", h.Active)
	case h.Window != 0 && (h.Window < minWindow || h.Window > maxWindow):
		return fmt.Errorf("hmac window %s: want %s to %s", h.Window, minWindow, maxWindow)
	}
	return nil
}

// The trailer: what it is, which key, two octets of 0, the sequence number (8), and half of an HMAC-SHA256 (16).
const (
	trailerSize = 28
	trailerType = 1
	signedSize  = 12 // of the trailer
	pseudoSize  = 20
)

// SplitTrailer cuts a message of a family into the advert and the trailer behind it; without one, trailer is nil. Nothing of either
// is judged but the length.
func SplitTrailer(f Family, msg []byte) (advert, trailer []byte) {
	if len(msg) < headerSize+trailerSize {
		return msg, nil
	}
	want := headerSize + int(msg[3])*4
	switch version := msg[0] >> 4; {
	case f == IPv6:
		want = headerSize + int(msg[3])*16
	case version == 2:
		want += authSize
	}
	if len(msg) != want+trailerSize {
		return msg, nil
	}
	return msg[:want], msg[want:]
}

// Sequence is the sequence number of a wall clock: seconds since 1970, of a second 1/65536, and a counter of 0, from the top.
func Sequence(wall time.Time) uint64 {
	return uint64(uint32(wall.Unix()))<<32 | uint64(wall.Nanosecond())<<16/uint64(time.Second)<<16
}

// AppendTrailer appends to the advert of b the trailer with a sequence number, and makes an IPv6 checksum right again, which is the
// one that covers it. It is for who sends now and then; a [Router] does it by itself.
func AppendTrailer(b []byte, h *HMAC, f Family, src, dst netip.Addr, sequence uint64) []byte {
	s := newSeal(h)
	return s.seal(b, f, src, dst, sequence)
}

// seal is the state of trailers of one virtual router.
type seal struct {
	cfg  *HMAC
	keys map[uint8]hash.Hash // each is set up once
	sent uint64              // the last sequence number
	seen []seen              // of others

	pseudo [pseudoSize]byte
	tail   [trailerSize]byte
	sum    [sha256.Size]byte
	buffer []byte
}

// seen is the last sequence number of a source.
type seen struct {
	src      netip.Addr
	sequence uint64
	used     Time
}

// slots is how many sources are remembered by multicast.
const slots = 4

func newSeal(h *HMAC) *seal {
	s := &seal{cfg: h, keys: make(map[uint8]hash.Hash, len(h.Keys))}
	for id, key := range h.Keys {
		s.keys[id] = hmac.New(sha256.New, key)
	}
	return s
}

// reseal goes over to another configuration; what was sent and seen still counts.
func (m *machine) reseal() {
	old := m.seal
	m.seal = nil
	if m.cfg.HMAC == nil {
		return
	}
	m.seal = newSeal(m.cfg.HMAC)
	if old != nil {
		m.seal.sent, m.seal.seen = old.sent, old.seen
	}
}

// next is the sequence number of the advert that is sent now: the clock, but more than the last one. In time mode a number that
// has run further ahead than others accept starts again.
func (s *seal) next(wall time.Time, window time.Duration) uint64 {
	n := Sequence(wall)
	if ahead := int64(s.sent + 1 - n); ahead > 0 && (s.cfg.Monotonic || ahead <= int64(distance(window))) {
		n = s.sent + 1
	}
	s.sent = n
	return n
}

// distance is a time in sequence numbers.
func distance(d time.Duration) uint64 {
	return uint64(d/time.Second)<<32 | uint64(d%time.Second)<<16/uint64(time.Second)<<16
}

// seal appends a trailer.
func (s *seal) seal(b []byte, f Family, src, dst netip.Addr, sequence uint64) []byte {
	s.tail = [trailerSize]byte{0: trailerType, 1: s.cfg.Active}
	binary.BigEndian.PutUint64(s.tail[4:], sequence)
	copy(s.tail[signedSize:], s.digest(s.keys[s.cfg.Active], f, src, b))
	b = append(b, s.tail[:]...)
	if f == IPv6 {
		b[6], b[7] = 0, 0
		binary.BigEndian.PutUint16(b[6:], ^checksum(b, PseudoHeader, src, dst))
	}
	return b
}

var zeros [16]byte

// digest is the HMAC of an advert with the trailer in s.tail: of {family, version, VRID, 0, source in 16 octets}, the advert with a
// checksum of 0, and the trailer with a digest of 0.
func (s *seal) digest(h hash.Hash, f Family, src netip.Addr, advert []byte) []byte {
	s.pseudo = [pseudoSize]byte{0: byte(f), 1: advert[0] >> 4, 2: advert[1]}
	if src.Is4() {
		a := src.As4()
		copy(s.pseudo[4:], a[:])
	} else {
		a := src.As16()
		copy(s.pseudo[4:], a[:])
	}
	h.Reset()
	h.Write(s.pseudo[:])
	h.Write(advert[:6])
	h.Write(zeros[:2])
	h.Write(advert[8:])
	h.Write(s.tail[:signedSize])
	h.Write(zeros[:])
	return h.Sum(s.sum[:0])[:trailerSize-signedSize]
}
