// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/spf13/cobra"

	worker "github.com/regent-ha/regent/internal/daemon"
	"github.com/regent-ha/regent/policy"
)

func takeoverCommand() *cobra.Command {
	var d dirs
	var asJSON bool
	var standbys []string
	c := &cobra.Command{
		Use:   "takeover SERVICE allow|forbid",
		Short: "say at run time whether another node may perform a service",
		Long: `Changes the takeover setting of a service, and with --standbys its list of standbys, on this node and all others. It
is kept across restarts, until another command, or until the owner's file changes what it says about them. The command returns when every
living node that it concerns has it on its disk; otherwise it fails and names those that have not said so.`,
		Example: `  regent takeover orders forbid
  regent takeover orders allow --standbys db3,db2`,
		Args:      cobra.ExactArgs(2),
		ValidArgs: []string{"allow", "forbid"},
		RunE: func(c *cobra.Command, args []string) error {
			q := worker.TermsRequest{Service: args[0], Takeover: policy.Takeover(args[1]), Standbys: standbys}
			if q.Takeover != policy.Allow && q.Takeover != policy.Forbid {
				return exit{exitUsage, fmt.Sprintf("%q: allow or forbid", args[1])}
			}
			var a worker.TermsAnswer
			if err := ask(c.Context(), d.socket(""), http.MethodPost, "/v1/terms", q, &a); err != nil {
				return err
			}
			out := c.OutOrStdout()
			if asJSON {
				if err := json.NewEncoder(out).Encode(a); err != nil {
					return err
				}
			} else {
				fmt.Fprintf(out, "%s: takeover %s, standbys %s\nacknowledged by %s\n", args[0], a.Takeover, listNames(a.Standbys), listNames(a.Acknowledged))
				if len(a.Absent) > 0 {
					fmt.Fprintf(out, "not alive, to be told when they return: %s\n", listNames(a.Absent))
				}
			}
			if len(a.Missing) > 0 {
				return failed("not acknowledged by %s, which are alive", listNames(a.Missing))
			}
			return nil
		},
	}
	d.flags(c, false)
	c.Flags().BoolVar(&asJSON, "json", false, "print the answer as one JSON document")
	c.Flags().StringSliceVar(&standbys, "standbys", nil, "also change the standbys, best first")
	return c
}

func failbackCommand() *cobra.Command {
	var d dirs
	c := &cobra.Command{
		Use:   "failback SERVICE",
		Short: "let the owner of a service take it back now",
		Long:  "Given on the owner of a service whose failback is manual or delayed: it takes the service back now, if it is ready.",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			q := map[string]string{"service": args[0]}
			if err := ask(c.Context(), d.socket(""), http.MethodPost, "/v1/failback", q, &struct{}{}); err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "%s goes back to its owner\n", args[0])
			return nil
		},
	}
	d.flags(c, false)
	return c
}
