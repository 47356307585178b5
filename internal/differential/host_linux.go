// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/internal/netlab"
)

// Host is a node of a case with the program that plays it.
type Host struct {
	*netlab.Node
	program Program
	spec    *Node
	dir     string // holds run, tmp and var, which the program sees at their usual places
	cmd     *netlab.Cmd
	logs    []string // of all starts
	before  map[string]bool
	dead    bool // as a machine without power
	deaf    *netlab.Fault
	fifos   map[string]*fifo
	seen    mark
}

// mark is how much of what grows has been read.
type mark struct {
	log, calls, read int
	fifo             map[string]int
}

// start is what runs in a mount namespace of its own.
const start = `
mount --bind "$D/run" /run; mount --bind "$D/var" /var/lib
mount --bind "$P" /run/sbin/keepalived
for f in passwd group; do [ ! -e "$D/run/etc/$f" ] || mount --bind "$D/run/etc/$f" /etc/$f; done
mount --bind "$D/tmp" /tmp
cd /; unset D P; exec /run/sbin/keepalived "$@"`

// newHost makes the node with its files and interfaces.
func newHost(ctx context.Context, lab *netlab.Lab, networks map[string]*netlab.Network, spec *Node, program Program, name string, number int) (*Host, error) {
	n, err := lab.Island(name)
	if err != nil {
		return nil, err
	}
	h := &Host{Node: n, program: program, spec: spec, dir: filepath.Join(lab.Dir(), name), fifos: map[string]*fifo{}, before: map[string]bool{}}
	interfaces := spec.Interfaces
	if len(interfaces) == 0 {
		interfaces = []Interface{{Name: "eth0", Prefixes: []string{fmt.Sprintf("10.99.0.%d/24", number), fmt.Sprintf("fd99::%d/64", number)}}}
	}
	for _, i := range interfaces {
		network := networks[i.Network]
		if network == nil {
			if network, err = lab.Network(i.Network, netlab.NetworkOptions{}); err != nil {
				return nil, err
			}
			networks[i.Network] = network
		}
		if _, err := n.Attach(network, i.Name, i.Prefixes...); err != nil {
			return nil, err
		}
	}
	if err := h.files(); err != nil {
		return nil, err
	}
	for _, line := range spec.Setup {
		if _, err := n.Run(ctx, "sh", "-ec", line); err != nil {
			return nil, err
		}
	}
	held, err := n.Addresses("")
	if err != nil {
		return nil, err
	}
	for _, p := range held {
		h.before[p.String()] = true
	}
	return h, nil
}

// files writes what the node has at the start.
func (h *Host) files() error {
	for _, d := range []string{"run/bin", "run/conf", "run/sbin", "tmp", "var"} {
		if err := os.MkdirAll(filepath.Join(h.dir, d), 0o755); err != nil {
			return err
		}
	}
	write := func(path, text string, mode os.FileMode) error {
		path = filepath.Join(h.dir, "run", path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		return errors.Join(os.WriteFile(path, []byte(text), mode), os.Chmod(path, mode))
	}
	errs := []error{
		write("bin/check", checker, 0o755), write("bin/read", reader, 0o755), write("conf/keepalived.conf", h.spec.Conf, 0o644),
		write("sbin/keepalived", "", 0o755), write("calls", "", 0o666), write("read", "", 0o666),
	}
	for _, name := range h.spec.Programs {
		errs = append(errs, write("bin/"+name, recorder, 0o755))
	}
	for name, code := range h.spec.Checks {
		errs = append(errs, write("check."+name, strconv.Itoa(code)+"\n", 0o644))
	}
	for path, text := range h.spec.Files {
		errs = append(errs, write(path, text, 0o644))
	}
	for _, name := range h.spec.FIFOs {
		f, err := newFIFO(filepath.Join(h.dir, "run", name))
		errs = append(errs, err)
		h.fifos[name] = f
	}
	if h.spec.ScriptUser {
		for name, line := range map[string]string{
			"passwd": "keepalived_script:x:901:901::/nonexistent:/usr/sbin/nologin\n", "group": "keepalived_script:x:901:\n",
		} {
			text, err := os.ReadFile("/etc/" + name)
			errs = append(errs, err, write("etc/"+name, string(text)+line, 0o644))
		}
	}
	return errors.Join(errs...)
}

// Start starts the program.
func (h *Host) Start(ctx context.Context) error {
	if h.running() {
		return fmt.Errorf("%s runs already", h.Name())
	}
	if h.dead {
		if err := h.revive(ctx); err != nil {
			return err
		}
	}
	args := append([]string{"-m", "sh", "-ec", start, "keepalived"}, arguments...)
	h.cmd = h.Command(ctx, "unshare", append(args, h.spec.Args...)...)
	h.cmd.Env = append(append(os.Environ(), "D="+h.dir, "P="+h.program.Path), h.program.Env...)
	if err := h.cmd.Start(); err != nil {
		return err
	}
	h.logs = append(h.logs, h.cmd.Log)
	return nil
}

func (h *Host) running() bool {
	if h.cmd == nil {
		return false
	}
	select {
	case <-h.cmd.Done():
		return false
	default:
		return true
	}
}

// Signal sends a signal to the parent. A program that has ended is not an error: that it has is observed.
func (h *Host) Signal(s unix.Signal) error {
	if !h.running() {
		return nil
	}
	if err := h.cmd.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}

// Write writes a file below /run, such that nobody reads half of it.
func (h *Host) Write(path, text string) error {
	path = filepath.Join(h.dir, "run", path)
	if err := os.WriteFile(path+".new", []byte(text), 0o644); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// Rewrite writes a file below /run in place, as echo would.
func (h *Host) Rewrite(path, text string) error {
	return os.WriteFile(filepath.Join(h.dir, "run", path), []byte(text), 0o644)
}

// lines of a file; none if it is not there. The last one counts when it is whole.
func lines(path string) []string {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	all := strings.SplitAfter(string(b), "\n")
	return all[:len(all)-1]
}

// log is all lines of all starts.
func (h *Host) log() []string {
	var all []string
	for _, path := range h.logs {
		all = append(all, lines(path)...)
	}
	return all
}

// current is the log since the latest start.
func (h *Host) current() []string {
	if len(h.logs) == 0 {
		return nil
	}
	return lines(h.logs[len(h.logs)-1])
}

func (h *Host) calls() []string { return lines(filepath.Join(h.dir, "run/calls")) }
func (h *Host) read() []string  { return lines(filepath.Join(h.dir, "run/read")) }

// virtual are the addresses that the node did not have before anything ran.
func (h *Host) virtual() ([]netip.Prefix, error) {
	held, err := h.Addresses("")
	return slices.DeleteFunc(held, func(p netip.Prefix) bool {
		return h.before[p.String()] || (p.Addr().IsLinkLocalUnicast() && p.Addr().Is6() && p.Bits() == 64 && !h.named(p.Addr()))
	}), err
}

// named tells whether the configuration names an address.
func (h *Host) named(a netip.Addr) bool { return strings.Contains(h.spec.Conf, a.String()) }

// dump asks the program for its JSON.
func (h *Host) dump(ctx context.Context) ([]byte, error) {
	path := filepath.Join(h.dir, jsonPath)
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	if err := h.Signal(36); err != nil {
		return nil, err
	}
	var text []byte
	err := poll(ctx, 3*time.Second, func() bool {
		var err error
		text, err = os.ReadFile(path)
		return err == nil && jsonWhole(text)
	})
	if err != nil {
		return nil, fmt.Errorf("no whole %s: %w", jsonPath, err)
	}
	return text, nil
}

// poll looks until the condition holds.
func poll(ctx context.Context, limit time.Duration, ok func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("not within %v", limit)
		case <-tick.C:
		}
	}
	return nil
}
