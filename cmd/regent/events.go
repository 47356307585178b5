// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/internal/daemon"
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
	var asJSON, recent, follow bool
	var d dirs
	c := &cobra.Command{
		Use:   "events",
		Short: "list the events that the daemon reports, or has reported",
		Long: `Lists the catalogue of events: the id and the name that a record carries as event=… and name=…, its level, and
whether it asks for a person (alert=true). Ids and names never change their meaning.

With --json: one array of {"id", "name", "level", "alert", "message_id", "meaning"}, in the order of the ids; message_id
is the journal's MESSAGE_ID.

With --recent: the latest events of the running daemon, with --follow also those to come, across restarts of the daemon. With
--json each is one document on a line: {"number", "time", "level", "event", "name", "alert", "service", "text", "fields"}.`,
		Example: `  regent events
  regent events --follow
  regent events --recent --json | jq -r 'select(.alert) | .text'
  regent events --json | jq -r '.[] | select(.alert) | .name'`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			out := c.OutOrStdout()
			if recent || follow {
				ctx, stop := signal.NotifyContext(c.Context(), os.Interrupt, unix.SIGTERM)
				defer stop()
				return showEvents(ctx, out, c.ErrOrStderr(), d.socket(""), follow, asJSON)
			}
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
	d.flags(c, false)
	c.Flags().BoolVar(&asJSON, "json", false, "print the catalogue as one JSON array, or events as one document a line")
	c.Flags().BoolVar(&recent, "recent", false, "show the latest events of the running daemon")
	c.Flags().BoolVar(&follow, "follow", false, "likewise, and those to come")
	return c
}

// followPause is between two attempts to reach a daemon that is gone.
const followPause = 500 * time.Millisecond

// showEvents prints the events of the running daemon, until ctx ends if they are to be followed.
func showEvents(ctx context.Context, out, diagnostics io.Writer, socket string, follow, asJSON bool) error {
	var after uint64
	var started time.Time
	lost := false
	for {
		path := fmt.Sprintf("/v1/events?after=%d", after)
		if follow {
			path += "&wait=5s"
		}
		var answer daemon.Events
		err := ask(ctx, socket, http.MethodGet, path, nil, &answer)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && (!follow || started.IsZero()):
			return err
		case err != nil:
			if !lost {
				fmt.Fprintln(diagnostics, "regent: waiting for the daemon:", err)
			}
			lost = true
			select {
			case <-time.After(followPause):
			case <-ctx.Done():
			}
			continue
		case !started.IsZero() && !answer.Started.Equal(started):
			started, after = answer.Started, 0 // another daemon, whose numbers begin anew
			continue
		}
		started, lost = answer.Started, false
		for _, e := range answer.Entries {
			after = e.Number
			if err := printEvent(out, e, asJSON); err != nil {
				return failed("events: %v", err)
			}
		}
		if !follow {
			return nil
		}
	}
}

// printEvent prints one event: time, level, id, sentence.
func printEvent(out io.Writer, e event.Entry, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(out).Encode(e)
	}
	mark := ""
	if e.Alert {
		mark = "  ALERT"
	}
	_, err := fmt.Fprintf(out, "%s  %-5s  %s  %s%s\n", e.Time.Format("2006-01-02 15:04:05.000"), e.Level, e.Event, e.Text, mark)
	return err
}
