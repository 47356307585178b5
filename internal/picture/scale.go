// SPDX-License-Identifier: Apache-2.0

package picture

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// cut is a stretch of time that is left out.
type cut struct{ from, to time.Duration }

// scale maps time to a horizontal position.
type scale struct {
	from, to    time.Duration
	left, width float64
	cuts        []cut
}

// cutWidth is the room that a cut takes, in pixels.
const cutWidth = 18.0

// newScale covers a panel.
func newScale(p Panel, left, width float64) scale {
	instants := instantsOf(p)
	s := scale{from: p.From, to: p.To, left: left, width: width}
	if s.from == 0 && s.to == 0 {
		s.from, s.to = instants[0], instants[len(instants)-1]
		margin := (s.to - s.from) / 50
		s.from, s.to = s.from-margin, s.to+margin
	}
	if s.to <= s.from {
		s.to = s.from + time.Millisecond
	}
	if p.Break <= 0 {
		return s
	}
	edges := append([]time.Duration{s.from}, instants...)
	edges = append(edges, s.to)
	for i := 1; i < len(edges); i++ {
		a, b := max(edges[i-1], s.from), min(edges[i], s.to)
		if b-a > p.Break {
			s.cuts = append(s.cuts, cut{a + p.Break/2, b - p.Break/2})
		}
	}
	s.cuts = longest(s.cuts, int(width/2/cutWidth))
	return s
}

// longest keeps the n longest cuts, in their order: half of the axis is left to what happens.
func longest(cuts []cut, n int) []cut {
	if len(cuts) <= n {
		return cuts
	}
	kept := slices.Clone(cuts)
	slices.SortStableFunc(kept, func(a, b cut) int { return int((b.to - b.from) - (a.to - a.from)) })
	kept = kept[:n]
	slices.SortFunc(kept, func(a, b cut) int { return int(a.from - b.from) })
	return kept
}

// instantsOf lists every time that the panel names, sorted; at least 0.
func instantsOf(p Panel) []time.Duration {
	var list []time.Duration
	if p.Origin != "" {
		list = append(list, 0)
	}
	for _, l := range p.Lanes {
		for _, f := range l.Phases {
			list = append(list, f.From, f.To)
		}
		for _, e := range l.Events {
			list = append(list, e.At)
		}
	}
	if len(list) == 0 {
		list = append(list, 0)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// x is the position of a time, limited to the axis.
func (s scale) x(t time.Duration) float64 {
	t = min(max(t, s.from), s.to)
	shown, room := t-s.from, 0.0
	all := s.to - s.from
	for _, c := range s.cuts {
		all -= c.to - c.from
		switch {
		case t >= c.to:
			shown -= c.to - c.from
			room += cutWidth
		case t > c.from:
			shown -= t - c.from
			room += cutWidth * float64(t-c.from) / float64(c.to-c.from)
		}
	}
	return s.left + room + float64(shown)*s.perUnit(all)
}

// perUnit is pixels per nanosecond.
func (s scale) perUnit(all time.Duration) float64 {
	return (s.width - cutWidth*float64(len(s.cuts))) / float64(max(all, 1))
}

// hidden tells whether a time is inside a cut.
func (s scale) hidden(t time.Duration) bool {
	return slices.ContainsFunc(s.cuts, func(c cut) bool { return t > c.from && t < c.to })
}

// middle of a cut's mark.
func (s scale) middle(c cut) float64 { return s.x(c.from) + cutWidth/2 }

// widest finds the longest part of a span that no cut interrupts.
func (s scale) widest(from, to time.Duration) (left, right float64) {
	begin := from
	for _, c := range append(slices.Clone(s.cuts), cut{from: to, to: to}) {
		if c.to < begin || c.from > to {
			continue
		}
		if a, b := s.x(begin), s.x(max(c.from, begin)); b-a > right-left {
			left, right = a, b
		}
		begin = c.to
	}
	return left, right
}

// ticks returns round times for the axis, not closer than about 70 pixels.
func (s scale) ticks() []time.Duration {
	all := s.to - s.from
	for _, c := range s.cuts {
		all -= c.to - c.from
	}
	step := roundStep(time.Duration(70 / s.perUnit(all)))
	var list []time.Duration
	first := s.from / step * step
	if first < s.from {
		first += step
	}
	last := -1e9
	for t := first; t <= s.to; t += step {
		// Inside of a cut there may be thousands: jump.
		if i := slices.IndexFunc(s.cuts, func(c cut) bool { return t > c.from && t < c.to }); i >= 0 {
			t = s.cuts[i].to / step * step
			if s.hidden(t) {
				continue
			}
		}
		x := s.x(t)
		nearCut := slices.ContainsFunc(s.cuts, func(c cut) bool { return math.Abs(x-s.middle(c)) < 30 })
		if x-last >= 44 && !nearCut {
			list, last = append(list, t), x
		}
	}
	return list
}

// roundStep is the next of 1, 2, 5, 10 … above.
func roundStep(least time.Duration) time.Duration {
	for unit := time.Microsecond; ; unit *= 10 {
		for _, n := range []time.Duration{1, 2, 5} {
			if n*unit >= least {
				return n * unit
			}
		}
	}
}

// instant writes a time the way people say it.
func instant(t time.Duration) string {
	switch magnitude := t.Abs(); {
	case magnitude >= 10*time.Second:
		return decimals(t.Seconds(), 1) + " s"
	case magnitude >= time.Second:
		return decimals(t.Seconds(), 2) + " s"
	}
	return decimals(float64(t)/1e6, 1) + " ms"
}

// decimals writes a number with at most so many decimals and a real minus sign.
func decimals(v float64, n int) string {
	text := strconv.FormatFloat(v, 'f', n, 64)
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	if text == "-0" {
		text = "0"
	}
	return strings.Replace(text, "-", "−", 1)
}
