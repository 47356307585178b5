// SPDX-License-Identifier: Apache-2.0

package bfd

import "time"

// watch is a session at work.
type watch struct {
	name    string
	cfg     Config // complete
	session *Session
	scope   int // index of a link-local neighbour's interface, as the sender found it

	since     time.Time // wall clock: when it came up, or went down, last
	sent      uint64
	received  uint64
	discarded [discards]uint64
	up        bool
	downs     uint64 // how many times it was up and then not

	out     *sender
	timer   *time.Timer
	due     Time // what the timer is set to; Never if it is not
	leaving bool // says AdminDown, then ends
	warned  bool // of packets from too far away
}

// SessionStatus is what is known of a session.
type SessionStatus struct {
	Name   string
	Config Config // with defaults filled in

	State      State
	Diagnostic Diagnostic
	Since      time.Time // it came up, or went down, last; the beginning if it never was up

	RemoteState      State // as last heard; Down if not heard for a detection time
	RemoteDiagnostic Diagnostic

	Discriminator       uint32
	RemoteDiscriminator uint32 // 0: not known

	Interval      time.Duration // between packets sent, before jitter
	DetectionTime time.Duration // 0: neighbour not heard

	Sent, Received uint64 // packets; those discarded were not received
	Failed         uint64 // packets that the kernel did not send
	Downs          uint64 // how many times it was up and then not
	Discarded      map[Discard]uint64
}

// Status is what is known of a speaker.
type Status struct {
	Sessions  []SessionStatus    // by name
	Discarded map[Discard]uint64 // packets that were no session's
}

// status of the session.
func (w *watch) status() SessionStatus {
	s := w.session
	return SessionStatus{
		Name: w.name, Config: w.cfg, State: s.state, Diagnostic: s.diagnostic, Since: w.since,
		RemoteState: s.remoteState, RemoteDiagnostic: s.remoteWhy, Discriminator: s.local, RemoteDiscriminator: s.remote,
		Interval: s.Interval(), DetectionTime: s.DetectionTime(),
		Sent: w.sent, Received: w.received, Failed: w.out.failures, Downs: w.downs, Discarded: tally(w.discarded),
	}
}

// tally returns the counters that are not zero.
func tally(counts [discards]uint64) map[Discard]uint64 {
	m := map[Discard]uint64{}
	for d, n := range counts {
		if n > 0 {
			m[Discard(d)] = n //nolint:gosec // below discards
		}
	}
	return m
}
