// SPDX-License-Identifier: Apache-2.0

package keepalived

import (
	"strings"
	"unicode/utf8"
)

// text is a piece of a line that knows where each of its characters came from, however much was cut from it or put in.
type text struct {
	s     string
	marks []mark
}

// mark says that the text from an offset on stands at a place. What was written there moves on with each character; what
// was put in for a name stays where the name is.
type mark struct {
	off   int
	at    Place
	fixed bool
}

// written returns a text as it stands in a file.
func written(s string, at Place) text { return text{s, []mark{{0, at, false}}} }

// put returns a text that stands for something at a place.
func put(s string, at Place) text { return text{s, []mark{{0, at, true}}} }

// place returns where the character at an offset came from.
func (t text) place(off int) Place {
	for i := len(t.marks) - 1; i >= 0; i-- {
		m := t.marks[i]
		if m.off > off {
			continue
		}
		if !m.fixed {
			m.at.Column += utf8.RuneCountInString(t.s[m.off:min(off, len(t.s))])
		}
		return m.at
	}
	return Place{}
}

// cut returns the text between two offsets.
func (t text) cut(from, to int) text {
	from, to = max(0, min(from, len(t.s))), max(0, min(to, len(t.s)))
	if from > to {
		from = to
	}
	out := text{s: t.s[from:to]}
	for i, m := range t.marks {
		switch {
		case m.off > from && m.off < to:
			m.off -= from
			out.marks = append(out.marks, m)
		case m.off <= from && (i+1 == len(t.marks) || t.marks[i+1].off > from):
			m.at, m.off = t.place(from), 0
			out.marks = append(out.marks, m)
		}
	}
	return out
}

// trim cuts blanks at both ends.
func (t text) trim() text {
	start := len(t.s) - len(strings.TrimLeft(t.s, blanks))
	return t.cut(start, max(start, len(strings.TrimRight(t.s, blanks))))
}

// join appends another text.
func (t text) join(u text) text {
	marks := make([]mark, 0, len(t.marks)+len(u.marks))
	if t.s != "" {
		marks = append(marks, t.marks...)
	}
	for _, m := range u.marks {
		m.off += len(t.s)
		marks = append(marks, m)
	}
	return text{t.s + u.s, marks}
}

// via says by whom the text was used, unless it was said before.
func (t text) via(who string) text {
	marks := make([]mark, len(t.marks))
	for i, m := range t.marks {
		if m.at.Via == "" {
			m.at.Via = who
		}
		marks[i] = m
	}
	return text{t.s, marks}
}

// blanks are what separates words.
const blanks = " \t\r\n\v\f"

func isBlank(c byte) bool { return strings.IndexByte(blanks, c) >= 0 }

// uncomment cuts a comment: from # or ! to the end of the line, unless within double quotes or after a backslash.
func (t text) uncomment() text {
	quoted := false
	for i := 0; i < len(t.s); i++ {
		switch t.s[i] {
		case '\\':
			i++
		case '"':
			quoted = !quoted
		case '#', '!':
			if !quoted {
				return t.cut(0, i)
			}
		}
	}
	return t
}
