// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/regent-ha/regent/internal/netlab"
)

const (
	vrid    = 51
	port    = 5432
	first   = "10.77.0.101" // owned by db1
	second  = "10.77.0.102" // owned by db2
	stopFor = 5 * time.Second
)

// The same file on every node, but for the first line.
const configuration = `node = %q

[nodes.db1]
address = "10.77.0.11"
[nodes.db2]
address = "10.77.0.12"
[nodes.db3]
address = "10.77.0.13"

[[service]]
name              = "orders"
interface         = "eth0"
virtual_router_id = 51
addresses         = ["10.77.0.101/24"]
owner             = "db1"
standbys          = ["db2", "db3"]
takeover          = "forbid"
advert_interval   = "100ms"

[[service]]
name              = "orders-second"
interface         = "eth0"
virtual_router_id = 52
addresses         = ["10.77.0.102/24"]
owner             = "db2"
standbys          = ["db3", "db1"]
takeover          = "forbid"
advert_interval   = "100ms"
`

// member is one node with its daemon and its service.
type member struct {
	*netlab.Node
	program string
	dir     string
	daemon  *netlab.Cmd
}

// cluster is the three members and the client.
type cluster struct {
	lab     *netlab.Lab
	wire    *netlab.Capture
	members []*member
	client  *netlab.Node
}

// build makes the network, starts every service and every daemon.
func build(ctx context.Context, program, dir string) (_ *cluster, err error) {
	lab, err := netlab.Open(netlab.Options{Dir: dir})
	if err != nil {
		return nil, err
	}
	c := &cluster{lab: lab}
	defer func() {
		if err != nil {
			err = errors.Join(err, lab.Close())
		}
	}()
	if c.wire, err = lab.Capture("demo", ""); err != nil {
		return nil, err
	}
	for i, name := range []string{"db1", "db2", "db3"} {
		node, err := lab.Node(name, fmt.Sprintf("10.77.0.%d/24", 11+i))
		if err != nil {
			return nil, err
		}
		m := &member{Node: node, program: program, dir: filepath.Join(dir, name)}
		c.members = append(c.members, m)
		if err := m.prepare(ctx); err != nil {
			return nil, err
		}
	}
	if c.client, err = lab.Node("client", "10.77.0.50/24"); err != nil {
		return nil, err
	}
	for _, m := range c.members {
		if err := m.start(ctx); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// prepare writes the configuration and starts the service on the wildcard address.
func (m *member) prepare(ctx context.Context) error {
	if err := os.MkdirAll(m.dir, 0o755); err != nil {
		return err
	}
	text := fmt.Sprintf(configuration, m.Name())
	if err := os.WriteFile(m.file(), []byte(text), 0o644); err != nil {
		return err
	}
	_, err := m.Start(ctx, m.program, "demo-service", "--node", m.Name(), "--port", strconv.Itoa(port))
	return err
}

func (m *member) file() string { return filepath.Join(m.dir, "regent.toml") }

// start starts the daemon.
func (m *member) start(ctx context.Context) (err error) {
	m.daemon, err = m.Start(ctx, m.program, "run", "-c", m.file(), "--state-dir", filepath.Join(m.dir, "state"),
		"--run-dir", filepath.Join(m.dir, "run"))
	return err
}

// stop ends the daemon as planned and waits for it.
func (m *member) stop() error { return m.daemon.Stop(stopFor) }

// killWorker kills the daemon's working process, as a crash would.
func (m *member) killWorker() error {
	pid, err := m.worker()
	if err != nil {
		return err
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		return fmt.Errorf("kill the worker of %s: %w", m.Name(), err)
	}
	return nil
}

// worker is the process that the daemon's supervisor started.
func (m *member) worker() (int, error) {
	parent := m.daemon.Pid()
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", parent))
	if err != nil {
		return 0, err
	}
	for _, t := range tasks {
		list, err := os.ReadFile(t)
		if err != nil {
			continue // a thread that ended meanwhile
		}
		if f := strings.Fields(string(list)); len(f) > 0 {
			return strconv.Atoi(f[0])
		}
	}
	return 0, fmt.Errorf("the daemon of %s (pid %d) has no worker; its log: %s", m.Name(), parent, m.daemon.Log)
}
