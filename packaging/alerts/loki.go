// SPDX-License-Identifier: Apache-2.0

package alerts

import (
	"fmt"
	"strings"

	"github.com/regent-ha/regent/internal/event"
)

// The forms of a record: event=RG1301 in text, "event":"RG1301" in JSON, "REGENT_EVENT":"RG1301" from the journal.
const field = `(?i)(?:^|[\s{,"])(?:regent_)?%s(?:=|":")`

// Line is a regular expression (RE2) that matches the records of an event, whatever their form.
func Line(id event.ID) string { return fmt.Sprintf(field, "event") + id.String() + `\b` }

// Value is a regular expression (RE2) whose group, named as the field, is the field's value.
func Value(name string) string {
	return fmt.Sprintf(field, name) + `(?P<` + name + `>[^\s",]+)`
}

// Loki returns a file of rules for Loki's ruler.
func Loki() string {
	var b strings.Builder
	b.WriteString(heading("Alert rules for Loki's ruler. Put your own selector in place of {job=\"regent\"}. The log may be text, JSON, or come from the",
		"journal with all fields (promtail: json: true)."))
	b.WriteString("groups:\n  - name: regent-log\n    rules:\n")
	for _, e := range grave() {
		fmt.Fprintf(&b, "      - alert: %s\n        expr: |\n          sum by (node, service) (\n            count_over_time(\n              {job=\"regent\"} |~ `%s`\n                | regexp `%s`\n                | regexp `%s` [5m]\n            )\n          ) > 0\n",
			camel(e.Name), Line(e.ID), Value("node"), Value("service"))
		fmt.Fprintf(&b, "        labels:\n          severity: warning\n          event: %s\n        annotations:\n          summary: %s\n          description: %s\n",
			e.ID, quote(e.Name+" on {{ $labels.node }}{{ with $labels.service }}: {{ . }}{{ end }}"), quote(e.Meaning))
	}
	return b.String()
}
