// SPDX-License-Identifier: Apache-2.0

package clients

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/regent-ha/regent/internal/netlab"
)

// measured is one client with one kind of answer.
type measured struct {
	Outcome string    `json:"outcome"`          // "moves on", "stops", "hangs"
	Times   []float64 `json:"ms,omitempty"`     // from the takeover to success at the second address
	Said    string    `json:"said,omitempty"`   // by a client that did not get there
	Answer  string    `json:"answer,omitempty"` // its name in the configuration
}

// row is one client.
type row struct {
	Client  string    `json:"client"`
	Version string    `json:"version"`
	Knows   string    `json:"knows"`
	Port    string    `json:"port"`
	Default measured  `json:"default"`
	Words   *measured `json:"words,omitempty"`
	Advice  string    `json:"advice"`
}

// measure lets a client look for its service at the instant of a takeover, several times.
func (s *site) measure(c *client, first string, vrid uint8, times int) measured {
	s.t.Helper()
	var m measured
	for range times {
		at := s.takeover(vrid)
		r := s.run(c, first)
		took := time.Since(at)
		s.restore()
		m.Outcome = r.outcome
		if r.outcome != "moves on" {
			m.Said, m.Times = strings.ReplaceAll(r.output, s.dir, ""), nil
			return m
		}
		m.Times = append(m.Times, float64(took.Round(10*time.Microsecond))/float64(time.Millisecond))
	}
	slices.Sort(m.Times)
	return m
}

func (m *measured) String() string {
	if m.Outcome != "moves on" {
		return fmt.Sprintf("**%s**: %s", m.Outcome, m.Said)
	}
	return fmt.Sprintf("moves on, %.0f ms (%.0f)", m.Times[len(m.Times)/2], m.Times[len(m.Times)-1])
}

// TestCommonClientsMoveOn lets those clients look that most have: with the default answer all of them reach their second address,
// soon after the takeover.
func TestCommonClientsMoveOn(t *testing.T) {
	for _, c := range list() {
		if c.common && c.program != "" {
			netlab.Require(t, c.program)
		}
	}
	s := newSite(t)
	for _, c := range list() {
		if !c.common {
			continue
		}
		m := s.measure(&c, plain, 51, 1)
		t.Logf("%-20s %s", c.name, &m)
		if m.Outcome != "moves on" || m.Times[0] > 5000 {
			t.Errorf("%s: %s", c.name, &m)
		}
		if c.answer == "postgresql" || c.answer == "dns" && c.program == "getent" {
			m := s.measure(&c, spoken, 52, 1)
			t.Logf("%-20s %s, told by %s", c.name, &m, c.answer)
			if m.Outcome != "moves on" || m.Times[0] > 5000 {
				t.Errorf("%s, told by %s: %s", c.name, c.answer, &m)
			}
		}
	}
}

// TestProofEveryClient writes docs/clients.md (make clients).
func TestProofEveryClient(t *testing.T) {
	if os.Getenv("REGENT_CLIENTS") == "" {
		t.Skip("it takes minutes and many packages: make clients")
	}
	for _, c := range list() {
		if c.program != "" {
			netlab.Require(t, c.program)
		}
	}
	s := newSite(t)
	var rows []row
	for _, c := range list() {
		r := row{Client: c.name, Version: versionOf(&c), Knows: c.knows, Port: c.port, Advice: c.advice, Default: s.measure(&c, plain, 51, 5)}
		fmt.Fprintf(os.Stderr, "%-24s reset: %s\n", c.name, &r.Default)
		if c.answer != "" {
			m := s.measure(&c, spoken, 52, 5)
			m.Answer = c.answer
			r.Words = &m
			fmt.Fprintf(os.Stderr, "%-24s %s: %s\n", "", c.answer, &m)
		}
		if !c.unmoved && r.Default.Outcome != "moves on" && (r.Words == nil || r.Words.Outcome != "moves on") {
			t.Errorf("%s moves on after no answer", c.name)
		}
		rows = append(rows, r)
	}
	text, err := json.MarshalIndent(rows, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("../../docs/clients.json", append(text, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("../../docs/clients.md", []byte(page(rows)), 0o644); err != nil {
		t.Fatal(err)
	}
}

const head = `# What clients do

Each client knows two addresses of its service. The owner of the first one is cut off, another node inherits the address and refuses,
and the client looks for its service in that instant. The times are from the takeover, the heir's first advert, until
the client was served at the second address, median of five (and the longest), with the start of the program. "Stops" and
"hangs" (12 s) are with the client's own words.

Made by ` + "`make clients`" + `; the figures are in [clients.json](clients.json). %s.

| client | knows the addresses by | default: reset, port unreachable | answer in words | configure |
|---|---|---|---|---|
`

const foot = `
What this table teaches:

- **A reset moves every client that has a second address**, and costs it a millisecond or less. It is the default.
- Words come after a connection was made. Many clients take that for the service itself and stop.
- QUIC is the exception: its clients do not heed "port unreachable", so ` + "`quic`" + ` should always be set for its port.
- A client with one address only can be moved by HTTP alone, by a redirection.
- libpq walks on after SQLSTATE 57P03, unless it insists on encryption.

The servers at the second address say just enough of each protocol for the client to be content; QUIC and SSH are those of
the libraries.
`

// page is the table for people.
func page(rows []row) string {
	var b strings.Builder
	out, _ := exec.Command("uname", "-r").Output() // "" if there is no such command
	kernel, _, _ := strings.Cut(strings.TrimSpace(string(out)), "-")
	fmt.Fprintf(&b, head, "Linux "+kernel)
	for _, r := range rows {
		words := "–"
		if r.Words != nil {
			words = fmt.Sprintf("`%s`: %s", r.Words.Answer, cell(r.Words.String()))
		}
		fmt.Fprintf(&b, "| %s %s | %s | %s | %s | %s |\n", r.Client, r.Version, r.Knows, cell(r.Default.String()), words, r.Advice)
	}
	b.WriteString(foot)
	return b.String()
}

func cell(s string) string { return strings.ReplaceAll(s, "|", "\\|") }
