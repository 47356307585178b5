// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net/http"

	"github.com/spf13/cobra"

	worker "github.com/regent-ha/regent/internal/daemon"
)

func drainCommand() *cobra.Command {
	var d dirs
	var force bool
	c := &cobra.Command{
		Use:   "drain [NODE]",
		Short: "move every service away from a node, and keep it free",
		Long: `Drains a node, this one by default: it gives its services to the next candidates and takes none until it is
undrained, also after a restart. It still answers for an address, refusing, when nobody else can. Refused, unless
forced, while a service would be left without anybody to perform it.`,
		Example: `  regent drain
  regent drain db2
  regent undrain db2`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return drain(c, d, args, false, force) },
	}
	d.flags(c, false)
	c.Flags().BoolVar(&force, "force", false, "also when services will be refused because of it")
	return c
}

func undrainCommand() *cobra.Command {
	var d dirs
	c := &cobra.Command{
		Use:   "undrain [NODE]",
		Short: "let a drained node perform services again",
		Example: `  regent undrain
  regent undrain db2`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return drain(c, d, args, true, false) },
	}
	d.flags(c, false)
	return c
}

func drain(c *cobra.Command, d dirs, args []string, undo, force bool) error {
	q := worker.DrainRequest{Undo: undo, Force: force}
	who := "this node"
	if len(args) == 1 {
		q.Node, who = args[0], args[0]
	}
	if err := ask(c.Context(), d.socket(""), http.MethodPost, "/v1/drain", q, &struct{}{}); err != nil {
		return err
	}
	word := "drained"
	if undo {
		word = "no longer drained"
	}
	fmt.Fprintf(c.OutOrStdout(), "%s is %s\n", who, word)
	return nil
}
