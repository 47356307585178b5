// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// SocketName is the file name of the control socket in the run directory.
const SocketName = "regent.sock"

// listen opens the control socket: HTTP over a unix socket, for root and the socket's group.
func (d *Daemon) listen(ctx context.Context, parts *sync.WaitGroup) (*http.Server, error) {
	if err := os.MkdirAll(d.o.RunDir, 0o755); err != nil {
		return nil, fmt.Errorf("create run directory: %w (see --run-dir)", err)
	}
	path := filepath.Join(d.o.RunDir, SocketName)
	if err := removeStale(path); err != nil {
		return nil, err
	}
	// Bound under a stricter mask: nobody may connect before the mode is set.
	old := unix.Umask(0o117)
	l, err := (&net.ListenConfig{}).Listen(ctx, "unix", path)
	unix.Umask(old)
	if err != nil {
		return nil, fmt.Errorf("open control socket: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/status", d.serveStatus)
	mux.HandleFunc("GET /v1/events", d.serveEvents)
	d.handlePolicy(mux)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: 30 * time.Second}
	parts.Go(func() {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			d.o.Log.Error("control socket closed", "error", err)
		}
	})
	return server, nil
}

// removeStale removes the socket of a daemon that is gone, and refuses to take over that of a living one.
func removeStale(path string) error {
	c, err := net.DialTimeout("unix", path, time.Second)
	switch {
	case err == nil:
		c.Close()
		return fmt.Errorf("control socket %s: another daemon is running there (give each its own --run-dir)", path)
	case errors.Is(err, os.ErrNotExist):
		return nil
	case errors.Is(err, unix.ECONNREFUSED):
		if err := os.Remove(path); err != nil {
			return fmt.Errorf("remove stale control socket: %w", err)
		}
		return nil
	}
	return fmt.Errorf("control socket %s: %w", path, err)
}

func (d *Daemon) serveStatus(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 3*time.Second)
	defer cancel()
	s, err := d.snapshotFor(ctx)
	if err != nil {
		http.Error(w, "the daemon is busy or ends", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(s); err != nil {
		d.o.Log.Debug("status: client went away", "error", err)
	}
}
