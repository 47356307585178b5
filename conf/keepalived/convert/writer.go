// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/regent-ha/regent/conf/keepalived"
)

// writer makes the text, and keeps for each line where it comes from.
type writer struct {
	b      strings.Builder
	places []keepalived.Place
	home   keepalived.Place // of lines whose value is a default: the block's
}

// line writes a line as it is.
func (w *writer) line(at keepalived.Place, text string) {
	if !at.IsSet() {
		at = w.home
	}
	w.b.WriteString(text)
	w.b.WriteByte('\n')
	w.places = append(w.places, at)
}

// table begins a table: a blank line, the comment of the source, the header.
func (w *writer) table(at keepalived.Place, header, comment string) {
	w.home = keepalived.Place{}
	if w.b.Len() > 0 {
		w.line(keepalived.Place{}, "")
	}
	w.home = at
	w.comment(comment)
	w.line(at, header)
}

// comment writes lines after a #.
func (w *writer) comment(text string) {
	if text == "" {
		return
	}
	for line := range strings.SplitSeq(text, "\n") {
		w.line(keepalived.Place{}, strings.TrimRight("# "+plain(line), " "))
	}
}

// plain takes away what no comment may hold.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || r < ' ' && r != '\t' || r == 0x7f {
			return '?'
		}
		return r
	}, s)
}

// set writes a key and its value.
func (w *writer) set(at keepalived.Place, key string, value any) {
	w.line(at, key+" = "+literal(value))
}

// list writes an array: in one line if it has one element, else an element a line, each with its own place.
func (w *writer) list(key string, elements []element) {
	switch len(elements) {
	case 0:
	case 1:
		w.line(elements[0].at, key+" = ["+quote(elements[0].text)+"]")
	default:
		w.line(elements[0].at, key+" = [")
		for _, e := range elements {
			w.line(e.at, "  "+quote(e.text)+",")
		}
		w.line(elements[len(elements)-1].at, "]")
	}
}

// element is one string of an array.
type element struct {
	text string
	at   keepalived.Place
}

// literal writes a value as TOML has it.
func literal(value any) string {
	switch x := value.(type) {
	case string:
		return quote(x)
	case bool:
		return strconv.FormatBool(x)
	case int:
		return strconv.Itoa(x)
	case time.Duration:
		return quote(brief(x))
	case netip.Addr:
		return quote(x.String())
	case []string:
		parts := make([]string, len(x))
		for i, s := range x {
			parts[i] = quote(s)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	return quote(fmt.Sprint(value)) // no such type is written
}

// quote writes a basic string of TOML. What is no UTF-8 cannot be said in TOML.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\r':
			b.WriteString(`\r`)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// brief writes a duration without zeros at its end.
func brief(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// account writes whom a program runs as, as USER or USER:GROUP; empty for nobody in particular.
func account(u keepalived.User) string {
	if u.Name != "" && u.Group != "" {
		return u.Name + ":" + u.Group
	}
	return u.Name
}
