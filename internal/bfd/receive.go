// SPDX-License-Identifier: Apache-2.0

package bfd

// Receive takes a packet that is this session's, with the TTL or hop limit that it came with. It is the part of RFC 5880 §6.8.6
// that follows the choice of the session, in its order.
func (s *Session) Receive(now Time, p Packet, ttl int, random uint32) (Output, Discard) {
	var out Output
	if !s.cfg.near(ttl) {
		return out, TooFar
	}
	if p.Authenticated {
		return out, Authenticated // bfd.AuthType is zero
	}
	s.remote, s.remoteState, s.remoteWhy = p.MyDiscriminator, p.State, p.Diagnostic
	s.demand = p.Demand
	s.remoteMinRX = p.RequiredMinRX
	if p.Final {
		s.answered()
	}
	s.remoteMinTX, s.remoteMult = p.DesiredMinTX, p.Multiplier
	if s.state == AdminDown {
		return out, AdministrativeState
	}
	s.heard = now
	if to, why := s.transition(p.State); to != s.state {
		s.enter(to, why)
		out.Changed = true
		s.tell(now, random, p.Poll, &out)
	} else if p.Poll {
		out.Send, out.Packet = true, s.packet(true) // whatever the time of the next packet, which stays as it is
	}
	s.reschedule(now, random)
	return out, Taken
}

// answered takes a final. It ends the poll sequence if it is the answer to one of its polls: what packets say now holds (§6.8.3).
func (s *Session) answered() {
	if s.unanswered == 0 {
		return // to nothing
	}
	s.unanswered--
	switch {
	case !s.polling:
	case s.stale > 0:
		s.stale--
	default:
		s.polling = false
		s.pace, s.hope = s.desired, s.required
	}
}

// transition is the state machine of RFC 5880 §6.2: the state to be in after the neighbour's was heard, and why.
func (s *Session) transition(heard State) (State, Diagnostic) {
	switch {
	case heard == AdminDown && s.state != Down:
		return Down, NeighborSignaledDown
	case s.state == Down && heard == Down:
		return Init, s.diagnostic // it tells why it was down until it is up
	case s.state == Down && heard == Init,
		s.state == Init && (heard == Init || heard == Up):
		return Up, NoDiagnostic
	case s.state == Up && heard == Down:
		return Down, NeighborSignaledDown
	}
	return s.state, s.diagnostic
}
