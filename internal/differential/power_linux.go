// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Die takes the machine's power: nothing is sent or seen of it until it starts again.
func (h *Host) Die() error {
	h.dead = true
	var errs []error
	for _, name := range h.interfaces() {
		errs = append(errs, h.Port(name).Cut())
	}
	return errors.Join(append(errs, h.Kill9())...)
}

// revive is a boot: the kernel has forgotten what the program did to it.
func (h *Host) revive(ctx context.Context) error {
	h.dead = false
	if err := h.forget(); err != nil {
		return err
	}
	held, err := h.virtual()
	if err != nil {
		return err
	}
	for _, p := range held {
		// It is on one of them.
		if _, err := h.Run(ctx, "sh", "-c", fmt.Sprintf("for i in $(ls /sys/class/net); do ip addr del %s dev $i; done; :", p)); err != nil {
			return err
		}
	}
	for _, name := range h.interfaces() {
		if err := h.Port(name).Heal(); err != nil {
			return err
		}
	}
	return nil
}

// forget removes pid files. Where nobody reaps orphans, dead processes still count as running for keepalived.
func (h *Host) forget() error {
	files, err := filepath.Glob(filepath.Join(h.dir, "run/*.pid"))
	for _, f := range files {
		err = errors.Join(err, os.Remove(f))
	}
	return err
}

// interfaces are the names of the node's.
func (h *Host) interfaces() []string {
	if len(h.spec.Interfaces) == 0 {
		return []string{"eth0"}
	}
	var names []string
	for _, i := range h.spec.Interfaces {
		names = append(names, i.Name)
	}
	return names
}

// Family lists the program's processes, the parent first.
func (h *Host) Family() []int {
	if !h.running() {
		return nil
	}
	return append([]int{h.cmd.Pid()}, children(h.cmd.Pid())...)
}

// Kill9 kills all processes at once, so that none acts on the death of another.
func (h *Host) Kill9() error {
	family := h.Family()
	var errs []error
	for _, s := range []unix.Signal{unix.SIGSTOP, unix.SIGKILL} {
		for _, pid := range slices.Backward(family) {
			if err := unix.Kill(pid, s); err != nil && !errors.Is(err, unix.ESRCH) {
				errs = append(errs, err)
			}
		}
	}
	if h.cmd != nil && len(family) > 0 {
		<-h.cmd.Done()
	}
	return errors.Join(errs...)
}

// children lists the processes that the process made, and theirs.
func children(pid int) []int {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		return nil
	}
	var pids []int
	for _, task := range tasks {
		text, err := os.ReadFile(task)
		if err != nil {
			continue // it ended
		}
		for field := range strings.FieldsSeq(string(text)) {
			if child, err := strconv.Atoi(field); err == nil {
				pids = append(append(pids, child), children(child)...)
			}
		}
	}
	return pids
}
