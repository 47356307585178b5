// SPDX-License-Identifier: Apache-2.0

package picture

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// Measures in pixels.
const (
	width      = 960.0
	margin     = 24.0
	gutter     = 132.0 // for the names of lanes
	barHeight  = 22.0
	labelStep  = 15.0
	laneSpace  = 14.0
	panelSpace = 26.0
)

// style holds the colours, after Okabe and Ito, for light and for dark readers.
const style = `
text { font: 11px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: #24292f; }
.title { font-size: 17px; font-weight: 600; } .panel { font-size: 13px; font-weight: 600; }
.name { font-size: 12px; font-weight: 600; } .small { fill: #57606a; } .bar { fill: #ffffff; font-weight: 600; }
.refuse-text { fill: #24292f; }
.back { fill: #ffffff; stroke: #d0d7de; } .grid { stroke: #d8dee4; } .lead { stroke: #8c959f; } .zero { stroke: #cf222e; stroke-dasharray: 4 3; }
.zero-text { fill: #cf222e; font-weight: 600; } .track { fill: #eaeef2; } .gap { fill: #ffffff; } .gap-line { stroke: #8c959f; fill: none; }
.idle { fill: #8c959f; } .serve { fill: #007a59; } .refuse { fill: #e69f00; } .silent { fill: #c74a00; } .down { fill: #484f58; } .note { fill: #0072b2; }
.hatch { stroke: #ffffff; stroke-width: 2; opacity: .55; }
@media (prefers-color-scheme: dark) {
text, .refuse-text { fill: #e6edf3; } .small { fill: #9198a1; } .bar { fill: #ffffff; } .refuse-text { fill: #1c2128; }
.back { fill: #0d1117; stroke: #30363d; } .grid { stroke: #262c36; } .lead { stroke: #656c76; } .zero { stroke: #ff7b72; }
.zero-text { fill: #ff7b72; } .track { fill: #1c2128; } .gap { fill: #0d1117; } .gap-line { stroke: #656c76; }
.idle { fill: #59636e; } .serve { fill: #00906a; } .down { fill: #6e7681; } .note { fill: #2f8fd0; }
}
`

// drawing collects elements from top to bottom.
type drawing struct {
	bytes.Buffer
	y float64
}

// WriteSVG writes the picture.
func (f Figure) WriteSVG(w io.Writer) error {
	d := &drawing{y: margin}
	if f.Title != "" {
		d.y += 14
		d.text(margin, d.y, "title", "start", f.Title)
	}
	if f.Subtitle != "" {
		d.y += 19
		d.text(margin, d.y, "small", "start", f.Subtitle)
	}
	for _, p := range f.Panels {
		d.y += panelSpace
		d.panel(p)
	}
	d.legend(f)
	height := d.y + margin
	head := fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" width="%.0f" height="%.0f" role="img">`+
		"\n<title>%s</title>\n<style>%s</style>\n"+
		`<defs><pattern id="hatch" width="8" height="8" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">`+
		`<line class="hatch" x1="0" y1="0" x2="0" y2="8"/></pattern></defs>`+"\n"+
		`<rect class="back" x="0.5" y="0.5" width="%.0f" height="%.0f" rx="8"/>`+"\n",
		width, height, width, height, escape(f.Title), style, width-1, height-1)
	_, err := io.Copy(w, io.MultiReader(strings.NewReader(head), &d.Buffer, strings.NewReader("</svg>\n")))
	if err != nil {
		return fmt.Errorf("write picture: %w", err)
	}
	return nil
}

// panel draws one timeline: grid below everything, then lanes, then the axis.
func (d *drawing) panel(p Panel) {
	if p.Title != "" {
		d.text(margin, d.y, "panel", "start", p.Title)
		d.y += 8
	}
	left, right := margin+gutter, width-margin
	s := newScale(p, left, right-left)
	top := d.y + 16
	if p.Origin != "" {
		anchor, x := "start", s.x(0)+4
		if x > right-150 {
			anchor, x = "end", s.x(0)-4
		}
		d.text(x, top-4, "zero-text", anchor, p.Origin)
	}
	body := &drawing{y: top + 6}
	for _, l := range p.Lanes {
		body.lane(l, s, left, right)
	}
	bottom := body.y
	for _, t := range s.ticks() {
		x := s.x(t)
		d.line("grid", x, top, x, bottom)
		d.text(x, bottom+13, "small", "middle", instant(t))
	}
	if p.Origin != "" {
		d.line("zero", s.x(0), top, s.x(0), bottom)
	}
	d.Write(body.Bytes())
	for _, c := range s.cuts {
		d.text(s.middle(c), bottom+13, "small", "middle", "⋯")
	}
	d.y = bottom + 18
}

// lane draws a row: its name, its phases, and the events with their texts.
func (d *drawing) lane(l Lane, s scale, left, right float64) {
	middle := d.y + barHeight/2
	if l.Detail == "" {
		d.text(margin, middle+4, "name", "start", l.Name)
	} else {
		d.text(margin, middle-1, "name", "start", l.Name)
		d.text(margin, middle+12, "small", "start", l.Detail)
	}
	d.rect("track", left, d.y, right-left, barHeight, "")
	for _, f := range l.Phases {
		d.phase(f, s)
	}
	for _, c := range s.cuts {
		d.gap(s.middle(c), d.y, d.y+barHeight, c.to-c.from)
	}
	for _, f := range l.Phases {
		d.inside(f, s)
	}
	labels, rows := placeLabels(l.Events, s, right)
	under := d.y + barHeight
	for _, p := range labels {
		baseline := under + float64(p.row+1)*labelStep - 2
		d.line("lead", p.x, d.y, p.x, baseline-3)
		fmt.Fprintf(d, `<circle class="%s" cx="%.1f" cy="%.1f" r="4"/>`+"\n", p.event.Kind.class(), p.x, middle)
		x, anchor := p.x+textGap, "start"
		if p.rightAlign {
			x, anchor = p.x-textGap, "end"
		}
		d.text(x, baseline, "label", anchor, eventText(p.event))
	}
	d.y = under + float64(rows)*labelStep + laneSpace
}

// phase draws a stretch, at least a pixel and a half wide.
func (d *drawing) phase(f Phase, s scale) {
	if f.To < s.from || f.From > s.to {
		return
	}
	x := s.x(f.From)
	w := max(s.x(f.To)-x, 1.5)
	tip := strings.TrimSpace(f.Label + ", " + instant(f.From) + " to " + instant(f.To))
	d.rect(f.Kind.class(), x, d.y, w, barHeight, tip)
	if f.Kind == Silent {
		fmt.Fprintf(d, `<rect fill="url(#hatch)" x="%.1f" y="%.1f" width="%.1f" height="%.1f"/>`+"\n", x, d.y, w, barHeight)
	}
}

// inside writes a phase's label where it has most room.
func (d *drawing) inside(f Phase, s scale) {
	from, to := s.widest(max(f.From, s.from), min(f.To, s.to))
	if f.Label == "" || charWidth*1.1*float64(utf8.RuneCountInString(f.Label))+10 > to-from {
		return
	}
	d.text((from+to)/2, d.y+barHeight/2+4, "bar "+f.Kind.class()+"-text", "middle", f.Label)
}

// gap draws the mark of time left out across a bar.
func (d *drawing) gap(x, top, bottom float64, left time.Duration) {
	d.rect("gap", x-4, top-1, 8, bottom-top+2, instant(left)+" left out")
	for _, side := range []float64{x - 4, x + 4} {
		fmt.Fprintf(d, `<path class="gap-line" d="M%.1f %.1f`, side, top-2)
		for y, bend := top-2, 2.5; y < bottom+2; y, bend = y+6.5, -bend {
			fmt.Fprintf(d, " L%.1f %.1f", side+bend, min(y+6.5, bottom+2))
		}
		fmt.Fprint(d, "\"/>\n")
	}
}

// legend explains the kinds that occur in phases.
func (d *drawing) legend(f Figure) {
	var used [kinds]bool
	for _, p := range f.Panels {
		for _, l := range p.Lanes {
			for _, ph := range l.Phases {
				if int(ph.Kind) < kinds {
					used[ph.Kind] = true
				}
			}
		}
	}
	x := margin + gutter
	d.y += 22
	for k := range kinds {
		if !used[k] {
			continue
		}
		kind := Kind(k)
		d.rect(kind.class(), x, d.y-9, 18, 10, "")
		if kind == Silent {
			fmt.Fprintf(d, `<rect fill="url(#hatch)" x="%.1f" y="%.1f" width="18" height="10"/>`+"\n", x, d.y-9)
		}
		d.text(x+23, d.y, "small", "start", kind.String())
		x += 23 + charWidth*float64(len(kind.String())) + 22
	}
}

func (d *drawing) text(x, y float64, class, anchor, text string) {
	fmt.Fprintf(d, `<text class="%s" x="%.1f" y="%.1f" text-anchor="%s">%s</text>`+"\n", class, x, y, anchor, escape(text))
}

func (d *drawing) line(class string, x1, y1, x2, y2 float64) {
	fmt.Fprintf(d, `<line class="%s" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/>`+"\n", class, x1, y1, x2, y2)
}

func (d *drawing) rect(class string, x, y, w, h float64, tip string) {
	fmt.Fprintf(d, `<rect class="%s" x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="2">`, class, x, y, w, h)
	if tip != "" {
		fmt.Fprintf(d, "<title>%s</title>", escape(tip))
	}
	fmt.Fprint(d, "</rect>\n")
}

// escape makes a text safe inside of an element; what XML cannot hold is replaced.
func escape(text string) string {
	var b bytes.Buffer
	if err := xml.EscapeText(&b, []byte(text)); err != nil {
		return "" // a bytes.Buffer takes everything
	}
	return b.String()
}
