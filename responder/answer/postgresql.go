// SPDX-License-Identifier: Apache-2.0

package answer

import (
	"encoding/binary"
)

// PostgreSQL answers the start-up of the frontend/backend protocol, version 3, with a FATAL error "cannot connect now"
// (SQLSTATE 57P03): the only one after which libpq goes on to its next host. Requests for encryption are declined first. A
// client that insists on it (sslmode=require and above) stops there, without a look at its next host: for such clients a
// reset is better. A request to cancel is answered by the end alone, as servers do. All else is reset: version 2, TLS
// without a request (sslnegotiation=direct), and what is no start-up.
type PostgreSQL struct {
	Message string // for people; "": one about the service
}

// Codes that stand where a start-up message has its version.
const (
	pgCancel = 80877102
	pgTLS    = 80877103
	pgGSS    = 80877104
)

// Bounds of messages, their lengths included.
const (
	pgPacketMin  = 8     // length and code
	pgStartupMin = 9     // and the end of the parameters
	pgStartupMax = 10000 // as servers bound it
	pgCancelMin  = 16    // process and key of 4 octets
	pgCancelMax  = 268   // since version 3.2 the key has up to 256
)

// Hear implements [Stream].
func (a *PostgreSQL) Hear(f *Facts, heard, out []byte) ([]byte, int, Verdict) {
	if len(heard) >= 4 {
		if n := binary.BigEndian.Uint32(heard); n < pgPacketMin || n > pgStartupMax {
			return out, 0, Reset
		}
	}
	if len(heard) < pgPacketMin {
		return out, 0, Wait
	}
	length, code := int(binary.BigEndian.Uint32(heard)), binary.BigEndian.Uint32(heard[4:])
	switch {
	case (code == pgTLS || code == pgGSS) && length == pgPacketMin:
		return append(out, 'N'), pgPacketMin, Wait
	case code == pgCancel && length >= pgCancelMin && length <= pgCancelMax:
		return out, min(length, len(heard)), Close
	case code>>16 != 3, length < pgStartupMin:
		return out, 0, Reset
	case len(heard) < length:
		return out, 0, Wait
	case heard[length-1] != 0: // parameters that do not end
		return out, 0, Reset
	}
	return a.refuse(f, out), length, Close
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
