// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// FIFO is a named pipe that programs read changes from. Its methods may be called from several goroutines.
type FIFO struct {
	path string
	made bool
	lost atomic.Uint64

	mu sync.Mutex
	fd int
}

// fifoMode is what readers of other users need; the umask of the daemon takes from it.
const fifoMode = 0o644

// OpenFIFO opens a named pipe, and makes it if it is not there. It is opened for reading as well, so that it is there for a
// reader that comes later, and so that nobody's leaving is an error. A link in its place is not followed, and what is no pipe is
// an error. The owner is changed if it is given.
func OpenFIFO(path string, owner *User) (_ *FIFO, err error) {
	f := &FIFO{path: path}
	switch err := unix.Mkfifo(path, fifoMode); {
	case err == nil:
		f.made = true
	case !errors.Is(err, unix.EEXIST):
		return nil, fmt.Errorf("make FIFO %s: %w", path, err)
	}
	defer func() {
		if err != nil && f.made {
			err = errors.Join(err, os.Remove(path))
		}
	}()
	f.fd, err = unix.Open(path, unix.O_RDWR|unix.O_NONBLOCK|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open FIFO %s: %w", path, err)
	}
	var s unix.Stat_t
	err = unix.Fstat(f.fd, &s)
	if err == nil && s.Mode&unix.S_IFMT != unix.S_IFIFO {
		err = errors.New("it is no FIFO: remove it, or write another path")
	}
	if err == nil && owner != nil {
		err = unix.Fchown(f.fd, int(owner.UID), int(owner.GID))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open FIFO %s: %w", path, err), unix.Close(f.fd))
	}
	return f, nil
}

// Write writes a change. A line that does not fit is lost, whole.
func (f *FIFO) Write(c Change) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fd < 0 {
		return
	}
	// Up to PIPE_BUF a write is whole or not at all (pipe(7)); names are short.
	if _, err := unix.Write(f.fd, []byte(c.Line())); err != nil {
		f.lost.Add(1)
	}
}

// Lost returns how many lines did not fit.
func (f *FIFO) Lost() uint64 { return f.lost.Load() }

// Close closes the pipe, and removes it if it was made here.
func (f *FIFO) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fd < 0 {
		return nil
	}
	err := unix.Close(f.fd)
	f.fd = -1
	if f.made {
		err = errors.Join(err, os.Remove(f.path))
	}
	return err
}
