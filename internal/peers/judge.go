// SPDX-License-Identifier: Apache-2.0

package peers

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"sort"
	"time"

	"github.com/regent-ha/regent/internal/netlab"
)

// Tolerances of the judge. They cover the machine that the tests run on, not the protocol.
const (
	late      = 100 * time.Millisecond // an advert may be late by this and one interval
	unwatched = time.Second            // samples may be this far apart
)

// Sample is how many of the virtual addresses each node's kernel held, on an interface with carrier, at one moment.
type Sample struct {
	At   time.Time
	Held map[string]int // nodes whose daemon runs, or ended by itself
	Left map[string]int // nodes whose daemon was killed and not started again
}

// Stretch is the time from one event to the next: what happened at its start, and who has to be Active at its end.
type Stretch struct {
	Event    string
	From, To time.Time
	Active   string        // the node that has to win
	Interval time.Duration // of its adverts
	// Window is how long the election after the event may be undecided; 0 if it must not be opened at all.
	Window time.Duration
	// Hold is how long the result has to stand within the stretch: more than any Active_Down_Interval, or a node that
	// is silently alive would not be noticed.
	Hold time.Duration
	// Silence is the least time from the last advert of the old Active to the first of the new one.
	Silence time.Duration
	// Released is set when the node before says farewell with priority 0.
	Released string
	// Split is set while the segment is cut in two: the other half may hold the addresses as well.
	Split bool
}

// Run is everything that was recorded of one scenario.
type Run struct {
	VRID      int
	Version   int
	Addresses []netip.Addr          // virtual, as advertised
	Nodes     map[netip.Addr]string // by the source of their adverts
	Adverts   []netlab.Advert       // in order of time
	Samples   []Sample              // in order of time
	Stretches []Stretch             // in order of time
}

// Verdict is the judgement of one stretch. Durations are measured from the event unless they say otherwise.
type Verdict struct {
	Event      string
	Active     string
	Advertiser time.Duration // nobody but Active advertised any more
	Holder     time.Duration // nobody but Active held the addresses any more, and it held all
	Silence    time.Duration // from the last advert of another node to the first of Active; 0 without a change
	Left       time.Duration // how long a killed daemon's addresses stayed, to the end of the stretch at most
	Faults     []string
}

// Judge judges the adverts one by one, then each stretch.
func (r *Run) Judge() (faults []string, verdicts []Verdict) {
	for _, a := range r.Adverts {
		faults = append(faults, r.malformed(a)...)
	}
	if len(r.Adverts) == 0 {
		faults = append(faults, "the capture holds no adverts")
	}
	for _, s := range r.Stretches {
		v := Verdict{Event: s.Event, Active: s.Active}
		r.judgeAdverts(s, &v)
		r.judgeHolders(s, &v)
		verdicts = append(verdicts, v)
	}
	return faults, verdicts
}

// malformed says what is wrong with one advert, whoever sent it.
func (r *Run) malformed(a netlab.Advert) (faults []string) {
	complain := func(format string, args ...any) {
		faults = append(faults, fmt.Sprintf("%s from %s: ", clock(a.Time), a.Source)+fmt.Sprintf(format, args...))
	}
	if r.Nodes[a.Source] == "" {
		complain("no node has this address")
	}
	if a.Checksum != netlab.ChecksumGood { // version 3 over IPv4: with the pseudo-header, all that the peers know
		complain("tshark finds the checksum %s", a.Checksum)
	}
	if a.TTL != 255 {
		complain("ttl %d, want 255", a.TTL)
	}
	if a.Version != r.Version || a.VRID != r.VRID {
		complain("version %d of virtual router %d, want version %d of %d", a.Version, a.VRID, r.Version, r.VRID)
	}
	if !slices.Equal(a.Addresses, r.Addresses) {
		complain("addresses %v, want %v", a.Addresses, r.Addresses)
	}
	return faults
}

// judgeAdverts finds out when the winner of the stretch was alone on the wire, and whether it was heard ever since.
func (r *Run) judgeAdverts(s Stretch, v *Verdict) {
	incumbent, others := r.before(s)
	decided := incumbent == s.Active // nothing happens to an incumbent, unless another speaks
	var first, settled, released time.Time
	for _, a := range r.within(s) {
		node := r.Nodes[a.Source]
		switch {
		case node == s.Active && a.Priority > 0:
			if first.IsZero() {
				first = a.Time
				if !decided {
					settled = first
				}
			}
			continue
		case a.Priority > 0:
			decided, settled = false, a.Time
		case node == s.Released:
			released = a.Time
		}
		if first.IsZero() {
			others = a.Time
		}
	}
	if first.IsZero() {
		v.fault("%s is not heard as Active, want it alone", s.Active)
		return
	}
	if !settled.IsZero() {
		settled = later(settled, first)
		v.Advertiser = settled.Sub(s.From)
	}
	if !decided && !others.IsZero() {
		v.Silence = first.Sub(others)
	}
	if v.Advertiser > s.Window {
		v.fault("%s advertises alone only after %s, want within %s", s.Active, round(v.Advertiser), round(s.Window))
	}
	if v.Silence < s.Silence {
		v.fault("%s takes over %s after the last advert, want %s at the soonest",
			s.Active, round(v.Silence), round(s.Silence))
	}
	if s.Released != "" && released.IsZero() {
		v.fault("%s says no farewell: no advert with priority 0", s.Released)
	}
	if stood := s.To.Sub(s.From) - v.Advertiser; stood < s.Hold {
		v.fault("the result stood for %s only, want %s", round(stood), round(s.Hold))
	}
	r.judgeGaps(s, settled, v)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// within returns the adverts of the stretch.
func (r *Run) within(s Stretch) []netlab.Advert {
	from := sort.Search(len(r.Adverts), func(i int) bool { return !r.Adverts[i].Time.Before(s.From) })
	to := sort.Search(len(r.Adverts), func(i int) bool { return !r.Adverts[i].Time.Before(s.To) })
	return r.Adverts[from:max(from, to)]
}

// before returns who was heard as Active last before the stretch, and when another node than the winner was heard last
// if it was not the winner.
func (r *Run) before(s Stretch) (incumbent string, others time.Time) {
	for _, a := range r.Adverts {
		if !a.Time.Before(s.From) {
			break
		}
		incumbent, others = "", a.Time
		if a.Priority > 0 {
			incumbent = r.Nodes[a.Source]
		}
		if incumbent == s.Active {
			others = time.Time{}
		}
	}
	return incumbent, others
}

// judgeGaps looks for silence of the winner once it is settled, or from its first advert if it was settled already.
func (r *Run) judgeGaps(s Stretch, settled time.Time, v *Verdict) {
	limit := 2*s.Interval + late
	var previous time.Time
	check := func(at time.Time) {
		gap := at.Sub(previous)
		if !previous.IsZero() && at.After(settled) && gap > limit {
			v.fault("%s is silent for %s from %s, want an advert each %s",
				s.Active, round(gap), clock(previous), round(s.Interval))
		}
		previous = at
	}
	for _, a := range r.within(s) {
		if r.Nodes[a.Source] == s.Active && a.Priority > 0 {
			check(a.Time)
		}
	}
	check(s.To)
}

// judgeHolders finds out when the winner of the stretch was the only holder of the addresses, and held all.
func (r *Run) judgeHolders(s Stretch, v *Verdict) {
	var last string
	previous := s.From
	watch := func(at time.Time) {
		if gap := at.Sub(previous); gap > unwatched {
			v.fault("holders were not watched for %s from %s", round(gap), clock(previous))
		}
		previous = at
	}
	for _, sample := range r.Samples {
		if sample.At.Before(s.From) || !sample.At.Before(s.To) {
			continue
		}
		watch(sample.At)
		if wrong := r.wrongHolders(s, sample); wrong != "" {
			last = wrong
			v.Holder = sample.At.Sub(s.From)
		}
		for _, n := range sample.Left {
			if n > 0 {
				v.Left = sample.At.Sub(s.From)
			}
		}
	}
	watch(s.To)
	if v.Holder > s.Window {
		v.fault("until %s after the event: %s; want it settled within %s", round(v.Holder), last, round(s.Window))
	}
}

// wrongHolders says what is wrong with who holds the addresses, "" if nothing is.
func (r *Run) wrongHolders(s Stretch, sample Sample) string {
	if n := sample.Held[s.Active]; n != len(r.Addresses) {
		return fmt.Sprintf("%s holds %d of %d addresses", s.Active, n, len(r.Addresses))
	}
	if s.Split {
		return ""
	}
	for _, node := range slices.Sorted(maps.Keys(sample.Held)) {
		if n := sample.Held[node]; node != s.Active && n > 0 {
			return fmt.Sprintf("%s holds %d addresses as well as %s", node, n, s.Active)
		}
	}
	return ""
}

func (v *Verdict) fault(format string, args ...any) {
	v.Faults = append(v.Faults, fmt.Sprintf(format, args...))
}

// clock formats a moment for a person who compares it with a capture.
func clock(t time.Time) string { return t.UTC().Format("15:04:05.000000") }

// round drops digits that mean nothing.
func round(d time.Duration) time.Duration { return d.Round(100 * time.Microsecond) }
