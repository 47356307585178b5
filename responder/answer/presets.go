// SPDX-License-Identifier: Apache-2.0

package answer

import (
	"slices"
	"strings"
)

// presets are literal answers that need no thought. Most clients of these protocols stop at such words and go on after a
// reset: they are for proxies, and for people who look at logs.
var presets = []struct {
	name      string
	onRequest bool // the client speaks first
	text      string
}{
	// RFC 959 §4.2.2: 421 may be said at any time.
	{"ftp", false, "421 Service not available, closing control connection.\r\n"},
	// RFC 9051 §7.1.5 and RFC 5530.
	{"imap", false, "* BYE [UNAVAILABLE] Service not available here\r\n"},
	// RFC 1939 and the response code of RFC 3206.
	{"pop3", false, "-ERR [SYS/TEMP] Service not available here\r\n"},
	// RFC 3977 §3.2.1.
	{"nntp", false, "400 Service not available here\r\n"},
	// RFC 4253 §4.2: lines before the identification are for people; then the connection ends.
	{"ssh", false, "Service not available here\r\n"},
	{"redis", true, "-LOADING Service not available here\r\n"},
	{"memcached", true, "SERVER_ERROR service not available here\r\n"},
	// RFC 4511 §4.4.1: Notice of Disconnection, unavailable (52).
	{"ldap", true, "\x30\x24\x02\x01\x00\x78\x1f\x0a\x01\x34\x04\x00\x04\x00\x8a\x16" + "1.3.6.1.4.1.1466.20036"},
	// AMQP 0-9-1 §4.2.2: a server that rejects a connection writes a protocol header and closes.
	{"amqp", true, "AMQP\x00\x00\x09\x01"},
	// RFC 8446 §6: a fatal alert, internal_error, in a record of the version that every client reads.
	{"tls-alert", true, "\x15\x03\x03\x00\x02\x02\x50"},
}

// Preset returns the literal answer of that name.
func Preset(name string) (Stream, bool) {
	for _, p := range presets {
		if p.name == name {
			step := Step{Send: []byte(p.text)}
			if name == "tls-alert" { // only to a handshake record
				step.Match = []byte{0x16, 0x03}
			}
			l, err := NewLiteral([]Step{step}, p.onRequest, false)
			return l, err == nil
		}
	}
	return nil, false
}

// Presets returns the names of all, sorted.
func Presets() []string {
	var names []string
	for _, p := range presets {
		names = append(names, p.name)
	}
	slices.SortFunc(names, strings.Compare)
	return names
}
