// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/regent-ha/regent/requestor"
)

// Pending is the outcome of a sample that has none yet.
const Pending requestor.Outcome = "pending"

// Sample is one connection that was tried.
type Sample struct {
	// Start of the attempt, by the wall clock and the monotonic one.
	Start   time.Time
	Outcome requestor.Outcome
	// Took until the outcome.
	Took time.Duration
}

// Spoke tells whether somebody answered, with the service or with an error. An
// unreachable host is not an answer here: Linux says so of itself when nobody
// replies to its ARP.
func (s Sample) Spoke() bool {
	return s.Outcome == requestor.Answered || s.Outcome == requestor.Refused || s.Outcome == requestor.Reset
}

// Trace is what a watcher saw, in the order of the starts.
type Trace struct {
	Samples []Sample
	// Patience after which a sample counted as silence.
	Patience time.Duration
}

// Gap is a stretch of silence.
type Gap struct {
	// From the start of the first attempt that got no answer to the start of the
	// next that got one, or to the start of the last attempt of all.
	From, To time.Time
	// Attempts without an answer.
	Attempts int
	// Open tells that no answer followed.
	Open bool
}

// Length of the silence.
func (g Gap) Length() time.Duration { return g.To.Sub(g.From) }

// Gaps returns every silence. Attempts that are still pending are not judged.
func (t Trace) Gaps() []Gap {
	var gaps []Gap
	silent := false
	for _, s := range t.Samples {
		switch {
		case s.Outcome == Pending:
			continue
		case s.Spoke():
			if silent {
				last := &gaps[len(gaps)-1]
				last.To, last.Open = s.Start, false
			}
			silent = false
		case silent:
			last := &gaps[len(gaps)-1]
			last.To, last.Attempts = s.Start, last.Attempts+1
		default:
			gaps = append(gaps, Gap{From: s.Start, To: s.Start, Attempts: 1, Open: true})
			silent = true
		}
	}
	return gaps
}

// MaxGap is the length of the longest silence: the longest stretch of starts without
// any answer, of the service or by an error.
func (t Trace) MaxGap() time.Duration {
	longest := time.Duration(0)
	for _, g := range t.Gaps() {
		longest = max(longest, g.Length())
	}
	return longest
}

// MaxWait is the longest that an answer took to come; attempts that got none do not count.
func (t Trace) MaxWait() time.Duration {
	longest := time.Duration(0)
	for _, s := range t.Samples {
		if s.Spoke() {
			longest = max(longest, s.Took)
		}
	}
	return longest
}

// Stall is the longest time between two starts: how far the watcher itself was
// kept from its work. A gap shorter than this may be the watcher's own.
func (t Trace) Stall() time.Duration {
	longest := time.Duration(0)
	for i := 1; i < len(t.Samples); i++ {
		longest = max(longest, t.Samples[i].Start.Sub(t.Samples[i-1].Start))
	}
	return longest
}

// First finds the first sample of an outcome that started at since or later.
func (t Trace) First(outcome requestor.Outcome, since time.Time) (Sample, bool) {
	i := slices.IndexFunc(t.Samples, func(s Sample) bool { return s.Outcome == outcome && !s.Start.Before(since) })
	if i < 0 {
		return Sample{}, false
	}
	return t.Samples[i], true
}

// Between returns the part of the trace that started in a span of time.
func (t Trace) Between(from, to time.Time) Trace {
	part := Trace{Patience: t.Patience}
	for _, s := range t.Samples {
		if !s.Start.Before(from) && s.Start.Before(to) {
			part.Samples = append(part.Samples, s)
		}
	}
	return part
}

// Count of the samples of an outcome.
func (t Trace) Count(outcome requestor.Outcome) int {
	n := 0
	for _, s := range t.Samples {
		if s.Outcome == outcome {
			n++
		}
	}
	return n
}

// Stretch is a run of samples with one outcome.
type Stretch struct {
	Outcome     requestor.Outcome
	First, Last time.Time // starts
	Count       int
}

// Stretches returns the runs of equal outcomes, in order.
func (t Trace) Stretches() []Stretch {
	var list []Stretch
	for _, s := range t.Samples {
		if n := len(list); n > 0 && list[n-1].Outcome == s.Outcome {
			list[n-1].Last, list[n-1].Count = s.Start, list[n-1].Count+1
			continue
		}
		list = append(list, Stretch{Outcome: s.Outcome, First: s.Start, Last: s.Start, Count: 1})
	}
	return list
}

// String tells the story in one line, for test failures: each stretch with its
// beginning in milliseconds since the first sample.
func (t Trace) String() string {
	if len(t.Samples) == 0 {
		return "no samples"
	}
	var parts []string
	for _, s := range t.Stretches() {
		parts = append(parts, fmt.Sprintf("%.1fms %s×%d", milliseconds(s.First.Sub(t.Samples[0].Start)), s.Outcome, s.Count))
	}
	return strings.Join(parts, ", ")
}
