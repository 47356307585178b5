// SPDX-License-Identifier: Apache-2.0

package answer

import (
	"bytes"
	"strings"
	"testing"
	"text/template"
	"time"

	"pgregory.net/rapid"
)

func TestLiteralTakesTheStepThatFits(t *testing.T) {
	t.Parallel()
	match := func(match string, offset int, send string, more bool) Step {
		return Step{Match: []byte(match), Offset: offset, Send: []byte(send), Continue: more}
	}
	say := func(send string, more bool) Step { return Step{Send: []byte(send), Continue: more} }
	mail := []Step{say("220 hi\n", true), match("QUIT", 0, "221 bye\n", false), match("NOOP\n", 0, "250 ok\n", true), say("421 away\n", false)}
	for _, c := range []struct {
		name             string
		steps            []Step
		onRequest, reset bool
		says, want       string
		end              Verdict
	}{
		{"greeting alone", []Step{say("away\n", false)}, false, false, "", "away\n", Close},
		{"greeting, then reset", []Step{say("away\n", false)}, false, true, "", "away\n", Reset},
		{"greeting is no answer to what comes then", []Step{say("hi\n", true)}, false, false, "x", "hi\n", Reset},
		{"greeting, nothing said", mail, false, false, "", "220 hi\n", Wait},
		{"greeting, a step", mail, false, false, "QUIT\n", "220 hi\n221 bye\n", Close},
		{"greeting, two steps at once", mail, false, false, "NOOP\nQUIT\n", "220 hi\n250 ok\n221 bye\n", Close},
		{"greeting, none fits", mail, false, false, "HELO\n", "220 hi\n421 away\n", Close},
		{"greeting, a step cut short", mail, false, false, "QUI", "220 hi\n", Wait},
		{"the greeting is the first without match", []Step{match("a", 0, "A", false), say("hi", true), say("none", false)}, false, false, "b", "hinone", Close},
		{"nothing to greet with", []Step{match("a", 0, "A", false)}, false, false, "a", "A", Close},
		{"on request, nothing is said at once", []Step{say("away\n", false)}, true, false, "", "", Wait},
		{"on request", []Step{say("away\n", false)}, true, false, "x", "away\n", Close},
		{"the order decides", []Step{match("ab", 0, "1", false), match("a", 0, "2", false)}, true, false, "abc", "1", Close},
		{"a later one, since the first cannot come", []Step{match("ab", 0, "1", false), match("a", 0, "2", false)}, true, false, "ac", "2", Close},
		{"the last without match, wherever it stands", []Step{say("no", false), match("a", 0, "A", false)}, true, false, "a", "A", Close},
		{"the last of two without match", []Step{say("1", false), say("2", false)}, true, false, "x", "2", Close},
		{"at an offset", []Step{match("\x04\xd2\x16\x2f", 4, "N", true), say("E", false)}, true, false, "\x00\x00\x00\x08\x04\xd2\x16\x2f\x00\x00\x00\x09\x00\x03\x00\x00\x00", "NE", Close},
		{"none fits, nothing to say", []Step{match("a", 0, "A", false)}, true, false, "b", "", Reset},
		{"an empty match is none", []Step{match("", 9, "A", false)}, true, false, "b", "A", Close},
		{"a word that is empty", []Step{match("a", 0, "", true), say("E", false)}, true, false, "aab", "E", Close},
		{"no steps", nil, false, false, "b", "", Reset},
		{"no steps, nothing said", nil, true, false, "", "", Wait},
		{"reset only at the end", []Step{match("a", 0, "A", true), say("E", false)}, true, true, "ab", "AE", Reset},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			reply, v := dbCut(t, literalOf(t, c.onRequest, c.reset, c.steps...), facts(), []byte(c.says))
			if string(reply) != c.want || v != c.end {
				t.Errorf("want %q, %v; got %q, %v", c.want, c.end, reply, v)
			}
		})
	}
	if reply, v := dbHold(t, &Literal{}, facts(), []byte("x")); len(reply) > 0 || v != Reset {
		t.Errorf("one that nobody made: %q, %v", reply, v)
	}
}

// A step without Match that hears on answers once to each piece, as a person would.
func TestLiteralAnswersEachPiece(t *testing.T) {
	t.Parallel()
	l := literalOf(t, true, false, Step{Match: []byte("bye"), Send: []byte("bye")}, Step{Send: []byte("?"), Continue: true})
	reply, v := dbHold(t, l, facts(), []byte("one"), []byte("two"), []byte("by"), []byte("e"))
	if string(reply) != "??bye" || v != Close {
		t.Errorf("%q, %v", reply, v)
	}
}

func TestLiteralStepsThatCannotBeSaidAreErrors(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", literalSendMax+1)
	for _, c := range []struct {
		name string
		step Step
		want string
	}{
		{"an offset before the beginning", Step{Match: []byte("a"), Offset: -1}, "offset"},
		{"an offset that is never reached", Step{Match: []byte("a"), Offset: literalHearMax}, "offset"},
		{"an offset beyond numbers", Step{Match: []byte("a"), Offset: 1<<63 - 1}, "offset"},
		{"a match that is never reached", Step{Match: bytes.Repeat([]byte("a"), literalHearMax+1)}, "offset"},
		{"too much to say", Step{Send: []byte(long)}, "want 4096 at most"},
		{"a template cut short", Step{Send: []byte("{{.Next"), Template: true}, "template"},
		{"a fact that there is not", Step{Send: []byte("{{.Password}}"), Template: true}, "want one of .Service"},
		{"all facts", Step{Send: []byte("{{.}}"), Template: true}, "want one of"},
		{"part of a fact", Step{Send: []byte("{{.Local.Addr}}"), Template: true}, "want one of"},
		{"a fact with an argument", Step{Send: []byte("{{.Next 1}}"), Template: true}, "want one of"},
		{"a function", Step{Send: []byte(`{{printf "%999999d" 1}}`), Template: true}, "template"},
		{"a pipe", Step{Send: []byte(`{{.Next | html}}`), Template: true}, "template"},
		{"a loop", Step{Send: []byte("{{range 1000000000000}}{{end}}"), Template: true}, "template"},
		{"a variable", Step{Send: []byte("{{$a := .Next}}"), Template: true}, "template"},
		{"a variable in a condition", Step{Send: []byte("{{if $a := .Next}}x{{end}}"), Template: true}, "template"},
		{"a constant", Step{Send: []byte(`{{"a"}}`), Template: true}, "template"},
		{"another dot", Step{Send: []byte("{{with .Next}}x{{end}}"), Template: true}, "template"},
		{"a definition", Step{Send: []byte(`{{define "a"}}x{{end}}y`), Template: true}, "template"},
		{"a call", Step{Send: []byte(`{{template "answer"}}`), Template: true}, "template"},
		{"deep in a condition", Step{Send: []byte("{{if .Next}}{{else if .Reason}}{{.X}}{{end}}"), Template: true}, "want one of"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := NewLiteral([]Step{{Send: []byte("fine")}, c.step}, false, false)
			if err == nil || !strings.HasPrefix(err.Error(), "step 2: ") || !strings.Contains(err.Error(), c.want) {
				t.Errorf("want an error about step 2 and %q, got %v", c.want, err)
			}
		})
	}
}

// A template never says more than a step may, whatever the facts are: it says nothing then.
func TestLiteralTemplateIsBounded(t *testing.T) {
	t.Parallel()
	l := literalOf(t, false, false, Step{Send: []byte(strings.Repeat("{{.Reason}}", 9)), Template: true, Continue: true})
	f := dbLong()
	reply, _, v := l.Hear(f, nil, []byte("before"))
	if string(reply) != "before" || v != Reset {
		t.Errorf("%d octets, %v", len(reply), v)
	}
	f.Reason = strings.Repeat("r", literalSendMax/9)
	if reply, _, v = l.Hear(f, nil, nil); len(reply) != literalSendMax/9*9 || v != Wait {
		t.Errorf("%d octets, %v", len(reply), v)
	}
}

// Facts do not break the line that they are said in.
func TestLiteralFactsStayInTheirLine(t *testing.T) {
	t.Parallel()
	f := facts()
	f.Service, f.Reason, f.Next, f.RetryAfter = "a\r\nb", "c\x00d", "e\x7ff", 1500*time.Millisecond
	l := literalOf(t, false, false, Step{Send: []byte("{{.Service}}|{{.Reason}}|{{.Next}}|{{.RetryAfter}}\r\n"), Template: true})
	if reply, _ := dbHold(t, l, f); string(reply) != "a  b|c d|e f|2\r\n" {
		t.Errorf("%q", reply)
	}
}

// literalWords are what templates have in these tests.
type literalWords struct{ Service, Local, Remote, Next, Reason, RetryAfter string }

// Templates mean what package text/template says that they do.
func TestLiteralTemplatesAreThoseOfTheLibrary(t *testing.T) {
	t.Parallel()
	var part func(r *rapid.T, depth int) string
	list := func(r *rapid.T, depth int) string {
		var b strings.Builder
		for range rapid.IntRange(0, 4).Draw(r, "parts") {
			b.WriteString(part(r, depth))
		}
		return b.String()
	}
	fact := rapid.SampledFrom([]string{".Service", ".Local", ".Remote", ".Next", ".Reason", ".RetryAfter"})
	open, closing := rapid.SampledFrom([]string{"{{", "{{- "}), rapid.SampledFrom([]string{"}}", " -}}"})
	action := func(r *rapid.T, what string) string { return open.Draw(r, "open") + what + closing.Draw(r, "close") }
	part = func(r *rapid.T, depth int) string {
		kind := rapid.IntRange(0, 4).Draw(r, "kind")
		switch {
		case kind == 0:
			return rapid.SampledFrom([]string{" ", "a\r\n", "\x00", "é } { ", "\n\t"}).Draw(r, "text")
		case kind == 1:
			return open.Draw(r, "open") + "/* what for */" + closing.Draw(r, "close")
		case kind == 2 || depth == 0:
			return action(r, fact.Draw(r, "fact"))
		}
		text := action(r, "if "+fact.Draw(r, "fact")) + list(r, depth-1)
		if kind == 4 && rapid.Bool().Draw(r, "chain") {
			text += action(r, "else if "+fact.Draw(r, "fact")) + list(r, depth-1)
		}
		if rapid.Bool().Draw(r, "else") {
			text += action(r, "else") + list(r, depth-1)
		}
		return text + action(r, "end")
	}
	known := facts()
	rapid.Check(t, func(r *rapid.T) {
		text := list(r, 3)
		f, words := &Facts{}, literalWords{}
		if rapid.Bool().Draw(r, "service") {
			f.Service, words.Service = known.Service, known.Service
		}
		if rapid.Bool().Draw(r, "addresses") {
			f.Local, words.Local = known.Local, known.Local.String()
			f.Remote, words.Remote = known.Remote, known.Remote.String()
		}
		if rapid.Bool().Draw(r, "next") {
			f.Next, words.Next = known.Next, known.Next
		}
		if rapid.Bool().Draw(r, "reason") {
			f.Reason, words.Reason = known.Reason, known.Reason
		}
		f.RetryAfter, words.RetryAfter = 7*time.Second, "7"
		var want strings.Builder
		if err := template.Must(template.New("").Parse(text)).Execute(&want, words); err != nil {
			r.Fatal(err)
		}
		parts, err := literalParse(text)
		if err != nil {
			r.Fatalf("%q: %v", text, err)
		}
		if got, ok := parts.say(f, []byte("before:")); !ok || string(got) != "before:"+want.String() {
			r.Errorf("%q: want %q, got %q, %v", text, want.String(), got, ok)
		}
	})
}

func TestLiteralDatagramIsNeitherLongerThanTheRequestNorTheSame(t *testing.T) {
	t.Parallel()
	greeting := literalOf(t, false, false, Step{Send: []byte("away")})
	steps := literalOf(t, true, false, Step{Match: []byte("b"), Offset: 1, Send: []byte("B")}, Step{Match: []byte("s"), Send: nil}, Step{Send: []byte("{{.Service}}"), Template: true})
	for _, c := range []struct {
		name    string
		answers *Literal
		request string
		want    string // "": none
	}{
		{"shorter", greeting, "hello", "away"},
		{"as long", greeting, "what", "away"},
		{"longer", greeting, "hey", ""},
		{"the same", greeting, "away", ""},
		{"nothing asked", greeting, "", ""},
		{"a step", steps, "ab", "B"},
		{"a step cut short is none", steps, "a", ""},
		{"a step that says nothing", steps, "s1234567", ""},
		{"a template", steps, "12345678", "orders"},
		{"a template, longer", steps, "12345", ""},
		{"no step fits", literalOf(t, true, false, Step{Match: []byte("a"), Send: []byte("b")}), "xyz", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			reply, ok := c.answers.Answer(facts(), []byte(c.request), []byte("before"))
			if string(reply) != "before"+c.want || ok != (c.want != "") {
				t.Errorf("want %q, got %q, %v", c.want, reply, ok)
			}
		})
	}
}

// Two that answer everything to each other come to an end.
func TestLiteralDatagramsDoNotGoOnForEver(t *testing.T) {
	t.Parallel()
	both := literalOf(t, true, false, Step{Send: []byte("away")})
	said, ok := []byte("somebody else said it, in their name"), true
	for n := 0; ok; n++ {
		if n == 3 {
			t.Fatalf("%q goes to and fro", said)
		}
		said, ok = both.Answer(facts(), said, nil)
	}
}

func FuzzLiteral(f *testing.F) {
	f.Add([]byte("\x04\xd2\x16\x2f"), 4, []byte("N"), []byte("QUIT"), 0, []byte("{{.Next}}"), []byte("\x00\x00\x00\x08\x04\xd2\x16\x2fQUIT"), uint16(5), uint8(0x0f))
	f.Add([]byte("a"), -1, []byte("{{if .Next}}x{{end}}"), []byte("ab"), 0, []byte("b"), []byte("abab"), uint16(1), uint8(0xff))
	f.Fuzz(func(t *testing.T, match1 []byte, offset1 int, send1, match2 []byte, offset2 int, send2, says []byte, cut uint16, flags uint8) {
		flag := func(n int) bool { return flags>>n&1 == 1 }
		steps := []Step{
			{Match: match1, Offset: offset1, Send: send1, Template: flag(0), Continue: flag(1) && len(match1) > 0},
			{Match: match2, Offset: offset2, Send: send2, Template: flag(2), Continue: flag(3) && len(match2) > 0},
			{Send: []byte("none of them"), Continue: false},
		}
		l, err := NewLiteral(steps[:2+int(flags>>6&1)], flag(4), flag(5))
		if err != nil {
			return
		}
		whole, end := dbHold(t, l, facts(), says)
		if len(whole) > literalSendMax*(2+len(says)) {
			t.Errorf("%d octets for %d", len(whole), len(says))
		}
		at := min(int(cut), len(says))
		if got, v := dbHold(t, l, facts(), says[:at], says[at:]); !bytes.Equal(got, whole) || v != end {
			t.Errorf("cut at %d: %q, %v; whole: %q, %v", at, got, v, whole, end)
		}
		if reply, ok := l.Answer(facts(), says, nil); ok != (len(reply) > 0) || len(reply) > len(says) || ok && bytes.Equal(reply, says) {
			t.Errorf("datagram: %q for %q, %v", reply, says, ok)
		}
	})
}
