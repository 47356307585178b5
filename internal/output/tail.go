// SPDX-License-Identifier: Apache-2.0

// Package output keeps what programs print, for the log: the end of it, made fit for one line.
package output

import (
	"bytes"
	"strings"
	"sync"
	"unicode/utf8"
)

// limit is how much of what a program prints is kept.
const limit = 4096

// Tail is a writer that keeps the end of what is written to it. It may be read while it is written.
type Tail struct {
	mu sync.Mutex
	b  []byte
}

// Write implements io.Writer; it never fails.
func (t *Tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, p...)
	if n := len(t.b) - limit; n > 0 {
		t.b = append(t.b[:0], t.b[n:]...)
	}
	return len(p), nil
}

// Bytes returns what is kept.
func (t *Tail) Bytes() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	return bytes.Clone(t.b)
}

// Last returns the last line that is not empty, at most n bytes of it.
func (t *Tail) Last(n int) string {
	b := bytes.TrimSpace(t.Bytes())
	return Line(string(b[bytes.LastIndexByte(b, '\n')+1:]), n)
}

// All returns what is kept on one line, the last n bytes of it.
func (t *Tail) All(n int) string {
	s := Line(string(t.Bytes()), limit*utf8.UTFMax)
	for len(s) > n {
		_, size := utf8.DecodeRuneInString(s)
		s = s[size:]
	}
	return strings.TrimSpace(s)
}

// Line makes a foreign text fit for a log: one line, without control characters, at most n bytes.
func Line(s string, n int) string {
	s = strings.TrimSpace(strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?")))
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
