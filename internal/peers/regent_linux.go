// SPDX-License-Identifier: Apache-2.0

package peers

import (
	"context"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/internal/netlab"
)

// Regent runs regent: a supervisor and its worker.
type Regent struct {
	// Realtime asks for real-time scheduling, which short intervals need on a busy machine.
	Realtime bool
	// Text makes the configuration of a node; nil: raw services, as the routers are.
	Text func(node string, routers ...Router) string

	binary string
	dir    string
	node   string
	cmd    *netlab.Cmd
}

// NewRegent returns a regent that runs the binary and keeps configuration, state and sockets in dir.
func NewRegent(binary, dir string) *Regent { return &Regent{binary: binary, dir: dir} }

// Name implements [Daemon].
func (r *Regent) Name() string { return "regent" }

// Start implements [Daemon].
func (r *Regent) Start(ctx context.Context, node *netlab.Node, routers ...Router) error {
	r.node = node.Name()
	file, err := write(r.dir, "regent.toml", r.text(routers))
	if err != nil {
		return err
	}
	r.cmd, err = node.Start(ctx, r.binary, "run", "-c", file,
		"--state-dir", filepath.Join(r.dir, "state"), "--run-dir", filepath.Join(r.dir, "run"))
	return err
}

// text is the node's configuration.
func (r *Regent) text(routers []Router) string {
	if r.Text != nil {
		return r.Text(r.node, routers...)
	}
	return regentConf(r.node, r.Realtime, routers...)
}

// Reload implements [Daemon].
func (r *Regent) Reload(_ context.Context, routers ...Router) error {
	if _, err := write(r.dir, "regent.toml", r.text(routers)); err != nil {
		return err
	}
	return signal(r.cmd, unix.SIGHUP)
}

// Term implements [Daemon].
func (r *Regent) Term() error { return signal(r.cmd, unix.SIGTERM) }

// Kill9 implements [Daemon].
func (r *Regent) Kill9() error { return killFamily(r.cmd) }

// SignalWorker sends a signal to the worker alone, which the supervisor outlives.
func (r *Regent) SignalWorker(s unix.Signal) error { return signalChild(r.cmd, s) }

// Pids implements [Daemon]: supervisor, worker and what they started.
func (r *Regent) Pids() []int { return family(r.cmd) }

// Stop implements [Daemon].
func (r *Regent) Stop() error { return stop(r.cmd) }

// Cleanup implements [Daemon].
func (r *Regent) Cleanup() error { return stop(r.cmd) }
