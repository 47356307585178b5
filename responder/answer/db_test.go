// SPDX-License-Identifier: Apache-2.0

package answer

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// dbTalk is a conversation kept in a file: "# …" says what it is, "> …" what the client says, "< …" what it hears (both in
// hexadecimal, over as many lines as they need), "= …" how it ends.
type dbTalk struct {
	name        string // of the file
	says, hears []byte
	end         string
}

// dbTalks reads all conversations of a protocol.
func dbTalks(t testing.TB, protocol string) []dbTalk {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", protocol, "*.hex"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no conversations of %s: %v", protocol, err)
	}
	var talks []dbTalk
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		c := dbTalk{name: strings.TrimSuffix(filepath.Base(file), ".hex")}
		for line := range strings.Lines(string(text)) {
			mark, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
			octets, err := hex.DecodeString(rest)
			switch {
			case mark == "#":
				continue
			case mark == "=":
				c.end = rest
				continue
			case err != nil:
				t.Fatalf("%s: %v", file, err)
			case mark == ">":
				c.says = append(c.says, octets...)
			case mark == "<":
				c.hears = append(c.hears, octets...)
			default:
				t.Fatalf("%s: %q", file, line)
			}
		}
		talks = append(talks, c)
	}
	return talks
}

// dbHold lets a client say its pieces one after the other, and returns what it hears, as the speaker does. It fails if the
// answer touches what it was not given, or does not come to an end.
func dbHold(t testing.TB, s Stream, f *Facts, pieces ...[]byte) (reply []byte, v Verdict) {
	t.Helper()
	var heard []byte
	for i := -1; i < len(pieces); i++ {
		if i >= 0 {
			if len(pieces[i]) == 0 {
				continue // nobody is called without news, but on connecting
			}
			heard = append(heard, pieces[i]...)
		}
		for {
			before, given := bytes.Clone(reply), bytes.Clone(heard)
			out, used, verdict := s.Hear(f, heard, reply)
			switch {
			case used < 0 || used > len(heard):
				t.Fatalf("%d of %d octets used", used, len(heard))
			case !bytes.HasPrefix(out, before):
				t.Fatalf("%x was said already, it became %x", before, out)
			case !bytes.Equal(heard, given):
				t.Fatalf("what was heard was changed: %x to %x", given, heard)
			case verdict > Reset:
				t.Fatalf("verdict %v", verdict)
			case verdict == Wait && used == 0 && len(heard) > 0 && len(out) > len(before):
				t.Fatalf("%q was said to %x, which is heard again", out[len(before):], heard)
			}
			reply, v = out, verdict
			if v != Wait {
				return reply, v
			}
			heard = heard[used:]
			if used == 0 || len(heard) == 0 {
				break
			}
		}
	}
	return reply, v
}

// dbCut holds a conversation whole, cut at every octet, and octet by octet: it must come out the same.
func dbCut(t testing.TB, s Stream, f *Facts, says []byte) ([]byte, Verdict) {
	t.Helper()
	want, end := dbHold(t, s, f, says)
	for at := 1; at < len(says); at++ {
		if got, v := dbHold(t, s, f, says[:at], says[at:]); !bytes.Equal(got, want) || v != end {
			t.Errorf("cut at %d: %q, %v; whole: %q, %v", at, got, v, want, end)
		}
	}
	if got, v := dbHold(t, s, f, slices.Collect(slices.Chunk(says, 1))...); !bytes.Equal(got, want) || v != end {
		t.Errorf("octet by octet: %q, %v; whole: %q, %v", got, v, want, end)
	}
	return want, end
}

// dbGolden holds the conversations of a protocol; stream returns who answers in the one of that name.
func dbGolden(t *testing.T, protocol string, stream func(name string) Stream) {
	t.Helper()
	for _, c := range dbTalks(t, protocol) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, end := dbCut(t, stream(c.name), facts(), c.says)
			if d := cmp.Diff(hex.Dump(c.hears), hex.Dump(got)); d != "" || end.String() != c.end {
				t.Errorf("want %v, got %v; reply (-want +got):\n%s", c.end, end, d)
			}
		})
	}
}

// dbFuzz gives anything to an answer, cut anywhere: it says the same as to the whole, and no more than room.
func dbFuzz(f *testing.F, protocol string, room func(says int) int, streams ...Stream) {
	f.Helper()
	for _, c := range dbTalks(f, protocol) {
		f.Add(c.says, uint16(1), uint16(8))
		f.Add(append(bytes.Clone(c.says), c.says...), uint16(len(c.says)), uint16(3))
	}
	f.Fuzz(func(t *testing.T, says []byte, a, b uint16) {
		first := min(int(a), len(says))
		second := first + min(int(b), len(says)-first)
		for _, s := range streams {
			whole, end := dbHold(t, s, facts(), says)
			if len(whole) > room(len(says)) {
				t.Errorf("%d octets for %d", len(whole), len(says))
			}
			if got, v := dbHold(t, s, facts(), says[:first], says[first:second], says[second:]); !bytes.Equal(got, whole) || v != end {
				t.Errorf("cut at %d and %d: %q, %v; whole: %q, %v", first, second, got, v, whole, end)
			}
		}
	})
}

// dbDissect lets Wireshark read a conversation, and returns the fields of what the server says; "|" is between them. It fails
// if any packet of the server is malformed.
func dbDissect(t *testing.T, port uint16, says, hears []byte, fields ...string) string {
	t.Helper()
	tshark, err := exec.LookPath("tshark")
	if err != nil {
		if os.Getenv("REGENT_REQUIRE_NETWORK") != "" {
			t.Fatal("no tshark (make setup)")
		}
		t.Skip("no tshark (make setup)")
	}
	w := newCapture()
	w.tcp(port, says, hears)
	file := filepath.Join(t.TempDir(), "talk.pcap")
	if err := os.WriteFile(file, w.b, 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) string {
		var trouble strings.Builder
		cmd := exec.CommandContext(t.Context(), tshark, append([]string{"-r", file}, args...)...)
		cmd.Stderr = &trouble
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v: %s", err, trouble.String())
		}
		return strings.TrimSpace(string(out))
	}
	said := fmt.Sprintf("tcp.srcport == %d and ", port)
	if bad := run("-Y", said+"_ws.malformed"); bad != "" {
		t.Errorf("malformed: %s", bad)
	}
	args := []string{"-Y", said + "tcp.len > 0", "-T", "fields", "-E", "separator=|"}
	for _, f := range fields {
		args = append(args, "-e", f)
	}
	return run(args...)
}

// dbLong are facts longer than anything that a configuration has.
func dbLong() *Facts {
	f := facts()
	f.Service, f.Reason, f.Next = strings.Repeat("é", 5000), strings.Repeat("r", 5000), strings.Repeat("n", 70000)
	f.RetryAfter = 1<<63 - 1
	return f
}

// dbShort are facts that nobody knows.
func dbShort() *Facts { return &Facts{Now: time.Unix(0, 0)} }
