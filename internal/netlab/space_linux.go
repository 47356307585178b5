// SPDX-License-Identifier: Apache-2.0

package netlab

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"
)

// space is one anonymous network namespace, held by a descriptor.
type space struct {
	file *os.File
	dev  uint64
	ino  uint64

	// work feeds the thread that starts processes. A child is told to die
	// with the thread that made it, so that thread lives as long as the space.
	work chan func()
	gone chan struct{}
	once sync.Once
}

// newSpace makes a namespace.
func newSpace() (*space, error) {
	s := &space{work: make(chan func()), gone: make(chan struct{})}
	ready := make(chan error, 1)
	go s.serve(ready)
	if err := <-ready; err != nil {
		return nil, fmt.Errorf("create network namespace: %w", err)
	}
	return s, nil
}

// serve is the thread inside. It is not unlocked: when it returns, the runtime
// ends the thread, which therefore cannot run anything else in the wrong place.
func (s *space) serve(ready chan<- error) {
	runtime.LockOSThread()
	defer close(s.gone)
	home, err := threadSpace()
	if err != nil {
		ready <- err
		return
	}
	defer home.Close()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread() // it has not moved
		if errors.Is(err, unix.EPERM) {
			err = fmt.Errorf("%w (needs CAP_SYS_ADMIN: root or a user namespace)", err)
		}
		ready <- err
		return
	}
	inside, err := threadSpace()
	if err == nil {
		var st unix.Stat_t
		if err = unix.Fstat(int(inside.Fd()), &st); err == nil {
			s.file, s.dev, s.ino = inside, st.Dev, st.Ino
		}
	}
	ready <- err
	if err == nil {
		for f := range s.work {
			f()
		}
	}
	if unix.Setns(int(home.Fd()), unix.CLONE_NEWNET) == nil {
		runtime.UnlockOSThread()
	}
}

// threadSpace opens the namespace of the calling thread.
func threadSpace() (*os.File, error) {
	return os.OpenFile("/proc/thread-self/ns/net", os.O_RDONLY|unix.O_CLOEXEC, 0)
}

// onThread runs f on the long-lived thread inside.
func (s *space) onThread(f func() error) error {
	done := make(chan error, 1)
	select {
	case s.work <- func() { done <- f() }:
		return <-done
	case <-s.gone:
		return errors.New("network namespace is closed")
	}
}

// do runs f on the caller's goroutine, whose thread is inside meanwhile.
func (s *space) do(f func() error) (err error) {
	runtime.LockOSThread()
	home, err := threadSpace()
	if err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("open own network namespace: %w", err)
	}
	if err := unix.Setns(int(s.file.Fd()), unix.CLONE_NEWNET); err != nil {
		home.Close()
		runtime.UnlockOSThread()
		return fmt.Errorf("enter network namespace: %w", err)
	}
	defer func() {
		defer home.Close()
		if back := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); back != nil {
			// The thread stays locked: the runtime ends it with the goroutine.
			err = errors.Join(err, fmt.Errorf("leave network namespace: %w", back))
			return
		}
		runtime.UnlockOSThread()
	}()
	return f()
}

// path names the namespace for other programs (nsenter --net=…) while the
// process lives.
func (s *space) path() string {
	return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), s.file.Fd())
}

// close gives the namespace back. Processes in it must be gone.
func (s *space) close() error {
	var err error
	s.once.Do(func() {
		close(s.work)
		<-s.gone
		err = s.file.Close()
	})
	return err
}
