// SPDX-License-Identifier: Apache-2.0

package tickle

import (
	"net/netip"
	"time"

	"github.com/regent-ha/regent/takeover/flow"
)

// Rounds are when each client gets a segment after the first: three in a second.
var rounds = [...]time.Duration{0, 300 * time.Millisecond, 900 * time.Millisecond}

// kinds are what a client gets in each round, with and without known numbers.
var (
	exactKinds = [len(rounds)]Kind{Reset, Keepalive, Bare}
	blindKinds = [len(rounds)]Kind{Bare, Bare, Bare}
)

// Pacer says who gets what when. It is pure: times are of any clock that never goes back.
type Pacer struct {
	jobs []*job
	turn int // the job that goes first
}

// job is a list of clients that are told together.
type job struct {
	flows     *flow.List
	start     time.Duration
	round     int
	next      int // of the flows
	cancelled map[netip.Addr]bool
}

func (j *job) due() time.Duration { return j.start + rounds[j.round] }

// Start adds clients. The list must not change.
func (p *Pacer) Start(now time.Duration, flows *flow.List) {
	if flows.Len() > 0 {
		p.jobs = append(p.jobs, &job{flows: flows, start: now})
	}
}

// Cancel ends what is still to be sent from addresses.
func (p *Pacer) Cancel(addrs []netip.Addr) {
	for _, j := range p.jobs {
		for _, a := range addrs {
			if j.cancelled == nil {
				j.cancelled = map[netip.Addr]bool{}
			}
			j.cancelled[a] = true
		}
	}
}

// Next calls send with up to limit segments that are due, and returns when it wants to be called again; false: there is
// nothing left. Several lists take turns.
func (p *Pacer) Next(now time.Duration, limit int, send func(*flow.Flow, Kind)) (again time.Duration, more bool) {
	for limit > 0 {
		j := p.pick(now)
		if j == nil {
			break
		}
		limit = j.advance(limit, send)
	}
	kept := p.jobs[:0]
	for _, j := range p.jobs {
		if j.round < len(rounds) {
			if !more || j.due() < again {
				again = j.due()
			}
			more = true
			kept = append(kept, j)
		}
	}
	clear(p.jobs[len(kept):])
	p.jobs = kept
	return again, more
}

// pick returns the next job that is due.
func (p *Pacer) pick(now time.Duration) *job {
	for range p.jobs {
		j := p.jobs[p.turn%len(p.jobs)]
		p.turn++
		if j.round < len(rounds) && j.due() <= now {
			return j
		}
	}
	return nil
}

// share is how much of a list goes before another one has its turn.
const share = 64

// advance sends a share of a job, and returns what is left of the limit.
func (j *job) advance(limit int, send func(*flow.Flow, Kind)) int {
	for n := 0; n < share && limit > 0 && j.next < j.flows.Len(); j.next++ {
		f := j.flows.At(j.next)
		if j.cancelled[f.Local.Addr()] {
			continue
		}
		k := blindKinds[j.round]
		if f.Exact {
			k = exactKinds[j.round]
		}
		send(&f, k)
		n++
		limit--
	}
	if j.next >= j.flows.Len() {
		j.round, j.next = j.round+1, 0
	}
	return limit
}
