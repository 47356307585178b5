// SPDX-License-Identifier: Apache-2.0

package keepalived

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/regent-ha/regent/conf"
)

// Place is where something stands in a configuration file. Line and Column count from 1, columns in characters. What a
// definition of several lines brought in stands where the definition does, and Via tells who used it. The zero Place is
// that of a default.
type Place struct {
	File   string
	Line   int
	Column int
	Via    string
}

// IsSet reports whether the place is in a file at all.
func (p Place) IsSet() bool { return p.Line > 0 }

// String returns file:line:column.
func (p Place) String() string { return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column) }

// Value is a setting and where it was set. Of a default the place is zero.
type Value[T any] struct {
	V  T
	At Place
}

// IsSet reports whether the file gives the value.
func (v Value[T]) IsSet() bool { return v.At.IsSet() }

// Flag is a switch and where it was set.
type Flag = Value[bool]

// Kind says what sort of mistake a problem is: the exit status of `keepalived -t` depends on it.
type Kind uint8

// The kinds.
const (
	Note      Kind = iota // advice of Regent's own: keepalived is content
	Mistake               // keepalived says so too and goes on
	Missing               // a keyword without its argument: keepalived goes no further
	File                  // a file that is not there, not readable or too much
	Security              // what a script or a key file permits to others
	Structure             // braces and quotes that do not match
	Unable                // what Regent cannot do, while keepalived can
)

// Problem is one complaint.
type Problem struct {
	conf.Diagnostic
	Kind Kind
}

// Problems are all complaints about a configuration, in the order of files as they were opened, then by line.
type Problems []Problem

// Diagnostics returns them as package conf has them.
func (ps Problems) Diagnostics() conf.Diagnostics {
	out := make(conf.Diagnostics, len(ps))
	for i, p := range ps {
		out[i] = p.Diagnostic
	}
	return out
}

// Err returns nil when none refuses the file, else all that do as one error.
func (ps Problems) Err() error { return ps.Diagnostics().Err() }

// TestStatus returns the exit status of `keepalived -t` for them: 0 without a problem, 2 for a missing argument, 4 for a
// missing file, 5 for any other, 6 if all are about security. The worst of several wins as it does there, where 5 is
// worse than 4 and 6. What Regent goes on without is no problem there.
func (ps Problems) TestStatus() int {
	status := 0
	for _, p := range ps {
		switch p.Kind {
		case Note:
		case Missing:
			return 2
		case Security:
			if status == 0 {
				status = 6
			}
		case File:
			if status != 5 {
				status = 4
			}
		case Unable:
			if p.Severity == conf.Error {
				status = 5
			}
		case Mistake, Structure:
			status = 5
		}
	}
	return status
}

// log collects problems.
type log struct {
	comments
	files []string
	found Problems
	full  bool
}

// maxProblems bounds what is said about one configuration.
const maxProblems = 1000

func (l *log) add(at Place, kind Kind, severity conf.Severity, format string, args ...any) {
	if len(l.found) >= maxProblems {
		if !l.full {
			l.full = true
			l.found = append(l.found, Problem{conf.Diagnostic{File: at.File, Line: at.Line, Column: at.Column, Severity: conf.Error,
				Text: fmt.Sprintf("more than %d problems: the rest is not shown", maxProblems)}, Structure})
		}
		return
	}
	text := fmt.Sprintf(format, args...)
	if at.Via != "" {
		text += " (" + at.Via + ")"
	}
	l.found = append(l.found, Problem{conf.Diagnostic{File: at.File, Line: at.Line, Column: at.Column, Severity: severity, Text: text}, kind})
}

// note says what keepalived would not; warn says what it says too and goes on; refuse is what no machine should start with.
func (l *log) note(at Place, format string, args ...any) {
	l.add(at, Note, conf.Warning, format, args...)
}
func (l *log) warn(at Place, format string, args ...any) {
	l.add(at, Mistake, conf.Warning, format, args...)
}
func (l *log) refuse(at Place, kind Kind, format string, args ...any) {
	l.add(at, kind, conf.Error, format, args...)
}

// Sorted returns the problems in the order of the files ([Config.Files]), then by place, each once.
func (ps Problems) Sorted(files []string) Problems {
	rank := make(map[string]int, len(files))
	for i, f := range files {
		if _, known := rank[f]; !known {
			rank[f] = i
		}
	}
	out := slices.Clone(ps)
	slices.SortStableFunc(out, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(rank[a.File], rank[b.File]), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column),
			cmp.Compare(a.Severity, b.Severity), cmp.Compare(a.Text, b.Text))
	})
	return slices.Compact(out)
}
