// SPDX-License-Identifier: Apache-2.0

package peers

import (
	"context"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/internal/netlab"
)

// Keepalived runs keepalived's VRRP part in the foreground: a parent and one child.
type Keepalived struct {
	dir string
	cmd *netlab.Cmd
}

// NewKeepalived returns a keepalived whose configuration and pid files are kept in dir.
func NewKeepalived(dir string) *Keepalived { return &Keepalived{dir: dir} }

// Name implements [Daemon].
func (k *Keepalived) Name() string { return "keepalived" }

// Start implements [Daemon].
func (k *Keepalived) Start(ctx context.Context, node *netlab.Node, routers ...Router) error {
	file, err := write(k.dir, "keepalived.conf", keepalivedConf(routers...))
	if err != nil {
		return err
	}
	k.cmd, err = node.Start(ctx, "keepalived", "--dont-fork", "--vrrp", "--log-console", "--log-detail", "--no-syslog",
		"--use-file="+file,
		"--pid="+filepath.Join(k.dir, "keepalived.pid"), "--vrrp_pid="+filepath.Join(k.dir, "vrrp.pid"))
	return err
}

// Reload implements [Daemon].
func (k *Keepalived) Reload(_ context.Context, routers ...Router) error {
	if _, err := write(k.dir, "keepalived.conf", keepalivedConf(routers...)); err != nil {
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
