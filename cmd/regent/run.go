// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/conf"
	"github.com/regent-ha/regent/internal/daemon"
	"github.com/regent-ha/regent/vrrp/transport"
)

// runFlags are the flags of `regent run`.
type runFlags struct {
	dirs
	config, node string
	worker       bool
}

func runCommand() *cobra.Command {
	var f runFlags
	c := &cobra.Command{
		Use:   "run",
		Short: "run the daemon in the foreground",
		Example: `  regent run
  regent run -c /etc/regent/regent.toml --state-dir /var/lib/regent --run-dir /run/regent`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return runWorker(c.Context(), c, f) },
	}
	f.flags(c, true)
	c.Flags().StringVarP(&f.config, "config", "c", defaultConfig, "configuration file")
	c.Flags().StringVar(&f.node, "node", "", "this node's name (default: the file's node, else the host name)")
	c.Flags().BoolVar(&f.worker, "worker", false, "")
	if err := c.Flags().MarkHidden("worker"); err != nil {
		panic("regent: " + err.Error()) // no such flag: a mistake above
	}
	return c
}

// runWorker is the process that does the work.
func runWorker(ctx context.Context, c *cobra.Command, f runFlags) error {
	load := func() (*conf.Config, conf.Diagnostics) { return conf.Options{Node: f.node}.Load(f.config) }
	cfg, diags := load()
	if len(diags) > 0 {
		fmt.Fprint(c.ErrOrStderr(), diags)
	}
	if cfg == nil {
		return exit{exitConfig, "configuration refused"}
	}
	log, closeLog, err := openLog(cfg.Log, c.ErrOrStderr())
	if err != nil {
		return failed("%v", err)
	}
	defer closeLog() //nolint:errcheck // nothing is left to say it to
	defer transport.Tune()()
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, unix.SIGTERM)
	defer stop()
	reload := make(chan os.Signal, 1)
	signal.Notify(reload, unix.SIGHUP)
	defer signal.Stop(reload)
	err = daemon.Run(ctx, daemon.Options{
		Config: cfg, Load: load, Log: log, Reload: reload,
		StateDir: f.stateDir(cfg.StateDir), RunDir: f.runDir(cfg.RunDir),
	})
	if err != nil {
		return failed("%v", err)
	}
	return nil
}
