// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/regent-ha/regent/conf"
	"github.com/regent-ha/regent/internal/doctor"
	"github.com/regent-ha/regent/internal/notify"
)

func doctorCommand() *cobra.Command {
	var d dirs
	var path, node string
	var asJSON, all bool
	c := &cobra.Command{
		Use:   "doctor",
		Short: "find what keeps this node from doing its work",
		Long: `Looks at rights, kernel, interfaces, firewall, programs, clock and directories, and at what the running daemon hears of its
peers. It changes nothing and sends nothing. Each finding says what to do about it.

Exit code: 0 when nothing hurts now, 1 when something does, 3 when the configuration is refused.`,
		Example: `  regent doctor
  regent doctor --all
  regent doctor --json | jq '.[] | select(.level == "bad")'`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, diags := loadConfig(path, confOptions(node))
			if cfg == nil {
				fmt.Fprint(c.ErrOrStderr(), diags)
				return exit{exitConfig, "configuration refused"}
			}
			q := doctorQuestion(cfg)
			q.StateDir, q.RunDir = d.stateDir(cfg.StateDir), d.runDir(cfg.RunDir)
			ctx, cancel := context.WithTimeout(c.Context(), 10*time.Second)
			defer cancel()
			if s, err := askStatus(ctx, d.socket(cfg.RunDir)); err == nil {
				q.Snapshot = &s
			}
			facts, err := doctor.Gather(ctx, &q, func(p doctor.Program) error { return inspectProgram(p, cfg.Notify.Insecure) })
			if err != nil {
				return failed("doctor: %v", err)
			}
			findings := doctor.Judge(&q, facts)
			if err := showFindings(c.OutOrStdout(), findings, asJSON, all); err != nil {
				return failed("doctor: %v", err)
			}
			for _, f := range findings {
				if f.Level == doctor.Bad {
					return exit{code: exitFailed}
				}
			}
			return nil
		},
	}
	d.flags(c, true)
	c.Flags().StringVarP(&path, "config", "c", defaultConfig, "configuration file")
	c.Flags().StringVar(&node, "node", "", "this node's name (default: the file's node, else the host name)")
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON array")
	c.Flags().BoolVar(&all, "all", false, "show what is as it should be, too")
	return c
}

// inspectProgram says why a program may not be run.
func inspectProgram(p doctor.Program, insecure bool) error {
	u, err := notify.LookUp(p.User)
	if err != nil {
		return err
	}
	path, err := notify.Find(p.Path)
	if err != nil {
		return err
	}
	if err := notify.Inspect(path, u); err != nil && !(insecure && errors.Is(err, notify.ErrUntrusted)) {
		return err
	}
	return nil
}

// doctorQuestion is what a configuration wants of its node.
func doctorQuestion(cfg *conf.Config) doctor.Question {
	q := doctor.Question{Realtime: cfg.Realtime, Channel: cfg.Cluster != nil}
	seen := map[doctor.Program]bool{}
	program := func(what, user string, words []string) {
		if len(words) == 0 {
			return
		}
		if user == "" {
			user = cfg.Notify.User
		}
		p := doctor.Program{Path: words[0], User: user, For: what}
		if !seen[p] {
			seen[p] = true
			q.Programs = append(q.Programs, p)
		}
	}
	programs := func(what string, p *conf.Programs) {
		if p == nil {
			return
		}
		for _, one := range []struct {
			key   string
			words []string
		}{{"active", p.Active}, {"backup", p.Backup}, {"fault", p.Fault}, {"stop", p.Stop}, {"any", p.Any}, {"deleted", p.Deleted}, {"lower_priority", p.LowerPriority}} {
			user := p.User
			if u := p.Users[one.key]; u != "" {
				user = u
			}
			program(what+", notify", user, one.words)
		}
	}
	for i := range cfg.Services {
		s := &cfg.Services[i]
		if !conf.TakesPart(cfg, s) {
			continue
		}
		q.Services = append(q.Services, doctor.Service{Name: s.Name, Interface: s.Interface, VRID: int(s.VRID), IPv4: len(s.IPv4) > 0, IPv6: len(s.IPv6) > 0,
			Unicast: s.UnicastPeers != nil, VMAC: s.VMAC, Refuses: !s.Raw || s.Refuse, Interval: s.AdvertInterval, Source: s.Source})
		q.Timed = q.Timed || s.HMAC != nil
		what := fmt.Sprintf("service %q", s.Name)
		programs(what, s.Notify)
		for _, c := range s.Checks {
			program(what+", check", c.User, c.Command)
		}
		if s.Control != nil {
			program(what+", control", "", s.Control.Start)
			program(what+", control", "", s.Control.Stop)
		}
	}
	for i := range cfg.SyncGroups {
		programs(fmt.Sprintf("sync_group %q", cfg.SyncGroups[i].Name), cfg.SyncGroups[i].Notify)
	}
	for _, f := range cfg.Notify.FIFOs {
		program("notify, fifo_script", f.User, f.Script)
	}
	program("notify, start", "", cfg.Notify.Start)
	program("notify, stop", "", cfg.Notify.Stop)
	return q
}

// showFindings prints findings: for people what is as it should be only if they want that.
func showFindings(out io.Writer, findings []doctor.Finding, asJSON, all bool) error {
	if asJSON {
		return json.NewEncoder(out).Encode(findings)
	}
	count := map[doctor.Level]int{}
	for _, f := range findings {
		count[f.Level]++
		if f.Level == doctor.OK && !all {
			continue
		}
		fmt.Fprintf(out, "%-5s %s: %s\n", f.Level, f.Topic, f.Text)
		if f.Remedy != "" {
			fmt.Fprintf(out, "      → %s\n", f.Remedy)
		}
	}
	_, err := fmt.Fprintf(out, "%d bad, %d warnings, %d notes, %d as they should be\n", count[doctor.Bad], count[doctor.Warn], count[doctor.Note], count[doctor.OK])
	return err
}
