// SPDX-License-Identifier: Apache-2.0

package answer

import (
	"slices"
	"strings"
)

// presetAnswer is an answer with fixed words. Where the client speaks first, it is for clients that speak the protocol; others,
// such as those that begin with TLS, are reset.
type presetAnswer struct {
	name    string
	begin   string // what the client begins with; "": nothing is asked for
	letters bool   // or a letter
	text    string
}

// presets are answers that need no thought. Most clients of these protocols stop at such words and go on after a reset:
// they are for proxies, and for people who look at logs.
var presets = [...]presetAnswer{
	// RFC 959 §4.2.2: 421 may be said at any time.
	{name: "ftp", text: "421 Service not available, closing control connection.\r\n"},
	// RFC 9051 §7.1.5 and RFC 5530.
	{name: "imap", text: "* BYE [UNAVAILABLE] Service not available here\r\n"},
	// RFC 1939 and the response code of RFC 3206.
	{name: "pop3", text: "-ERR [SYS/TEMP] Service not available here\r\n"},
	// RFC 3977 §3.2.1.
	{name: "nntp", text: "400 Service not available here\r\n"},
	// RFC 4253 §4.2: lines before the identification are for people; then the connection ends.
	{name: "ssh", text: "Service not available here\r\n"},
	// An array of RESP, or a command in one line.
	{name: "redis", begin: "*", letters: true, text: "-LOADING Service not available here\r\n"},
	// The text protocol. In the binary one (0x80) these words would be a header of nonsense.
	{name: "memcached", letters: true, text: "SERVER_ERROR service not available here\r\n"},
	// RFC 4511 §4.4.1: Notice of Disconnection, unavailable (52), to any message (a SEQUENCE).
	{name: "ldap", begin: "\x30", text: "\x30\x24\x02\x01\x00\x78\x1f\x0a\x01\x34\x04\x00\x04\x00\x8a\x16" + "1.3.6.1.4.1.1466.20036"},
	// AMQP 0-9-1 §4.2.2: a server that rejects a connection writes a protocol header and closes.
	{name: "amqp", begin: "AMQP", text: "AMQP\x00\x00\x09\x01"},
	// RFC 8446 §6: a fatal alert, internal_error, in a record of the version that every client reads; to a handshake record.
	{name: "tls-alert", begin: "\x16\x03", text: "\x15\x03\x03\x00\x02\x02\x50"},
}

// serverFirst says whether the server greets.
func (p *presetAnswer) serverFirst() bool { return p.begin == "" && !p.letters }

// Hear implements [Stream].
func (p *presetAnswer) Hear(_ *Facts, heard, out []byte) ([]byte, int, Verdict) {
	switch {
	case p.serverFirst():
	case len(heard) == 0:
		return out, 0, Wait
	case p.letters && (heard[0]|0x20 >= 'a' && heard[0]|0x20 <= 'z'):
	case p.begin == "":
		return out, 0, Reset
	default:
		n := min(len(heard), len(p.begin))
		if string(heard[:n]) != p.begin[:n] {
			return out, 0, Reset
		}
		if n < len(p.begin) {
			return out, 0, Wait
		}
	}
	return append(out, p.text...), len(heard), Close
}

// Preset returns the answer of that name (see [Presets]); not ok: there is none.
func Preset(name string) (Stream, bool) {
	for _, p := range presets {
		if p.name == name {
			return &p, true
		}
	}
	return nil, false
}

// Presets returns the names of all, sorted: amqp, ftp, imap, ldap, memcached, nntp, pop3, redis, ssh, tls-alert.
func Presets() []string {
	names := make([]string, 0, len(presets))
	for _, p := range presets {
		names = append(names, p.name)
	}
	slices.SortFunc(names, strings.Compare)
	return names
}
