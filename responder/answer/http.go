// SPDX-License-Identifier: Apache-2.0

package answer

import (
	"bytes"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// HTTP answers requests of HTTP/1.x with 503 and, if that is known, when to try again (RFC 9110 §15.6.4); or, with Location,
// sends the client to another address: the one answer that moves every client. 307 and 308 keep the method and the body of the
// request, the others need not. A client of HTTP/2 that did not ask first gets 503 in HTTP/1.1, never GOAWAY: after that some
// clients come back at once, for ever. TLS is not spoken.
//
// The answer is given when the head of the request is there: what asks before it sends its body (Expect: 100-continue) sends
// none.
type HTTP struct {
	Status int // 0: 503, or 307 with Location. One from 300 to 399 needs Location
	// Location is the other address's URL, of visible ASCII. To one that ends with its host, or with the "/" after it, path
	// and query of the request are added.
	Location string
	// RetryAfter is said in whole seconds. 0: Facts.RetryAfter, and nothing if that is 0 too. A redirected client would wait
	// that long before it moves (RFC 9110 §10.2.3), and is told only what stands here.
	RetryAfter time.Duration
}

const (
	httpHeadLimit   = 16 << 10
	httpTargetLimit = 8000 // RFC 9112 §3: what a request line may have everywhere
	httpMethodLimit = 24
)

// Hear implements [Stream].
func (a *HTTP) Hear(f *Facts, heard, out []byte) ([]byte, int, Verdict) {
	head := heard[:min(len(heard), httpHeadLimit)]
	request := bytes.TrimLeft(head, "\r\n") // RFC 9112 §2.2: empty lines before a request
	if !httpBegins(request) {
		return out, 0, Reset
	}
	line, _, complete := bytes.Cut(request, []byte("\n"))
	method, target, ok := httpLine(line)
	if complete && !ok {
		return out, 0, Reset
	}
	end := httpHeadEnd(request)
	switch {
	case end < 0 && len(head) == httpHeadLimit:
		return out, 0, Reset
	case end < 0:
		return out, 0, Wait
	}
	return a.respond(f, out, method, target), len(head) - len(request) + end, Close
}

// httpBegins says whether a request may begin like this: with a method, which is in upper case.
func httpBegins(b []byte) bool {
	for i, c := range b[:min(len(b), httpMethodLimit)] {
		switch {
		case c == ' ':
			return i > 0
		case (c < 'A' || c > 'Z') && c != '-' && c != '_':
			return false
		}
	}
	return len(b) < httpMethodLimit
}

// httpLine reads a request line: method, target, and any version that there is.
func httpLine(line []byte) (method, target []byte, ok bool) {
	line = bytes.TrimRight(line, "\r \t")
	first, last := bytes.IndexByte(line, ' '), bytes.LastIndexByte(line, ' ')
	if first == last {
		return nil, nil, false
	}
	v := line[last+1:]
	if len(v) != len("HTTP/1.1") || string(v[:5]) != "HTTP/" || v[5] < '0' || v[5] > '9' || v[6] != '.' || v[7] < '0' || v[7] > '9' {
		return nil, nil, false
	}
	return line[:first], bytes.TrimSpace(line[first:last]), true
}

// httpHeadEnd is how long the head of a request is, with the empty line behind it; -1: there is more of it.
func httpHeadEnd(b []byte) int {
	for at := 0; ; {
		i := bytes.IndexByte(b[at:], '\n')
		if i < 0 {
			return -1
		}
		at += i + 1
		switch rest := b[at:]; {
		case len(rest) > 0 && rest[0] == '\n':
			return at + 1
		case len(rest) > 1 && rest[0] == '\r' && rest[1] == '\n':
			return at + 2
		}
	}
}

func (a *HTTP) respond(f *Facts, out, method, target []byte) []byte {
	status, location := a.status()
	retry := a.RetryAfter
	if string(method) == "PRI" { // the preface of HTTP/2 (RFC 9113 §3.4); nobody follows it elsewhere
		status, location = http.StatusServiceUnavailable, ""
	}
	if retry <= 0 && location == "" {
		retry = f.RetryAfter
	}
	reason := http.StatusText(status)
	if reason == "" {
		reason = "Unavailable"
	}
	out = strconv.AppendInt(append(out, "HTTP/1.1 "...), int64(status), 10)
	out = append(append(append(out, ' '), reason...), "\r\n"...)
	if location != "" {
		out = append(out, "Location: "...)
		out = append(httpLocation(out, location, target), "\r\n"...)
	}
	if retry > 0 {
		out = append(out, "Retry-After: "...)
		out = append(strconv.AppendInt(out, httpSeconds(retry), 10), "\r\n"...)
	}
	if !f.Now.IsZero() { // RFC 9110 §6.6.1: who has a clock tells the time with a redirection
		out = append(out, "Date: "...)
		out = append(f.Now.UTC().AppendFormat(out, http.TimeFormat), "\r\n"...)
	}
	var room [wordsLimit + 1]byte
	body := append(appendClean(room[:0], f.words("")), '\n')
	out = append(out, "Cache-Control: no-store\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: "...)
	out = append(strconv.AppendInt(out, int64(len(body)), 10), "\r\n\r\n"...)
	if string(method) == http.MethodHead {
		return out
	}
	return append(out, body...)
}

// status is what is answered, and to where; no Location if it does not redirect.
func (a *HTTP) status() (status int, location string) {
	status = a.Status
	if status == 0 && a.Location != "" {
		status = http.StatusTemporaryRedirect
	}
	switch {
	case status < 300 || status > 599:
		return http.StatusServiceUnavailable, ""
	case status > 399:
		return status, ""
	case a.Location == "" || !httpVisible(a.Location):
		return http.StatusServiceUnavailable, ""
	case status == http.StatusNotModified: // has no body, and goes nowhere
		status = http.StatusTemporaryRedirect
	}
	return status, a.Location
}

// httpLocation appends the URL of the other address; to one that ends with its host, path and query of the request.
func httpLocation(out []byte, location string, target []byte) []byte {
	out = append(out, location...)
	_, rest, ok := strings.Cut(location, "://")
	host, path, slash := strings.Cut(rest, "/")
	switch {
	case !ok, host == "", path != "", strings.ContainsAny(rest, "?#"):
		return out
	case len(target) == 0, target[0] != '/', len(target) > httpTargetLimit: // "*", and what is meant for a proxy
		return out
	case !httpVisible(target), bytes.IndexByte(target, '#') >= 0:
		return out
	case slash:
		target = target[1:]
	}
	return append(out, target...)
}

// httpVisible says whether text may stand in a URL: one that breaks no line, and that nobody reads otherwise.
func httpVisible[T string | []byte](s T) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// httpSeconds is a time in whole seconds, of which the last has begun (RFC 9110 §10.2.3).
func httpSeconds(d time.Duration) int64 {
	s := int64(d / time.Second)
	if d%time.Second > 0 {
		s++
	}
	return s
}
