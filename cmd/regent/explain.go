// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/regent-ha/regent/policy"
)

func explainCommand() *cobra.Command {
	var d dirs
	var asJSON bool
	var suppose []string
	c := &cobra.Command{
		Use:   "explain [SERVICE]",
		Short: "say what this node does about a service, why, and what would happen if a node failed",
		Long: `Says, by the running daemon's knowledge, which duty and priority this node has for a service, each reason, who may
perform it, and for every node what becomes of the services that it performs if it fails. --if asks about a change
that has not happened.`,
		Example: `  regent explain orders
  regent explain orders --if db1=down --if db2=overloaded
  regent explain --json | jq '.[] | select(.eligible | not) | .reasons'`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			q := url.Values{"if": suppose}
			if len(args) == 1 {
				q.Set("service", args[0])
			}
			var list []policy.Explanation
			if err := ask(c.Context(), d.socket(""), http.MethodGet, "/v1/explain?"+q.Encode(), nil, &list); err != nil {
				return err
			}
			out := c.OutOrStdout()
			if asJSON {
				enc := json.NewEncoder(out)
				if len(args) == 1 && len(list) == 1 {
					return enc.Encode(list[0])
				}
				return enc.Encode(list)
			}
			if len(list) == 0 {
				fmt.Fprintln(out, "no service has an owner: priorities are by hand, see regent status")
			}
			for i, e := range list {
				if i > 0 {
					fmt.Fprintln(out)
				}
				fmt.Fprint(out, e.Text())
			}
			return nil
		},
	}
	d.flags(c, false)
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON document: an object for SERVICE, else an array")
	c.Flags().StringArrayVar(&suppose, "if", nil, "suppose NODE=down, NODE=overloaded or NODE=drained (may be repeated)")
	return c
}

// list joins names, or says that there are none.
func listNames(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
