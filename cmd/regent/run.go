// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/conf"
	worker "github.com/regent-ha/regent/internal/daemon"
	"github.com/regent-ha/regent/internal/event"
	"github.com/regent-ha/regent/internal/supervisor"
	"github.com/regent-ha/regent/responder"
	"github.com/regent-ha/regent/takeover"
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
		Long: `Runs the daemon in the foreground: a small supervisor and its worker. SIGTERM and SIGINT stop it as planned: every
address keeps answering until its heir is heard. A second one stops it at once. SIGHUP reads the configuration
again; a file with errors changes nothing. The file may be a keepalived.conf as well: one that is called *.conf, or
begins like one.`,
		Example: `  regent run
  regent run -c /etc/regent/regent.toml --state-dir /var/lib/regent --run-dir /run/regent`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if f.worker {
				return runWorker(c.Context(), c, f)
			}
			return runSupervisor(c.Context(), c, f)
		},
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

// load reads the configuration for this node.
func (f runFlags) load() (*conf.Config, conf.Diagnostics) {
	return loadConfig(f.config, confOptions(f.node))
}

// runSupervisor is the parent process. It reads the configuration for its log and its scheduling only.
func runSupervisor(ctx context.Context, c *cobra.Command, f runFlags) error {
	cfg, diags := f.load()
	if len(diags) > 0 {
		fmt.Fprint(c.ErrOrStderr(), diags)
	}
	if cfg == nil {
		return exit{exitConfig, "configuration refused"}
	}
	log, err := openLog(cfg, c.ErrOrStderr())
	if err != nil {
		return failed("%v", err)
	}
	defer log.close()
	kernel, err := takeover.Open(log.Logger)
	if err != nil {
		return failed("%v", err)
	}
	defer kernel.Close() //nolint:errcheck // the process ends
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, unix.SIGTERM, unix.SIGHUP)
	report := event.NewReporter(log.Logger, cfg.Node)
	o := supervisor.Options{
		Worker:   append([]string{"/proc/self/exe", "run", "--worker"}, f.workerArgs(cfg)...),
		Log:      log.Logger,
		Kernel:   lastWillKernel(kernel, log.Logger),
		Signals:  signals,
		Died:     func(text string, fields ...any) { report.Report(event.WorkerDied, text, fields...) },
		Watchdog: systemdWatchdog(log.Logger),
		Notify: func(state string) {
			if _, err := daemon.SdNotify(false, state); err != nil {
				log.Debug("tell systemd", "error", err)
			}
		},
	}
	if cfg.Realtime {
		o.Start = startRealtime
	}
	cfg, diags = nil, nil // the parent stays small
	if code := supervisor.Run(ctx, o); code != exitDone {
		return exit{code: code}
	}
	return nil
}

// workerArgs hands the worker what the parent resolved.
func (f runFlags) workerArgs(cfg *conf.Config) []string {
	args := []string{"--config", f.config, "--state-dir", f.stateDir(cfg.StateDir), "--run-dir", f.runDir(cfg.RunDir)}
	if f.node != "" {
		args = append(args, "--node", f.node)
	}
	return args
}

// startRealtime starts the worker as a real-time process.
func startRealtime(cmd *exec.Cmd) error {
	return transport.RunRealtime(transport.DefaultRealtimePriority, cmd.Start)
}

// lastWillKernel is what a last will does to the kernel, by the packages that know how.
func lastWillKernel(k *takeover.Kernel, log *slog.Logger) supervisor.Kernel {
	plain := func(as []supervisor.Address) []takeover.Address {
		out := make([]takeover.Address, len(as))
		for i, a := range as {
			out[i] = takeover.Address{Prefix: a.Prefix, Link: a.Link}
		}
		return out
	}
	return supervisor.Kernel{
		LiftServing: func(ctx context.Context) error { return responder.LiftServing(ctx, responder.DefaultTable) },
		Keep: func(as []supervisor.Address, lease time.Duration) error {
			return errors.Join(k.Refresh(plain(as), lease)...)
		},
		Remove:  func(as []supervisor.Address) error { return worker.GiveUp(k, plain(as)) },
		Unroute: func(routes, rules []string) error { return worker.Unroute(log, routes, rules) },
	}
}

// runWorker is the process that does the work.
func runWorker(ctx context.Context, c *cobra.Command, f runFlags) error {
	parent, err := supervisor.Connect()
	if err != nil {
		return failed("line to the supervisor: %v", err)
	}
	cfg, diags := f.load()
	if cfg == nil {
		fmt.Fprint(c.ErrOrStderr(), diags)
		return exit{exitConfig, "configuration refused"}
	}
	log, err := openLog(cfg, c.ErrOrStderr())
	if err != nil {
		return failed("%v", err)
	}
	defer log.close()
	return work(ctx, log, worker.Options{Config: cfg, Load: f.load, Parent: parent,
		StateDir: f.stateDir(cfg.StateDir), RunDir: f.runDir(cfg.RunDir)})
}

// work is the worker's work until a signal ends it. What of o is not set yet is the same for every worker.
func work(ctx context.Context, log *logging, o worker.Options) error {
	defer transport.Tune()()
	if o.Config.Realtime {
		if err := transport.LockMemory(); err != nil {
			log.Warn(err.Error())
		}
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, unix.SIGTERM)
	defer stop()
	reload := make(chan os.Signal, 1)
	signal.Notify(reload, unix.SIGHUP)
	defer signal.Stop(reload)
	reloaded := o.Reloaded
	o.Reload, o.Log = reload, log.Logger
	o.Reloaded = func(next *conf.Config) {
		if err := log.sinks.Set(alertSinks(next.Alerts)); err != nil {
			log.Error("alert sinks stay as they were", "error", err)
		}
		if reloaded != nil {
			reloaded(next)
		}
	}
	if err := worker.Run(ctx, o); err != nil {
		return failed("%v", err)
	}
	return nil
}

// systemdWatchdog is the limit of systemd's watchdog; 0: it has none for this process.
func systemdWatchdog(log *slog.Logger) time.Duration {
	limit, err := daemon.SdWatchdogEnabled(true)
	if err != nil {
		log.Warn("the watchdog of systemd is not fed: what it says of its limit cannot be read", "error", err)
	}
	return limit
}
