// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/spf13/cobra"
)

func checkCommand() *cobra.Command {
	var path, node string
	var asJSON bool
	c := &cobra.Command{
		Use:   "check [FILE]",
		Short: "check a configuration file",
		Long: `Reads a configuration file and reports every error and warning at once, a line each:

  file:line:column: error: service "orders": …

then how many there are. Exit code: 0 without errors, 3 with errors, 1 if the file cannot be read. A keepalived.conf is
judged too; for keepalived's own way to say it, see regent keepalived -t.`,
		Example: `  regent check
  regent check /etc/regent/regent.toml --node db2`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 1 {
				path = args[0]
			}
			diags, code := checkConfig(path, confOptions(node))
			write := diags.Write
			if asJSON {
				write = diags.WriteJSON
			}
			if err := write(c.OutOrStdout()); err != nil {
				return failed("check: %v", err)
			}
			if code != exitDone {
				return exit{code: code}
			}
			return nil
		},
	}
	c.Flags().StringVarP(&path, "config", "c", defaultConfig, "configuration file")
	c.Flags().StringVar(&node, "node", "", "check it as this node (default: the file's node, else the host name)")
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return c
}
