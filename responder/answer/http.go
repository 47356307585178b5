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
// sends the client to another address: the one answer that moves every client. A client of HTTP/2 that did not ask first gets
// the same in HTTP/1.1, never GOAWAY: after that some clients come back at once, for ever. TLS is not spoken.
type HTTP struct {
	Status     int           // 503 if 0; from 300 to 399 with Location
	Location   string        // URL; if it ends with its host, the path of the request is added
	RetryAfter time.Duration // whole seconds are said; 0: Facts.RetryAfter, and nothing if that is 0 too
}

const (
	httpHeadLimit = 16 << 10
	httpH2        = "PRI * HTTP/2.0\r\n\r\n"
)

// Hear implements [Stream].
func (a *HTTP) Hear(f *Facts, heard, out []byte) ([]byte, int, Verdict) {
	if len(heard) > 0 && !httpBegins(heard) {
		return out, 0, Reset
	}
	end := httpHeadEnd(heard)
	switch {
	case end < 0 && len(heard) >= httpHeadLimit:
		return out, 0, Reset
	case end < 0:
		return out, 0, Wait
	}
	method, target := httpRequest(heard[:end])
	return a.respond(f, out, method, target), end, Close
}

// httpBegins says whether a request may begin like this: with an upper-case method.
func httpBegins(b []byte) bool {
	for i, c := range b[:min(len(b), 24)] {
		switch {
		case c == ' ':
			return i > 0
		case c == '\r' || c == '\n': // servers skip empty lines before a request (RFC 9112 §2.2)
			if i > 3 {
				return false
			}
		case (c < 'A' || c > 'Z') && c != '-' && c != '_':
			return false
		}
	}
	return len(b) < 24
}

// httpHeadEnd is the length of the request's head; -1: there is more of it.
func httpHeadEnd(b []byte) int {
	trimmed := bytes.TrimLeft(b, "\r\n")
	skipped := len(b) - len(trimmed)
	end := -1
	for _, mark := range []string{"\r\n\r\n", "\n\n", "\n\r\n"} {
		if i := bytes.Index(trimmed, []byte(mark)); i >= 0 && (end < 0 || i+len(mark) < end) {
			end = i + len(mark)
		}
	}
	if end < 0 {
		return -1
	}
	return skipped + end
}

// httpRequest reads the method and the target of the request line.
func httpRequest(head []byte) (method, target string) {
	line, _, _ := bytes.Cut(bytes.TrimLeft(head, "\r\n"), []byte("\n"))
	parts := strings.Fields(string(line))
	if len(parts) > 0 {
		method = parts[0]
	}
	if len(parts) > 1 {
		target = parts[1]
	}
	return method, target
}

func (a *HTTP) respond(f *Facts, out []byte, method, target string) []byte {
	status := a.Status
	if status == 0 {
		status = http.StatusServiceUnavailable
	}
	reason := http.StatusText(status)
	if reason == "" {
		reason = "Unavailable"
	}
	out = append(out, "HTTP/1.1 "...)
	out = strconv.AppendInt(out, int64(status), 10)
	out = append(append(append(out, ' '), reason...), "\r\n"...)
	if a.Location != "" && status/100 == 3 {
		out = append(out, "Location: "...)
		out = httpLocation(out, a.Location, target)
		out = append(out, "\r\n"...)
	}
	retry := a.RetryAfter
	if retry == 0 {
		retry = f.RetryAfter
	}
	if retry > 0 {
		out = append(out, "Retry-After: "...)
		out = strconv.AppendInt(out, int64((retry+time.Second-1)/time.Second), 10)
		out = append(out, "\r\n"...)
	}
	body := appendClean(nil, f.words(""))
	body = append(body, '\n')
	out = append(out, "Cache-Control: no-store\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: "...)
	out = strconv.AppendInt(out, int64(len(body)), 10)
	out = append(out, "\r\n\r\n"...)
	if method == http.MethodHead {
		return out
	}
	return append(out, body...)
}

// httpLocation appends the URL of the other address; to one that ends with its host, path and query of the request.
func httpLocation(out []byte, location, target string) []byte {
	out = appendASCII(out, location)
	_, rest, ok := strings.Cut(location, "://")
	host, path, hasPath := strings.Cut(rest, "/")
	if !ok || host == "" || path != "" || strings.ContainsAny(rest, "?#") || !strings.HasPrefix(target, "/") || strings.HasPrefix(target, "//") {
		return out
	}
	if len(target) > wordsLimit || strings.ContainsFunc(target, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return out
	}
	if hasPath {
		target = target[1:]
	}
	return append(out, target...)
}
