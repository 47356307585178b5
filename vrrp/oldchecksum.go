// SPDX-License-Identifier: Apache-2.0

package vrrp

import (
	"net/netip"
	"slices"
)

// OldChecksum says what is done about unicast peers whose checksum of version 3 over IPv4 covers the group's address where their
// destination should be, as that of keepalived before 1.3.7 does. Such a peer discards every other checksum.
type OldChecksum uint8

// The zero value knows nothing of them.
const (
	OldNever  OldChecksum = iota // neither accepted nor sent
	OldDetect                    // accepted, and sent to peers for as long as they send it
	OldAlways                    // accepted beside the right one, and sent to all
)

// old reports whether a configuration has to do with old checksums at all.
func (c *Config) old() bool {
	return c.OldChecksum != OldNever && c.Family == IPv4 && c.Version == 3 && len(c.Peers) > 0
}

// covered is the address that the checksum of an advert to dst covers.
func (c *Config) covered(dst netip.Addr) netip.Addr {
	if c.OldChecksum == OldAlways && c.old() {
		return c.Multicast()
	}
	return dst
}

// covered is that of the configuration, but for peers that are old.
func (m *machine) covered(dst netip.Addr) netip.Addr {
	if slices.Contains(m.aged, dst) {
		return m.cfg.Multicast()
	}
	return m.cfg.covered(dst)
}

// goodOldChecksum reports whether the checksum of an advert that is wrong otherwise is that of an old peer.
func (m *machine) goodOldChecksum(advert []byte, version uint8, p *Packet) bool {
	return m != nil && m.cfg.old() && version == 3 && m.cfg.AcceptChecksum != MessageOnly && !p.Destination.IsMulticast() &&
		GoodChecksum(advert, version, PseudoHeader, p.Source, m.cfg.Multicast())
}

// age notes which checksum a peer sends in an accepted advert. It reports whether it is news that the peer is old.
func (m *machine) age(src netip.Addr, old bool) bool {
	at := slices.Index(m.aged, src)
	if m.cfg.OldChecksum != OldDetect || old == (at >= 0) || !slices.Contains(m.cfg.Peers, src) {
		return false
	}
	if old {
		m.aged = append(m.aged, src)
	} else {
		m.aged = slices.Delete(m.aged, at, at+1)
	}
	m.messages = nil
	return old
}

// reage forgets what is known of peers that a new configuration does not have, or does not want to know it of.
func (m *machine) reage() {
	m.aged = slices.DeleteFunc(m.aged, func(a netip.Addr) bool {
		return m.cfg.OldChecksum != OldDetect || !m.cfg.old() || !slices.Contains(m.cfg.Peers, a)
	})
}
