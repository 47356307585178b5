// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/regent-ha/regent/requestor"
)

// startup is the first message of a client of PostgreSQL, protocol 3.0, without encryption.
func startup() []byte {
	b := binary.BigEndian.AppendUint32(nil, 0)
	b = binary.BigEndian.AppendUint32(b, 3<<16)
	b = append(b, "user\x00regent-probe\x00database\x00postgres\x00\x00"...)
	binary.BigEndian.PutUint32(b, uint32(len(b))) //nolint:gosec // fixed
	return b
}

// pgAnswerLimit bounds an error message.
const pgAnswerLimit = 3000

// pgJudge looks at the first message of a server. Whoever asks for a password, or does not know the user, serves; whoever says
// that it takes no clients now does not.
func pgJudge(reply []byte) (verdict, bool) {
	if len(reply) < 5 {
		return verdict{}, false
	}
	length := binary.BigEndian.Uint32(reply[1:])
	switch kind := reply[0]; {
	case kind == 'R', kind == 'v': // wants to authenticate, or to talk about versions
		return verdict{requestor.Answered, "takes clients"}, true
	case kind != 'E' || length < 4 || length > pgAnswerLimit:
		return verdict{requestor.Failed, "not an answer of PostgreSQL"}, true
	case len(reply) < 1+int(length):
		return verdict{}, false
	}
	code, text := pgError(reply[5 : 1+length])
	detail := fmt.Sprintf("%s: %s", code, text)
	switch {
	case code == "57P03", code == "57P01", code == "57P02": // cannot connect now, shut down by hand, by a crash
		return verdict{requestor.Refused, detail}, true
	case code == "53300", strings.HasPrefix(code, "08"): // too many clients; the connection itself
		return verdict{requestor.Failed, detail}, true
	}
	return verdict{requestor.Answered, detail}, true
}

// pgError reads SQLSTATE and text of an error.
func pgError(fields []byte) (code, text string) {
	for len(fields) > 1 {
		kind := fields[0]
		value, rest, found := bytes.Cut(fields[1:], []byte{0})
		if !found {
			break
		}
		switch kind {
		case 'C':
			code = printable(value, 5)
		case 'M':
			text = printable(value, 300)
		}
		fields = rest
	}
	return code, text
}

// printable is a foreign text for a terminal: cut, and without control characters.
func printable(b []byte, limit int) string {
	s := strings.ToValidUTF8(string(b[:min(len(b), limit)]), "?")
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return ' '
		}
		return r
	}, s)
}
