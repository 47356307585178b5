// SPDX-License-Identifier: Apache-2.0

package answer

import (
	"bytes"
	"strconv"
	"strings"
	"time"
)

// SIP answers requests with 503 and Retry-After (RFC 3261 §21.5.4), after which a client goes on to its next server (RFC 3263
// §4.3). Without Retry-After it would have to take 503 for 500 and might stay; with a long one it would not come back when the
// service does. ACK and responses are never answered, and no keep-alive is: a client that hears none (RFC 5626 §3.5.1) looks
// for another server.
//
// It holds no state: a request that comes again gets the same answer (RFC 3261 §8.2.7). Over UDP that goes to where the
// request came from (RFC 3581).
type SIP struct {
	RetryAfter time.Duration // in whole seconds. 0: Facts.RetryAfter, and 5 s if that is 0 too
}

const sipRetry = 5 * time.Second

// What a response says. Over UDP it leaves out so much that it is no longer than its request.
const (
	sipFull    = iota
	sipBrief   // without Content-Length
	sipCompact // and with the short names (RFC 3261 §7.3.3), and no words for people
	sipLevels
)

// Answer implements [Datagram].
func (a *SIP) Answer(f *Facts, request, out []byte) ([]byte, bool) {
	r, state := sipRead(bytes.TrimLeft(request, "\r\n"))
	if state != sipWhole || !r.answerable() {
		return out, false
	}
	for level := range sipLevels {
		if reply := a.respond(f, &r, out, level); len(reply)-len(out) <= len(request) {
			return reply, true
		}
	}
	return out, false
}

// Hear implements [Stream].
func (a *SIP) Hear(f *Facts, heard, out []byte) ([]byte, int, Verdict) {
	rest := bytes.TrimLeft(heard, "\r\n") // keep-alives, and what some say between requests
	skipped := len(heard) - len(rest)
	if len(rest) == 0 {
		return out, skipped, Wait
	}
	r, state := sipRead(rest)
	switch {
	case state == sipCut:
		return out, skipped, Wait
	case state == sipBad:
		return out, skipped, Reset
	case r.ack() && r.length > sipHeadLimit:
		return out, skipped, Reset
	case r.ack() && len(rest) < r.head+r.length:
		return out, skipped, Wait
	case r.ack():
		return out, skipped + r.head + r.length, Wait
	case !r.answerable():
		return out, skipped, Reset
	}
	return a.respond(f, &r, out, sipFull), skipped + r.head, Close // a body need not be read
}

// respond appends the response.
func (a *SIP) respond(f *Facts, r *sipRequest, out []byte, level int) []byte {
	via, from, to, callID := "Via: ", "From: ", "To: ", "Call-ID: "
	if level < sipCompact {
		out = append(out, "SIP/2.0 503 Service Unavailable\r\n"...)
	} else {
		out = append(out, "SIP/2.0 503 \r\n"...)
		via, from, to, callID = "v:", "f:", "t:", "i:"
	}
	first := true
	for rest := r.fields; len(rest) > 0; {
		var name, value []byte
		if name, value, rest = sipField(rest); !sipIs(name, "via", "v") {
			continue
		}
		out = append(out, via...)
		if first {
			out = sipReceived(out, f, value)
		} else {
			out = sipUnfold(out, value)
		}
		out, first = append(out, "\r\n"...), false
	}
	out = append(sipUnfold(append(out, from...), r.from), "\r\n"...)
	out = sipUnfold(append(out, to...), r.to)
	if !sipTagged(r.to) {
		out = strconv.AppendUint(append(out, ";tag="...), r.tag(f), 36)
	}
	out = append(append(out, "\r\n"...), callID...)
	out = append(append(append(out, r.callID...), "\r\nCSeq: "...), r.number...)
	out = append(append(append(out, ' '), r.method...), "\r\nRetry-After: "...)
	retry := a.RetryAfter
	if retry <= 0 {
		retry = f.RetryAfter
	}
	if retry <= 0 {
		retry = sipRetry
	}
	out = append(strconv.AppendInt(out, httpSeconds(retry), 10), "\r\n"...)
	if level == sipFull {
		out = append(out, "Content-Length: 0\r\n"...)
	}
	return append(out, "\r\n"...)
}

// sipReceived appends the topmost Via field: to its first value is added where the request came from (RFC 3261 §18.2.1,
// RFC 3581 §4).
func sipReceived(out []byte, f *Facts, via []byte) []byte {
	var room [64]byte
	source := f.Remote.Addr().Unmap().WithZone("").AppendTo(room[:0])
	end := sipUntil(via, ",")
	first, rest := via[:end], via[end:]
	end = sipUntil(first, ";")
	out = sipUnfold(out, sipTrim(first[:end]))
	tell := !bytes.Equal(sipHost(first[:end]), source)
	for first = first[end:]; len(first) > 0; first = first[end:] {
		end = 1 + sipUntil(first[1:], ";")
		name, _, valued := bytes.Cut(first[1:end], []byte("="))
		name = sipTrim(name)
		switch {
		case sipIs(name, "received", ""): // not the client's to say
		case sipIs(name, "rport", "") && !valued && f.Remote.IsValid():
			out = strconv.AppendUint(append(out, ";rport="...), uint64(f.Remote.Port()), 10)
			tell = true
		default:
			out = sipUnfold(append(out, ';'), sipTrim(first[1:end]))
		}
	}
	if tell && len(source) > 0 {
		out = append(append(out, ";received="...), source...)
	}
	return sipUnfold(out, rest)
}

// sipHost is the host that a value of Via says the client is: "SIP/2.0/UDP host:port".
func sipHost(by []byte) []byte {
	for range 2 {
		_, by, _ = bytes.Cut(by, []byte("/"))
	}
	by = sipTrim(by)
	i := bytes.IndexAny(by, " \t\r\n") // behind the transport
	if i < 0 {
		return nil
	}
	by = sipTrim(by[i:])
	if host, _, ok := bytes.Cut(by, []byte("]")); ok && by[0] == '[' {
		return host[1:]
	}
	host, _, _ := bytes.Cut(by, []byte(":"))
	return sipTrim(host)
}

// sipTagged says whether To, or From, has a tag.
func sipTagged(v []byte) bool {
	for v = v[sipUntil(v, ";"):]; len(v) > 0; {
		end := 1 + sipUntil(v[1:], ";")
		if name, _, valued := bytes.Cut(v[1:end], []byte("=")); valued && sipIs(sipTrim(name), "tag", "") {
			return true
		}
		v = v[end:]
	}
	return false
}

// tag is the same for a request that comes again, and for the CANCEL of a request: it is made of what tells them from others
// (RFC 3261 §8.2.7, §19.3), and of the address here. A refusal makes no dialog that anybody could break into with it.
func (r *sipRequest) tag(f *Facts) uint64 {
	const prime = 1099511628211 // of FNV-1a
	h := uint64(14695981039346656037)
	var room [64]byte
	for _, part := range [][]byte{r.callID, r.from, r.number, f.Local.Addr().AppendTo(room[:0])} {
		for _, c := range part {
			h = (h ^ uint64(c)) * prime
		}
		h *= prime
	}
	return h >> 16
}

// sipIs says whether a name is one of these, in any case.
func sipIs(name []byte, long, short string) bool {
	return len(name) == len(long) && strings.EqualFold(string(name), long) ||
		len(name) > 0 && len(name) == len(short) && strings.EqualFold(string(name), short)
}
