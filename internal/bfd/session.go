// SPDX-License-Identifier: Apache-2.0

package bfd

import "time"

// Output is what a session wants done: nothing, or one packet sent, one change told, or both.
type Output struct {
	Send    bool
	Packet  Packet // if Send
	Changed bool   // the state is another one than before, see Session.State and Session.Diagnostic
}

// farewellLimit is the longest interval at which AdminDown is repeated; a slower session says it once.
const farewellLimit = 100 * time.Millisecond

// mostUnanswered bounds how many finals a poll sequence waits for after many polls were lost.
const mostUnanswered = 32

// farewells is how many times AdminDown is repeated.
const farewells = 2

// Session is one end of a BFD session (RFC 5880 §6.8) in asynchronous mode. Its methods must not be called concurrently. Random
// numbers that they take are uniform over all 32 bits; they jitter the time of the packet after the next.
type Session struct {
	cfg        Config // complete
	state      State
	diagnostic Diagnostic
	local      uint32 // bfd.LocalDiscr

	// What the neighbour said last; as it is before it says anything, again after a detection time of silence.
	remote      uint32 // bfd.RemoteDiscr: 0 when not known
	remoteState State
	remoteWhy   Diagnostic
	remoteMinRX time.Duration
	remoteMinTX time.Duration
	remoteMult  uint8
	demand      bool // bfd.RemoteDemandMode
	heard       Time // arrival of the last packet

	// What packets say, and what is gone by: they differ while a poll sequence has not been answered (§6.8.3).
	desired, pace  time.Duration // bfd.DesiredMinTxInterval; the pace lags behind an increase
	required, hope time.Duration // bfd.RequiredMinRxInterval; hope lags behind a reduction
	polling        bool          // a poll sequence runs
	unanswered     int           // polls sent without a final, as far as is known
	stale          int           // of those, polls that said something older

	sent      Time          // the last periodic packet, or one that told a change
	next      Time          // the next one
	armed     time.Duration // the interval that next was reckoned with
	remaining int           // farewells still to say
}

// NewSession returns a session in state Down that may send its first packet now. The config must be valid, and the discriminator
// not 0 and no other session's.
func NewSession(now Time, c Config, discriminator uint32) *Session {
	c = c.complete()
	s := &Session{cfg: c, state: Down, local: discriminator, desired: c.IdleTX, pace: c.IdleTX, required: c.MinRX, hope: c.MinRX, next: Never}
	s.forget()
	if s.periodic() {
		s.next = now
	}
	return s
}

// State of the session.
func (s *Session) State() State { return s.state }

// Diagnostic says why the state is what it is (bfd.LocalDiag).
func (s *Session) Diagnostic() Diagnostic { return s.diagnostic }

// Discriminator that the neighbour addresses the session by.
func (s *Session) Discriminator() uint32 { return s.local }

// Interval between packets sent, before jitter (RFC 5880 §6.8.7).
func (s *Session) Interval() time.Duration { return max(s.pace, s.remoteMinRX) }

// DetectionTime is how long a silence of the neighbour ends the session (RFC 5880 §6.8.4); 0 if it has not been heard.
func (s *Session) DetectionTime() time.Duration {
	return time.Duration(s.remoteMult) * max(s.hope, s.remoteMinTX)
}

// Deadline is when [Session.Tick] has something to do; [Never] if only a packet can bring it.
func (s *Session) Deadline() Time { return min(s.next, s.expiry()) }

// Silent tells whether a detection time has passed in silence, as far as the session has been told.
func (s *Session) Silent(now Time) bool { return now >= s.expiry() }

// expiry is when a silence of the neighbour has lasted for a detection time.
func (s *Session) expiry() Time {
	if s.remote == 0 || s.state == AdminDown {
		return Never
	}
	return s.heard.Add(s.DetectionTime())
}

// Tick does what is due.
func (s *Session) Tick(now Time, random uint32) Output {
	var out Output
	if s.Silent(now) {
		if s.state == Init || s.state == Up {
			s.enter(Down, DetectionTimeExpired)
			out.Changed = true
			s.tell(now, random, false, &out) // while it is known whom: a passive session has no other chance
		}
		s.forget()
		s.reschedule(now, random)
	}
	if now >= s.next {
		s.tell(now, random, false, &out)
		if s.state == AdminDown {
			if s.remaining--; s.remaining <= 0 {
				s.next = Never
			}
		}
	}
	return out
}

// Disable takes the session to AdminDown (RFC 5880 §6.8.16), for good. A neighbour that was up is told more than once: the
// session has done so when its [Session.Deadline] is [Never].
func (s *Session) Disable(now Time) Output {
	if s.state == AdminDown {
		return Output{}
	}
	wasUp, gap := s.state == Up, s.Interval()
	silent := s.cfg.Passive && s.remote == 0
	s.enter(AdminDown, AdministrativelyDown)
	out := Output{Changed: true, Send: !silent, Packet: s.packet(false)}
	s.sent, s.next = now, Never
	if wasUp && gap <= farewellLimit {
		s.remaining, s.armed, s.next = farewells, gap, now.Add(gap)
	}
	return out
}

// Change gives a running session another config, about the same path. Times that change while it is up are agreed on by a poll
// sequence (RFC 5880 §6.8.3).
func (s *Session) Change(now Time, c Config, random uint32) {
	c = c.complete()
	timers := c.MinTX != s.cfg.MinTX || c.MinRX != s.cfg.MinRX
	s.cfg = c
	if s.state != Up {
		s.desired, s.pace, s.required, s.hope = c.IdleTX, c.IdleTX, c.MinRX, c.MinRX
	} else if timers {
		s.desired, s.required = c.MinTX, c.MinRX
		s.pace, s.hope = min(s.pace, c.MinTX), max(s.hope, c.MinRX)
		s.poll()
	}
	s.reschedule(now, random)
}

// poll starts a poll sequence. Finals do not tell which poll they answer: those to polls under way are not taken for this one's.
func (s *Session) poll() { s.polling, s.stale = true, s.unanswered }

// enter changes the state and what depends on it.
func (s *Session) enter(to State, why Diagnostic) {
	was := s.state
	s.state, s.diagnostic = to, why
	switch {
	case to == Up:
		// The slow rate of before is never the faster one, so that there is no increase to lag behind.
		if s.desired != s.cfg.MinTX {
			s.desired, s.pace = s.cfg.MinTX, s.cfg.MinTX
			s.poll()
		}
	case was == Up:
		// §6.8.3 protects a session that is up: the slow rate and the own MinRX hold at once, nothing is left to agree on.
		s.desired, s.pace = s.cfg.IdleTX, s.cfg.IdleTX
		s.required, s.hope = s.cfg.MinRX, s.cfg.MinRX
		s.polling, s.unanswered = false, 0
	}
}

// forget makes the neighbour one that has not been heard. That is more than the discriminator which RFC 5880 §6.8.1 names: a
// neighbour that wanted no packets and then restarted would otherwise never be spoken to again.
func (s *Session) forget() {
	s.remote, s.remoteState, s.remoteWhy, s.demand = 0, Down, NoDiagnostic, false
	s.remoteMinRX, s.remoteMinTX, s.remoteMult = time.Microsecond, 0, 0
}
