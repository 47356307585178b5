// SPDX-License-Identifier: Apache-2.0

package peers

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/internal/netlab"
)

// KeepConnecting begins a connection from the node to the address at each tick, and does not wait for the answer: what
// comes of it is in the capture, with the kernel's time stamps. It returns when the context ends.
func KeepConnecting(ctx context.Context, node *netlab.Node, to netip.AddrPort, tick time.Duration) error {
	return node.Do(func() error {
		beat := time.NewTicker(tick)
		defer beat.Stop()
		for {
			if err := knock(to); err != nil {
				return fmt.Errorf("connect to %s: %w", to, err)
			}
			select {
			case <-ctx.Done():
				return nil
			case <-beat.C:
			}
		}
	})
}

// knock sends one SYN. The socket lives no longer than that; the client's kernel resets what a server accepts.
func knock(to netip.AddrPort) error {
	family := unix.AF_INET
	var address unix.Sockaddr = &unix.SockaddrInet4{Port: int(to.Port()), Addr: [4]byte(to.Addr().AsSlice()[:4])}
	if to.Addr().Is6() {
		family = unix.AF_INET6
		address = &unix.SockaddrInet6{Port: int(to.Port()), Addr: to.Addr().As16()}
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	err = unix.Connect(fd, address)
	if errors.Is(err, unix.EINPROGRESS) || errors.Is(err, unix.ECONNREFUSED) ||
		errors.Is(err, unix.EHOSTUNREACH) || errors.Is(err, unix.ENETUNREACH) {
		err = nil
	}
	return errors.Join(err, unix.Close(fd))
}
