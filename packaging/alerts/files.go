// SPDX-License-Identifier: Apache-2.0

package alerts

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"

	"github.com/regent-ha/regent/internal/event"
)

// Files returns what is generated, by the name of the file.
func Files() map[string]string {
	return map[string]string{
		"prometheus.rules.yml": Prometheus(),
		"loki.rules.yml":       Loki(),
		"rsyslog.conf":         Rsyslog(),
		"journald.matches":     Matches(),
		"regent.catalog":       Catalog(),
	}
}

// grave are the events that somebody should hear of: alerts, and that an alert was lost.
func grave() (out []event.Info) {
	for _, e := range event.Catalogue() {
		if e.Alert || e.Level >= slog.LevelError {
			out = append(out, e)
		}
	}
	return out
}

// camel is the name of an event as rules are named: RegentServiceUnprotected.
func camel(name string) string {
	var b strings.Builder
	b.WriteString("Regent")
	for _, word := range strings.Split(name, "_") {
		b.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return b.String()
}

// quote writes a YAML scalar; JSON's strings are such.
func quote(s string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil { // a string always has a form
		return `""`
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// heading is the comment that each file begins with.
func heading(about ...string) string {
	return fmt.Sprintf("# SPDX-License-Identifier: Apache-2.0\n# Generated from the catalogue of events: go run ./packaging/alerts/gen\n#\n# %s\n", strings.Join(about, "\n# "))
}
