// SPDX-License-Identifier: Apache-2.0

package tickle

import (
	"net/netip"
	"slices"
	"time"

	"github.com/regent-ha/regent/takeover/flow"
)

// DefaultRate is how many segments are sent in a millisecond at most.
const DefaultRate = 300

// Segment is what is sent next.
type Segment struct {
	Flow flow.Flow
	Kind Kind
	Link int // the interface that link-local addresses are meant on
}

// round is one walk over the connections.
type round struct {
	after   time.Duration // since the beginning
	exact   Kind          // for connections with numbers; 0: nothing
	unknown Kind          // for the others
}

// rounds are what each connection gets. Segments and answers get lost, and a client answers unacceptable ones only every
// 500 ms (Linux, tcp_invalid_ratelimit), so it is told three times within a second:
//
//   - Resets to all of which numbers are known, since most connections that wait are silent and theirs are exact. Right
//     after that the keep-alive form, for those that were not silent after all. It comes after all resets, not after
//     each, so that with 100,000 connections the last reset leaves after 0.3 s rather than 0.7 s.
//   - 200 ms later the reset again: the one that does not depend on an answer, for which it is still too early.
//   - 900 ms after the beginning the keep-alive form again, when there are answers again.
//
// Connections without numbers get bare forms: the plain one first, which is enough where no firewall is on the way, then the
// others. A client that took the first reset has forgotten the connection; its kernel answers what follows with a reset,
// which ends here.
func rounds() []round {
	return []round{
		{0, Reset, Bare},
		{0, Keepalive, BareSeq},
		{0, 0, BareAck},
		{0, 0, BareBoth},
		{200 * time.Millisecond, Reset, Bare},
		{900 * time.Millisecond, Keepalive, Bare},
		{900 * time.Millisecond, 0, BareSeq},
		{900 * time.Millisecond, 0, BareAck},
		{900 * time.Millisecond, 0, BareBoth},
	}
}

// Pacer decides which segment is sent when. It is pure, and used by one goroutine. Times are of any clock that never goes
// back.
//
// Connections of several services share one rate. Those whose first round is not over are served before those whose
// second is due. Rounds that are due while others are sent are late, not left out.
type Pacer struct {
	rate   int
	rounds []round
	trains []*train
	burst  int
	left   int
	at     time.Duration
}

// train is a list of connections that is worked off.
type train struct {
	flows     *flow.List
	link      int
	begun     time.Duration
	round     int
	next      int // connection
	cancelled []netip.Addr
}

// NewPacer makes a Pacer that lets rate segments go in a millisecond, and twice as many at once after a pause; 0 means
// [DefaultRate].
func NewPacer(rate int) *Pacer {
	if rate <= 0 {
		rate = DefaultRate
	}
	return &Pacer{rate: rate, rounds: rounds(), burst: 2 * rate, left: 2 * rate}
}

// Add begins to tickle the clients of some connections. Link-local addresses are meant on the link.
func (p *Pacer) Add(now time.Duration, flows *flow.List, link int) {
	if flows.Len() > 0 {
		p.trains = append(p.trains, &train{flows: flows, link: link, begun: now})
	}
}

// Cancel ends it for connections that have one of the addresses on this side: the service is performed here now, or the
// address is somebody else's. What is added afterwards is not concerned.
func (p *Pacer) Cancel(addrs []netip.Addr) {
	p.trains = slices.DeleteFunc(p.trains, func(t *train) bool {
		left := false
		for _, a := range t.flows.Locals() {
			switch {
			case slices.Contains(t.cancelled, a):
			case slices.Contains(addrs, a):
				t.cancelled = append(t.cancelled, a)
			default:
				left = true
			}
		}
		return !left
	})
}

// Next appends the segments that may go now. It returns how long to wait until the next call, and false if there is
// nothing left to do.
func (p *Pacer) Next(now time.Duration, dst []Segment) (_ []Segment, wait time.Duration, more bool) {
	p.fill(now)
	for {
		t := p.first(now)
		if t == nil {
			return dst, 0, false
		}
		if due := p.due(t); due > now {
			return dst, due - now, true
		}
		if p.left == 0 {
			return dst, time.Millisecond, true
		}
		dst = p.take(t, dst)
	}
}

// fill adds what may be sent for the time that has passed.
func (p *Pacer) fill(now time.Duration) {
	gain := p.burst
	if passed := now - p.at; passed < 2*time.Millisecond {
		gain = int(max(0, passed) * time.Duration(p.rate) / time.Millisecond)
	}
	if gain > 0 { // or else the time is kept until it is enough for a segment
		p.left = min(p.left+gain, p.burst)
		p.at = now
	}
}

// due is when the round of a train begins.
func (p *Pacer) due(t *train) time.Duration { return t.begun + p.rounds[t.round].after }

// first returns the train to go on with: of those that are due the one in the earliest round, or else the one that is due
// first.
func (p *Pacer) first(now time.Duration) (best *train) {
	for _, t := range p.trains {
		switch {
		case best == nil:
			best = t
		case p.due(t) <= now && (p.due(best) > now || t.round < best.round):
			best = t
		case p.due(best) > now && p.due(t) < p.due(best):
			best = t
		}
	}
	return best
}

// take appends segments of a train until the round ends or no more may go.
func (p *Pacer) take(t *train, dst []Segment) []Segment {
	r := p.rounds[t.round]
	for n := t.flows.Len(); t.next < n; t.next++ {
		f := t.flows.At(t.next)
		kind := r.unknown
		if f.Exact {
			kind = r.exact
		}
		if kind == 0 || slices.Contains(t.cancelled, f.Local.Addr()) {
			continue
		}
		if p.left == 0 {
			return dst
		}
		dst = append(dst, Segment{f, kind, t.link})
		p.left--
	}
	t.next = 0
	if t.round++; t.round == len(p.rounds) {
		p.trains = slices.DeleteFunc(p.trains, func(o *train) bool { return o == t })
	}
	return dst
}
