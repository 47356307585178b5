// SPDX-License-Identifier: Apache-2.0

package answer

import (
	"bytes"
	"strconv"
	"strings"
	"time"
)

// SIP answers requests with 503 and Retry-After (RFC 3261 §21.5.4), after which a client goes on to its next server (RFC 3263
// §4.3). Without Retry-After it would have to take 503 for 500 and might stay. ACK and responses are never answered.
type SIP struct {
	RetryAfter time.Duration // 5 s if 0; whole seconds are said
}

const (
	sipRetry     = 5 * time.Second
	sipHeadLimit = 8 << 10
	sipVia       = 32 // the most Via fields that are copied
)

// sipRequest is what a response has to repeat.
type sipRequest struct {
	method string
	via    [][]byte // values
	from   []byte
	to     []byte
	callID []byte
	cseq   []byte
	length int // of the body
	head   int // octets of the head, with the empty line
}

// Answer implements [Datagram].
func (a *SIP) Answer(f *Facts, request, out []byte) ([]byte, bool) {
	r, ok, whole := sipParse(request)
	if !ok || !whole || r.method == "ACK" {
		return out, false
	}
	start := len(out)
	if reply := a.respond(f, r, out, true); len(reply)-start <= len(request) {
		return reply, true
	}
	reply := a.respond(f, r, out, false)
	return reply, len(reply)-start <= len(request)
}

// Hear implements [Stream].
func (a *SIP) Hear(f *Facts, heard, out []byte) ([]byte, int, Verdict) {
	if len(heard) == 0 {
		return out, 0, Wait
	}
	skipped := len(heard) - len(bytes.TrimLeft(heard, "\r\n")) // keep-alives (RFC 5626 §3.5.1)
	r, ok, whole := sipParse(heard[skipped:])
	switch {
	case !ok, !whole && len(heard) >= sipHeadLimit:
		return out, 0, Reset
	case !whole, len(heard)-skipped < r.head+r.length:
		return out, 0, Wait
	case r.method == "ACK":
		return out, skipped + r.head + r.length, Wait
	}
	return a.respond(f, r, out, true), skipped + r.head + r.length, Close
}

// respond appends the response; without more it has only what must be in it.
func (a *SIP) respond(f *Facts, r *sipRequest, out []byte, more bool) []byte {
	out = append(out, "SIP/2.0 503 Service Unavailable\r\n"...)
	line := func(name string, value []byte) {
		out = append(append(out, name...), value...)
		out = append(out, "\r\n"...)
	}
	for i, via := range r.via {
		if i == 0 {
			via = sipReceived(f, via)
		}
		line("Via: ", via)
	}
	line("From: ", r.from)
	if !sipHasTag(r.to) {
		r.to = append(append(append([]byte{}, r.to...), ";tag="...), strconv.FormatUint(f.Nonce, 36)...)
	}
	line("To: ", r.to)
	line("Call-ID: ", r.callID)
	line("CSeq: ", r.cseq)
	retry := a.RetryAfter
	if retry <= 0 {
		retry = sipRetry
	}
	line("Retry-After: ", strconv.AppendInt(nil, int64((retry+time.Second-1)/time.Second), 10))
	if more {
		line("Content-Length: ", []byte("0"))
	}
	return append(out, "\r\n"...)
}

// sipReceived completes the topmost Via: where the request came from (RFC 3261 §18.2.1, RFC 3581 §4).
func sipReceived(f *Facts, via []byte) []byte {
	first, rest, several := bytes.Cut(via, []byte(","))
	out := append([]byte{}, first...)
	lower := bytes.ToLower(first)
	if i := sipParameter(lower, ";rport"); i >= 0 {
		out = append(append([]byte{}, first[:i+len(";rport")]...), '=')
		out = strconv.AppendUint(out, uint64(f.Remote.Port()), 10)
		out = append(out, first[i+len(";rport"):]...)
	}
	if sipParameter(lower, ";received") < 0 && !strings.Contains(string(lower), ";received=") {
		out = append(append(out, ";received="...), f.Remote.Addr().WithZone("").String()...)
	}
	if several {
		out = append(append(out, ','), rest...)
	}
	return out
}

// sipParameter finds a parameter without a value.
func sipParameter(b []byte, name string) int {
	for at := 0; ; {
		i := bytes.Index(b[at:], []byte(name))
		if i < 0 {
			return -1
		}
		end := at + i + len(name)
		if end == len(b) || b[end] == ';' || b[end] == ' ' || b[end] == ',' {
			return at + i
		}
		at = end
	}
}

// sipHasTag says whether To names a dialog.
func sipHasTag(to []byte) bool {
	lower := bytes.ToLower(to)
	if i := bytes.LastIndexByte(lower, '>'); i >= 0 { // parameters of the address itself stand inside
		lower = lower[i:]
	}
	return bytes.Contains(lower, []byte(";tag=")) || bytes.Contains(lower, []byte("; tag="))
}

// sipParse reads a request; whole is false if its head is cut short.
func sipParse(b []byte) (r *sipRequest, ok, whole bool) {
	if !sipBegins(b) {
		return nil, false, false
	}
	head, end := b, bytes.Index(b, []byte("\r\n\r\n"))
	if end < 0 {
		return nil, true, false
	}
	head = head[:end+2]
	r = &sipRequest{head: end + 4}
	first, rest, _ := bytes.Cut(head, []byte("\r\n"))
	words := strings.Fields(string(first))
	if len(words) != 3 || words[2] != "SIP/2.0" {
		return nil, false, false
	}
	r.method = words[0]
	for _, l := range sipLines(rest) {
		name, value, found := bytes.Cut(l, []byte(":"))
		value = bytes.TrimSpace(value)
		if !found || sipControl(value) {
			return nil, false, false
		}
		switch strings.ToLower(string(bytes.TrimSpace(name))) {
		case "via", "v":
			if len(r.via) < sipVia {
				r.via = append(r.via, value)
			}
		case "from", "f":
			r.from = value
		case "to", "t":
			r.to = value
		case "call-id", "i":
			r.callID = value
		case "cseq":
			r.cseq = value
		case "content-length", "l":
			n, err := strconv.ParseUint(string(value), 10, 16)
			if err != nil {
				return nil, false, false
			}
			r.length = int(n) //nolint:gosec // 16 bits
		}
	}
	ok = r.via != nil && r.from != nil && r.to != nil && r.callID != nil && r.cseq != nil
	return r, ok, ok
}

// sipBegins says whether a request may begin like this; a response begins with its version.
func sipBegins(b []byte) bool {
	for i, c := range b[:min(len(b), 16)] {
		if c == ' ' {
			return i > 0
		}
		if (c < 'A' || c > 'Z') && c != '-' {
			return false
		}
	}
	return len(b) < 16 && len(b) > 0
}

// sipLines splits header fields; a line that begins with a blank goes on with the one before (RFC 3261 §7.3.1).
func sipLines(b []byte) [][]byte {
	var lines [][]byte
	for l := range bytes.SplitSeq(bytes.TrimSuffix(b, []byte("\r\n")), []byte("\r\n")) {
		if len(l) > 0 && (l[0] == ' ' || l[0] == '\t') && len(lines) > 0 {
			last := &lines[len(lines)-1]
			*last = append(append(append([]byte{}, *last...), ' '), bytes.TrimSpace(l)...)
			continue
		}
		lines = append(lines, l)
	}
	return lines
}

// sipControl says whether a value has what would break the line that it is copied to.
func sipControl(b []byte) bool {
	return bytes.ContainsFunc(b, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f })
}
