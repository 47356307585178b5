// SPDX-License-Identifier: Apache-2.0

package keepalived

import (
	"iter"
	"slices"
	"strconv"
	"strings"
)

// repeat handles a line that begins with ~SEQ or ~LST: what follows is taken once for each value. It reports whether the
// line was one.
func (r *reader) repeat(t text, continues bool, depth int) bool {
	word, _, ok := strings.Cut(t.s, "(")
	if word = strings.TrimRight(word, blanks); !ok || word != "~SEQ" && word != "~SEQx" && word != "~LST" {
		return false
	}
	open := strings.IndexByte(t.s, '(')
	end := strings.IndexByte(t.s, ')')
	if end < 0 {
		r.warn(t.place(0), "%s without a closing parenthesis: the line is ignored", word)
		return true
	}
	// Names may stand in the parentheses, and stand for values of the lists around this one.
	spec, body := r.substitute(t.cut(open+1, end))
	if body != nil {
		r.warn(t.place(open+1), "%s cannot take its values from a definition of several lines: the line is ignored", word)
		return true
	}
	var vars []string
	var rows iter.Seq[[]string]
	if word == "~LST" {
		vars, rows, ok = lists(spec.s)
	} else {
		vars, rows, ok = sequence(spec.s, word == "~SEQx")
	}
	if !ok {
		r.warn(t.place(0), "cannot read %s(%s): want %s; the line is ignored", word, spec.s, map[bool]string{
			true:  "~LST(name, a, b, …) or ~LST({name, name}, {a, b}, …)",
			false: word + "(name, [start, [step,]] end) with an end that can be reached"}[word == "~LST"])
		return true
	}
	at, rest := t.place(0), t.cut(end+1, len(t.s)).trim()
	for row := range rows {
		if r.over {
			return true
		}
		if r.left.lines--; r.left.lines < 0 {
			r.exhausted(at, "more than %d lines of configuration", maxLines)
			return true
		}
		outer := make([]*definition, len(vars))
		for i, v := range vars {
			outer[i] = r.names[v]
			r.names[v] = &definition{name: v, at: at, value: put(row[i], at)}
		}
		r.logical(rest, continues, depth+1)
		for i, v := range vars {
			if r.names[v] = outer[i]; outer[i] == nil {
				delete(r.names, v)
			}
		}
	}
	return true
}

// sequence reads name[, start[, step]], end and returns the values.
func sequence(spec string, hex bool) (vars []string, rows iter.Seq[[]string], ok bool) {
	args := strings.Split(spec, ",")
	name := strings.Trim(args[0], blanks)
	if len(args) < 2 || len(args) > 4 || !isName(name) {
		return nil, nil, false
	}
	var n []int64
	for _, a := range args[1:] {
		i, err := strconv.ParseInt(strings.Trim(a, blanks), 0, 64)
		if err != nil || i > 1<<48 || i < -1<<48 || strings.ContainsRune(a, '_') {
			return nil, nil, false
		}
		n = append(n, i)
	}
	end := n[len(n)-1]
	start := int64(1)
	if end < 0 {
		start = -1
	}
	if len(n) > 1 {
		start = n[0]
	}
	step := int64(1)
	if end < start {
		step = -1
	}
	if len(n) == 3 {
		step = n[1]
	}
	if step == 0 || (end-start)/step < 0 || end != start && (end > start) != (step > 0) || (end-start)/step >= maxLines {
		return nil, nil, false
	}
	base := 10
	if hex {
		base = 16
	}
	return []string{name}, func(yield func([]string) bool) {
		for i := start; step > 0 && i <= end || step < 0 && i >= end; i += step {
			if !yield([]string{strconv.FormatInt(i, base)}) {
				return
			}
		}
	}, true
}

// lists reads name, a, b … or {name, name}, {a, b}, … and returns a row of values for each turn.
func lists(spec string) (vars []string, rows iter.Seq[[]string], ok bool) {
	var all [][]string
	var fields [][]string
	for s := strings.Trim(spec, blanks); ; {
		var field []string
		if strings.HasPrefix(s, "{") {
			inner, after, closed := strings.Cut(s[1:], "}")
			if !closed {
				return nil, nil, false
			}
			for v := range strings.SplitSeq(inner, ",") {
				field = append(field, strings.Trim(v, blanks))
			}
			s = strings.Trim(after, blanks)
			if s != "" && s[0] != ',' {
				return nil, nil, false
			}
		} else {
			end := strings.IndexByte(s, ',')
			if end < 0 {
				end = len(s)
			}
			field = []string{strings.Trim(s[:end], blanks)}
			s = s[end:]
		}
		fields = append(fields, field)
		if s == "" {
			break
		}
		s = strings.Trim(s[1:], blanks)
	}
	if len(fields) < 2 {
		return nil, nil, false
	}
	vars = fields[0]
	for _, v := range vars {
		if v != "" && !isName(v) {
			return nil, nil, false
		}
	}
	for _, f := range fields[1:] {
		if len(f) > len(vars) {
			return nil, nil, false
		}
		row := make([]string, len(vars)) // a value that is not given is empty
		copy(row, f)
		all = append(all, row)
	}
	return vars, slices.Values(all), true
}

func isName(s string) bool { return s != "" && nameLength(s) == len(s) && (s[0] < '0' || s[0] > '9') }
