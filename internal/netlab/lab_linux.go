// SPDX-License-Identifier: Apache-2.0

package netlab

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
)

// Options of a lab.
type Options struct {
	// Dir receives logs and captures. Absent: a temporary directory, removed by Close.
	Dir string
	// Log receives one line for each process started and each fault made. Absent: nothing.
	Log func(format string, args ...any)
	// Snooping turns multicast snooping of the default network on.
	Snooping bool
}

// Lab is a set of networks and nodes that live and end together.
type Lab struct {
	dir     string
	ownsDir bool
	log     func(format string, args ...any)
	lan     *Network

	mu       sync.Mutex
	closed   bool
	networks []*Network
	nodes    []*Node
	commands []*Cmd
	captures []*Capture
	given    map[string]bool // file names
}

// Open builds a lab with one network, called "lan". Tests use [Test] instead.
func Open(o Options) (*Lab, error) {
	l := &Lab{dir: o.Dir, log: o.Log, given: map[string]bool{}}
	if l.log == nil {
		l.log = func(string, ...any) {}
	}
	if l.dir == "" {
		dir, err := os.MkdirTemp("", "netlab")
		if err != nil {
			return nil, fmt.Errorf("create lab directory: %w", err)
		}
		l.dir, l.ownsDir = dir, true
	}
	// Daemons that change to another user read and write below it.
	if err := os.MkdirAll(l.dir, 0o755); err != nil {
		return nil, fmt.Errorf("create lab directory: %w", err)
	}
	if err := os.Chmod(l.dir, 0o755); err != nil {
		return nil, fmt.Errorf("open lab directory to daemons: %w", err)
	}
	lan, err := l.Network("lan", NetworkOptions{Snooping: o.Snooping})
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	l.lan = lan
	return l, nil
}

// Dir is the directory of logs and captures.
func (l *Lab) Dir() string { return l.dir }

// LAN is the default network.
func (l *Lab) LAN() *Network { return l.lan }

// Nodes returns the nodes in the order of their creation.
func (l *Lab) Nodes() []*Node {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]*Node(nil), l.nodes...)
}

// file returns a path in the lab's directory that has not been given before.
func (l *Lab) file(stem, ext string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := 0; ; i++ {
		name := filepath.Join(l.dir, stem+ext)
		if i > 0 {
			name = filepath.Join(l.dir, fmt.Sprintf("%s.%d%s", stem, i, ext))
		}
		if _, err := os.Lstat(name); !l.given[name] && errors.Is(err, os.ErrNotExist) {
			l.given[name] = true
			return name
		}
	}
}

// Close ends the processes, finishes the captures and gives the namespaces back.
// It may be called more than once.
func (l *Lab) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil
	}
	l.closed = true
	commands, captures := l.commands, l.captures
	nodes, networks := l.nodes, l.networks
	l.mu.Unlock()

	var errs []error
	for _, c := range commands {
		c.killGroup()
	}
	for _, n := range nodes {
		if err := n.space.sweep(); err != nil {
			errs = append(errs, fmt.Errorf("node %s: %w", n.name, err))
		}
	}
	for _, c := range commands {
		c.Wait() //nolint:errcheck // killed just now
	}
	for _, c := range captures {
		if _, err := c.Stop(); err != nil {
			errs = append(errs, err)
		}
	}
	for _, n := range nodes {
		errs = append(errs, n.close())
	}
	for _, w := range networks {
		errs = append(errs, w.close())
	}
	if l.ownsDir {
		errs = append(errs, os.RemoveAll(l.dir))
	}
	return errors.Join(errs...)
}
