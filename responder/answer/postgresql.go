// SPDX-License-Identifier: Apache-2.0

package answer

import (
	"encoding/binary"
)

// PostgreSQL answers the start-up of the frontend/backend protocol, version 3, with a FATAL error "cannot connect now"
// (SQLSTATE 57P03): the only one after which libpq goes on to its next host. Requests for encryption are declined first. A
// client that insists on it (sslmode=require) stops there: for such clients a reset is better.
type PostgreSQL struct {
	Message string // for people; "": one about the service
}

// Codes that stand where a start-up message has its version.
const (
	pgCancel = 80877102
	pgTLS    = 80877103
	pgGSS    = 80877104
)

// pgStartupLimit bounds a start-up message, as servers do.
const pgStartupLimit = 10000

// Hear implements [Stream].
func (a *PostgreSQL) Hear(f *Facts, heard, out []byte) ([]byte, int, Verdict) {
	if len(heard) < 8 {
		if len(heard) >= 4 && !pgPlausible(heard) {
			return out, 0, Reset
		}
		return out, 0, Wait
	}
	if !pgPlausible(heard) {
		return out, 0, Reset
	}
	length, code := int(binary.BigEndian.Uint32(heard)), binary.BigEndian.Uint32(heard[4:])
	switch {
	case code == pgTLS && length == 8, code == pgGSS && length == 8:
		return append(out, 'N'), 8, Wait
	case code == pgCancel && length == 16: // it is answered by the end alone
		return out, min(16, len(heard)), Close
	case code>>16 != 3:
		return out, 0, Reset
	case len(heard) < length:
		return out, 0, Wait
	}
	return a.refuse(f, out), length, Close
}

// pgPlausible says whether a length may be that of a start-up packet.
func pgPlausible(b []byte) bool {
	n := binary.BigEndian.Uint32(b)
	return n >= 8 && n <= pgStartupLimit
}

// refuse appends an ErrorResponse.
func (a *PostgreSQL) refuse(f *Facts, out []byte) []byte {
	start := len(out)
	out = append(out, 'E', 0, 0, 0, 0)
	field := func(kind byte, text string) {
		out = append(out, kind)
		out = appendClean(out, text)
		out = append(out, 0)
	}
	field('S', "FATAL")
	field('V', "FATAL")
	field('C', "57P03")
	field('M', f.words(a.Message))
	out = append(out, 0)
	binary.BigEndian.PutUint32(out[start+1:], uint32(len(out)-start-1)) //nolint:gosec // bounded by the words
	return out
}
