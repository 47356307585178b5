// SPDX-License-Identifier: Apache-2.0

package clients

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/regent-ha/regent/internal/netlab"
)

// Server is what serves clients at both addresses. It listens on the wildcard address of its node.
type Server struct {
	Name    string
	Version []string // a command; {"small"}: one of [Small]
	start   func(context.Context, stage) error
}

// stage is where a server runs.
type stage struct {
	node *netlab.Node
	at   []string // addresses at which clients ask
	dir  string   // of its own
	site string   // directory with keys and certificates
	gc   string   // the program of the module goclients
}

// Start starts a server on n1 and on n3.
func (s *Site) Start(ctx context.Context, sv Server, n Names) error {
	for node, at := range map[*netlab.Node][]string{s.owner: firsts(), s.other: {Second}} {
		dir := filepath.Join(s.dir, sv.Name+"."+node.Name())
		if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
			return fmt.Errorf("start %s: %w", sv.Name, err)
		}
		if err := sv.start(ctx, stage{node: node, at: at, dir: dir, site: s.dir, gc: n.Go}); err != nil {
			return fmt.Errorf("start %s: %w", sv.Name, err)
		}
	}
	return nil
}

// file writes a file of the server's and returns its path.
func (st stage) file(name, text string) (string, error) {
	path := filepath.Join(st.dir, name)
	return path, os.WriteFile(path, []byte(text), 0o644)
}

// lookup finds a program where daemons are, too.
func lookup(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	for _, pattern := range []string{"/usr/sbin", "/sbin", "/usr/lib/postgresql/*/bin"} {
		found, err := filepath.Glob(filepath.Join(pattern, name))
		if err == nil && len(found) > 0 {
			return found[len(found)-1], nil
		}
	}
	return "", fmt.Errorf("%s is not installed", name)
}
