// SPDX-License-Identifier: Apache-2.0

package peers

import (
	"cmp"
	"context"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/internal/netlab"
)

// Keepalived runs keepalived's VRRP part in the foreground: a parent and one child.
type Keepalived struct {
	// Binary is the program; empty: keepalived, as PATH has it.
	Binary string
	// Quiet keeps no log: writing one costs a thousand instances more than their adverts do.
	Quiet bool
	// Global are further lines of global_defs.
	Global []string

	dir string
	cmd *netlab.Cmd
}

// NewKeepalived returns a keepalived whose configuration and pid files are kept in dir.
func NewKeepalived(dir string) *Keepalived { return &Keepalived{dir: dir} }

// Name implements [Daemon].
func (k *Keepalived) Name() string { return "keepalived" }

// Start implements [Daemon].
func (k *Keepalived) Start(ctx context.Context, node *netlab.Node, routers ...Router) error {
	file, err := write(k.dir, "keepalived.conf", keepalivedConf(k.Global, routers...))
	if err != nil {
		return err
	}
	args := []string{"--dont-fork", "--vrrp", "--no-syslog", "--use-file=" + file,
		"--pid=" + filepath.Join(k.dir, "keepalived.pid"), "--vrrp_pid=" + filepath.Join(k.dir, "vrrp.pid")}
	if !k.Quiet {
		args = append(args, "--log-console", "--log-detail")
	}
	k.cmd, err = node.Start(ctx, cmp.Or(k.Binary, "keepalived"), args...)
	return err
}

// SignalWorker sends a signal to the VRRP process alone; its parent starts another one if it ends.
func (k *Keepalived) SignalWorker(s unix.Signal) error { return signalChild(k.cmd, s) }

// Reload implements [Daemon].
func (k *Keepalived) Reload(_ context.Context, routers ...Router) error {
	if _, err := write(k.dir, "keepalived.conf", keepalivedConf(k.Global, routers...)); err != nil {
		return err
	}
	return signal(k.cmd, unix.SIGHUP)
}

// Term implements [Daemon].
func (k *Keepalived) Term() error { return signal(k.cmd, unix.SIGTERM) }

// Kill9 implements [Daemon].
func (k *Keepalived) Kill9() error { return killFamily(k.cmd) }

// Pids implements [Daemon].
func (k *Keepalived) Pids() []int { return family(k.cmd) }

// Stop implements [Daemon].
func (k *Keepalived) Stop() error { return stop(k.cmd) }

// Cleanup implements [Daemon].
func (k *Keepalived) Cleanup() error { return stop(k.cmd) }
