// SPDX-License-Identifier: Apache-2.0

package alerts

import (
	"fmt"
	"strings"

	"github.com/regent-ha/regent/internal/event"
)

// Matches returns arguments for journalctl, which takes what matches any of them.
func Matches() string {
	var b strings.Builder
	b.WriteString(heading("Records that want a person, as arguments of journalctl. They need format = \"journal\" in [log]:", "",
		"  journalctl --follow $(sed 's/#.*//' /usr/share/regent/alerts/journald.matches)", "",
		"REGENT_ALERT=true alone says nearly the same, but for an alert that was lost."))
	for _, e := range grave() {
		fmt.Fprintf(&b, "MESSAGE_ID=%s  # %s %s\n", e.ID.MessageID(), e.ID, e.Name)
	}
	return b.String()
}

// Catalog returns the journal's catalog of messages: what journalctl -x shows below a record.
func Catalog() string {
	var b strings.Builder
	b.WriteString(heading("Texts for journalctl -x. They need format = \"journal\" in [log]."))
	for _, e := range event.Catalogue() {
		fmt.Fprintf(&b, "\n-- %s\nSubject: %s %s\nDefined-By: Regent\nDocumentation: man:regent(8)\n\n%s\n", e.ID.MessageID(), e.ID, strings.ReplaceAll(e.Name, "_", " "), e.Meaning)
	}
	return b.String()
}
