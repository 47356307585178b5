// SPDX-License-Identifier: Apache-2.0

package pidfile

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrRunning is what [Take] says of a file that belongs to a running daemon.
var ErrRunning = errors.New("daemon is already running")

// names are the command names (comm) of processes whose unlocked pid file counts.
const names = "keepalived"

// File is a pid file that is held.
type File struct {
	path string
	f    *os.File
}

// Take opens and locks the pid file at path; a directory that is missing is made. The file is created with mode 0644 whatever
// the umask is, links are not followed. The error is [ErrRunning] if a daemon holds it.
func Take(path string) (*File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("pid file: %w", err)
	}
	// Once more if its owner removed it between opening and locking.
	for range 10 {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o644)
		if errors.Is(err, unix.ELOOP) {
			return nil, fmt.Errorf("pid file %s: it is a symbolic link, which is not followed (remove it)", path)
		}
		if err != nil {
			return nil, fmt.Errorf("pid file: %w", err)
		}
		same, err := lock(f, path)
		if err == nil && same {
			return &File{path, f}, nil
		}
		f.Close()
		if err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("pid file %s: it is removed again and again", path)
}

// lock locks the file, and tells whether it is still the one at path.
func lock(f *os.File, path string) (same bool, err error) {
	info, err := f.Stat()
	if err != nil {
		return false, fmt.Errorf("pid file: %w", err)
	}
	if !info.Mode().IsRegular() {
		return false, fmt.Errorf("pid file %s: it is no regular file", path)
	}
	all := unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart}
	err = unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &all)
	switch {
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EACCES):
		return false, ErrRunning
	case err != nil:
		return false, fmt.Errorf("pid file %s: lock: %w", path, err)
	}
	now, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("pid file: %w", err)
	}
	if !os.SameFile(info, now) {
		return false, nil
	}
	if runs(f) {
		return false, ErrRunning
	}
	return true, nil
}

// runs tells whether the number in the file is that of a keepalived that does not lock.
// Neither this process nor the one that started it to be the daemon is one.
func runs(f *os.File) bool {
	text := make([]byte, 32)
	n, err := f.ReadAt(text, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return false
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text[:n])))
	if err != nil || pid <= 0 || pid == os.Getpid() || pid == os.Getppid() {
		return false
	}
	comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	return err == nil && strings.HasPrefix(string(comm), names)
}

// Path returns where the file is.
func (f *File) Path() string { return f.path }

// Write writes a process id, over the one that was there.
func (f *File) Write(pid int) error {
	text := strconv.Itoa(pid) + "\n"
	if err := f.f.Chmod(0o644); err != nil { // the umask may be stricter
		return fmt.Errorf("pid file: %w", err)
	}
	// Shorter than a page and in place: a reader sees the old number or the new one, and at worst a bit of the old behind it.
	if _, err := f.f.WriteAt([]byte(text), 0); err != nil {
		return fmt.Errorf("pid file: %w", err)
	}
	if err := f.f.Truncate(int64(len(text))); err != nil {
		return fmt.Errorf("pid file: %w", err)
	}
	return nil
}

// Remove removes the file, unless another has taken its place, and lets the lock go.
func (f *File) Remove() error {
	defer f.f.Close() //nolint:errcheck // only a number was written
	ours, err := f.f.Stat()
	if err != nil {
		return fmt.Errorf("pid file: %w", err)
	}
	now, err := os.Lstat(f.path)
	if errors.Is(err, os.ErrNotExist) || err == nil && !os.SameFile(ours, now) {
		return nil
	}
	if err == nil {
		err = os.Remove(f.path)
	}
	if err != nil {
		return fmt.Errorf("pid file: %w", err)
	}
	return nil
}
