// SPDX-License-Identifier: Apache-2.0

package event

import (
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// valueLimit is how many bytes of a text leave the process in an alert; a record with more of them is a mistake elsewhere.
const valueLimit = 4096

// field is an attribute of a record by its full name: groups are put before it with dots.
type field struct {
	name  string
	value slog.Value // resolved, never a group
}

// scope is what WithAttrs and WithGroup gave a handler. Its zero value is a new handler's.
type scope struct {
	group  string // with its dot
	fields []field
}

func (s scope) with(as []slog.Attr) scope {
	return scope{s.group, appendFields(slices.Clip(s.fields), s.group, as...)}
}

func (s scope) in(group string) scope {
	if group == "" {
		return s
	}
	return scope{s.group + group + ".", s.fields}
}

// of returns all fields of a record: those of the handler, then its own.
func (s scope) of(r slog.Record) []field {
	out := slices.Clone(s.fields)
	r.Attrs(func(a slog.Attr) bool {
		out = appendFields(out, s.group, a)
		return true
	})
	return out
}

func appendFields(to []field, group string, as ...slog.Attr) []field {
	for _, a := range as {
		v := a.Value.Resolve()
		switch {
		case v.Kind() == slog.KindGroup && a.Key == "":
			to = appendFields(to, group, v.Group()...)
		case v.Kind() == slog.KindGroup:
			to = appendFields(to, group+a.Key+".", v.Group()...)
		case !a.Equal(slog.Attr{}):
			to = append(to, field{group + a.Key, v})
		}
	}
	return to
}

// text is a value in words.
func text(v slog.Value) string {
	if v.Kind() == slog.KindTime {
		return v.Time().Format(time.RFC3339Nano)
	}
	if v.Kind() == slog.KindAny {
		return fmt.Sprint(v.Any()) // a secret's own String decides what is shown of it
	}
	return v.String()
}

// plain is a value as JSON shows it: numbers and truths as such, lists of texts as lists, the rest in words.
func plain(v slog.Value) any {
	switch v.Kind() {
	case slog.KindBool, slog.KindInt64, slog.KindUint64:
		return v.Any()
	case slog.KindFloat64:
		if f := v.Float64(); !math.IsNaN(f) && !math.IsInf(f, 0) {
			return f
		}
	case slog.KindAny:
		if list, ok := v.Any().([]string); ok {
			return strings.Split(cut(strings.Join(list, "\x00"), valueLimit), "\x00")
		}
	}
	return cut(text(v), valueLimit)
}

// cut shortens a text to at most n bytes and makes it valid UTF-8.
func cut(s string, n int) string {
	s = strings.ToValidUTF8(s, "?")
	if len(s) <= n {
		return s
	}
	const mark = "…"
	n -= len(mark)
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + mark
}

// line is a text on one line, without control characters, of at most n bytes: fit for a header or an environment.
func line(s string, n int) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	return cut(strings.TrimSpace(s), n)
}
