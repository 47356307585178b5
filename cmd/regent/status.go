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
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/internal/status"
)

func statusCommand() *cobra.Command {
	var d dirs
	var asJSON, watch bool
	var every time.Duration
	c := &cobra.Command{
		Use:   "status",
		Short: "show the running daemon's services",
		Example: `  regent status
  regent status --watch
  regent status --json | jq '.services[] | select(.state == "active") | .name'`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(c.Context(), os.Interrupt, unix.SIGTERM)
			defer stop()
			out := c.OutOrStdout()
			if !watch {
				return showStatus(ctx, out, d.socket(""), asJSON, isTerminal(out))
			}
			for {
				var page strings.Builder
				if err := showStatus(ctx, &page, d.socket(""), asJSON, isTerminal(out)); err != nil {
					return err
				}
				if isTerminal(out) && !asJSON {
					fmt.Fprint(out, "\x1b[H\x1b[2J")
				}
				fmt.Fprint(out, page.String())
				select {
				case <-ctx.Done():
					return nil
				case <-time.After(every):
				}
			}
		},
	}
	d.flags(c, false)
	c.Flags().BoolVar(&asJSON, "json", false, "print the snapshot as one JSON document (with --watch: one a line)")
	c.Flags().BoolVar(&watch, "watch", false, "show it again and again")
	c.Flags().DurationVar(&every, "interval", time.Second, "with --watch: how often")
	return c
}

func showStatus(ctx context.Context, out io.Writer, socket string, asJSON, colour bool) error {
	snap, err := askStatus(ctx, socket)
	if err != nil {
		return err
	}
	if asJSON {
		return json.NewEncoder(out).Encode(snap)
	}
	return status.Table(out, snap, time.Now(), colour)
}

// askStatus fetches the snapshot over the control socket.
func askStatus(ctx context.Context, socket string) (status.Snapshot, error) {
	var snap status.Snapshot
	if err := ask(ctx, socket, http.MethodGet, "/v1/status", nil, &snap); err != nil {
		return snap, err
	}
	if snap.Version != status.SchemaVersion {
		return snap, failed("control socket %s: status version %d, this command knows %d", socket, snap.Version, status.SchemaVersion)
	}
	return snap, nil
}

// isTerminal reports whether out shows colours: a terminal, unless NO_COLOR is set.
func isTerminal(out io.Writer) bool {
	f, ok := out.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" {
		return false
	}
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}
