// SPDX-License-Identifier: Apache-2.0

package picture

import (
	"slices"
	"unicode/utf8"
)

// label is the text of an event with its place.
type label struct {
	event      Event
	x          float64 // of the event
	row        int     // under the lane, from 0
	from, to   float64 // what the text covers
	rightAlign bool    // the text ends at the event
}

// charWidth is the average width of a letter of the labels' size.
const charWidth = 6.1

// textGap is the distance from an event to its text.
const textGap = 5.0

// placeLabels gives each event's text a row such that neither texts nor the lines that
// lead to them meet. right is the edge that no text may cross.
func placeLabels(events []Event, s scale, right float64) (placed []label, rows int) {
	for _, cluster := range slices.Backward(clusters(events, s)) {
		for _, e := range cluster {
			l := label{event: e, x: s.x(e.At)}
			width := charWidth * float64(utf8.RuneCountInString(eventText(e)))
			l.from, l.to = l.x+textGap, l.x+textGap+width
			if l.to > right {
				l.rightAlign = true
				l.from, l.to = l.x-textGap-width, l.x-textGap
			}
			for !fits(l, placed) {
				l.row++
			}
			placed = append(placed, l)
			rows = max(rows, l.row+1)
		}
	}
	return placed, rows
}

// clusters groups events that are too close for a line to come between one and its text. They
// read from top to bottom; groups are placed from right to left, so that lines go down left
// of the texts already there.
func clusters(events []Event, s scale) [][]Event {
	var list [][]Event
	start := 0.0
	for _, e := range sorted(events) {
		if x := s.x(e.At); len(list) == 0 || x-start >= textGap {
			list, start = append(list, nil), x
		}
		list[len(list)-1] = append(list[len(list)-1], e)
	}
	return list
}

// eventText is what stands under the lane.
func eventText(e Event) string { return instant(e.At) + "  " + e.Label }

func sorted(events []Event) []Event {
	list := slices.Clone(events)
	slices.SortStableFunc(list, func(a, b Event) int { return int(min(max(a.At-b.At, -1), 1)) })
	return list
}

// fits tells whether a label meets none that is placed. Below all of them it
// is taken even so.
func fits(l label, placed []label) bool {
	deepest := -1
	for _, p := range placed {
		deepest = max(deepest, p.row)
	}
	if l.row > deepest {
		return true
	}
	for _, p := range placed {
		switch {
		case p.row == l.row && l.from < p.to+textGap && p.from < l.to+textGap,
			p.row > l.row && l.from <= p.x && p.x <= l.to, // its line crosses this text
			p.row < l.row && p.from <= l.x && l.x <= p.to: // this line crosses its text
			return false
		}
	}
	return true
}
