// SPDX-License-Identifier: Apache-2.0

package conf

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// place is where a key and its value stand in the file, as byte offsets. It mirrors the tree of values: kids of a table
// by name, elems of an array by index. A table made by several headers has the offsets of the first.
type place struct {
	key   int
	value int
	kids  map[string]*place
	elems []*place
}

// kid returns the place of a key in a table, the table's own where it is unknown.
func (p *place) kid(name string) *place {
	if k := p.kids[name]; k != nil {
		return k
	}
	return &place{key: p.key, value: p.value}
}

// elem returns the place of an array's element, the array's own where it is unknown.
func (p *place) elem(i int) *place {
	if i < len(p.elems) {
		return p.elems[i]
	}
	return &place{key: p.key, value: p.value}
}

// enter returns the kid of that name, made at off if it is new. An array stands for its last element: that is how a
// header or dotted key below an array of tables is meant.
func (p *place) enter(name string, off int) *place {
	k := p.kids[name]
	if k == nil {
		k = &place{key: off, value: off}
		if p.kids == nil {
			p.kids = map[string]*place{}
		}
		p.kids[name] = k
	}
	return k
}

func (p *place) last() *place {
	for len(p.elems) > 0 {
		p = p.elems[len(p.elems)-1]
	}
	return p
}

// maxDepth bounds how deep values may nest; what lies deeper has the place of what is around it.
const maxDepth = 1000

// scanner finds the places. It trusts that the TOML library has judged the syntax: on anything else it does something
// harmless and moves on.
type scanner struct {
	src []byte
	off int
}

// scan returns the places of everything in a TOML document.
func scan(src []byte) *place {
	s := &scanner{src: src}
	if bytes.HasPrefix(src, []byte("\xef\xbb\xbf")) {
		s.off = 3
	}
	root := &place{}
	table := root
	for {
		s.blank()
		if s.off >= len(src) {
			return root
		}
		if src[s.off] == '[' {
			table = s.header(root)
		} else {
			s.pair(table, 0)
		}
		s.line()
	}
}

// peek returns the byte at the cursor, 0 at the end.
func (s *scanner) peek() byte {
	if s.off < len(s.src) {
		return s.src[s.off]
	}
	return 0
}

// space skips spaces and tabs.
func (s *scanner) space() {
	for s.peek() == ' ' || s.peek() == '\t' {
		s.off++
	}
}

// line skips what is left of the line.
func (s *scanner) line() {
	for s.off < len(s.src) && s.src[s.off] != '\n' {
		s.off++
	}
}

// blank skips white space, line ends and comments.
func (s *scanner) blank() {
	for s.off < len(s.src) {
		switch s.src[s.off] {
		case ' ', '\t', '\r', '\n':
			s.off++
		case '#':
			s.line()
		default:
			return
		}
	}
}

// header reads [a.b] or [[a.b]] and returns the table that follows it.
func (s *scanner) header(root *place) *place {
	start := s.off
	s.off++
	array := s.peek() == '['
	if array {
		s.off++
	}
	names := s.dotted()
	p := root
	for i, n := range names {
		p = p.last().enter(n.name, start)
		if i == len(names)-1 && array {
			p.elems = append(p.elems, &place{key: start, value: start})
		}
	}
	return p.last()
}

// pair reads key = value into the table.
func (s *scanner) pair(table *place, depth int) {
	start := s.off
	for _, n := range s.dotted() {
		table = table.last().enter(n.name, n.off)
	}
	s.space()
	if s.peek() != '=' {
		if s.off == start {
			s.off++ // not a key at all: never stand still
		}
		return
	}
	s.off++
	s.space()
	s.scanValue(table, depth)
}

// part is one name of a dotted key.
type part struct {
	name string
	off  int
}

// dotted reads a key and returns its names.
func (s *scanner) dotted() []part {
	var out []part
	for {
		s.space()
		off := s.off
		var name string
		switch s.peek() {
		case '"', '\'':
			name = s.text()
		default:
			for s.off < len(s.src) && !strings.ContainsRune(" \t\r\n.=[]{},#\"'", rune(s.src[s.off])) {
				s.off++
			}
			name = string(s.src[off:s.off])
			if name == "" {
				return out
			}
		}
		out = append(out, part{name, off})
		s.space()
		if s.peek() != '.' {
			return out
		}
		s.off++
	}
}

// scanValue reads a value and sets its place.
func (s *scanner) scanValue(p *place, depth int) {
	p.value = s.off
	switch s.peek() {
	case '"', '\'':
		s.text()
	case '[':
		s.list(depth, ']', func() {
			e := &place{key: s.off}
			p.elems = append(p.elems, e)
			s.scanValue(e, depth+1)
		})
	case '{':
		s.list(depth, '}', func() { s.pair(p, depth+1) })
	default:
		for s.off < len(s.src) && !strings.ContainsRune(",]}#\n", rune(s.src[s.off])) {
			s.off++
		}
	}
}

// list reads what stands between brackets: items with commas, lines and comments between them.
func (s *scanner) list(depth int, end byte, item func()) {
	s.off++
	for {
		s.blank()
		switch {
		case s.off >= len(s.src):
			return
		case s.src[s.off] == end:
			s.off++
			return
		case s.src[s.off] == ',' || depth >= maxDepth:
			s.off++
		default:
			before := s.off
			item()
			if s.off == before {
				s.off++
			}
		}
	}
}

// text reads a string of one of the four kinds and returns what it says, as a key may be one.
func (s *scanner) text() string {
	quote := s.src[s.off]
	if triple := bytes.Repeat([]byte{quote}, 3); bytes.HasPrefix(s.src[s.off:], triple) {
		s.off += 3
		for s.off < len(s.src) && !bytes.HasPrefix(s.src[s.off:], triple) {
			if quote == '"' && s.src[s.off] == '\\' {
				s.off++
			}
			s.off++
		}
		s.off = min(s.off+3, len(s.src))
		for i := 0; i < 2 && s.peek() == quote; i++ { // a string may end in two quotes of its own
			s.off++
		}
		return ""
	}
	s.off++
	start := s.off
	for s.off < len(s.src) && s.src[s.off] != quote && s.src[s.off] != '\n' {
		if quote == '"' && s.src[s.off] == '\\' {
			s.off++
		}
		s.off++
	}
	s.off = min(s.off, len(s.src))
	said := string(s.src[start:s.off])
	if s.peek() == quote {
		s.off++
	}
	if quote == '"' {
		return unescape(said)
	}
	return said
}

// unescape resolves the escapes of a basic string.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		if at := strings.IndexByte(`btnfre"\`, s[i]); at >= 0 {
			b.WriteByte("\b\t\n\f\r\x1b\"\\"[at])
			continue
		}
		digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}[s[i]]
		if code, err := strconv.ParseUint(s[min(i+1, len(s)):min(i+1+digits, len(s))], 16, 32); err == nil {
			b.WriteRune(rune(code))
			i += digits
		}
	}
	return b.String()
}

// lines turns offsets into lines and columns.
type lines struct {
	src    []byte
	starts []int
}

func newLines(src []byte) lines {
	starts := []int{0}
	for i, c := range src {
		if c == '\n' {
			starts = append(starts, i+1)
		}
	}
	return lines{src, starts}
}

// at returns line and column of an offset, both from 1; the column counts characters.
func (l lines) at(off int) (line, column int) {
	off = max(0, min(off, len(l.src)))
	i, found := slices.BinarySearch(l.starts, off)
	if !found {
		i--
	}
	from := l.src[l.starts[i]:off]
	if i == 0 {
		from = bytes.TrimPrefix(from, []byte("\xef\xbb\xbf"))
	}
	return i + 1, utf8.RuneCount(from) + 1
}
