// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"html"
	"math"
	"strings"
)

// Measures of a picture, in pixels.
const (
	plotWidth  = 860
	plotLeft   = 250
	plotRight  = 30
	rowHeight  = 20
	caseGap    = 10
	plotTop    = 46
	plotBottom = 44
)

// colours of the programs are told apart by those who see few of them.
func colour(program string, i int) string {
	if program == "regent" {
		return "#0072b2"
	}
	return []string{"#d55e00", "#cc79a7", "#009e73", "#e69f00"}[i%4]
}

// strip draws each sample of a group as a dot on a logarithmic axis, with the median as a bar. It is empty where there is nothing
// to compare: too few samples, or none that is above 0.
func strip(g *group) string {
	low, high, rows := math.Inf(1), 0.0, 0
	most := 0
	for _, c := range g.cases {
		for _, s := range c.series {
			rows++
			most = max(most, len(s.Samples))
			for _, v := range s.Samples {
				if v > 0 && !math.IsInf(v, 0) {
					low, high = min(low, v), max(high, v)
				}
			}
		}
	}
	if most < 3 || high == 0 {
		return ""
	}
	from, to := math.Floor(math.Log10(low)), math.Ceil(math.Log10(high))
	if to == from {
		to++
	}
	height := plotTop + rows*rowHeight + len(g.cases)*caseGap + plotBottom
	x := func(v float64) float64 {
		if v <= 0 {
			return plotLeft
		}
		at := (math.Log10(v) - from) / (to - from)
		return plotLeft + min(max(at, 0), 1)*(plotWidth-plotLeft-plotRight)
	}
	var b strings.Builder
	put := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	put(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" font-family="system-ui, sans-serif" font-size="12">`, plotWidth, height)
	put(`<title>%s</title>`, html.EscapeString(g.quantity))
	put(`<style>text{fill:#222}.grid{stroke:#ccc}@media(prefers-color-scheme:dark){svg{background:#111}text{fill:#ddd}.grid{stroke:#444}}</style>`)
	put(`<text x="12" y="22" font-size="15" font-weight="600">%s</text>`, html.EscapeString(capital(g.quantity)))
	unit := g.cases[0].series[0].Unit
	for e := from; e <= to; e++ {
		v := math.Pow(10, e)
		put(`<line class="grid" x1="%.1f" x2="%.1f" y1="%d" y2="%d"/>`, x(v), x(v), plotTop-8, height-plotBottom+4)
		put(`<text x="%.1f" y="%d" text-anchor="middle">%s</text>`, x(v), height-plotBottom+20, html.EscapeString(decade(e, unit)))
	}
	y := plotTop
	for _, c := range g.cases {
		others := 0
		for i, s := range c.series {
			fill := colour(s.Program, others)
			if s.Program != "regent" {
				others++
			}
			label := s.Program
			if i == 0 {
				label = c.name + " · " + s.Program
			}
			put(`<text x="%d" y="%d" text-anchor="end">%s</text>`, plotLeft-10, y+rowHeight/2+2, html.EscapeString(label))
			for n, v := range s.Samples {
				if math.IsInf(v, 0) || math.IsNaN(v) {
					continue
				}
				put(`<circle cx="%.1f" cy="%.1f" r="3" fill="%s" fill-opacity="0.45"/>`, x(v), float64(y)+6+float64(n%3)*3, fill)
			}
			if m := Summarize(s.Samples).Median; !math.IsInf(m, 0) {
				put(`<line x1="%.1f" x2="%.1f" y1="%d" y2="%d" stroke="%s" stroke-width="2.5"><title>median %s</title></line>`,
					x(m), x(m), y, y+rowHeight-3, fill, html.EscapeString(figure(m, s.Unit)))
			}
			y += rowHeight
		}
		y += caseGap
	}
	put(`</svg>`)
	return b.String()
}

// decade is a power of ten with its unit.
func decade(e float64, u Unit) string {
	if u == Milliseconds && e >= 3 {
		e, u = e-3, Seconds
	}
	digits := 0
	if e < 0 {
		digits = int(-e)
	}
	return strings.TrimSpace(fmt.Sprintf("%.*f %s", digits, math.Pow(10, e), u))
}
