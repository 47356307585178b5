// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/internal/peers"
)

// worker is a daemon whose working process can be told from the one that watches it.
type worker interface {
	peers.Daemon
	SignalWorker(unix.Signal) error
}

// subject is a program under measurement.
type subject struct {
	name string
	path string
	// make makes a daemon that keeps its files in dir; realtime asks for real-time scheduling.
	make func(dir string, realtime bool) worker
}

// subjects are Regent and the keepaliveds, by turns measured in this order, with their versions.
func subjects(ctx context.Context, regent string, others []string) (list []subject, programs []Program, err error) {
	if regent, err = filepath.Abs(regent); err != nil {
		return nil, nil, err
	}
	list = append(list, subject{name: "regent", path: regent, make: func(dir string, realtime bool) worker {
		d := peers.NewRegent(regent, dir)
		d.Realtime = realtime
		return d
	}})
	packaged, err := exec.LookPath("keepalived")
	if err != nil {
		return nil, nil, fmt.Errorf("keepalived is not installed: %w", err)
	}
	for i, path := range append([]string{packaged}, others...) {
		name := "keepalived"
		if i > 0 {
			name = fmt.Sprintf("keepalived %d", i+1)
		}
		list = append(list, subject{name: name, path: path, make: func(dir string, realtime bool) worker {
			d := peers.NewKeepalived(dir)
			d.Binary, d.Quiet = path, true
			if realtime {
				d.Global = []string{"vrrp_rt_priority 50"}
			}
			return d
		}})
	}
	var errs []error
	for _, s := range list {
		v, err := version(ctx, s.path)
		errs = append(errs, err)
		programs = append(programs, Program{Name: s.name, Version: v})
	}
	return list, programs, errors.Join(errs...)
}

// version is the first line that a program says of itself.
func version(ctx context.Context, path string) (string, error) {
	out, err := exec.CommandContext(ctx, path, "--version").CombinedOutput()
	line, _, _ := bytes.Cut(out, []byte("\n"))
	if err != nil {
		return "", fmt.Errorf("%s --version: %w: %s", path, err, line)
	}
	return string(bytes.TrimSpace(line)), nil
}

// thisMachine describes where this runs, without a name.
func thisMachine() Machine {
	m := Machine{Processors: runtime.NumCPU(), Go: runtime.Version()}
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		m.Kernel = unix.ByteSliceToString(u.Release[:])
	}
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
				m.Model = strings.TrimSpace(value)
				break
			}
		}
	}
	return m
}
