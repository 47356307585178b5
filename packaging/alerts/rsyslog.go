// SPDX-License-Identifier: Apache-2.0

package alerts

import (
	"fmt"
	"strings"
)

// Rsyslog returns rules for rsyslog.
func Rsyslog() string {
	var b strings.Builder
	b.WriteString(heading("Rules for rsyslog 8: /etc/rsyslog.d/60-regent.conf. Alerts go to a file of their own, each with its meaning; put what calls a",
		"person (ommail, omhttp, omprog) beside it. The log may be text, JSON, or the journal's fields (imjournal).",
		"With log.format = \"keepalived\" records have no ids: use [alerts] in regent.toml then."))
	b.WriteString("template(name=\"RegentAlert\" type=\"string\" string=\"%timereported:::date-rfc3339% %hostname% %$.regent_event% %$.regent_meaning%%msg:::sp-if-no-1st-sp%%msg:::drop-last-lf%\\n\")\n\n")
	b.WriteString("if $programname == \"regent\" then {\n")
	for i, e := range grave() {
		word := "if"
		if i > 0 {
			word = "else if"
		}
		fmt.Fprintf(&b, "    %s $msg contains \" event=%s \" or $msg contains \"\\\"event\\\":\\\"%s\\\"\" or $!REGENT_EVENT == \"%s\" then {\n", word, e.ID, e.ID, e.ID)
		fmt.Fprintf(&b, "        set $.regent_event = \"%s %s\";\n        set $.regent_meaning = %s;\n    }\n", e.ID, e.Name, script(e.Meaning))
	}
	b.WriteString("    if $.regent_event != \"\" then {\n        action(type=\"omfile\" file=\"/var/log/regent-alerts.log\" fileCreateMode=\"0640\" template=\"RegentAlert\")\n    }\n}\n")
	return b.String()
}

// script writes a string of RainerScript.
func script(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, `$`, `\$`).Replace(s) + `"`
}
