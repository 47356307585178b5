// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os/signal"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/conf"
	worker "github.com/regent-ha/regent/internal/daemon"
	"github.com/regent-ha/regent/internal/shadow"
)

func shadowCommand() *cobra.Command {
	var path, node string
	var asJSON, noChecks bool
	var length time.Duration
	c := &cobra.Command{
		Use:   "shadow",
		Short: "listen beside a running keepalived and tell where Regent would decide differently",
		Long: `Listens to the adverts that reach this host and those that it sends, and lets Regent's protocol core decide by
them. It sends nothing, joins no group, runs no notify script and touches no address. Differences are told as they are
seen; a difference counts when it lasts longer than an election. The file's checks are run, as they are by the daemon that
is being watched, so that their weights count: --no-checks leaves them out.

It ends with Ctrl-C, or after --for, with a table. Exit code: 0 without differences, 1 with some.`,
		Example: `  regent shadow -c /etc/keepalived/keepalived.conf
  regent shadow -c /etc/keepalived/keepalived.conf --for 24h --json >differences.json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, diags := loadConfig(path, confOptions(node))
			if len(diags) > 0 {
				fmt.Fprint(c.ErrOrStderr(), diags)
			}
			if cfg == nil {
				return exit{exitConfig, "configuration refused"}
			}
			ctx, stop := signal.NotifyContext(c.Context(), unix.SIGINT, unix.SIGTERM)
			defer stop()
			if length > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, length)
				defer cancel()
			}
			face := shadowFace{out: c.OutOrStdout(), json: asJSON, now: time.Now}
			face.begin(cfg)
			lines, err := worker.Shadow(ctx, worker.ShadowOptions{
				Config: cfg, Log: slog.New(slog.NewTextHandler(c.ErrOrStderr(), &slog.HandlerOptions{Level: slog.LevelWarn})),
				Checks: !noChecks, Found: face.found,
			})
			if err != nil {
				return failed("%v", err)
			}
			if face.end(lines) > 0 {
				return exit{code: exitFailed}
			}
			return nil
		},
	}
	c.Flags().StringVarP(&path, "config", "c", "/etc/keepalived/keepalived.conf", "configuration file, keepalived's or Regent's")
	c.Flags().StringVar(&node, "node", "", "this node's name (default: the file's node, else the host name)")
	c.Flags().BoolVar(&asJSON, "json", false, "print a JSON document a line")
	c.Flags().BoolVar(&noChecks, "no-checks", false, "do not run the file's checks")
	c.Flags().DurationVar(&length, "for", 0, "end after so long (default: at Ctrl-C)")
	return c
}

// shadowFace shows what a shadow finds.
type shadowFace struct {
	out  io.Writer
	json bool
	now  func() time.Time
}

func (f shadowFace) begin(cfg *conf.Config) {
	if !f.json {
		fmt.Fprintf(f.out, "watching %d services; differences are told here, Ctrl-C ends with a table\n", len(cfg.Services))
	}
}

// found tells of a finding.
func (f shadowFace) found(d shadow.Finding) {
	if f.json {
		f.print(struct {
			Time    time.Time `json:"time"`
			Service string    `json:"service"`
			Family  string    `json:"family"`
			Kind    string    `json:"kind"` // state | agreed | advert
			Text    string    `json:"text"`
		}{f.now(), d.Name, d.Family.String(), string(d.Kind), d.Text})
		return
	}
	fmt.Fprintf(f.out, "%s  %s %s: %s\n", f.now().Format("15:04:05.000"), d.Name, d.Family, d.Text)
}

// end shows how each virtual router stands, and returns how many differences there were.
func (f shadowFace) end(lines []shadow.Line) (findings int) {
	for _, l := range lines {
		findings += l.Findings
	}
	if f.json {
		type line struct {
			Service  string `json:"service"`
			Family   string `json:"family"`
			Theirs   string `json:"theirs"`
			Ours     string `json:"ours"`
			Differs  bool   `json:"differs"`
			Adverts  uint64 `json:"adverts"`
			Findings int    `json:"findings"`
		}
		out := make([]line, len(lines))
		for i, l := range lines {
			out[i] = line{l.Name, l.Family.String(), l.Theirs.String(), l.Ours.String(), l.Differs, l.Adverts, l.Findings}
		}
		f.print(struct {
			Time     time.Time `json:"time"`
			Findings int       `json:"findings"`
			Services []line    `json:"services"`
		}{f.now(), findings, out})
		return findings
	}
	w := tabwriter.NewWriter(f.out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "SERVICE\tFAMILY\tIT IS\tREGENT WOULD BE\tADVERTS COMPARED\tDIFFERENCES")
	for _, l := range lines {
		ours := l.Ours.String()
		if l.Differs {
			ours += fmt.Sprintf(" (for %s)", l.For.Round(time.Second))
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%d\n", l.Name, l.Family, l.Theirs, ours, l.Adverts, l.Findings)
	}
	w.Flush() //nolint:errcheck // a terminal
	word := "no difference"
	if findings > 0 {
		word = fmt.Sprintf("%d differences", findings)
	}
	fmt.Fprintln(f.out, strings.TrimSuffix(word, "s")+map[bool]string{true: "s"}[findings > 1])
	return findings
}

func (f shadowFace) print(v any) {
	e := json.NewEncoder(f.out)
	e.Encode(v) //nolint:errcheck // who reads it has gone
}
