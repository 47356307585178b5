// SPDX-License-Identifier: Apache-2.0

package answer

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// pgReady is a start-up.
func pgReady(t testing.TB) []byte {
	t.Helper()
	for _, c := range dbTalks(t, "postgresql") {
		if c.name == "lib-pq" {
			return c.says
		}
	}
	t.Fatal("no start-up")
	return nil
}

// pgFields reads an ErrorResponse as its receiver does.
func pgFields(t testing.TB, b []byte) map[byte]string {
	t.Helper()
	if len(b) < 6 || b[0] != 'E' || int(binary.BigEndian.Uint32(b[1:])) != len(b)-1 {
		t.Fatalf("no ErrorResponse: %q", b)
	}
	fields := map[byte]string{}
	rest := string(b[5:])
	for rest != "\x00" {
		value, more, ok := strings.Cut(rest[1:], "\x00")
		if !ok {
			t.Fatalf("a field does not end: %q", rest)
		}
		fields[rest[0]], rest = value, more
	}
	return fields
}

func TestPostgreSQLRefusesAsAServerThatCannotConnectNow(t *testing.T) {
	t.Parallel()
	dbGolden(t, "postgresql", func(string) Stream { return &PostgreSQL{} })
}

func TestPostgreSQLMessageStaysInItsField(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, message string
		facts         *Facts
		want          string
	}{
		{"facts", "", facts(), said},
		{"nothing known", "", dbShort(), "the service is not available here"},
		{"words of the owner", "back at noon", facts(), "back at noon"},
		{"control characters", "a\x00C42501\x00\r\nb", facts(), "a C42501   b"},
		{"too long", strings.Repeat("é", 400), facts(), strings.Repeat("é", wordsLimit/2)},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			reply, v := dbHold(t, &PostgreSQL{Message: c.message}, c.facts, pgReady(t))
			want := map[byte]string{'S': "FATAL", 'V': "FATAL", 'C': "57P03", 'M': c.want}
			if d := cmp.Diff(want, pgFields(t, reply)); d != "" || v != Close {
				t.Errorf("%v, fields (-want +got):\n%s", v, d)
			}
		})
	}
	reply, _ := dbHold(t, &PostgreSQL{}, dbLong(), pgReady(t))
	if got := pgFields(t, reply)['M']; len(got) != wordsLimit {
		t.Errorf("%d octets are said to people", len(got))
	}
}

// A client that cancels and says more than its request is not heard further.
func TestPostgreSQLCancelIsNotAnswered(t *testing.T) {
	t.Parallel()
	for _, length := range []uint32{8, 12, 15, 16, 268, 269} {
		b := binary.BigEndian.AppendUint32(nil, length)
		b = binary.BigEndian.AppendUint32(b, pgCancel)
		b = append(b, make([]byte, 300)...)
		want := Reset
		if length == 16 || length == 268 {
			want = Close
		}
		if reply, v := dbCut(t, &PostgreSQL{}, facts(), b); len(reply) > 0 || v != want {
			t.Errorf("length %d: %q, %v", length, reply, v)
		}
	}
}

func TestPostgreSQLIsReadByWireshark(t *testing.T) {
	t.Parallel()
	for _, c := range dbTalks(t, "postgresql") {
		if !strings.HasPrefix(c.name, "startup") && c.name != "lib-pq" {
			continue // a capture of ours has one segment each way
		}
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := dbDissect(t, 5432, c.says, c.hears, "pgsql.type", "pgsql.severity", "pgsql.code", "pgsql.message")
			if want := "Error|FATAL|57P03|" + said; got != want {
				t.Errorf("want %s, got %s", want, got)
			}
		})
	}
}

func FuzzPostgreSQL(f *testing.F) {
	dbFuzz(f, "postgresql", func(says int) int { return 600 + says/8 }, &PostgreSQL{}, &PostgreSQL{Message: "\x00é"})
}
