// SPDX-License-Identifier: Apache-2.0

package flow

import (
	"errors"
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
)

// sampleSpace is a thread that stays in a network namespace: what the kernel finds out by the thread that asks, and not
// by a file descriptor, is asked by this one.
type sampleSpace struct {
	work   chan func() error
	result chan error
}

const sampleSpacePath = "/proc/thread-self/ns/net"

// sampleEnter starts a thread in the namespace of the calling one.
func sampleEnter() (*sampleSpace, error) {
	runtime.LockOSThread()
	fd, err := unix.Open(sampleSpacePath, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	runtime.UnlockOSThread()
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", sampleSpacePath, err)
	}
	s := &sampleSpace{work: make(chan func() error), result: make(chan error)}
	go s.run(fd, nil)
	err = <-s.result
	return s, errors.Join(err, unix.Close(fd))
}

// run is the thread. One that was moved ends with it, since it locks the goroutine and never unlocks. The first thread of the
// process cannot end, and what is said of the process, like /proc/self/ns/net, is said of it: it is never moved. Begun, unless
// nil, is closed once the goroutine has a thread for itself.
func (s *sampleSpace) run(fd int, begun chan<- struct{}) {
	runtime.LockOSThread()
	if begun != nil {
		close(begun)
	}
	if unix.Gettid() == unix.Getpid() {
		other := make(chan struct{})
		go s.run(fd, other)
		<-other // on another thread, since this one is taken until now
		runtime.UnlockOSThread()
		return
	}
	moved, err := sampleMove(fd)
	if !moved {
		defer runtime.UnlockOSThread()
	}
	s.result <- err
	if err != nil {
		return
	}
	for f := range s.work {
		s.result <- f()
	}
}

// sampleMove moves this thread into a namespace, unless it is there.
func sampleMove(fd int) (moved bool, err error) {
	var here, there unix.Stat_t
	if err := errors.Join(unix.Stat(sampleSpacePath, &here), unix.Fstat(fd, &there)); err != nil {
		return false, fmt.Errorf("compare network namespaces: %w", err)
	}
	if here.Dev == there.Dev && here.Ino == there.Ino {
		return false, nil
	}
	if err := unix.Setns(fd, unix.CLONE_NEWNET); err != nil {
		return false, fmt.Errorf("enter the network namespace with a thread: %w (needs CAP_SYS_ADMIN)", err)
	}
	return true, nil
}

// do runs f on the thread. One caller at a time.
func (s *sampleSpace) do(f func() error) error {
	s.work <- f
	return <-s.result
}

// leave ends the thread.
func (s *sampleSpace) leave() { close(s.work) }
