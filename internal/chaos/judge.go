// SPDX-License-Identifier: Apache-2.0

package chaos

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/regent-ha/regent/internal/netlab"
	"github.com/regent-ha/regent/internal/peers"
)

// Setting is what a judge knows of the cluster.
type Setting struct {
	Client, Address netip.Addr
	Interval        time.Duration
	// Lowest is the lowest priority: its Skew_Time is the longest.
	Lowest int
	// Slack is what the machine may add.
	Slack time.Duration
}

// Times of a round by the wall clock, and how the machine behaved meanwhile.
type Times struct {
	Begun, Ended time.Time // of the fault
	Calm         time.Time // from when the cluster must be at rest
	Stall        time.Duration
}

// down is the longest Active_Down_Interval of the cluster.
func (s Setting) down() time.Duration { return 3*s.Interval + s.skew() }

func (s Setting) skew() time.Duration { return time.Duration(256-s.Lowest) * s.Interval / 256 }

// Silence is how long a client may wait for an answer in a round.
func (s Setting) Silence(r Round) time.Duration {
	switch {
	case !r.Active:
		// What happens to a node that nobody needs may make it Active beside the other, not silence; frames that are lost on their way
		// to it or doubled are not the client's. That it yields again may lose what its own announcement drew to it.
		return s.Slack
	case r.Kind == KillAll, r.Kind == CutOff, r.Kind == Mute, r.Kind == Flap:
		return s.down() + s.Slack
	case r.Kind == Deaf: // its adverts go on, so that nobody can know
		return r.Lasts + s.down() + s.Slack
	case r.Kind == Pause:
		return max(500*time.Millisecond, 4*s.Interval) + s.skew() + s.Slack
	case r.Kind == Lossy:
		return s.down() + s.Slack // each attempt has a frame each way that may be lost, and some in a row are
	}
	return s.skew() + s.Slack
}

// Judge looks at the frames of a round, in their order, and returns what was wrong.
func (s Setting) Judge(r Round, t Times, frames []netlab.Frame) []error {
	var errs []error
	fail := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s: "+format, append([]any{r}, args...)...))
	}
	slack := s.Slack + t.Stall
	probes := peers.Probes(frames, s.Client, s.Address)
	if len(probes) < 10 {
		fail("the client was not there: %d attempts", len(probes))
	}
	limit := s.Silence(r) + t.Stall
	if silence, since := peers.Silence(probes, 100*time.Millisecond); silence > limit {
		fail("the client waited %s for an answer from %s after the fault's begin on, want at most %s", silence, since.Sub(t.Begun), limit)
	}
	spans := advertising(frames, s.Interval+slack)
	apart := map[Kind]bool{CutOff: true, Deaf: true, Mute: true, FilterVRRP: true, Flap: true, Lossy: true}[r.Kind]
	for i, a := range spans {
		for _, b := range spans[i+1:] {
			from, to := later(a.from, b.from), earlier(a.to, b.to)
			if apart && from.Before(t.Ended) {
				from = t.Ended // until then they could not hear each other
			}
			if both := to.Sub(from); a.who != b.who && both > s.down()+slack {
				fail("%s and %s both advertise for %s, from %s after the fault's begin on", a.who, b.who, both, from.Sub(t.Begun))
			}
		}
	}
	resting := map[string]bool{}
	for _, f := range frames {
		if _, priority, ok := f.VRRP(); ok && priority > 0 && f.Time.After(t.Calm) {
			resting[f.SourceMAC().String()] = true
		}
	}
	if len(resting) != 1 {
		fail("%d nodes advertise when everything has come to rest, want 1: %v", len(resting), resting)
	}
	for _, p := range probes {
		if p.Sent.After(t.Calm) && !p.Answered.IsZero() && !resting[p.By] {
			fail("%s answers, and does not advertise", p.By)
			break
		}
	}
	return errs
}

// span is a time in which a node advertised without a pause.
type span struct {
	who      string
	from, to time.Time
}

// advertising returns when each node advertised; a pause longer than the limit, or priority 0, ends a span.
func advertising(frames []netlab.Frame, limit time.Duration) []span {
	var out []span
	open := map[string]int{}
	for _, f := range frames {
		_, priority, ok := f.VRRP()
		if !ok {
			continue
		}
		who := f.SourceMAC().String()
		i, running := open[who]
		switch {
		case priority == 0:
			delete(open, who)
		case running && f.Time.Sub(out[i].to) <= limit:
			out[i].to = f.Time
		default:
			open[who] = len(out)
			out = append(out, span{who, f.Time, f.Time})
		}
	}
	return out
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
