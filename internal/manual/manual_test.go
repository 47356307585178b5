// SPDX-License-Identifier: Apache-2.0

package manual

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
)

var edition = Edition{Version: "1.2.0", Date: "2026-03-01"}

func TestReferenceBecomesAPageOfTablesAndKeys(t *testing.T) {
	t.Parallel()
	page, err := Reference("x.toml", `# Reference of x.toml
#
# Every key.
#
# A list's item starts with a dash - like this.

# The name.
# Default: none.
name = "it's"

# ------------------------------
# Where it goes.
[sink]

# Two of a kind.
load = 1
pressure = 2

# A path: C:\x ….
[[sink.check]]
path = "/x"

[other]
silent = true
`, edition)
	if err != nil {
		t.Fatal(err)
	}
	_, body, _ := strings.Cut(string(page.Text), ".SH \"DESCRIPTION\"\n")
	body, _, _ = strings.Cut(body, ".SH \"EXAMPLE\"")
	want := `Every key.
.PP
A list\(aqs item starts with a dash \- like this.
.SH "TOP LEVEL"
.TP
\fBname = "it\(aqs"\fR
The name.
.br
Default: none.
.SS "[sink]"
Where it goes.
.TP
\fBload = 1\fR
.TQ
\fBpressure = 2\fR
Two of a kind.
.SS "[[sink.check]]"
A path: C:\ex \[u2026].
.PP
.EX
\&path = "/x"
.EE
`
	if diff := cmp.Diff(want, body); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if page.File() != "x.toml.5" || !strings.Contains(string(page.Text), ".TH \"X.TOML\" 5 \"2026-03-01\" \"Regent 1.2.0\"") {
		t.Errorf("%s: %.200s", page.File(), page.Text)
	}
}

func TestReferenceThatIsNotUnderstoodIsAnError(t *testing.T) {
	t.Parallel()
	if _, err := Reference("x.toml", "# x\n\nkey = [\n  1,\n]\n", edition); err == nil || !strings.Contains(err.Error(), "line 4") {
		t.Errorf("%v", err)
	}
}

// The reference of the whole program: each key that it describes is in the page, with what it says.
func TestPageHasEveryKeyOfTheReference(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("../../conf/reference.toml")
	if err != nil {
		t.Fatal(err)
	}
	page, err := Reference("regent.toml", string(b), edition)
	if err != nil {
		t.Fatal(err)
	}
	legal(t, page)
	text := string(page.Text)
	for _, l := range strings.Split(string(b), "\n") {
		if l = strings.TrimSpace(strings.TrimPrefix(l, "# ")); l == "" || strings.HasPrefix(l, "#") || strings.Trim(l, "-") == "" || l == "Reference of regent.toml" {
			continue
		}
		if !strings.Contains(text, escape(l)) && !strings.Contains(text, quote(l)) && !example(l) {
			t.Errorf("the page has no %q", l)
		}
	}
}

// example are lines of tables that only show keys described elsewhere.
func example(l string) bool {
	return regexp.MustCompile(`^(\[nodes\.db[23]\]|address = "10\.0\.0\.1[23]"|capacity = \d+|\[\[service\.check\]\]|\[\[service\.respond.*|answer = .*|on = .*|template = .*|"tcp/.*)$`).MatchString(l)
}

func tree() *cobra.Command {
	root := &cobra.Command{Use: "prog", Short: "does things", Long: "Does things.\n\n  prog --typed\n\nAgain."}
	run := &cobra.Command{Use: "run FILE", Short: "run it", Long: "Runs it - really.\n.hidden files too.", Example: "  prog run -c x", Run: func(*cobra.Command, []string) {}}
	run.Flags().StringP("config", "c", "/etc/x", "the `file` to read")
	run.Flags().Bool("json", false, "print JSON")
	run.Flags().Bool("secret", false, "")
	if err := run.Flags().MarkHidden("secret"); err != nil {
		panic("test: " + err.Error())
	}
	sub := &cobra.Command{Use: "deep", Short: "deeper", Run: func(*cobra.Command, []string) {}}
	run.AddCommand(sub)
	root.AddCommand(run, &cobra.Command{Use: "quiet", Hidden: true, Run: func(*cobra.Command, []string) {}})
	return root
}

func TestEachCommandThatIsNotHiddenHasAPage(t *testing.T) {
	t.Parallel()
	var names []string
	var run string
	for _, p := range Commands(tree(), edition) {
		legal(t, p)
		names = append(names, p.File())
		if p.Name == "prog-run" {
			run = string(p.Text)
		}
	}
	if diff := cmp.Diff([]string{"prog.8", "prog-run.8", "prog-run-deep.8"}, names); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for _, want := range []string{
		"prog\\-run \\- run it\n", "\\fBprog run\\fR FILE [flags]\n", "Runs it \\- really.\n\\&.hidden files too.\n",
		".TP\n\\fB\\-c\\fR, \\fB\\-\\-config\\fR \\fIfile\\fR\nthe file to read (default /etc/x)\n", "\\fB\\-\\-json\\fR\nprint JSON\n", ".EX\n\\&  prog run \\-c x\n.EE\n",
	} {
		if !strings.Contains(run, want) {
			t.Errorf("the page has no %q:\n%s", want, run)
		}
	}
	if strings.Contains(run, "secret") {
		t.Error("a hidden flag is in the page")
	}
}

// legal holds a page against what every reader of man(7) takes: ASCII, and macros that exist.
func legal(t *testing.T, p Page) {
	t.Helper()
	for i, l := range strings.Split(string(p.Text), "\n") {
		if regexp.MustCompile(`[^\x20-\x7e]`).MatchString(l) {
			t.Errorf("%s:%d: not ASCII: %q", p.File(), i+1, l)
		}
		if strings.HasPrefix(l, ".") && !regexp.MustCompile(`^\.(\\"|TH |SH "|SS "|TP$|TQ$|PP$|EX$|EE$|br$|sp$|nh$|ad l$)`).MatchString(l) || strings.HasPrefix(l, "'") {
			t.Errorf("%s:%d: %q is no macro", p.File(), i+1, l)
		}
	}
}
