// SPDX-License-Identifier: Apache-2.0

package vrrp

import (
	"net/netip"
	"time"
)

// SetWall tells what the wall clock shows at an instant, which trailers ([HMAC]) need. It is called at the beginning of each round,
// before [Router.Receive], and goes wherever the clock is set to. Without trailers nobody has to call it.
func (r *Router) SetWall(now Time, wall time.Time) { r.instant, r.wall = now, wall }

// Message returns the encoded message of a virtual router for a priority and a destination. It is valid until the next
// call on the Router; nil for one that is unknown or was never up. One with a trailer is another one each time, of the instant
// of [Router.SetWall]: it is asked for when it is sent.
func (r *Router) Message(id ID, p Priority, dst netip.Addr) []byte {
	m := r.machines[id]
	if m == nil || familyOf(m.link.Source) != m.cfg.Family {
		return nil
	}
	if m.seal == nil || m.cfg.HMAC.Mode == HMACReceiveOnly {
		return m.message(p, dst)
	}
	s := m.seal
	s.buffer = append(s.buffer[:0], m.message(p, dst)...)
	s.buffer = s.seal(s.buffer, m.cfg.Family, m.link.Source, dst, s.next(r.wall, m.window()))
	return s.buffer
}

// messageKey is what a message depends on, besides the configuration and the source.
type messageKey struct {
	priority Priority
	dst      netip.Addr
}

// message returns the encoded message for a priority and a destination.
func (m *machine) message(p Priority, dst netip.Addr) []byte {
	key := messageKey{p, dst}
	if b, ok := m.messages[key]; ok {
		return b
	}
	if m.messages == nil || len(m.messages) > 4*(len(m.cfg.Peers)+1) { // many priorities were tried
		m.messages = make(map[messageKey][]byte, 2)
	}
	b := appendMessage(nil, &m.cfg, p, m.link.Source, m.covered(dst))
	m.messages[key] = b
	return b
}
