// SPDX-License-Identifier: Apache-2.0

package manual

import (
	"fmt"
	"regexp"
	"strings"
)

// fileSection is that of formats of files.
const fileSection = 5

// entry is a table or a key of a reference, with the comment above it.
type entry struct {
	comment []string
	line    string
	table   bool
	below   bool // there is no empty line above it
}

// follows reports whether an entry belongs to the one above it: keys share a comment, or show what a table is about.
func (e entry) follows() bool { return e.below && !e.table && len(e.comment) == 0 }

var (
	isTable = regexp.MustCompile(`^\[\[?[^\]]+\]\]?$`)
	isKey   = regexp.MustCompile(`^("[^"]*"|[A-Za-z0-9_-]+)\s*=\s*\S`)
)

// Reference returns a page about a configuration file, made from a file with every key: comments stand above what they are about,
// those at the very beginning are about the file.
func Reference(name, toml string, e Edition) (Page, error) {
	intro, entries, err := parse(toml)
	if err != nil {
		return Page{}, fmt.Errorf("reference of %s: %w", name, err)
	}
	var r roff
	r.title(name, fileSection, e)
	r.name(name, "configuration of Regent")
	r.section("DESCRIPTION")
	r.text(strings.Join(intro, "\n"))
	r.section("TOP LEVEL")
	for i := 0; i < len(entries); {
		en := entries[i]
		n := i + 1
		for n < len(entries) && entries[n].follows() {
			n++
		}
		r.entry(en, entries[i+1:n], bare(entries[i:]))
		i = n
	}
	r.section("EXAMPLE")
	r.example(strings.Join([]string{"[[service]]", `name = "orders"`, `interface = "eth0"`, "virtual_router_id = 51",
		`addresses = ["10.0.0.101/24"]`, "priority = 100"}, "\n"))
	r.section("SEE ALSO")
	r.line("\\fBregent\\fR(8), \\fBregent\\-check\\fR(8)")
	return Page{name, fileSection, r.Bytes()}, nil
}

// entry writes a table or key and the keys that follow it. A table without a word about it or any key of it is an example.
func (r *roff) entry(e entry, more []entry, bare bool) {
	switch {
	case e.table && !bare:
		r.subsection(e.line)
		r.comment(e.comment)
		if len(more) > 0 {
			lines := make([]string, len(more))
			for i, m := range more {
				lines[i] = m.line
			}
			if len(e.comment) > 0 {
				r.line(".PP")
			}
			r.example(strings.Join(lines, "\n"))
		}
	case !e.table && len(e.comment) > 0:
		r.item(e.line)
		for _, m := range more {
			r.line(".TQ")
			r.line(bold(m.line))
		}
		r.comment(e.comment)
	}
}

// bare reports whether neither the table that entries begin with nor a key of it has a comment.
func bare(entries []entry) bool {
	for i, en := range entries {
		if i > 0 && en.table {
			break
		}
		if len(en.comment) > 0 {
			return false
		}
	}
	return true
}

// comment writes a comment: prose, and what it says of the default on a line of its own.
func (r *roff) comment(lines []string) {
	for i, l := range lines {
		if i > 0 && strings.HasPrefix(l, "Default: ") {
			r.line(".br")
		}
		if l == "" {
			r.line(".sp")
			continue
		}
		r.line(plain(l))
	}
}

// parse splits a reference into what is said of the file and its tables and keys.
func parse(toml string) (intro []string, entries []entry, err error) {
	var comment []string
	begun, below := false, false
	for n, l := range strings.Split(toml, "\n") {
		text, isComment := strings.CutPrefix(l, "#")
		switch l = strings.TrimSpace(l); {
		case isComment && strings.Trim(text, " -") == "" && text != "":
			comment = nil // a line between parts
		case isComment:
			comment = append(comment, strings.TrimPrefix(text, " "))
		case l == "" && !begun:
			intro, comment, begun = comment, nil, true
		case l == "":
			comment, below = nil, false
		case isTable.MatchString(l), isKey.MatchString(l):
			entries = append(entries, entry{comment, l, isTable.MatchString(l), below})
			comment, below = nil, true
		default:
			return nil, nil, fmt.Errorf("line %d: %q is neither a comment nor a table nor a key on one line", n+1, l)
		}
	}
	if len(intro) > 1 && intro[1] == "" { // the heading
		intro = intro[2:]
	}
	return intro, entries, nil
}
