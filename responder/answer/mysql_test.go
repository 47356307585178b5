// SPDX-License-Identifier: Apache-2.0

package answer

import (
	"strings"
	"testing"
)

func TestMySQLGreetsWithTheErrorOfAServerThatShutsDown(t *testing.T) {
	t.Parallel()
	dbGolden(t, "mysql", func(string) Stream { return &MySQL{} })
}

// The length of the packet is right whatever is said, and no driver's buffer of 512 octets is too short.
func TestMySQLPacketIsAsLongAsItSays(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		message string
		facts   *Facts
		want    string
	}{
		{"", facts(), said},
		{"", dbShort(), "the service is not available here"},
		{"a\x00b\n", facts(), "a b "},
		{strings.Repeat("x", 600), facts(), strings.Repeat("x", wordsLimit)},
	} {
		reply, v := dbHold(t, &MySQL{Message: c.message}, c.facts)
		if n := len(reply) - 4; v != Close || n < 9 || n > 512 || reply[3] != 0 || n != int(reply[0])|int(reply[1])<<8|int(reply[2])<<16 {
			t.Errorf("%q: %v, %x", c.message, v, reply)
		} else if got := string(reply[4:]); got != "\xff\x1d\x04#08S01"+c.want {
			t.Errorf("want %q, got %q", c.want, got)
		}
	}
}

func TestMySQLIsReadByWireshark(t *testing.T) {
	t.Parallel()
	reply, _ := dbHold(t, &MySQL{Message: "orders is being moved"}, facts())
	got := dbDissect(t, 3306, nil, reply, "mysql.packet_length", "mysql.packet_number", "mysql.error_code", "mysql.sqlstate", "mysql.error.message")
	if want := "30|0|1053|08S01|orders is being moved"; got != want {
		t.Errorf("want %s, got %s", want, got)
	}
}

func FuzzMySQL(f *testing.F) {
	dbFuzz(f, "mysql", func(int) int { return 600 }, &MySQL{}, &MySQL{Message: "\x00é"})
}
