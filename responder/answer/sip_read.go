// SPDX-License-Identifier: Apache-2.0

package answer

import (
	"bytes"
	"strconv"
)

const (
	sipHeadLimit   = 8 << 10
	sipMethodLimit = 16
)

// sipRequest is what a response has to repeat, in the client's own octets.
type sipRequest struct {
	method []byte
	fields []byte // all of the header
	from   []byte
	to     []byte
	callID []byte
	number []byte // of CSeq
	vias   int
	head   int // octets of the head, with the empty line
	length int // octets of the body
	sound  bool
}

// sipState is what became of a request.
type sipState uint8

const (
	sipBad   sipState = iota // no request
	sipCut                   // there is more of its head
	sipWhole                 // its head is there
)

// ack is true for the one request that has no response.
func (r *sipRequest) ack() bool { return string(r.method) == "ACK" }

// answerable says whether there is all that a response needs.
func (r *sipRequest) answerable() bool {
	return !r.ack() && r.sound && r.vias > 0 && r.from != nil && r.to != nil && r.callID != nil && r.number != nil
}

// sipRead reads the head of a request.
func sipRead(b []byte) (r sipRequest, state sipState) {
	b = b[:min(len(b), sipHeadLimit)]
	if !sipBegins(b) {
		return r, sipBad
	}
	line, _, complete := bytes.Cut(b, []byte("\r\n"))
	first, last := bytes.IndexByte(line, ' '), bytes.LastIndexByte(line, ' ')
	if complete && (first == last || string(line[last+1:]) != "SIP/2.0") {
		return r, sipBad
	}
	end := bytes.Index(b, []byte("\r\n\r\n"))
	switch {
	case end < 0 && len(b) == sipHeadLimit:
		return r, sipBad
	case end < 0:
		return r, sipCut
	}
	r.method, r.head, r.sound = line[:first], end+4, true
	r.fields = b[min(len(line)+2, end+2) : end+2]
	for rest := r.fields; len(rest) > 0; {
		var name, value []byte
		name, value, rest = sipField(rest)
		if !r.take(name, value) {
			return r, sipBad
		}
	}
	return r, sipWhole
}

// take notes a field; false if the request ends nobody knows where. What cannot be copied makes it unsound.
func (r *sipRequest) take(name, value []byte) bool {
	once := func(field *[]byte, value []byte) {
		r.sound = r.sound && *field == nil && len(value) > 0 && sipPlain(value)
		*field = value
	}
	switch {
	case sipIs(name, "via", "v"):
		r.vias++
		r.sound = r.sound && len(value) > 0 && sipPlain(value)
	case sipIs(name, "from", "f"):
		once(&r.from, value)
	case sipIs(name, "to", "t"):
		once(&r.to, value)
	case sipIs(name, "call-id", "i"):
		once(&r.callID, value)
		r.sound = r.sound && !bytes.ContainsAny(value, " \t\r\n")
	case sipIs(name, "cseq", ""):
		i := bytes.IndexAny(value, " \t\r\n")
		if i < 0 {
			i = len(value)
		}
		once(&r.number, value[:i])
		r.sound = r.sound && sipNumber(value[:i]) && bytes.Equal(sipTrim(value[i:]), r.method)
	case sipIs(name, "content-length", "l"):
		n, err := strconv.ParseUint(string(value), 10, 31)
		r.length = int(n) //nolint:gosec // 31 bits
		return err == nil
	}
	return true
}

// sipBegins says whether a request may begin like this: with a method, which is in upper case. A response begins with its
// version.
func sipBegins(b []byte) bool {
	for i, c := range b[:min(len(b), sipMethodLimit)] {
		if c == ' ' {
			return i > 0
		}
		if (c < 'A' || c > 'Z') && c != '-' {
			return false
		}
	}
	return len(b) < sipMethodLimit && len(b) > 0
}

// sipField cuts off the first field; what ends with a line that begins with a blank goes on (RFC 3261 §7.3.1).
func sipField(b []byte) (name, value, rest []byte) {
	at := 0
	for at < len(b) {
		i := bytes.Index(b[at:], []byte("\r\n"))
		if i < 0 {
			at = len(b)
			break
		}
		if at += i + 2; at == len(b) || b[at] != ' ' && b[at] != '\t' {
			break
		}
	}
	name, value, _ = bytes.Cut(b[:at], []byte(":"))
	return sipTrim(name), sipTrim(value), b[at:]
}

// sipUnfold appends a value on one line.
func sipUnfold(out, v []byte) []byte {
	for {
		i := bytes.IndexByte(v, '\r')
		if i < 0 {
			return append(out, v...)
		}
		out = append(append(out, bytes.TrimRight(v[:i], " \t")...), ' ')
		v = bytes.TrimLeft(v[i:], " \t\r\n")
	}
}

// sipPlain says whether a value may be copied: it has no control characters, but where it goes on on the next line.
func sipPlain(v []byte) bool {
	for i, c := range v {
		switch {
		case c == '\r' && i+1 < len(v) && v[i+1] == '\n', c == '\n' && i > 0 && v[i-1] == '\r', c == '\t':
		case c < ' ' || c == 0x7f:
			return false
		}
	}
	return true
}

// sipUntil is where one of the marks stands for the first time, outside of quotes and of angle brackets; the length if none.
func sipUntil(v []byte, marks string) int {
	quoted, address := false, false
	for i := 0; i < len(v); i++ {
		switch c := v[i]; {
		case quoted && c == '\\':
			i++
		case c == '"' && !address:
			quoted = !quoted
		case quoted:
		case c == '<':
			address = true
		case c == '>':
			address = false
		case !address && bytes.IndexByte([]byte(marks), c) >= 0:
			return i
		}
	}
	return len(v)
}

// sipTrim cuts off what is blank around a value.
func sipTrim(v []byte) []byte { return bytes.Trim(v, " \t\r\n") }

// sipNumber says whether a value is a number as CSeq has them (RFC 3261 §8.1.1.5: less than 2³¹).
func sipNumber(v []byte) bool {
	_, err := strconv.ParseUint(string(v), 10, 31)
	return err == nil
}
