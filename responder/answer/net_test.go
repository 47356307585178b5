// SPDX-License-Identifier: Apache-2.0

package answer

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// netTalk is a conversation, or an exchange of datagrams, that is kept in a file: "# …" says what it is, "> …" what the
// client says, "< …" what it hears (both are strings of Go, on as many lines as they need), "= …" how it ends: with a verdict,
// and datagrams with "reply" or "unreachable".
type netTalk struct {
	name        string // of the file
	says, hears []byte
	end         string
}

// netTalks reads what was kept of a protocol.
func netTalks(t testing.TB, protocol string) []netTalk {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", protocol, "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no conversations of %s: %v", protocol, err)
	}
	var talks []netTalk
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		c := netTalk{name: strings.TrimSuffix(filepath.Base(file), ".txt")}
		for line := range strings.Lines(string(text)) {
			mark, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
			var said string
			if mark == ">" || mark == "<" {
				if said, err = strconv.Unquote(rest); err != nil {
					t.Fatalf("%s: %v: %s", file, err, rest)
				}
			}
			switch mark {
			case "#":
			case "=":
				c.end = rest
			case ">":
				c.says = append(c.says, said...)
			case "<":
				c.hears = append(c.hears, said...)
			default:
				t.Fatalf("%s: %q", file, line)
			}
		}
		talks = append(talks, c)
	}
	return talks
}

// netDatagram is true if what was kept is datagrams.
func (c *netTalk) netDatagram() bool { return c.end == "reply" || c.end == "unreachable" }

// netGolden holds what was kept of a protocol, streams cut anywhere; s and d return who answers in the file of that name.
func netGolden(t *testing.T, protocol string, s func(name string) Stream, d func(name string) Datagram) {
	t.Helper()
	for _, c := range netTalks(t, protocol) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var got []byte
			var end string
			if c.netDatagram() {
				reply, ok := netAsk(t, d(c.name), facts(), c.says)
				got, end = reply, map[bool]string{true: "reply", false: "unreachable"}[ok]
			} else {
				reply, v := dbCut(t, s(c.name), facts(), c.says)
				got, end = reply, v.String()
			}
			if diff := cmp.Diff(netQuoted(c.hears), netQuoted(got)); diff != "" || end != c.end {
				t.Errorf("want %v, got %v; reply (-want +got):\n%s", c.end, end, diff)
			}
		})
	}
}

// netQuoted is one string of Go for each line, as files have them.
func netQuoted(b []byte) string {
	var s strings.Builder
	for line := range bytes.Lines(b) {
		fmt.Fprintf(&s, "%+q\n", line)
	}
	return s.String()
}

// netAsk asks with one datagram. It fails if the answer is longer, or touches what it was not given.
func netAsk(t testing.TB, d Datagram, f *Facts, request []byte) ([]byte, bool) {
	t.Helper()
	given := bytes.Clone(request)
	before := []byte("before")
	out, ok := d.Answer(f, request, bytes.Clone(before))
	switch {
	case !bytes.Equal(request, given):
		t.Fatalf("the request was changed: %x to %x", given, request)
	case !ok:
		return nil, false
	case !bytes.HasPrefix(out, before):
		t.Fatalf("what was there before became %q", out)
	}
	reply := out[len(before):]
	if len(reply) == 0 || len(reply) > len(request) {
		t.Fatalf("%d octets for %d: %q for %q", len(reply), len(request), reply, request)
	}
	if again, ok := d.Answer(f, reply, nil); ok {
		t.Fatalf("the answer %q is answered: %q", reply, again)
	}
	return reply, true
}

// netTCP and netUDP let Wireshark read what the server of a port says, and return its fields; "|" is between them.
func netTCP(t *testing.T, port uint16, says, hears []byte, fields ...string) string {
	t.Helper()
	return dbDissect(t, port, says, hears, fields...)
}

func netUDP(t *testing.T, port uint16, says, hears []byte, fields ...string) string {
	t.Helper()
	tshark, err := exec.LookPath("tshark")
	if err != nil {
		if os.Getenv("REGENT_REQUIRE_NETWORK") != "" {
			t.Fatal("no tshark (make setup)")
		}
		t.Skip("no tshark (make setup)")
	}
	w := newCapture()
	w.udp(port, says, hears)
	file := filepath.Join(t.TempDir(), "datagrams.pcap")
	if err := os.WriteFile(file, w.b, 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"-r", file, "-Y", fmt.Sprintf("udp.srcport == %d", port), "-T", "fields", "-E", "separator=|", "-e", "_ws.malformed"}
	for _, f := range fields {
		args = append(args, "-e", f)
	}
	cmd := exec.CommandContext(t.Context(), tshark, args...)
	var trouble strings.Builder
	cmd.Stderr = &trouble
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, trouble.String())
	}
	bad, rest, _ := strings.Cut(strings.TrimRight(string(out), "\n"), "|")
	if bad != "" {
		t.Errorf("malformed: %s", bad)
	}
	return rest
}

// netFrugal asserts that answering takes no memory beyond what it appends to.
func netFrugal(t *testing.T, answer func(out []byte)) {
	t.Helper()
	out := make([]byte, 0, 4096)
	if n := testing.AllocsPerRun(100, func() { answer(out[:0]) }); n != 0 {
		t.Errorf("%v allocations for an answer", n)
	}
}
