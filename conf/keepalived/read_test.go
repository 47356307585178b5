// SPDX-License-Identifier: Apache-2.0

package keepalived

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

// files makes a file system of names and contents.
func files(pairs ...string) fstest.MapFS {
	m := fstest.MapFS{}
	for i := 0; i+1 < len(pairs); i += 2 {
		m[strings.TrimPrefix(pairs[i], "/")] = &fstest.MapFile{Data: []byte(pairs[i+1]), Mode: 0o644}
	}
	return m
}

// options are those of a machine called lb1.
func options(fs fstest.MapFS) Options {
	return Options{Files: fs, ConfigID: "lb1", Host: "lb1", Env: func(name string) (string, bool) {
		return "/root", name == "HOME"
	}}
}

// lines returns what the reader makes of a file, words separated by one blank and quoted where they must be, and what it
// has to say.
func lines(t *testing.T, o Options) (out, said []string) {
	t.Helper()
	l := &log{}
	r := newReader(o, l, budget{files: maxFiles, lines: maxLines, text: maxText}, func(x text) {
		var b strings.Builder
		for _, p := range l.pieces(x) {
			if p.brace != 0 {
				fmt.Fprintf(&b, " %c", p.brace)
			}
			for _, w := range p.words {
				if w.Text == "" || strings.ContainsAny(w.Text, " {}") {
					fmt.Fprintf(&b, " %q", w.Text)
				} else {
					b.WriteString(" " + w.Text)
				}
			}
		}
		out = append(out, strings.TrimPrefix(b.String(), " "))
	})
	r.read("/k.conf", "/k.conf", Place{File: "/k.conf", Line: 1, Column: 1})
	for _, p := range l.found.Sorted(l.files) {
		said = append(said, strings.TrimPrefix(p.String(), "/k.conf:"))
	}
	return out, said
}

// What keepalived 2.2.7 makes of each of these was seen in its dumps, but for what has come later.
func TestLanguage(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		in   string
		want []string
		said []string
	}{
		{"comments", "# all\n ! all\na # b\nc!d\n\"e # f\" g\n", []string{"a", "c", `"e # f" g`}, nil},
		{"an escaped comment sign", `a\#b c\!d`, []string{"a#b c!d"}, nil},
		{"a quotation ends a word and begins one", `e"f"g "a b"c "" x`, []string{`e f g "a b" c "" x`}, nil},
		{"single quotes and backslashes are ordinary", `'s t' w\ x y\\z`, []string{`'s t' w\ x y\\z`}, nil},
		{"an open quotation", `a "b c`, []string{`a "b c"`}, []string{"1:3: warning: a quotation begins here and does not end in this line: what it holds is not read"}},
		{"braces part words", "a{b}c {d }e", []string{"a { b } c { d } e"}, nil},
		{"blank lines and carriage returns", "a\r\n\r\n\tb\v c\r\n", []string{"a", "b c"}, nil},
		{"a byte order mark", "\xef\xbb\xbfa", []string{"a"}, nil},
		{"no continuation outside of definitions", "a\\\nb", []string{`a\`, "b"}, nil},
		{"a NUL", "a b\x00 c\nd", []string{"a b", "d"}, []string{"1:1: warning: the line ends at a NUL byte"}},

		{"a name before a blank, comma, parenthesis or end", "$N=3\n$N $N, $N) $N", []string{"3 3, 3) 3"}, nil},
		{"a name before anything else", "$N=3\n$N.5 -$N- $N$N x$N", []string{"$N.5 -$N- $N3 x3"}, nil},
		{"a name in braces", "$N=3\n${N}x${N}.5", []string{"3x3.5"}, nil},
		{"a name in a quotation", "$N=3\n\"a ${N}\"", []string{`"a 3"`}, nil},
		{"an empty value", "$E=\na${E}b $E", []string{"ab"}, nil},
		{"a value of several words", "$T=one \"two three\" # four\n$T x", []string{`one "two three" x`}, nil},
		{"blanks around a value", "$S=  a  \nx${S}y", []string{"xay"}, nil},
		{"values are looked up when used", "$A=1\n$B=$A\n$A=2\n$B", []string{"2"}, nil},
		{"a value defined later", "$L=${U}z\n$U=now\n$L", []string{"nowz"}, nil},
		{"values in values", "$A=10.2.${B}\n$B=0\n${A}.1\n$B=10\n${A}.1", []string{"10.2.0.1", "10.2.10.1"}, nil},
		{"an undefined name is left", "$U ${U}x", []string{`$U "${U}x"`}, []string{"1:4: error: ${U} is not defined: keepalived takes its braces for those of a block, and loses what follows"}},
		{"a blank before = defines nothing", "$ B=3\n$B =3\n$2X=5", []string{"$ B=3", "$B =3", "$2X=5"}, nil},
		{"a value that uses itself", "$A=x$A\n$A", nil, []string{"2:1: error: $A makes a line of more than 1000 names or 64 KiB: does it use itself?"}},

		{"several lines", "$M=\\\n a \\\n b c\\\nd\n$M\nx", []string{"a", "b c", "d", "x"}, nil},
		{"several lines, the first after the =", "$M= a \\\n b\n$M", []string{"a", "b"}, nil},
		{"an empty line ends them", "$M=\\\na \\\n\nb\\\n$M", []string{`b\`, "a"}, nil},
		{"a comment before the backslash", "$M=\\\na # x \\\nb\n$M", []string{"a", "b"}, nil},
		{"several lines stand at the end only", "$M=\\\na\\\nb\npre $M\npre $M post", []string{"pre a", "b", "pre $M post"},
			[]string{"5:5: warning: $M has several lines: nothing may follow it, so it stays as it is"}},
		{"definitions in them", "$M=\\\n$N=1\\\n x$N\\\n$N=2\\\n x$N \n$M", []string{"x1", "x2"}, nil},
		{"conditions in them", "$M=\\\n@lb1 a\\\n@lb2 b\n$M", []string{"a"}, nil},
		{"they nest", "$I=\\\n i$N \\\n j\n$O=\\\n$N=1\\\n $I\\\n$N=2\\\n $I\n$O", []string{"i1", "j", "i2", "j"}, nil},
		{"they may not use themselves", "$O=\\\na\\\n$O\n$O", slicesRepeat("a", 64),
			[]string{"2:1: error: definitions within definitions, more than 64 deep: does one use itself? (in $O, used at /k.conf:4:1)"}},
		{"blocks in them", "$I=\\\nvrrp_instance V$N { \\\n x ${N} \\\n}\n$N=1\n$I\n$N=2\n$I", []string{"vrrp_instance V1 {", "x 1", "}", "vrrp_instance V2 {", "x 2", "}"}, nil},

		{"predefined", "${_PWD} $_PWD ${_INSTANCE} \"${_HASH}\" ${_BANG} ${_ENV HOME}", []string{"/ / lb1 # ! /root"}, nil},
		{"an unknown variable", "a ${_ENV NO} b", []string{"a b"}, []string{"1:3: warning: ${_ENV NO}: there is no such variable in the environment; it stands for nothing"}},
		{"a random number of one", "${_RANDOM 5 5}", []string{"5"}, nil},
		{"bounds the wrong way", "${_RANDOM 5 4}", []string{"5"}, []string{"1:1: warning: ${_RANDOM 5 4}: MAX is less than MIN"}},
		{"a bad bound", "a ${_RANDOM x}", nil, []string{"1:3: warning: ${_RANDOM} wants up to two numbers, MIN and MAX, each from 0 to 2147483647"}},

		{"conditions", "@lb1 a\n@lb2 b\n@^lb1 c\n@^lb2 d\n  @lb1 e\n@ f\n@^ g\n@lb1", []string{"a", "d", "e", "g"}, nil},
		{"two conditions", "@lb1 @^lb2 a\n@lb1 @lb2 b", []string{"a"}, nil},
		{"a condition on a definition", "@lb1 $P=1\n@lb2 $P=2\n$P", []string{"1"}, nil},
		{"a condition in a definition", "$C=@lb1\n$D=@lb2\n$C a\n$D b", []string{"a"}, nil},
		{"a name is not looked up in a condition", "$N=1\n@lb$N a", nil, nil},
		{"a condition drops all lines of a definition", "@lb2 $M=\\\na\\\nb\nc", []string{"c"}, nil},

		{"a sequence", "~SEQ(i,1,3) a$i", []string{"a1", "a2", "a3"}, nil},
		{"a sequence from 1", "~SEQ(i,2) a$i", []string{"a1", "a2"}, nil},
		{"a sequence from -1", "~SEQ(i,-2) a$i", []string{"a-1", "a-2"}, nil},
		{"a sequence downwards", "~SEQ(i,2,1) a$i", []string{"a2", "a1"}, nil},
		{"a sequence with steps", "~SEQ(i,5,-2,1) a$i", []string{"a5", "a3", "a1"}, nil},
		{"a sequence with blanks, without one after", " ~SEQ( i , 1, 2 )a${i}", []string{"a1", "a2"}, nil},
		{"a hexadecimal sequence", "~SEQx(i,9,11) a$i\n~SEQx(i, 0x90, 0x10, 0xb0) b$i", []string{"a9", "aa", "ab", "b90", "ba0", "bb0"}, nil},
		{"sequences within sequences", "~SEQ(i,1,2) ~SEQ(j,1,${i}) v$i$j", []string{"v$i1", "v$i1", "v$i2"}, nil},
		{"the first is the outermost", "~SEQ(i,1,2) ~LST(v,a,b) n${i}$v", []string{"n1a", "n1b", "n2a", "n2b"}, nil},
		{"a sequence to a value", "$N=2\n~SEQ(i,1,$N) a$i", []string{"a1", "a2"}, nil},
		{"a sequence stands first", "a ~SEQ(k,1,2) $k", []string{"a ~SEQ(k,1,2) $k"}, nil},
		{"a sequence of definitions", "$M=\\\na$i\\\nb\n~SEQ(i,1,2) $M", []string{"a1", "b", "a2", "b"}, nil},
		{"the name is what it was after it", "$i=x\n~SEQ(i,1,1) a$i\n$i", []string{"a1", "x"}, nil},
		{"a sequence that cannot end", "~SEQ(m,1,0,2)a\n~SEQ(m,1,-1,2)a\n~SEQ(i,x,1) a", nil, []string{
			"1:1: warning: cannot read ~SEQ(m,1,0,2): want ~SEQ(name, [start, [step,]] end) with an end that can be reached; the line is ignored",
			"2:1: warning: cannot read ~SEQ(m,1,-1,2): want ~SEQ(name, [start, [step,]] end) with an end that can be reached; the line is ignored",
			"3:1: warning: cannot read ~SEQ(i,x,1): want ~SEQ(name, [start, [step,]] end) with an end that can be reached; the line is ignored"}},
		{"a sequence without its end", "~SEQ(i,1,2 a", nil, []string{"1:1: warning: ~SEQ without a closing parenthesis: the line is ignored"}},
		{"a list", "~LST(v,a, b ,c) x$v", []string{"xa", "xb", "xc"}, nil},
		{"a list with values of names", "$N=3\n~LST(v,$N,4) x$v", []string{"x3", "x4"}, nil},
		{"lists of two", "~LST({v,  w}, {a,b},{c,d}) ${v}-$w", []string{"a-b", "c-d"}, nil},
		{"lists with less", "~LST({a,b},{x,y},{z}) .${a}.${b}.", []string{".x.y.", ".z.."}, nil},
		{"lists with more", "~LST({a,b},{x,y,z}) $a", nil, []string{
			"1:1: warning: cannot read ~LST({a,b},{x,y,z}): want ~LST(name, a, b, …) or ~LST({name, name}, {a, b}, …); the line is ignored"}},

		{"commands are quoted like the shell's", `script 'a b' "c 'd' \" e" f\ g "x # y"`, []string{`script "a b" "c 'd' \" e" "f g" "x # y"`}, nil},
		{"braces in a command's quotes", `script "a { b" '}' }`, []string{`script "a { b" "}" }`}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, said := lines(t, options(files("/k.conf", tt.in)))
			if tt.name == "a bad bound" {
				got = nil // it is random
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("lines (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.said, said); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

func slicesRepeat(s string, n int) []string {
	return strings.Split(strings.TrimSuffix(strings.Repeat(s+"\n", n), "\n"), "\n")
}

func TestALineThatIsTooLongIsIgnored(t *testing.T) {
	t.Parallel()
	for n, want := range map[int][]string{1023: {strings.Repeat("a", 1023), "b"}, 1024: {"b"}} {
		got, said := lines(t, options(files("/k.conf", strings.Repeat("a", n)+"\nb")))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%d bytes (-want +got):\n%s", n, diff)
		}
		if (len(said) == 1) != (n > 1023) {
			t.Errorf("%d bytes: said %q", n, said)
		}
	}
}

func TestRandomNumbersRepeatWithTheirSeed(t *testing.T) {
	t.Parallel()
	in := "random_seed 7\n${_RANDOM} ${_RANDOM} ${_RANDOM 10} ${_RANDOM 3 4}\nrandom_seed 7\n${_RANDOM} ${_RANDOM} ${_RANDOM 10} ${_RANDOM 3 4}\n${_RANDOM}"
	o := options(files("/k.conf", in))
	one, _ := lines(t, o)
	o.Seed = 99
	two, _ := lines(t, o)
	if diff := cmp.Diff(one, two); diff != "" {
		t.Errorf("another seed of the process changes what follows random_seed:\n%s", diff)
	}
	if one[1] != one[3] || one[1] == one[4] {
		t.Errorf("lines after the same seed differ, or numbers stand still: %q", one)
	}
	for range 200 {
		o.Seed++
		o.Files = files("/k.conf", "${_RANDOM 3 4} ${_RANDOM 32767}")
		got, _ := lines(t, o)
		if got[0] != "3 32767" && got[0] != "4 32767" {
			t.Fatalf("out of bounds: %q", got)
		}
	}
}
