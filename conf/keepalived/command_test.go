// SPDX-License-Identifier: Apache-2.0

package keepalived

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The words on the right are those that keepalived 2.2.7 shows for the lines on the left.
func TestCommands(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		in   string
		want []string
	}{
		{`/bin/ls a b`, []string{"/bin/ls"}},
		{`"/bin/ls a b"`, []string{"/bin/ls", "a", "b"}},
		{`"/bin/ls" "a"`, []string{"/bin/ls"}},
		{`'/bin/ls x "y z"'`, []string{"/bin/ls", "x", "y z"}},
		{`/bin/ls\ x`, []string{"/bin/ls", "x"}},
		{`"ls -l"`, []string{"ls", "-l"}},
		{`"/bin/ls 'a  b'c \$x \z \8 \x4g"`, []string{"/bin/ls", "a  bc", "$x", "z", "8", "\x04g"}},
		{`"/bin/ls \\x41 a\\ b '\\t' 'x\\'y' p'q r's \"\" ''"`, []string{"/bin/ls", "A", "a b", "\t", "x'y", "pq rs", "", ""}},
		{`"/bin/ls \101\x41\cAz 'a\tb' \"a\tb\" c\ d"`, []string{"/bin/ls", "AA\x01z", "a\tb", "a\tb", "c", "d"}},
		{`"/bin/ls a \"b c\" 'd e'"`, []string{"/bin/ls", "a", "b c", "d e"}},
		{`"/bin/ls \x1041 \1011"`, []string{"/bin/ls", "A", "A1"}},
		{`"/bin/ls \E\xg"`, []string{"/bin/ls", "\x1bxg"}},
	} {
		c, _ := Parse("/k.conf", options(files("/k.conf", "vrrp_script s {\nscript "+tt.in+"\n}")))
		if len(c.Scripts) != 1 {
			t.Errorf("%s: no script", tt.in)
			continue
		}
		if diff := cmp.Diff(tt.want, c.Scripts[0].Script.V.Args); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.in, diff)
		}
	}
}

func TestCommandsThatCannotBeTakenApart(t *testing.T) {
	t.Parallel()
	for in, want := range map[string][]string{
		`notify ""`:      {`100:8: warning: notify: cannot take the command apart: it is empty, or a quotation in it does not end; the line is ignored`},
		`notify "a 'b"`:  {`100:8: warning: notify: cannot take the command apart: it is empty, or a quotation in it does not end; the line is ignored`},
		`notify "a b`:    {`100:8: error: a quotation begins in this word and does not end in this line`},
		`notify a b c d`: {`100:14: warning: notify: unknown option "d"; it is ignored`},
	} {
		_, got := said(t, body("", in))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: said (-want +got):\n%s", in, diff)
		}
	}
}
