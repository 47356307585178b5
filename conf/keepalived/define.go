// SPDX-License-Identifier: Apache-2.0

package keepalived

import (
	"fmt"
	"strconv"
	"strings"
)

// definition is what a name stands for: a value, or several lines.
type definition struct {
	name  string
	at    Place
	value text
	lines []text // of more than one: the name must end the line that uses it
	multi bool
}

// defines recognises $NAME=value.
func defines(t text) (name string, value text, ok bool) {
	if !strings.HasPrefix(t.s, "$") {
		return "", text{}, false
	}
	n := nameLength(t.s[1:])
	if n == 0 || len(t.s) <= n+1 || t.s[n+1] != '=' || t.s[1] >= '0' && t.s[1] <= '9' {
		return "", text{}, false
	}
	return t.s[1 : n+1], t.cut(n+2, len(t.s)).trim(), true
}

// nameLength returns how many bytes at the start of s are a name.
func nameLength(s string) int {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c != '_' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return i
		}
	}
	return len(s)
}

// define keeps a definition; one that a condition dropped takes its further lines with it.
func (r *reader) define(name string, at Place, value text, continues, dropped bool) {
	if strings.HasPrefix(name, "_") && !dropped {
		r.note(at, "$%s: names that begin with _ are keepalived's own, now or in time", name)
	}
	d := &definition{name: name, at: at, value: value, multi: continues}
	if continues {
		if value = value.trim(); strings.HasSuffix(value.s, `\`) {
			value = value.cut(0, len(value.s)-1).trim()
		}
		if value.s != "" {
			d.lines = append(d.lines, value)
		}
		r.into = d
	}
	if !dropped {
		r.names[name] = d
	}
}

// use is a name found in a line: from where to where, and what it is called.
type use struct {
	from, to int
	name     string
	args     []string
}

// next finds the first use of a name at or after an offset.
func next(s string, from int) (use, bool) {
	for i := from; i < len(s); i++ {
		if s[i] != '$' || i+1 == len(s) {
			continue
		}
		if s[i+1] == '{' {
			end := strings.IndexByte(s[i:], '}')
			if end < 0 {
				continue
			}
			inner := s[i+2 : i+end]
			n := nameLength(inner)
			if n > 0 && (n == len(inner) || isBlank(inner[n])) {
				return use{i, i + end + 1, inner[:n], strings.Fields(inner[n:])}, true
			}
			continue
		}
		n := nameLength(s[i+1:])
		end := i + 1 + n
		if n > 0 && (end == len(s) || isBlank(s[end]) || s[end] == ')' || s[end] == ',') {
			return use{i, end, s[i+1 : end], nil}, true
		}
	}
	return use{}, false
}

// undefined complains of a name that nobody has defined. It stays as it is; but outside of quotation marks keepalived takes
// its braces for those of a block, and loses what follows.
func (r *reader) undefined(before, name string, at Place) {
	if strings.Count(before, `"`)%2 == 1 || strings.Count(before, "'")%2 == 1 {
		r.note(at, "%s is not defined and stays as it is", name)
		return
	}
	r.refuse(at, Structure, "%s is not defined: keepalived takes its braces for those of a block, and loses what follows", name)
}

// substitute puts values in the place of names. A name of several lines at the end makes the text those lines; body is
// nil otherwise.
func (r *reader) substitute(t text) (out text, body []text) {
	for from, turns := 0, 0; ; turns++ {
		u, found := next(t.s, from)
		if !found {
			return t, nil
		}
		at := t.place(u.from)
		if value, ok := r.predefined(u, at); ok {
			t = t.cut(0, u.from).join(put(value, at)).join(t.cut(u.to, len(t.s)))
			from = u.from + len(value)
			continue
		}
		d := r.names[u.name]
		switch {
		case d == nil || len(u.args) > 0:
			if d == nil && t.s[u.from+1] == '{' {
				r.undefined(t.s[:u.from], t.s[u.from:u.to], at)
			}
			from = u.to
		case d.multi:
			if strings.Trim(t.s[u.to:], blanks) != "" {
				r.note(at, "$%s has several lines: nothing may follow it, so it stays as it is", u.name)
				from = u.to
				continue
			}
			return t, r.body(t.cut(0, u.from), d, at)
		default:
			t = t.cut(0, u.from).join(put(d.value.s, at)).join(t.cut(u.to, len(t.s)))
			from = u.from
			if r.left.text -= len(t.s); len(t.s) > maxExpanded || turns > maxNames || r.left.text < 0 {
				r.exhausted(at, "$%s makes a line of more than %d names or %d KiB: does it use itself?", u.name, maxNames, maxExpanded>>10)
				return text{}, nil
			}
		}
	}
}

// body returns the lines that a definition stands for, the first after what precedes the name.
func (r *reader) body(before text, d *definition, at Place) []text {
	who := at.Via
	if who == "" {
		who = fmt.Sprintf("in $%s, used at %s", d.name, at)
	}
	out := make([]text, 0, len(d.lines)+1)
	for _, l := range d.lines {
		out = append(out, l.via(who))
	}
	if before.trim().s != "" {
		if len(out) == 0 {
			return []text{before}
		}
		out[0] = before.join(out[0])
	}
	return out
}

// predefined returns what a name stands for that nobody has to define.
func (r *reader) predefined(u use, at Place) (string, bool) {
	switch u.name {
	case "_PWD":
		return r.dir, true
	case "_INSTANCE":
		return r.ConfigID, true
	case "_HASH":
		return "#", true
	case "_BANG":
		return "!", true
	case "_ENV":
		if len(u.args) != 1 {
			r.warn(at, "${_ENV} wants the name of one variable: ${_ENV HOME}")
			return "", true
		}
		if r.Env != nil {
			if value, found := r.Env(u.args[0]); found {
				return value, true
			}
		}
		r.warn(at, "${_ENV %s}: there is no such variable in the environment; it stands for nothing", u.args[0])
		return "", true
	case "_RANDOM":
		return r.random(u.args, at), true
	}
	return "", false
}

// random returns a number for ${_RANDOM [MIN [MAX]]}, from 0 to 32767 without bounds.
func (r *reader) random(args []string, at Place) string {
	bounds := [2]uint64{0, 32767}
	for i, a := range args {
		n, err := parseUint(a)
		if err != nil || i >= len(bounds) || n > 1<<31-1 {
			r.warn(at, "${_RANDOM} wants up to two numbers, MIN and MAX, each from 0 to %d", 1<<31-1)
			bounds = [2]uint64{0, 32767}
			break
		}
		bounds[i] = n
	}
	if bounds[1] < bounds[0] {
		r.warn(at, "${_RANDOM %d %d}: MAX is less than MIN", bounds[0], bounds[1])
		bounds[1] = bounds[0]
	}
	return strconv.FormatUint(bounds[0]+r.rng.Uint64N(bounds[1]-bounds[0]+1), 10)
}

// parseUint reads a decimal number, or one of C's other notations.
func parseUint(s string) (uint64, error) {
	if strings.ContainsRune(s, '_') {
		return 0, strconv.ErrSyntax
	}
	return strconv.ParseUint(s, 0, 64)
}
