// SPDX-License-Identifier: Apache-2.0

package output

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestTailKeepsTheEnd(t *testing.T) {
	t.Parallel()
	var out Tail
	for i := range 10000 {
		fmt.Fprintf(&out, "line %d\n", i)
	}
	fmt.Fprint(&out, "\n \n")
	if n := len(out.Bytes()); n > limit {
		t.Errorf("%d bytes are kept", n)
	}
	if got := out.Last(300); got != "line 9999" {
		t.Errorf("last line %q", got)
	}
	if got := out.All(20); got != "line 9998 line 9999" {
		t.Errorf("all %q", got)
	}
	var none Tail
	if none.Last(10) != "" || none.All(10) != "" {
		t.Error("nothing was printed")
	}
}

func TestLinesAreFitForALog(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		" a\tb\x1b[1m\n": "a b [1m", "\xff": "?", "é\u0085\u2028é": "é  é", "abcdef": "abcdef",
	} {
		if got := Line(text, 100); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		s := Line(rapid.String().Draw(t, "text"), 10)
		if len(s) > 10 || !utf8.ValidString(s) || strings.ContainsAny(s, "\n\r\x00\x1b") {
			t.Fatalf("%q", s)
		}
	})
}
