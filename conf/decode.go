// SPDX-License-Identifier: Apache-2.0

package conf

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
)

// decoder collects the diagnostics of one file while its tables are read and resolved.
type decoder struct {
	file    string
	lines   lines
	options Options
	diags   Diagnostics
}

func (d *decoder) add(sev Severity, off int, text string) {
	line, column := d.lines.at(off)
	d.diags = append(d.diags, Diagnostic{File: d.file, Line: line, Column: column, Severity: sev, Text: text})
}

// scope is a table while it is read: what to call it in a diagnostic, and where it begins.
type scope struct {
	d      *decoder
	prefix string // `service "orders": check 1: `, empty for the file itself
	off    int
}

func (s scope) errorf(off int, format string, args ...any) {
	s.d.add(Error, off, s.prefix+fmt.Sprintf(format, args...))
}

func (s scope) warnf(off int, format string, args ...any) {
	s.d.add(Warning, off, s.prefix+fmt.Sprintf(format, args...))
}

// errors is how many errors were found so far.
func (s scope) errors() int { return s.d.diags.Errors() }

func (s scope) line(off int) int {
	line, _ := s.d.lines.at(off)
	return line
}

// inner returns the scope of a table inside this one.
func (s scope) inner(label string, off int) scope {
	return scope{d: s.d, prefix: s.prefix + label + ": ", off: off}
}

// key is one key of a table with what the file says for it.
type key struct {
	name    string
	example string // a good value, for the diagnostic of a bad one
	data    any
	at      *place
}

// field is a field of a raw struct: it takes over what the file says for its key.
type field interface {
	read(s scope, k key)
	misspelt()
}

// given is the part that every field shares.
type given struct {
	Set bool // the file gives a value of the right type
	bad bool // the file gives something else, which has been said
	off int  // of the value
}

// absent reports whether the file does not have the key at all.
func (g given) absent() bool { return !g.Set && !g.bad }

func (g *given) misspelt() { g.bad = true }

func (g *given) mismatch(s scope, k key, want string) {
	g.bad = true
	s.errorf(g.off, "%s is %s: write %s, such as %s", k.name, typeName(k.data), want, k.example)
}

// fill reads a table into the raw struct that dst points to.
func fill(s scope, dst any, data map[string]any, at *place) {
	v := reflect.ValueOf(dst).Elem()
	known := keysOf(v.Type())
	for i := range v.NumField() {
		if value, ok := data[known[i]]; ok {
			tag := v.Type().Field(i).Tag
			f := v.Field(i).Addr().Interface().(field)
			f.read(s, key{known[i], tag.Get("eg"), value, at.kid(known[i])})
		}
	}
	for name := range data {
		if !slices.Contains(known, name) {
			text, meant := unknownKey(name, known)
			s.errorf(at.kid(name).key, "%s", text)
			if i := slices.Index(known, meant); i >= 0 {
				// It is there, under a wrong name: nobody should be told that it is missing, too.
				v.Field(i).Addr().Interface().(field).misspelt()
			}
		}
	}
}

// keysOf returns the keys of a raw struct, one for each field.
func keysOf(t reflect.Type) []string {
	out := make([]string, t.NumField())
	for i := range out {
		out[i] = t.Field(i).Tag.Get("toml")
	}
	return out
}

// scalar is a string, integer, number or boolean.
type scalar[T string | int64 | float64 | bool] struct {
	given
	V T
}

func (v *scalar[T]) read(s scope, k key) {
	v.off = k.at.value
	want := ""
	switch p := any(&v.V).(type) {
	case *string:
		want = "a string in quotes"
		*p, v.Set = k.data.(string)
	case *int64:
		want = "a whole number without quotes"
		*p, v.Set = k.data.(int64)
	case *bool:
		want = "true or false without quotes"
		*p, v.Set = k.data.(bool)
	case *float64:
		want = "a number without quotes"
		var whole int64
		if *p, v.Set = k.data.(float64); !v.Set {
			whole, v.Set = k.data.(int64)
			*p = float64(whole)
		}
	}
	if !v.Set {
		v.mismatch(s, k, want)
	}
}

// duration is a string such as "100ms".
type duration struct {
	given
	V    time.Duration
	text string
}

func (v *duration) read(s scope, k key) {
	v.off = k.at.value
	text, ok := k.data.(string)
	if !ok {
		v.mismatch(s, k, "a duration in quotes with its unit")
		return
	}
	var err error
	if v.V, err = time.ParseDuration(text); err != nil {
		v.bad = true
		s.errorf(v.off, "%s %q is not a duration: write a number with a unit (ms, s, m, h), such as %s", k.name, text, k.example)
		return
	}
	v.Set, v.text = true, text
}

// list is an array of strings.
type list struct {
	given
	V []scalar[string]
}

func (v *list) read(s scope, k key) {
	v.off = k.at.value
	items, ok := k.data.([]any)
	if !ok {
		v.mismatch(s, k, "an array of strings")
		return
	}
	v.Set = true
	v.V = make([]scalar[string], len(items))
	for i, item := range items {
		e := k.at.elem(i)
		text, ok := item.(string)
		v.V[i] = scalar[string]{given{Set: ok, bad: !ok, off: e.value}, text}
		if !ok {
			s.errorf(e.value, "%s has %s in it: write an array of strings, such as %s", k.name, typeName(item), k.example)
		}
	}
}

// texts returns the strings of the list.
func (v *list) texts() []string {
	if len(v.V) == 0 {
		return nil
	}
	out := make([]string, 0, len(v.V))
	for _, e := range v.V {
		out = append(out, e.V)
	}
	return out
}

// table is a table with the keys of the raw struct T.
type table[T any] struct {
	given
	scope scope
	V     T
}

func (v *table[T]) read(s scope, k key) {
	data, ok := k.data.(map[string]any)
	if !ok {
		v.off = k.at.value
		v.mismatch(s, k, "a table")
		return
	}
	v.load(s.inner(k.name, k.at.key), data, k.at)
}

func (v *table[T]) load(s scope, data map[string]any, at *place) {
	v.Set, v.off, v.scope = true, s.off, s
	fill(s, &v.V, data, at)
}

// named is a table whose keys are names that the operator chose, with a table of T each, in the order of the names.
type named[T any] struct {
	given
	V []entry[T]
}

type entry[T any] struct {
	table[T]
	name string
}

func (v *named[T]) read(s scope, k key) {
	v.off = k.at.value
	data, ok := k.data.(map[string]any)
	if !ok {
		v.mismatch(s, k, "a table for each name")
		return
	}
	v.Set = true
	for name := range data {
		at := k.at.kid(name)
		inner, ok := data[name].(map[string]any)
		if !ok {
			s.errorf(at.value, "%s.%s is %s: write a table, such as %s", k.name, name, typeName(data[name]), k.example)
			continue
		}
		e := entry[T]{name: name}
		e.load(s.inner(fmt.Sprintf("node %q", name), at.key), inner, at)
		v.V = append(v.V, e)
	}
	slices.SortFunc(v.V, func(a, b entry[T]) int { return strings.Compare(a.name, b.name) })
}

// labeled is a raw struct that knows what to call its i-th table.
type labeled interface {
	label(data map[string]any, i int) string
}

// tables is an array of tables of T.
type tables[T labeled] struct {
	given
	V []table[T]
}

func (v *tables[T]) read(s scope, k key) {
	v.off = k.at.key
	var all []any
	switch data := k.data.(type) {
	case []map[string]any:
		for _, t := range data {
			all = append(all, t)
		}
	case []any:
		all = data
	case map[string]any:
		v.bad = true
		s.errorf(v.off, "%s is a single table: write %s with two brackets, once for each", k.name, k.example)
		return
	default:
		v.mismatch(s, k, "tables")
		return
	}
	v.Set = true
	v.V = make([]table[T], len(all))
	for i, item := range all {
		at := k.at.elem(i)
		data, ok := item.(map[string]any)
		if !ok {
			v.V[i].bad = true
			s.errorf(at.value, "%s has %s in it: write tables, such as %s", k.name, typeName(item), k.example)
			continue
		}
		v.V[i].load(s.inner(v.V[i].V.label(data, i), at.key), data, at)
	}
}

// typeName says what kind of value the file has.
func typeName(data any) string {
	switch data.(type) {
	case string:
		return "a string"
	case int64:
		return "a whole number"
	case float64:
		return "a number"
	case bool:
		return "a boolean"
	case time.Time:
		return "a date"
	case []any, []map[string]any:
		return "an array"
	case map[string]any:
		return "a table"
	}
	return "something else"
}
