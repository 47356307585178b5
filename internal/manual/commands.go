// SPDX-License-Identifier: Apache-2.0

package manual

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// commandSection is that of commands for whoever runs a system.
const commandSection = 8

// Commands returns a page for the root command and one for each command below that is not hidden.
func Commands(root *cobra.Command, e Edition) []Page {
	pages := []Page{rootPage(root, e)}
	for _, c := range visible(root) {
		pages = append(pages, commandPages(c, e)...)
	}
	return pages
}

func commandPages(c *cobra.Command, e Edition) []Page {
	pages := []Page{commandPage(c, e)}
	for _, sub := range visible(c) {
		pages = append(pages, commandPages(sub, e)...)
	}
	return pages
}

// visible are the commands below one that have a page.
func visible(c *cobra.Command) (out []*cobra.Command) {
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() && !sub.IsAdditionalHelpTopicCommand() && sub.Name() != "help" && sub.Name() != "completion" {
			out = append(out, sub)
		}
	}
	return out
}

// pageName is the path of a command with dashes.
func pageName(c *cobra.Command) string { return strings.ReplaceAll(c.CommandPath(), " ", "-") }

func rootPage(root *cobra.Command, e Edition) Page {
	var r roff
	r.title(root.Name(), commandSection, e)
	r.name(root.Name(), root.Short)
	r.section("SYNOPSIS")
	r.line(bold(root.Name()) + " \\fICOMMAND\\fR [\\fIFLAG\\fR ...]")
	r.section("DESCRIPTION")
	r.text(cmp.Or(root.Long, root.Short))
	r.section("COMMANDS")
	for _, c := range visible(root) {
		r.line(".TP")
		r.line("\\fB" + escape(c.CommandPath()) + "\\fR")
		r.line(plain(c.Short) + "; see \\fB" + escape(pageName(c)) + "\\fR(8)")
	}
	r.section("SIGNALS")
	for _, s := range [][2]string{
		{"SIGHUP", "reads the configuration again. A file with errors changes nothing."},
		{"SIGTERM, SIGINT", "stop as planned: every address keeps answering until its heir is heard. A second one stops at once."},
	} {
		r.item(s[0])
		r.text(s[1])
	}
	r.section("FILES")
	for _, f := range [][2]string{
		{"/etc/regent/regent.toml", "the configuration; see regent.toml(5)."},
		{"/run/regent/regent.sock", "the control socket: HTTP, for root and the socket's group."},
		{"/var/lib/regent", "what must outlive a restart: addresses that were added, runtime policy, events."},
	} {
		r.item(f[0])
		r.text(f[1])
	}
	r.section("ENVIRONMENT")
	for _, v := range [][2]string{
		{"REGENT_STATE_DIR, STATE_DIRECTORY", "the state directory, if no flag says another."},
		{"REGENT_RUN_DIR, RUNTIME_DIRECTORY", "the directory of the control socket, if no flag says another."},
	} {
		r.item(v[0])
		r.text(v[1])
	}
	r.section("SEE ALSO")
	r.line("\\fBregent.toml\\fR(5), \\fBsystemctl\\fR(1), \\fBnft\\fR(8)")
	return Page{root.Name(), commandSection, r.Bytes()}
}

func commandPage(c *cobra.Command, e Edition) Page {
	var r roff
	name := pageName(c)
	r.title(name, commandSection, e)
	r.name(name, c.Short)
	r.section("SYNOPSIS")
	r.line(synopsis(c))
	r.section("DESCRIPTION")
	r.text(cmp.Or(c.Long, c.Short))
	if c.HasAvailableFlags() {
		r.section("OPTIONS")
		c.Flags().VisitAll(func(f *pflag.Flag) { r.flag(f) })
		c.InheritedFlags().VisitAll(func(f *pflag.Flag) { r.flag(f) })
	}
	if c.HasExample() {
		r.section("EXAMPLES")
		r.example(c.Example)
	}
	r.section("EXIT STATUS")
	r.text("0 done, 1 failed, 2 wrong usage, 3 configuration refused; others as described above.")
	r.section("SEE ALSO")
	also := []string{"\\fB" + escape(c.Root().Name()) + "\\fR(8)"}
	for _, sub := range visible(c) {
		also = append(also, "\\fB"+escape(pageName(sub))+"\\fR(8)")
	}
	r.line(strings.Join(append(also, "\\fBregent.toml\\fR(5)"), ", "))
	return Page{name, commandSection, r.Bytes()}
}

// synopsis is the line of usage with its words in bold and what stands for others as typed.
func synopsis(c *cobra.Command) string {
	rest := strings.TrimSpace(strings.TrimPrefix(c.UseLine(), c.CommandPath()))
	line := bold(c.CommandPath())
	if rest != "" {
		line += " " + escape(rest)
	}
	return line
}

func (r *roff) flag(f *pflag.Flag) {
	if f.Hidden || f.Name == "help" {
		return
	}
	value, usage := usageOf(f)
	var b strings.Builder
	if f.Shorthand != "" && f.ShorthandDeprecated == "" {
		b.WriteString(bold("-"+f.Shorthand) + ", ")
	}
	b.WriteString(bold("--" + f.Name))
	if value != "" {
		b.WriteString(" \\fI" + escape(value) + "\\fR")
	}
	r.line(".TP")
	r.line(b.String())
	r.text(usage)
}

// usageOf is the name of a flag's value, empty if it takes none, and what it is for, with its default.
func usageOf(f *pflag.Flag) (value, usage string) {
	value, usage = pflag.UnquoteUsage(f)
	switch f.DefValue {
	case "", "false", "0", "[]", "0s":
	default:
		usage += fmt.Sprintf(" (default %s)", f.DefValue)
	}
	return value, usage
}
