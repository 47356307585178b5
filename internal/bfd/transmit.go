// SPDX-License-Identifier: Apache-2.0

package bfd

import "time"

// packet is what the session has to say now (RFC 5880 §6.8.7). A final never polls.
func (s *Session) packet(final bool) Packet {
	return Packet{
		Diagnostic: s.diagnostic, State: s.state, Poll: s.polling && !final, Final: final,
		Multiplier: uint8(s.cfg.Multiplier), MyDiscriminator: s.local, YourDiscriminator: s.remote, //nolint:gosec // at most 255
		DesiredMinTX: s.desired, RequiredMinRX: s.required,
	}
}

// periodic tells whether packets are sent from time to time.
func (s *Session) periodic() bool {
	switch {
	case s.cfg.Passive && s.remote == 0,
		s.remoteMinRX == 0,
		s.demand && s.state == Up && s.remoteState == Up && !s.polling,
		s.state == AdminDown:
		return false
	}
	return true
}

// tell sends a packet now, maybe as a final, and sets the time of the next. A passive session that knows of no neighbour says nothing.
func (s *Session) tell(now Time, random uint32, final bool, out *Output) {
	if s.cfg.Passive && s.remote == 0 {
		return
	}
	out.Send, out.Packet = true, s.packet(final)
	if out.Packet.Poll {
		s.unanswered = min(s.unanswered+1, mostUnanswered)
	}
	s.sent = now
	if s.state != AdminDown {
		s.armed = s.Interval()
	}
	s.next = now.Add(jitter(s.armed, s.cfg.Multiplier, random))
}

// reschedule sets the time of the next packet anew if packets start or cease to be sent, or the interval has changed.
func (s *Session) reschedule(now Time, random uint32) {
	switch every := s.Interval(); {
	case s.state == AdminDown:
	case !s.periodic():
		s.next = Never
	case s.next == Never || s.armed != every:
		s.armed = every
		s.next = max(now, s.sent.Add(jitter(every, s.cfg.Multiplier, random)))
	}
}

// jitter shortens an interval by up to a quarter, so that systems do not fall into step; with a multiplier of 1 by a tenth at
// least, so that a packet is never late (RFC 5880 §6.8.7).
func jitter(every time.Duration, multiplier int, random uint32) time.Duration {
	least, spread := every/4*3, every/4
	if multiplier == 1 {
		spread = every / 20 * 3
	}
	return least + time.Duration(uint64(spread)>>8*uint64(random)>>24) //nolint:gosec // the wire has 2^42 ns at most: no overflow
}
