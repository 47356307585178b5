// SPDX-License-Identifier: Apache-2.0

package flow

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

const (
	diagBuffer   = 64 << 10 // the kernel fills 32 KiB at a time at most
	diagAttempts = 8
	diagPatience = 5 // seconds
)

// diagSource lists connections by sock_diag. The socket belongs to the namespace in which it was opened.
type diagSource struct {
	fd       int
	sequence uint32
	buffer   []byte
	request  []byte
}

// diagOpen opens a source in the namespace of the calling thread.
func diagOpen() (*diagSource, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return nil, fmt.Errorf("open a sock_diag socket: %w", err)
	}
	// Connected to the kernel, the socket takes messages from nobody else. The kernel answers at once; the limit of
	// time only keeps a fault in it from becoming ours.
	err = errors.Join(unix.Connect(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: diagPatience}))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("set up a sock_diag socket: %w", err), unix.Close(fd))
	}
	return &diagSource{fd: fd, buffer: make([]byte, diagBuffer)}, nil
}

func (d *diagSource) close() error { return unix.Close(d.fd) }

// sample appends the connections on the addresses to list.
func (d *diagSource) sample(addrs *sampleAddresses, index *sampleIndex, list []Flow) ([]Flow, error) {
	base := len(list)
	var err error
	for range diagAttempts {
		index.reset()
		list = list[:base]
		var again bool
		for _, family := range [...]byte{sampleIPv4, sampleIPv6} { // dual-stack sockets have IPv4 connections in the latter
			if family == sampleIPv4 && !addrs.ipv4() {
				continue
			}
			var repeat bool
			if list, repeat, err = d.dump(family, addrs, index, list, base); err != nil {
				return list[:base], fmt.Errorf("list connections by sock_diag: %w", err)
			}
			again = again || repeat
		}
		if !again {
			return list, nil
		}
	}
	return list[:base], fmt.Errorf("list connections by sock_diag: %w", errDiagInterrupted)
}

// ipv4 says whether one of the addresses is IPv4.
func (a *sampleAddresses) ipv4() bool {
	for _, addr := range a.list {
		if addr.Is4() {
			return true
		}
	}
	return false
}

// dump appends the connections of one family. It reports true if the list must not be trusted. Whatever happens, it
// reads to the end of the dump if it can, since the socket takes no other request before.
func (d *diagSource) dump(family byte, addrs *sampleAddresses, index *sampleIndex, list []Flow, base int,
) ([]Flow, bool, error) {
	d.sequence++
	d.request = diagAppendRequest(d.request[:0], family, d.sequence, addrs.list)
	wanted := addrs.set
	if len(addrs.list) <= diagCompared {
		wanted = nil // the kernel has compared
	}
	if err := d.send(); err != nil {
		return list, false, err
	}
	var again bool
	var worst error
	for {
		n, err := d.read()
		if err != nil {
			return list, false, err
		}
		if n == len(d.buffer) { // maybe cut off
			d.buffer = make([]byte, 2*len(d.buffer))
			again = true
			continue
		}
		var batch diagBatch
		list, batch = diagTake(d.buffer[:n], d.sequence, wanted, index, list, base)
		again = again || batch.interrupted
		if worst == nil {
			worst = batch.err
		}
		if batch.done {
			if errors.Is(worst, unix.EINTR) {
				return list, true, nil
			}
			if errors.Is(worst, unix.ENOENT) {
				worst = fmt.Errorf("%w (the kernel has no CONFIG_INET_DIAG)", worst)
			}
			return list, again, worst
		}
	}
}

func (d *diagSource) send() error {
	for {
		if err := unix.Send(d.fd, d.request, 0); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

func (d *diagSource) read() (int, error) {
	for {
		n, err := unix.Read(d.fd, d.buffer)
		if n == 0 && err == nil {
			return 0, errDiagShort
		}
		if !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}
