// SPDX-License-Identifier: Apache-2.0

package manual

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Edition is what stands in the corners of a page.
type Edition struct {
	Version string
	Date    string // 2026-03-01; may be empty
}

// Page is a manual page.
type Page struct {
	Name    string // regent-run
	Section int    // 8
	Text    []byte // in man(7)
}

// File is the name of the page's file, regent-run.8.
func (p Page) File() string { return fmt.Sprintf("%s.%d", p.Name, p.Section) }

// roff writes a page.
type roff struct{ bytes.Buffer }

// title begins a page.
func (r *roff) title(name string, section int, e Edition) {
	r.line(".\\\" Made by the program that it describes.")
	fmt.Fprintf(r, ".TH %s %d %s %s %s\n", quote(strings.ToUpper(name)), section, `"`+e.Date+`"`, quote("Regent "+e.Version), quote("Regent"))
	r.line(".nh")
	r.line(".ad l")
}

func (r *roff) line(s string) { r.WriteString(s); r.WriteByte('\n') }

func (r *roff) section(name string)    { r.line(".SH " + quote(name)) }
func (r *roff) subsection(name string) { r.line(".SS " + quote(name)) }

// name is the section that whatis(1) reads.
func (r *roff) name(name, short string) {
	r.section("NAME")
	r.line(plain(name) + " \\- " + plain(short))
}

// item begins an indented paragraph below a heading that is set as typed.
func (r *roff) item(heading string) {
	r.line(".TP")
	r.line(bold(heading))
}

// text writes paragraphs, which are apart by empty lines. Lines that begin with spaces are set as typed.
func (r *roff) text(s string) {
	for i, paragraph := range strings.Split(strings.TrimSpace(s), "\n\n") {
		if i > 0 {
			r.line(".PP")
		}
		r.paragraph(paragraph)
	}
}

func (r *roff) paragraph(s string) {
	typed := false
	for _, l := range strings.Split(strings.Trim(s, "\n"), "\n") {
		if now := strings.HasPrefix(l, "  "); now != typed {
			typed = now
			r.line(map[bool]string{true: ".EX", false: ".EE"}[typed])
		}
		if !typed {
			l = strings.TrimSpace(l)
		}
		if l != "" {
			r.line(plain(l))
		}
	}
	if typed {
		r.line(".EE")
	}
}

// example writes lines as they are typed.
func (r *roff) example(s string) {
	r.line(".EX")
	for _, l := range strings.Split(strings.Trim(s, "\n"), "\n") {
		r.line("\\&" + escape(l))
	}
	r.line(".EE")
}

// plain makes text of a line.
func plain(s string) string {
	s = escape(s)
	if strings.HasPrefix(s, ".") || strings.HasPrefix(s, "'") {
		return "\\&" + s
	}
	return s
}

func bold(s string) string { return "\\fB" + escape(s) + "\\fR" }

// escape keeps every character as it is typed: a hyphen that is copied from a page has to work in a shell.
// What is not ASCII has its code, as old readers take bytes.
func escape(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`, "`", `\(ga`, "'", `\(aq`, "^", `\(ha`, "~", `\(ti`).Replace(s)
	var b strings.Builder
	for _, c := range s {
		if c < utf8.RuneSelf {
			b.WriteRune(c)
		} else {
			fmt.Fprintf(&b, `\[u%04X]`, c)
		}
	}
	return b.String()
}

// quote makes one argument of a macro.
func quote(s string) string { return `"` + strings.ReplaceAll(escape(s), `"`, `\(dq`) + `"` }
