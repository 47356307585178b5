// SPDX-License-Identifier: Apache-2.0

package clients

import (
	"fmt"
	"slices"
	"strings"
)

// Report is everything that was measured: docs/clients.json.
type Report struct {
	Version int               `json:"version"` // of this form: 1
	Kernel  string            `json:"kernel"`
	Servers map[string]string `json:"servers"` // name → version
	Rows    []Row             `json:"clients"`
	Held    []Row             `json:"held"` // clients that had connections
	// Replayed takeovers, since the election was not as it should: the machine was busy.
	Replayed int `json:"replayed"`
}

const head = `# What clients do

<!-- make clients writes this file -->

Each client knows two addresses of its service. The node that owns the first one is cut off the network, another node inherits
the address and refuses the service there, and the client starts at that moment. What it does then was measured with
real clients against Regent in network namespaces, on Linux %s, by ` + "`make clients`" + `; [clients.json](clients.json) has
every single figure.

* Times are from the takeover (the heir's first advert on the wire) until the client ended, having been served at the second
  address: median of five, and the longest. They include the start of the program. The column *undisturbed* is how long the
  same client takes when nothing is lost.
* **stops**: the client ended without having been served; its words are in the notes. **hangs**: it still tried after %.0f s.
* The capture of the network has to show that the client asked at the first address before, and what it got there. A wrong
  server listens at every port of the heir, on the wildcard address; none of the clients reached it.
* *A name* has both addresses, the first one first. *A list* names both to the client. *resolv.conf* has both as name servers.
* The last column names what moves the client soonest. Within %d ms of each other answers are as good. *http + location* is a
  redirection to the second address.
* Clients are let go when the heir has announced the address to its neighbours. What was sent in the few milliseconds between
  the advert and that is lost, and the client's kernel sends it again: data after 0.2 s, a SYN after 1 s.
* A takeover whose election is disturbed by a busy machine is played again; this happened %d times.

| client | version | port | knows both by | undisturbed | default: reset, or port unreachable | answer in the protocol's words | configure |
|---|---|---|---|---:|---|---|---|
`

// footnotes are numbered in the order in which they are made.
type footnotes struct {
	text strings.Builder
	n    int
}

// add returns the mark of a note; none for an empty one.
func (f *footnotes) add(note string) string {
	if note == "" {
		return ""
	}
	f.n++
	fmt.Fprintf(&f.text, "[^%d]: %s\n", f.n, note)
	return fmt.Sprintf("[^%d]", f.n)
}

// Page is the report as text, in Markdown.
func (r Report) Page() string {
	var b strings.Builder
	var notes footnotes
	fmt.Fprintf(&b, head, r.Kernel, limit.Seconds(), near, r.Replayed)
	for _, row := range r.Rows {
		name := row.Client + notes.add(row.Note)
		cells := make([]string, 0, len(row.Results))
		for _, res := range row.Results {
			text := outcomeText(res)
			if res.Outcome != Moved && res.Said != "" {
				text += notes.add(fmt.Sprintf("%s, %s, after `%s`: %s", row.Client, row.How, answerName(res.Answer), quote(res.Said)))
			}
			if res.Answer != Default {
				text = "`" + answerName(res.Answer) + "`: " + text
			}
			cells = append(cells, text)
		}
		words := "–"
		if len(cells) > 1 {
			words = strings.Join(cells[1:], "<br>")
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %.0f ms | %s | %s | %s |\n", name, row.Version, row.Port, row.How, row.Undisturbed, cells[0], words,
			configure(row.Configure))
	}
	b.WriteString(r.short())
	b.WriteString(r.ports())
	b.WriteString(r.held(&notes))
	b.WriteString(r.servers())
	b.WriteString("\n" + notes.text.String())
	return b.String()
}

// short counts.
func (r Report) short() string {
	var moved, words, movedByWords int
	var left []string
	for _, row := range r.Rows {
		if row.Results[0].Outcome == Moved {
			moved++
		} else {
			left = append(left, row.Client+" by "+row.How)
		}
		for _, res := range row.Results[1:] {
			words++
			if res.Outcome == Moved {
				movedByWords++
			}
		}
	}
	return fmt.Sprintf(`
## In short

The default answer moves %d of %d clients (not: %s). Answers in the protocol's words move a client in %d of %d cases:
they come after a connection was made, and many clients take that for the service itself.
`, moved, len(r.Rows), list(left), movedByWords, words)
}

// ports is the table of what to configure for a port.
func (r Report) ports() string {
	var b strings.Builder
	b.WriteString(`
## By port

The answer that leaves the fewest of these clients behind; the default, if another one is not sooner by a second. A redirection
moves only those that follow it, as all do here.

| port | configure | leaves behind | other answers leave behind |
|---|---|---|---|
`)
	for _, p := range Advise(r.Rows) {
		choice := p.Choice()
		var others []string
		for _, a := range p.Answers {
			if a != choice {
				others = append(others, fmt.Sprintf("`%s`: %s", answerName(a), list(p.Stays[a])))
			}
		}
		fmt.Fprintf(&b, "| %s | `%s` | %s | %s |\n", p.Port, answerName(choice), list(p.Stays[choice]), strings.Join(others, "<br>"))
	}
	return b.String()
}

// noError is what a held client of goclients prints if its program saw none.
const noError = "no error"

// held is the table of clients that had connections.
func (r Report) held(notes *footnotes) string {
	if len(r.Held) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString(`
## With open connections

These clients had used the service before, and kept their connections. They use it again at the takeover, and until that works;
the connection is reset when they send. How those are told that only wait is in [responder.md](responder.md).

| client | port | served at the second address after | errors that the program sees |
|---|---|---:|---|
`)
	for _, row := range r.Held {
		res := row.Results[0]
		seen := "none"
		if res.Outcome != Moved {
			seen = "–"
		} else if res.Said != noError {
			seen = quote(res.Said)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", row.Client+notes.add(row.Note), row.Port, outcomeText(res), seen)
	}
	return b.String()
}

// servers says who served the clients.
func (r Report) servers() string {
	var names []string
	for name, version := range r.Servers {
		names = append(names, name+" "+version)
	}
	slices.Sort(names)
	return "\n## Servers\n\nAt both addresses, as Debian packages them: " + strings.Join(names, ", ") + ". *quic* is a server of quic-go.\n"
}

func list(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// outcomeText is a result in a cell.
func outcomeText(r Result) string {
	var text string
	switch {
	case r.Outcome == Moved:
		text = fmt.Sprintf("%.0f ms (%.0f)", r.Median, r.Max)
	case r.Outcome == Hangs:
		text = "**hangs**"
	default:
		text = fmt.Sprintf("**%s** after %.0f ms", r.Outcome, r.Median)
	}
	if r.Outcome != Moved && r.Moved > 0 {
		text += fmt.Sprintf(" (moved on %d times of %d)", r.Moved, len(r.Runs))
	}
	if r.Answer != Default && r.Got != Spoken {
		text += fmt.Sprintf(" (it got: %s)", r.Got)
	}
	return text
}

// configure is the last column.
func configure(answers []string) string {
	if len(answers) == 0 {
		return "nothing moves it"
	}
	named := make([]string, len(answers))
	for i, a := range answers {
		named[i] = "`" + answerName(a) + "`"
	}
	return strings.Join(named, " or ")
}

// answerName is a value of [service.respond] in short: the name of the answer, and what makes it another one.
func answerName(value string) string {
	fields := strings.FieldsFunc(value, func(r rune) bool { return strings.ContainsRune("{}=,\" ", r) })
	if len(fields) < 2 || fields[0] != "answer" {
		return strings.Trim(value, `"`)
	}
	name := fields[1]
	for i := 2; i+1 < len(fields); i += 2 {
		name += " + " + fields[i]
	}
	return name
}

// quote makes one line of what a client printed, short and harmless in a table.
func quote(said string) string {
	var lines []string
	for l := range strings.Lines(said) {
		if l = strings.TrimSpace(l); l != "" {
			lines = append(lines, l)
		}
	}
	text := strings.ReplaceAll(strings.Join(lines, " / "), "`", "'")
	if r := []rune(text); len(r) > 300 {
		text = string(r[:299]) + "…"
	}
	return "`" + text + "`"
}
