// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/regent-ha/regent/internal/event"
)

// catalogued is one event of `regent events --json`.
type catalogued struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	Level     string `json:"level"`
	Alert     bool   `json:"alert"`
	MessageID string `json:"message_id"`
	Meaning   string `json:"meaning"`
}

func eventsCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "events",
		Short: "list the events that the daemon reports",
		Long: `Lists the catalogue of events: the id and the name that a record carries as event=… and name=…, its level, and
whether it asks for a person (alert=true). Ids and names never change their meaning.

With --json: one array of {"id", "name", "level", "alert", "message_id", "meaning"}, in the order of the ids; message_id
is the journal's MESSAGE_ID.`,
		Example: `  regent events
  regent events --json | jq -r '.[] | select(.alert) | .name'`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			out := c.OutOrStdout()
			list := []catalogued{}
			for _, e := range event.Catalogue() {
				list = append(list, catalogued{e.ID.String(), e.Name, e.Level.String(), e.Alert, e.ID.MessageID(), e.Meaning})
			}
			if asJSON {
				if err := json.NewEncoder(out).Encode(list); err != nil {
					return failed("events: %v", err)
				}
				return nil
			}
			tw := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
			fmt.Fprintln(tw, "EVENT\tNAME\tLEVEL\tALERT\tMEANING")
			for _, e := range list {
				alert := "-"
				if e.Alert {
					alert = "alert"
				}
				fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\n", e.ID, e.Name, e.Level, alert, e.Meaning)
			}
			if err := tw.Flush(); err != nil {
				return failed("events: %v", err)
			}
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print the catalogue as one JSON array")
	return c
}
