// SPDX-License-Identifier: Apache-2.0

package manual

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Markdown is one page about all commands that are not hidden, in Markdown.
func Markdown(root *cobra.Command) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Commands\n\nWritten by the program itself; `%s help COMMAND` prints the same.\n", root.Name())
	markdownOf(&b, root)
	return b.String()
}

func markdownOf(b *strings.Builder, c *cobra.Command) {
	if c.Runnable() || c.HasParent() {
		fmt.Fprintf(b, "\n## %s\n\n%s\n", c.CommandPath(), strings.TrimSpace(cmp.Or(c.Long, c.Short)))
		fmt.Fprintf(b, "\n    %s\n", c.UseLine())
		if c.Example != "" {
			b.WriteString("\n")
			for line := range strings.Lines(strings.TrimRight(c.Example, "\n")) {
				b.WriteString(strings.TrimRight("    "+strings.TrimPrefix(line, "  "), " \n") + "\n")
			}
		}
		rows := ""
		c.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if f.Hidden || f.Name == "help" {
				return
			}
			name, usage := usageOf(f)
			text := "--" + f.Name
			if f.Shorthand != "" {
				text = "-" + f.Shorthand + ", " + text
			}
			if name != "" {
				text += " " + name
			}
			rows += fmt.Sprintf("| `%s` | %s |\n", text, strings.ReplaceAll(usage, "|", `\|`))
		})
		if rows != "" {
			b.WriteString("\n| flag | |\n|---|---|\n" + rows)
		}
	}
	for _, sub := range visible(c) {
		markdownOf(b, sub)
	}
}
