// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
)

const (
	defaultConfig   = "/etc/regent/regent.toml"
	defaultStateDir = "/var/lib/regent"
	defaultRunDir   = "/run/regent"
	socketName      = "regent.sock"
)

// dirs are the directories as flags give them.
type dirs struct{ state, run string }

func (d *dirs) flags(c *cobra.Command, state bool) {
	if state {
		c.Flags().StringVar(&d.state, "state-dir", "", "what must outlive a restart (default $REGENT_STATE_DIR, $STATE_DIRECTORY, the file's state_dir, "+defaultStateDir+")")
	}
	c.Flags().StringVar(&d.run, "run-dir", "", "control socket and lock (default $REGENT_RUN_DIR, $RUNTIME_DIRECTORY, the file's run_dir, "+defaultRunDir+")")
}

// stateDir: the flag, Regent's variable, systemd's, the file's key, the default.
func (d *dirs) stateDir(fromFile string) string {
	return cmp.Or(d.state, os.Getenv("REGENT_STATE_DIR"), first(os.Getenv("STATE_DIRECTORY")), fromFile, defaultStateDir)
}

func (d *dirs) runDir(fromFile string) string {
	return cmp.Or(d.run, os.Getenv("REGENT_RUN_DIR"), first(os.Getenv("RUNTIME_DIRECTORY")), fromFile, defaultRunDir)
}

// socket is the path of the control socket.
func (d *dirs) socket(fromFile string) string { return filepath.Join(d.runDir(fromFile), socketName) }

// first of a list as systemd writes several directories.
func first(list string) string {
	head, _, _ := strings.Cut(list, ":")
	return head
}
