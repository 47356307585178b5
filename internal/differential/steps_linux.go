// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/internal/netlab"
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

// Die takes the machine's power: processes end, and nothing is sent, received or observed until it starts again.
func Die(node string) Action {
	return on(node, func(_ context.Context, h *Host) error { return h.Die() })
}

// Kill kills all processes of the program; what they did to the kernel stays.
func Kill(node string) Action {
	return on(node, func(_ context.Context, h *Host) error { return errors.Join(h.Kill9(), h.forget()) })
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

// Deafen loses the adverts of one node on the way to another, which is heard as before.
func Deafen(node, from string) Action {
	return func(_ context.Context, hosts map[string]*Host) (err error) {
		h := hosts[node]
		h.deaf, err = h.Port("eth0").Network().Drop(netlab.Loss{From: hosts[from].Node, To: h.Node, Match: "ip protocol 112"})
		return err
	}
}

// Hear undoes [Deafen].
func Hear(node string) Action {
	return on(node, func(_ context.Context, h *Host) error { return h.deaf.Stop() })
}

// conf writes a configuration for a node from a text with macros: $N is 1 on a and 2 on b, $M the other's, $P the
// priority.
func conf(text string, number, priority int) string {
	return strings.NewReplacer("$N", strconv.Itoa(number), "$M", strconv.Itoa(3-number), "$P", strconv.Itoa(priority)).Replace(text)
}

// Remove removes a file below /run.
func Remove(node, path string) Action {
	return on(node, func(_ context.Context, h *Host) error { return os.Remove(filepath.Join(h.dir, "run", path)) })
}
