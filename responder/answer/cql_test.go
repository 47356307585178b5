// SPDX-License-Identifier: Apache-2.0

package answer

import (
	"encoding/binary"
	"testing"
)

func TestCQLRefusesAsANodeThatIsBootstrapping(t *testing.T) {
	t.Parallel()
	dbGolden(t, "cql", func(string) Stream { return &CQL{} })
}

// Every version gets an answer that it can read: in its own frame, or, where nobody knows that, the protocol error.
func TestCQLAnswersEveryVersion(t *testing.T) {
	t.Parallel()
	for version := range 256 {
		says := []byte{byte(version), 0, 0x12, 0x34, cqlOptions, 0, 0, 0, 0}
		stream := says[2:4]
		if version == 1 || version == 2 {
			says = append(says[:3], says[4:]...)
			stream = says[2:3]
		}
		reply, v := dbCut(t, &CQL{}, facts(), says)
		if version == 0 || version > 127 {
			if len(reply) > 0 || v != Reset {
				t.Errorf("version %d: %x, %v", version, reply, v)
			}
			continue
		}
		asVersion, code := version, uint32(cqlBootstrapping)
		if version > 6 && version != 65 && version != 66 {
			asVersion, code = 5, cqlProtocolError
		}
		header := len(says)
		if v != Close || len(reply) < header+6 || int(reply[0]) != asVersion|cqlResponse || reply[1] != 0 || string(reply[2:header-5]) != string(stream) || reply[header-5] != cqlError {
			t.Errorf("version %d: %x, %v", version, reply, v)
			continue
		}
		body := reply[header:]
		if n := binary.BigEndian.Uint32(reply[header-4:]); int(n) != len(body) || binary.BigEndian.Uint32(body) != code || int(binary.BigEndian.Uint16(body[4:])) != len(body)-6 {
			t.Errorf("version %d: body of %d octets: %x", version, n, body)
		}
	}
}

// The text is cut where people would not read on, and its length with it.
func TestCQLTextIsBounded(t *testing.T) {
	t.Parallel()
	for _, f := range []*Facts{dbLong(), dbShort()} {
		reply, v := dbHold(t, &CQL{}, f, []byte{4, 0, 0, 0, cqlOptions, 0, 0, 0, 0})
		if v != Close || len(reply) > 15+wordsLimit || int(binary.BigEndian.Uint16(reply[13:])) != len(reply)-15 {
			t.Errorf("%v, %d octets", v, len(reply))
		}
	}
}

func TestCQLIsReadByWireshark(t *testing.T) {
	t.Parallel()
	for _, c := range dbTalks(t, "cql") {
		var want string
		switch c.name {
		case "gocql-v3":
			want = "0x83|0|1|4098|"
		case "gocql-v4":
			want = "0x84|0|1|4098|"
		case "startup-v4":
			want = "0x84|0|4660|4098|"
		default:
			continue // Wireshark knows versions 3 and 4 alone
		}
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := dbDissect(t, 9042, c.says, c.hears, "cql.version", "cql.opcode", "cql.stream", "cql.error_code", "cql.string")
			if got != want+said {
				t.Errorf("want %s, got %s", want+said, got)
			}
		})
	}
}

func FuzzCQL(f *testing.F) {
	dbFuzz(f, "cql", func(int) int { return 600 }, &CQL{})
}
