// SPDX-License-Identifier: Apache-2.0

package responder

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// bpffs is where pinned objects live, so that they outlive their process.
const bpffs = "/sys/fs/bpf"

// threadSpace is the network namespace of the calling thread.
const threadSpace = "/proc/thread-self/ns/net"

// errHeld is passing: the process may be just ending.
var errHeld = errors.New("another running process refuses by sk_lookup in this network namespace")

// home is the directory where the objects of one network namespace are pinned. Who has its lock owns them, and the lock
// ends with the process, however it ends.
type home struct {
	dir  string
	lock *os.File
}

// homeDirectory is the home of the calling thread's network namespace. It need not exist.
func homeDirectory(table string) (string, error) {
	var ns unix.Stat_t
	if err := unix.Stat(threadSpace, &ns); err != nil {
		return "", fmt.Errorf("look at %s: %w", threadSpace, err)
	}
	return filepath.Join(bpffs, "regent", fmt.Sprintf("%s-%d", table, ns.Ino)), nil
}

// mounted reports whether the bpf filesystem is where it should be.
func mounted() bool {
	var s unix.Statfs_t
	return unix.Statfs(bpffs, &s) == nil && uint32(s.Type) == unix.BPF_FS_MAGIC //nolint:gosec // a word on every machine
}

// mountPins mounts the bpf filesystem where it is missing; did says that it was.
func mountPins() (did bool, err error) {
	if mounted() {
		return false, nil
	}
	if err := unix.Mount("bpf", bpffs, "bpf", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "mode=0700"); err != nil {
		return false, fmt.Errorf("mount the bpf filesystem at %s: %w", bpffs, err)
	}
	return true, nil
}

// makeHome makes the directory if it is missing and locks it as soon as nobody else has it.
func makeHome(ctx context.Context, dir string) (*home, error) {
	return waitHome(ctx, func() (*home, error) {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, err
		}
		h, err := takeHome(dir)
		if errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("%w: its directory is just being removed", errHeld)
		}
		return h, err
	})
}

// findHome locks a directory as soon as nobody else has it; nil if there is none, or none that we could see.
func findHome(ctx context.Context, dir string) (*home, error) {
	h, err := waitHome(ctx, func() (*home, error) { return takeHome(dir) })
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return nil, nil
	}
	return h, err
}

func waitHome(ctx context.Context, take func() (*home, error)) (h *home, err error) {
	ctx, cancel := context.WithTimeout(ctx, takePatience)
	defer cancel()
	err = patiently(ctx, func() (err error) {
		h, err = take()
		return err
	})
	return h, err
}

// takeHome locks a directory that exists, or returns errHeld.
func takeHome(dir string) (*home, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	h := &home{dir: dir, lock: f}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	switch {
	case errors.Is(err, unix.EWOULDBLOCK):
		err = errHeld
	case err != nil:
		err = fmt.Errorf("lock %s: %w", dir, err)
	case !h.ours():
		err = fmt.Errorf("%w: its directory was just removed", errHeld)
	}
	if err != nil {
		_ = f.Close() // the first error is the one to report
		return nil, err
	}
	return h, nil
}

// ours reports whether the directory is still the one whose lock we have.
func (h *home) ours() bool {
	have, err := h.lock.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(h.dir)
	return err == nil && os.SameFile(have, there)
}

func (h *home) path(name string) string { return filepath.Join(h.dir, name) }

// empty removes all pins: the link first, so that a link that is found has its maps.
func (h *home) empty() error {
	errs := []error{removeFile(h.path("link"))}
	entries, err := os.ReadDir(h.dir)
	if !errors.Is(err, fs.ErrNotExist) {
		errs = append(errs, err)
	}
	for _, e := range entries {
		errs = append(errs, removeFile(h.path(e.Name())))
	}
	return errors.Join(errs...)
}

// remove detaches what is attached and removes the pins with their directory.
func (h *home) remove() error {
	if l, err := link.LoadPinnedLink(h.path("link"), nil); err == nil {
		// Who may not detach it may still remove its pins: then it ends a moment later.
		_ = l.Detach()
		_ = l.Close()
	}
	return errors.Join(h.empty(), removeFile(h.dir))
}

func (h *home) close() error { return h.lock.Close() }

// removeFile is os.Remove of what may be gone already.
func removeFile(name string) error {
	if err := os.Remove(name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// sweepHomes removes what belongs to namespaces that are gone, and what somebody began and did not finish.
func sweepHomes(but string) {
	dirs, err := filepath.Glob(filepath.Join(bpffs, "regent", "*-*"))
	if err != nil {
		return
	}
	for _, dir := range dirs {
		if dir == but {
			continue
		}
		h, err := takeHome(dir)
		if err != nil {
			continue // it lives
		}
		l, err := link.LoadPinnedLink(h.path("link"), nil)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			_ = h.remove() // somebody else's garbage is no reason to fail, here and below
		case err == nil && attachedTo(l) == 0:
			_ = h.remove()
		}
		if l != nil {
			_ = l.Close()
		}
		_ = h.close()
	}
}

// attachedTo is the number of the network namespace that a link refuses in; 0 if that is gone or the link was detached.
func attachedTo(l link.Link) uint32 {
	info, err := l.Info()
	if err != nil || info.NetNs() == nil {
		return 0
	}
	return info.NetNs().NetnsInode
}

// liftLookup makes everything refused again that a dead process served in the calling thread's network namespace. It
// reports whether that process left anything.
func liftLookup(ctx context.Context, table string) (found bool, err error) {
	dir, err := homeDirectory(table)
	if err != nil || !mounted() {
		return false, err
	}
	h, err := findHome(ctx, dir)
	if err != nil || h == nil {
		return false, err
	}
	defer func() { err = errors.Join(err, h.close()) }()
	m, err := ebpf.LoadPinnedMap(h.path("served1"), nil)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return true, err
	}
	return true, errors.Join(emptyServed(m, func(uint64) bool { return true }), m.Close())
}

// leftLookup returns what removes the program and maps that an earlier process left in the calling thread's network
// namespace, where another mechanism is in force now: it would refuse what that one serves. It returns nil if there are none.
func leftLookup(table string) func(context.Context) error {
	dir, err := homeDirectory(table)
	if err != nil || !mounted() {
		return nil
	}
	if _, err := os.Stat(dir); err != nil {
		return nil
	}
	return func(ctx context.Context) error {
		h, err := findHome(ctx, dir)
		if err != nil || h == nil {
			return err
		}
		return errors.Join(h.remove(), h.close())
	}
}
