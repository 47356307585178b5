// SPDX-License-Identifier: Apache-2.0

package pidfile

import (
	"cmp"
	"path/filepath"
)

// Where is what decides about the paths.
type Where struct {
	Run       string // the directory for such things, "/run" if empty
	Dir       bool   // use_pid_dir
	Instance  string // instance
	Namespace string // net_namespace or -s

	Parent, Worker string // -p and -r
}

// Paths are the pid files of the two processes.
type Paths struct{ Parent, Worker string }

// Paths returns where keepalived puts its pid files. A network namespace has a directory of its own: keepalived mounts it
// over /run/keepalived for itself, and everybody else sees it here.
func (w Where) Paths() Paths {
	dir, suffix := cmp.Or(w.Run, "/run"), ""
	if w.Dir || w.Instance != "" || w.Namespace != "" {
		dir = filepath.Join(dir, "keepalived", w.Namespace)
	}
	if w.Instance != "" {
		suffix = "_" + w.Instance
	}
	return Paths{
		Parent: cmp.Or(w.Parent, filepath.Join(dir, "keepalived"+suffix+".pid")),
		Worker: cmp.Or(w.Worker, filepath.Join(dir, "vrrp"+suffix+".pid")),
	}
}
