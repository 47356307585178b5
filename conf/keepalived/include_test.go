// SPDX-License-Identifier: Apache-2.0

package keepalived

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

func TestInclude(t *testing.T) {
	t.Parallel()
	tree := func() fstest.MapFS {
		m := files("/inc/a.conf", "$FROM=a\ninclude sub/b.conf\nina ${_PWD}", "/inc/sub/b.conf", "inb ${_PWD}",
			"/inc/c.conf", "inc\n", "/etc/x.conf", "inx", "/inc/sub/d.txt", "ind", "/loop.conf", "l\ninclude loop.conf")
		m["inc/exec.conf"] = &fstest.MapFile{Data: []byte("exec"), Mode: 0o755}
		return m
	}
	for _, tt := range []struct {
		name string
		in   string
		want []string
		said []string
	}{
		{"relative to the including file", "include inc/a.conf\nafter ${_PWD} $FROM", []string{"inb /inc/sub", "ina /inc", "after / a"}, nil},
		{"absolute, with a comment and blanks", " include\t/etc/x.conf # x", []string{"inx"}, nil},
		{"a pattern, in order", "include inc/sub/*", []string{"inb /inc/sub", "ind"}, nil},
		{"braces", "include inc/{c,sub/{b,d}}.{conf,txt}", []string{"inc", "inb /inc/sub", "ind"}, []string{
			"1:9: warning: cannot include inc/c.txt: file does not exist",
			"1:9: warning: cannot include inc/sub/b.txt: file does not exist",
			"1:9: warning: cannot include inc/sub/d.conf: file does not exist"}},
		{"a file that is not there", "include no.conf\na", []string{"a"}, []string{"1:9: warning: cannot include no.conf: file does not exist"}},
		{"a pattern that matches nothing", "include no*.conf\na", []string{"a"}, nil},
		{"includer wants the file", "includer no.conf", nil, []string{"1:10: error: cannot include no.conf: file does not exist"}},
		{"includer lets a pattern match nothing", "includer no*", nil, nil},
		{"includem wants a match", "includem no*", nil, []string{`1:10: error: no file matches "no*"`}},
		{"includew wants a match for each wildcard", "includew {inc/c*,no*}", []string{"inc"}, []string{`1:10: error: no file matches "no*"`}},
		{"includeb wants each alternative", "includeb inc/{c,no}.conf", []string{"inc"}, []string{"1:10: error: cannot include inc/no.conf: file does not exist"}},
		{"includea wants all", "includea no*", nil, []string{`1:10: error: no file matches "no*"`}},
		{"another letter", "includez /etc/x.conf", []string{"inx"},
			[]string{`1:1: warning: unknown keyword "includez": it is taken for includer; the variants are includer, includem, includew, includeb and includea`}},
		{"include_check is another keyword", "include_check read\ninclude no.conf", []string{"include_check read"},
			[]string{"2:9: error: cannot include no.conf: file does not exist"}},
		{"include_check with a word that is none", "include_check raed", []string{"include_check raed"},
			[]string{`1:1: warning: include_check knows read, match, wildcard_match and brace_match, not "raed": did you mean "read"?`}},
		{"a directory", "include inc", nil, []string{"1:9: warning: cannot include inc: it is a directory; write inc/*.conf for the files in it"}},
		{"an executable file", "include inc/exec.conf", nil, []string{"1:9: warning: inc/exec.conf is not included: it is executable or not a regular file"}},
		{"names are not looked up", "$F=inc/c.conf\ninclude $F", nil, []string{"2:9: warning: cannot include $F: file does not exist"}},
		{"a condition", "@lb1 include inc/c.conf\n@lb2 include inc/c.conf", []string{"inc"}, nil},
		{"include alone is no include", "include\nincludes x", []string{"include"}, []string{`2:1: warning: unknown keyword "includes": it is taken for includer; the variants are includer, includem, includew, includeb and includea`,
			"2:10: error: cannot include x: file does not exist"}},
		{"braces that do not match", "include inc/{c.conf", nil, []string{`1:9: error: include pattern "inc/{c.conf": braces that do not match, or more than 256 alternatives`}},
		{"a bad pattern", "include inc/[", nil, []string{`1:9: error: include pattern "inc/[": syntax error in pattern`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := tree()
			m["k.conf"] = &fstest.MapFile{Data: []byte(tt.in), Mode: 0o644}
			got, said := lines(t, options(m))
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("lines (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.said, said); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

func TestIncludeAllIsTheFlagForAllChecks(t *testing.T) {
	t.Parallel()
	o := options(files("/k.conf", "include no.conf\ninclude no*"))
	o.IncludeAll = true
	_, said := lines(t, o)
	want := []string{"1:9: error: cannot include no.conf: file does not exist", `2:9: error: no file matches "no*"`}
	if diff := cmp.Diff(want, said); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

func TestAFileThatIncludesItselfEnds(t *testing.T) {
	t.Parallel()
	got, said := lines(t, options(files("/k.conf", "a\ninclude k.conf")))
	if len(got) != maxNesting || len(said) != 1 || !strings.Contains(said[0], "does one include itself?") {
		t.Errorf("%d lines, said %q", len(got), said)
	}
}

func TestAMainFileThatIsNotThere(t *testing.T) {
	t.Parallel()
	for name, fs := range map[string]fstest.MapFS{
		"missing":   {},
		"directory": {"k.conf/x": &fstest.MapFile{}},
	} {
		_, ps := Parse("/k.conf", options(fs))
		if len(ps) != 1 || ps.Err() == nil || ps.TestStatus() != 4 {
			t.Errorf("%s: %v, status %d", name, ps, ps.TestStatus())
		}
	}
}

func TestBraces(t *testing.T) {
	t.Parallel()
	for in, want := range map[string][]string{
		"a":                {"a"},
		"{foo/{,cat},bar}": {"foo/", "foo/cat", "bar"},
		"{a,b}{c,d}":       {"ac", "ad", "bc", "bd"},
		"x{}":              {"x"},
	} {
		if got, ok := braces(in); !ok || !slices.Equal(got, want) {
			t.Errorf("%s: %q %v, want %q", in, got, ok, want)
		}
	}
	for _, in := range []string{"{a", "a}", strings.Repeat("{a,b}", 20)} {
		if got, ok := braces(in); ok {
			t.Errorf("%s: %d alternatives, want none", in, len(got))
		}
	}
}
