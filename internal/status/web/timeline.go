// SPDX-License-Identifier: Apache-2.0

package web

import (
	"fmt"
	"html/template"
	"slices"
	"strings"
	"time"

	"github.com/regent-ha/regent/internal/event"
	"github.com/regent-ha/regent/internal/status"
)

// span is how far back the timeline goes.
const span = 15 * time.Minute

// Measures of the timeline in its own units.
const (
	timelineWidth  = 1000
	timelineGutter = 160
	laneHeight     = 18
	laneStep       = 26
)

// stretch is a time in which a virtual router did not change.
type stretch struct {
	from, to time.Time
	state    string // initialize, backup, refuse, serve
	why      string
}

// lane is a virtual router over time.
type lane struct {
	name      string
	stretches []stretch
}

// lanes reads from the events what the services of a snapshot were between two instants.
func lanes(s *status.Snapshot, events []event.Entry, from, to time.Time) []lane {
	var list []lane
	for i := range s.Services {
		v := &s.Services[i]
		l := lane{name: v.Name}
		if slices.ContainsFunc(s.Services, func(o status.Service) bool { return o.Name == v.Name && o.Family != v.Family }) {
			l.name += " " + v.Family
		}
		var now stretch
		duty := ""
		begin := func(at time.Time, state, why string) {
			if now.state == state {
				return
			}
			if now.state != "" && at.After(now.from) {
				now.to = at
				l.stretches = append(l.stretches, now)
			}
			now = stretch{from: at, state: state, why: why}
		}
		state := ""
		for _, e := range events {
			if e.Service != v.Name {
				continue
			}
			switch e.Event {
			case event.Active.String(), event.Backup.String(), event.Initialize.String():
				if e.Fields["family"] != v.Family {
					continue
				}
				state = e.Fields["state"]
			case event.DutyChanged.String():
				duty = e.Fields["duty"]
			default:
				continue
			}
			if state != "" {
				begin(e.Time, shade(state, duty), e.Text)
			}
		}
		// The events may not go back far enough: what is now has been since it began.
		if now.state == "" {
			begin(v.Since, shade(v.State, v.Duty), v.Reason)
		}
		if last := shade(v.State, v.Duty); now.state != last {
			begin(maxTime(v.Since, now.from), last, v.Reason)
		}
		now.to = to
		l.stretches = append(l.stretches, now)
		l.stretches = slices.DeleteFunc(l.stretches, func(s stretch) bool { return !s.to.After(from) })
		for i := range l.stretches {
			l.stretches[i].from = maxTime(l.stretches[i].from, from)
		}
		list = append(list, l)
	}
	return list
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// shade is how a state and a duty are drawn.
func shade(state, duty string) string {
	if state != "active" {
		return state
	}
	if duty == "serve" || duty == "" {
		return "serve"
	}
	return "refuse"
}

// timeline draws lanes between two instants.
func timeline(list []lane, from, to time.Time) template.HTML {
	var b strings.Builder
	height := laneStep*len(list) + 24
	fmt.Fprintf(&b, `<svg class="timeline" viewBox="0 0 %d %d" role="img" aria-label="what this node was for each service over the last %d minutes">`,
		timelineWidth, height, int(to.Sub(from).Minutes()))
	x := func(at time.Time) float64 {
		return timelineGutter + (timelineWidth-timelineGutter-10)*at.Sub(from).Seconds()/to.Sub(from).Seconds()
	}
	for at := to.Truncate(time.Minute); at.After(from); at = at.Add(-time.Minute) {
		if at.Minute()%3 == 0 {
			fmt.Fprintf(&b, `<line class="grid" x1="%.1f" x2="%.1f" y1="0" y2="%d"/><text class="time" x="%.1f" y="%d">%s</text>`,
				x(at), x(at), height-18, x(at), height-4, at.Format("15:04"))
		}
	}
	for i, l := range list {
		y := laneStep * i
		fmt.Fprintf(&b, `<text class="lane" x="0" y="%d">%s</text>`, y+laneHeight-4, template.HTMLEscapeString(cut(l.name, 22)))
		for _, s := range l.stretches {
			fmt.Fprintf(&b, `<rect class="%s" x="%.1f" y="%d" width="%.1f" height="%d"><title>%s</title></rect>`,
				template.HTMLEscapeString(s.state), x(s.from), y, max(2, x(s.to)-x(s.from)), laneHeight,
				template.HTMLEscapeString(fmt.Sprintf("%s since %s: %s", s.state, s.from.Format("15:04:05"), s.why)))
		}
	}
	b.WriteString("</svg>")
	return template.HTML(b.String()) //nolint:gosec // each foreign word in it was escaped
}

func cut(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return string(r[:n-1]) + "…"
}
