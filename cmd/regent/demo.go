// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/internal/demo"
	"github.com/regent-ha/regent/internal/netlab"
)

func demoCommand() *cobra.Command {
	var asJSON bool
	var out string
	c := &cobra.Command{
		Use:   "demo",
		Short: "show a takeover on this machine, in network namespaces",
		Long: `Starts three nodes in network namespaces, each with Regent and a TCP service, and a client that knows two
addresses. The owner of the first address is lost in three ways: cut off, killed, stopped. Prints the timeline
as it happens and leaves the packet capture and a picture of it. Nothing outside of the namespaces is touched.
Exit status 0 only if every step was observed.`,
		Example: `  regent demo
  regent demo --json --out /var/tmp/demo | jq '.scenarios[].steps'`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if code, ran, err := netlab.Reexec(); err != nil {
				return failed("demo: %v", err)
			} else if ran {
				return exit{code: code}
			}
			ctx, stop := signal.NotifyContext(c.Context(), os.Interrupt, unix.SIGTERM)
			defer stop()
			return runDemo(ctx, c.OutOrStdout(), c.ErrOrStderr(), out, asJSON)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print the result as one JSON document, the timeline on standard error")
	c.Flags().StringVar(&out, "out", "regent-demo", "directory for capture, picture and logs; made anew")
	return c
}

func runDemo(ctx context.Context, stdout, stderr io.Writer, out string, asJSON bool) error {
	dir, err := filepath.Abs(out)
	if err != nil {
		return failed("demo: %v", err)
	}
	if err := freshDir(dir); err != nil {
		return failed("demo: %v", err)
	}
	program, err := os.Executable()
	if err != nil {
		return failed("demo: find this program: %v", err)
	}
	progress := stdout
	if asJSON {
		progress = stderr
	}
	res, err := demo.Run(ctx, demo.Options{Program: program, Dir: dir, Progress: progress})
	if err != nil {
		return failed("demo: %v", err)
	}
	if asJSON {
		e := json.NewEncoder(stdout)
		e.SetIndent("", "  ")
		if err := e.Encode(res); err != nil {
			return failed("demo: %v", err)
		}
	} else {
		fmt.Fprintf(stdout, "\ncapture  %s\npicture  %s\n", res.Capture, res.Picture)
	}
	if !res.OK {
		return failed("demo: a step was not observed (logs in %s)", dir)
	}
	return nil
}

// demoMark stands in every directory that the demo made: nothing else is ever removed.
const demoMark = ".regent-demo"

// freshDir makes an empty directory; an earlier demo's is removed first, any other that is not empty is left alone.
func freshDir(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	if len(entries) > 0 {
		if _, err := os.Stat(filepath.Join(dir, demoMark)); err != nil {
			return fmt.Errorf("%s is not empty and not of an earlier demo (choose another --out)", dir)
		}
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, demoMark), nil, 0o644)
}

// demoServiceCommand is the demo's TCP service, a process of its own in each node.
func demoServiceCommand() *cobra.Command {
	var node string
	var port int
	c := &cobra.Command{
		Use:    "demo-service",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(c.Context(), os.Interrupt, unix.SIGTERM)
			defer stop()
			if err := demo.Serve(ctx, node, port); err != nil {
				return failed("%v", err)
			}
			return nil
		},
	}
	c.Flags().StringVar(&node, "node", "", "name to greet with")
	c.Flags().IntVar(&port, "port", 0, "TCP port")
	return c
}
