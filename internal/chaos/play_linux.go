// SPDX-License-Identifier: Apache-2.0

package chaos

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/internal/netlab"
	"github.com/regent-ha/regent/internal/peers"
)

// Priorities of the members, the owner first.
var Priorities = []int{200, 150, 100}

// Cluster is three daemons and a client on one network.
type Cluster struct {
	Lab     *netlab.Lab
	Setting Setting
	// Log is told what happens.
	Log     func(format string, args ...any)
	members []*member
	client  *netlab.Node
	stalls  *peers.StallWatch
}

// member is one node with its daemon.
type member struct {
	*netlab.Node
	daemon *peers.Regent
	router peers.Router
	state  string // its directory, a file system of its own
}

// NewCluster lays the network and starts the daemons; their files are kept in dir.
func NewCluster(ctx context.Context, lab *netlab.Lab, program, dir string, s Setting) (*Cluster, error) {
	c := &Cluster{Lab: lab, Setting: s, Log: func(string, ...any) {}, stalls: peers.WatchStalls(ctx)}
	c.Setting.Lowest = Priorities[len(Priorities)-1]
	for i, p := range Priorities {
		node, err := lab.Node(fmt.Sprintf("node%d", i+1), fmt.Sprintf("10.99.0.%d/24", i+1))
		if err != nil {
			return nil, errors.Join(err, c.Close())
		}
		m := &member{Node: node, daemon: peers.NewRegent(program, filepath.Join(dir, node.Name())), router: peers.Router{
			Interface: "eth0", VRID: 51, Version: 3, Priority: p, Interval: s.Interval, Refuse: true,
			Addresses: []netip.Prefix{netip.PrefixFrom(s.Address, 24)},
		}}
		m.daemon.Realtime = s.Interval < 100*time.Millisecond
		state := filepath.Join(dir, node.Name(), "state")
		if err := os.MkdirAll(state, 0o700); err != nil {
			return nil, errors.Join(err, c.Close())
		}
		if err := unix.Mount("none", state, "tmpfs", 0, "size=256k,mode=700"); err != nil {
			return nil, errors.Join(fmt.Errorf("mount a small file system on %s: %w", state, err), c.Close())
		}
		m.state = state
		c.members = append(c.members, m)
	}
	var err error
	if c.client, err = lab.Node("client", netip.PrefixFrom(s.Client, 24).String()); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	for _, m := range c.members {
		if err := m.daemon.Start(ctx, m.Node, m.router); err != nil {
			return nil, errors.Join(err, c.Close())
		}
	}
	return c, c.rest(ctx)
}

// Close ends the daemons.
func (c *Cluster) Close() error {
	var errs []error
	for _, m := range c.members {
		errs = append(errs, m.daemon.Cleanup())
		if m.state != "" {
			errs = append(errs, unix.Unmount(m.state, unix.MNT_DETACH))
		}
	}
	return errors.Join(errs...)
}

// Usage is what all daemons take, as the kernel counts it.
func (c *Cluster) Usage() (files, threads int, memory int64) {
	for _, m := range c.members {
		pids := m.daemon.Pids()
		for _, pid := range pids {
			if list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid)); err == nil {
				files += len(list)
			}
			if list, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid)); err == nil {
				threads += len(list)
			}
		}
		if u, err := peers.UsageOf(pids); err == nil {
			memory += u.Proportional
		}
	}
	return files, threads, memory
}

// holders are the nodes that hold the address.
func (c *Cluster) holders() (list []*member) {
	for _, m := range c.members {
		if m.Holds(c.Setting.Address) {
			list = append(list, m)
		}
	}
	return list
}

// rest waits until one node alone holds the address, and has for a while.
func (c *Cluster) rest(ctx context.Context) error {
	since := time.Now()
	var last *member
	return peers.Await(ctx, 30*time.Second, "one node alone holds the address", func() bool {
		h := c.holders()
		if len(h) != 1 || h[0] != last {
			since, last = time.Now(), nil
			if len(h) == 1 {
				last = h[0]
			}
			return false
		}
		return time.Since(since) > 2*c.Setting.down()
	})
}

// Play makes one round happen and returns what was wrong about it, and where it was recorded. An error says that it could not be
// played.
func (c *Cluster) Play(ctx context.Context, r Round) (faults []error, capture string, err error) {
	if err := c.rest(ctx); err != nil {
		return nil, "", fmt.Errorf("before %s: %w", r, err)
	}
	wire, err := c.Lab.Capture(fmt.Sprintf("round%d", r.Number), "")
	if err != nil {
		return nil, "", err
	}
	knocking, stop := context.WithCancel(ctx)
	defer stop()
	var client sync.WaitGroup
	var knocked error
	client.Go(func() {
		knocked = peers.KeepConnecting(knocking, c.client, netip.AddrPortFrom(c.Setting.Address, 7000), 2*time.Millisecond)
	})
	wait(ctx, 4*c.Setting.Interval)
	victim := c.victim(r)
	t := Times{Begun: time.Now()}
	undo, err := c.begin(ctx, r, victim)
	if err != nil {
		return nil, "", fmt.Errorf("begin %s: %w", r, err)
	}
	wait(ctx, r.Lasts)
	if undo != nil {
		if err := undo(); err != nil {
			return nil, "", fmt.Errorf("end %s: %w", r, err)
		}
	}
	t.Ended = time.Now()
	if err := c.rest(ctx); err != nil {
		return []error{fmt.Errorf("%s: %w", r, err)}, wire.Path(), nil
	}
	t.Calm = time.Now()
	wait(ctx, 300*time.Millisecond)
	t.Stall = c.stalls.Worst(t.Begun.Add(-c.Setting.Interval), time.Now())
	stop()
	client.Wait()
	path, stopped := wire.Stop()
	if err := errors.Join(knocked, stopped); err != nil {
		return nil, path, err
	}
	if faults = c.Setting.Judge(r, t, wire.Frames()); len(faults) == 0 {
		return nil, "", os.Remove(path)
	}
	return faults, path, nil
}

// victim is the node that a round is about.
func (c *Cluster) victim(r Round) *member {
	active := c.holders()[0]
	if r.Active {
		return active
	}
	for _, m := range c.members {
		if m != active {
			return m
		}
	}
	return active
}

// again starts a daemon that has ended, or is about to.
func (m *member) again(ctx context.Context) error {
	err := peers.Await(ctx, 5*time.Second, "the daemon of "+m.Name()+" ends", func() bool { return len(m.daemon.Pids()) == 0 })
	if err != nil {
		return err
	}
	return m.daemon.Start(ctx, m.Node, m.router)
}

// begin makes the fault happen and returns how it ends.
func (c *Cluster) begin(ctx context.Context, r Round, m *member) (undo func() error, err error) {
	lan := c.Lab.LAN()
	fault := func(f *netlab.Fault, err error) (func() error, error) {
		if err != nil {
			return nil, err
		}
		return f.Stop, nil
	}
	switch r.Kind {
	case KillWorker:
		return nil, m.daemon.SignalWorker(unix.SIGKILL)
	case KillAll:
		return func() error { return m.again(ctx) }, m.daemon.Kill9()
	case Terminate:
		return func() error { return m.again(ctx) }, m.daemon.Term()
	case Pause:
		pid := m.daemon.Pids()
		return func() error {
			for _, p := range pid { // the worker may be dead by now, killed by its supervisor
				_ = unix.Kill(p, unix.SIGCONT) //nolint:errcheck // see above
			}
			return nil
		}, m.daemon.SignalWorker(unix.SIGSTOP)
	case CutOff:
		return m.Heal, m.Cut()
	case Deaf:
		return fault(lan.Drop(netlab.Loss{To: m.Node}))
	case Mute:
		return fault(lan.Drop(netlab.Loss{From: m.Node}))
	case FilterVRRP:
		return fault(lan.Drop(netlab.Loss{From: m.Node, Match: "ip protocol 112"}))
	case Lossy:
		return fault(lan.Drop(netlab.Loss{From: m.Node, Percent: r.Percent}))
	case Twice:
		return fault(lan.Duplicate(netlab.Loss{From: m.Node, To: c.other(m).Node}))
	case Flap:
		return m.LinkUp, m.LinkDown()
	case Reload:
		return nil, m.daemon.Reload(ctx, m.router)
	case DiskFull:
		return c.fill(ctx, m)
	case FlushRules:
		_, err := m.Run(ctx, "nft", "flush", "ruleset")
		return nil, err
	case DropAddress:
		_, err := m.Run(ctx, "ip", "addr", "flush", "dev", "eth0", "to", c.Setting.Address.String())
		return nil, err
	}
	return nil, fmt.Errorf("no fault %q", r.Kind)
}

// other is a node that is not m.
func (c *Cluster) other(m *member) *member {
	for _, o := range c.members {
		if o != m {
			return o
		}
	}
	return m
}

// fill fills the file system of the daemon's state, and makes it write: by a reload.
func (c *Cluster) fill(ctx context.Context, m *member) (func() error, error) {
	file := filepath.Join(m.state, "full")
	err := os.WriteFile(file, []byte(strings.Repeat("x", 1<<20)), 0o600)
	if !errors.Is(err, unix.ENOSPC) {
		return nil, fmt.Errorf("fill %s: %w", m.state, err)
	}
	return func() error { return os.Remove(file) }, m.daemon.Reload(ctx, m.router)
}

func wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
