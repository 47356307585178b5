// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Result is a whole report.
type Result struct {
	Schema   int       `json:"schema"` // 1
	Machine  Machine   `json:"machine"`
	Programs []Program `json:"programs"`
	// Disturbed is how many rounds of each part were measured again because the machine stood still.
	Disturbed map[string]int `json:"disturbed,omitempty"`
	Series    []Series       `json:"series"`
}

// Machine is what the figures were measured on.
type Machine struct {
	Processors int    `json:"processors"`
	Model      string `json:"model,omitempty"`
	Kernel     string `json:"kernel"`
	Go         string `json:"go"`
}

// Program is one that was measured.
type Program struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// MarshalJSON writes what never happened as null: JSON has no infinity.
func (s Series) MarshalJSON() ([]byte, error) {
	type plain Series
	out := struct {
		plain
		Samples []any `json:"samples"`
	}{plain: plain(s)}
	for _, v := range s.Samples {
		if math.IsInf(v, 0) || math.IsNaN(v) {
			out.Samples = append(out.Samples, nil)
		} else {
			out.Samples = append(out.Samples, v)
		}
	}
	return json.Marshal(out)
}

// UnmarshalJSON reads null as what never happened.
func (s *Series) UnmarshalJSON(text []byte) error {
	type plain Series
	in := struct {
		*plain
		Samples []*float64 `json:"samples"`
	}{plain: (*plain)(s)}
	if err := json.Unmarshal(text, &in); err != nil {
		return err
	}
	s.Samples = nil
	for _, v := range in.Samples {
		if v == nil {
			s.Samples = append(s.Samples, math.Inf(1))
		} else {
			s.Samples = append(s.Samples, *v)
		}
	}
	return nil
}

// readResult reads an earlier report; none is an empty one.
func readResult(dir string) (Result, error) {
	var r Result
	text, err := os.ReadFile(filepath.Join(dir, "result.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err != nil {
		return r, fmt.Errorf("read earlier results: %w", err)
	}
	return r, nil
}

// write puts the report into a directory: result.json, README.md and the pictures.
func (r Result) write(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	text, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "result.json"), append(text, '\n'), 0o644); err != nil {
		return err
	}
	var page strings.Builder
	pictures := r.markdown(&page)
	for name, svg := range pictures {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(svg), 0o644); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(dir, "README.md"), []byte(page.String()), 0o644)
}

// markdown writes the tables and returns the pictures that they show, by name.
func (r Result) markdown(w io.Writer) map[string]string {
	pictures := map[string]string{}
	say := func(format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) } //nolint:errcheck // a builder
	say("# Regent beside keepalived\n")
	say("Written by `make bench`. Both programs ran by turns on one machine in one run: read the ratios, not the milliseconds.")
	say("A ratio is Regent's median by keepalived's. All samples: [result.json](result.json). What is measured, and how: [bench/doc.go](../../bench/doc.go).\n")
	say("Machine: %d processors%s, Linux %s, %s.", r.Machine.Processors, prefixed(", ", r.Machine.Model), r.Machine.Kernel, r.Machine.Go)
	for _, p := range r.Programs {
		say("%s: %s.", p.Name, p.Version)
	}
	part := ""
	for _, g := range groups(r.Series) {
		if g.part != part {
			part = g.part
			say("\n## %s\n", titles[part])
			if n := r.Disturbed[part]; n > 0 {
				say("Rounds that were measured again because the machine stood still: %d.\n", n)
			}
		}
		say("### %s\n", capital(g.quantity))
		say("| case | program | min | median | p99 | max | n | ratio |")
		say("|---|---|--:|--:|--:|--:|--:|--:|")
		for _, c := range g.cases {
			base := c.of("keepalived")
			for i, s := range c.series {
				v, name, ratio := Summarize(s.Samples), "", ""
				if i == 0 {
					name = c.name
				}
				if s.Program == "regent" && base != nil {
					ratio = by(v.Median, Summarize(base.Samples).Median)
				}
				say("| %s | %s | %s | %s | %s | %s | %d | %s |", name, s.Program, figure(v.Min, s.Unit), figure(v.Median, s.Unit),
					figure(v.P99, s.Unit), figure(v.Max, s.Unit), v.N, ratio)
			}
		}
		if svg := strip(g); svg != "" {
			file := slug(g.part+" "+g.quantity) + ".svg"
			pictures[file] = svg
			say("\n![%s](%s)\n", g.quantity, file)
		} else {
			say("")
		}
	}
	return pictures
}

// titles of the parts.
var titles = map[string]string{
	"failover":  "What a client sees of a failover",
	"answer":    "How long connections wait for an answer",
	"scale":     "Many virtual routers in one process",
	"jitter":    "How regular adverts are",
	"addresses": "A thousand addresses in one virtual router",
	"refusal":   "Refused connection attempts",
}

// group is all that was measured of one quantity.
type group struct {
	part, quantity string
	cases          []*situation
}

// situation is one case of a group, with a series for each program.
type situation struct {
	name   string
	series []Series
}

// of returns a program's series.
func (c *situation) of(program string) *Series {
	for i := range c.series {
		if c.series[i].Program == program {
			return &c.series[i]
		}
	}
	return nil
}

// groups arranges series for tables, in their order.
func groups(list []Series) []*group {
	var out []*group
	for _, s := range list {
		var g *group
		for _, known := range out {
			if known.part == s.Part && known.quantity == s.Quantity {
				g = known
			}
		}
		if g == nil {
			g = &group{part: s.Part, quantity: s.Quantity}
			out = append(out, g)
		}
		var c *situation
		for _, known := range g.cases {
			if known.name == s.Case {
				c = known
			}
		}
		if c == nil {
			c = &situation{name: s.Case}
			g.cases = append(g.cases, c)
		}
		c.series = append(c.series, s)
	}
	// Parts stay together, whatever the order in which their quantities were measured.
	var sorted []*group
	seen := map[string]bool{}
	for _, g := range out {
		if seen[g.part] {
			continue
		}
		seen[g.part] = true
		for _, h := range out {
			if h.part == g.part {
				sorted = append(sorted, h)
			}
		}
	}
	return sorted
}

// figure writes a number with three digits that count.
func figure(v float64, u Unit) string {
	switch {
	case math.IsNaN(v):
		return "–"
	case math.IsInf(v, 0):
		return "never"
	}
	digits := 0
	switch a := math.Abs(v); {
	case a == 0 || a >= 100 || v == math.Trunc(v) && u == Count:
	case a >= 10:
		digits = 1
	case a >= 0.1:
		digits = 2
	default:
		digits = 3
	}
	return strings.TrimSuffix(strconv.FormatFloat(v, 'f', digits, 64)+" "+string(u), " ")
}

// by writes a ratio.
func by(a, b float64) string {
	if math.IsInf(b, 1) && !math.IsInf(a, 1) {
		return "0"
	}
	if v := a / b; !math.IsNaN(v) && !math.IsInf(v, 0) && b > 0 {
		return strconv.FormatFloat(v, 'g', 2, 64)
	}
	return "–"
}

func prefixed(prefix, s string) string {
	if s == "" {
		return ""
	}
	return prefix + s
}

func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// slug is a text as a file's name.
func slug(s string) string {
	return strings.Join(strings.FieldsFunc(strings.ToLower(s), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9')
	}), "-")
}
