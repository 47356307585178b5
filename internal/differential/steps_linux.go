// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Action is what a step does to the hosts, by name.
type Action func(ctx context.Context, hosts map[string]*Host) error

// on makes an action on one host.
func on(name string, f func(ctx context.Context, h *Host) error) Action {
	return func(ctx context.Context, hosts map[string]*Host) error {
		h := hosts[name]
		if h == nil {
			return fmt.Errorf("there is no node %q", name)
		}
		return f(ctx, h)
	}
}

// All does several things at once.
func All(actions ...Action) Action {
	return func(ctx context.Context, hosts map[string]*Host) error {
		for _, a := range actions {
			if err := a(ctx, hosts); err != nil {
				return err
			}
		}
		return nil
	}
}

// Nothing lets time pass until the step's conditions hold.
func Nothing(context.Context, map[string]*Host) error { return nil }

// Start starts the program of a node.
func Start(node string) Action {
	return on(node, func(ctx context.Context, h *Host) error { return h.Start(ctx) })
}

// Stop sends SIGTERM; wait for "a ended".
func Stop(node string) Action { return Signal(node, unix.SIGTERM) }

// Signal sends a signal to the parent process.
func Signal(node string, s unix.Signal) Action {
	return on(node, func(_ context.Context, h *Host) error { return h.Signal(s) })
}

// Kill kills all processes of the program.
func Kill(node string) Action {
	return on(node, func(_ context.Context, h *Host) error { return h.Kill9() })
}

// Pause stops all processes (SIGSTOP), Continue lets them run.
func Pause(node string) Action { return all(node, unix.SIGSTOP) }

// Continue undoes [Pause].
func Continue(node string) Action { return all(node, unix.SIGCONT) }

func all(node string, s unix.Signal) Action {
	return on(node, func(_ context.Context, h *Host) error {
		var errs []error
		for _, pid := range h.Family() {
			if err := unix.Kill(pid, s); err != nil && !errors.Is(err, unix.ESRCH) {
				errs = append(errs, err)
			}
		}
		return errors.Join(errs...)
	})
}

// Reload replaces the configuration and sends SIGHUP.
func Reload(node, conf string) Action {
	return on(node, func(_ context.Context, h *Host) error {
		if err := h.Write("conf/keepalived.conf", conf); err != nil {
			return err
		}
		return h.Signal(unix.SIGHUP)
	})
}

// Script sets the code that /run/bin/check NAME ends with.
func Script(node, name string, code int) Action {
	return on(node, func(_ context.Context, h *Host) error { return h.Write("check."+name, strconv.Itoa(code)+"\n") })
}

// File writes a file below /run, in place.
func File(node, path, text string) Action {
	return on(node, func(_ context.Context, h *Host) error { return h.Rewrite(path, text) })
}

// Run runs shell commands in the node's network.
func Run(node, commands string) Action {
	return on(node, func(ctx context.Context, h *Host) error {
		_, err := h.Run(ctx, "sh", "-ec", commands)
		return err
	})
}

// Spawn starts a process in the node that runs until the end of the case or [Run] ends it.
func Spawn(node string, words ...string) Action {
	return on(node, func(ctx context.Context, h *Host) error {
		_, err := h.Node.Start(ctx, words[0], words[1:]...)
		return err
	})
}

// Unplug takes an interface's carrier.
func Unplug(node, ifname string) Action {
	return on(node, func(_ context.Context, h *Host) error { return h.Port(ifname).LinkDown() })
}

// Plug gives it back.
func Plug(node, ifname string) Action {
	return on(node, func(_ context.Context, h *Host) error { return h.Port(ifname).LinkUp() })
}

// Cut loses every frame of an interface; the carrier stays.
func Cut(node, ifname string) Action {
	return on(node, func(_ context.Context, h *Host) error { return h.Port(ifname).Cut() })
}

// Heal undoes [Cut].
func Heal(node, ifname string) Action {
	return on(node, func(_ context.Context, h *Host) error { return h.Port(ifname).Heal() })
}

// conf writes a configuration for a node from a text with macros: $N is 1 on a and 2 on b, $M the other's, $P the
// priority.
func conf(text string, number, priority int) string {
	return strings.NewReplacer("$N", strconv.Itoa(number), "$M", strconv.Itoa(3-number), "$P", strconv.Itoa(priority)).Replace(text)
}
