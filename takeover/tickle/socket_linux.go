// SPDX-License-Identifier: Apache-2.0

package tickle

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// sendBuffer holds what a slow link has not sent yet, about 20 ms at the default rate.
const sendBuffer = 4 << 20

// openRaw opens a raw socket for TCP segments in the network namespace of the calling thread. The kernel makes the IP
// header: the source comes with each segment, so that rules for it are followed (ip rule from …) and it has to be an
// address of this node.
//
// A raw socket is given a copy of every TCP packet that the node receives. This one wants none: it is bound to an
// address that nobody has, and should that not work, a filter throws everything away.
func openRaw(family, mark int) (fd int, err error) {
	fd, err = unix.Socket(family, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.IPPROTO_TCP)
	if err != nil {
		hint := ""
		if errors.Is(err, unix.EPERM) {
			hint = " (needs CAP_NET_RAW)"
		}
		return -1, fmt.Errorf("open raw socket for tickles: %w%s", err, hint)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, unix.Close(fd))
		}
	}()
	drop := []unix.SockFilter{{Code: unix.BPF_RET | unix.BPF_K}}
	if err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: 1, Filter: &drop[0]}); err != nil {
		return fd, fmt.Errorf("tickles: filter what is received: %w", err)
	}
	bindNowhere(fd, family)
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, sendBuffer) != nil {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, sendBuffer); err != nil {
			return fd, fmt.Errorf("tickles: enlarge send buffer: %w", err)
		}
	}
	if mark != 0 {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_MARK, mark); err != nil {
			return fd, fmt.Errorf("tickles: mark packets (needs CAP_NET_ADMIN): %w", err)
		}
	}
	return fd, nil
}

// bindNowhere binds a socket to an address that is reserved for documentation (RFC 5737) or discarding (RFC 6666). That
// only saves work, so errors do not matter; but sources that are not local have to be refused again afterwards.
func bindNowhere(fd, family int) {
	level, option, where := unix.IPPROTO_IP, unix.IP_FREEBIND, unix.Sockaddr(&unix.SockaddrInet4{Addr: [4]byte{192, 0, 2, 255}})
	if family == unix.AF_INET6 {
		level, option, where = unix.IPPROTO_IPV6, unix.IPV6_FREEBIND, &unix.SockaddrInet6{Addr: [16]byte{0: 1, 15: 1}}
	}
	if unix.SetsockoptInt(fd, level, option, 1) == nil {
		_ = unix.Bind(fd, where)
		_ = unix.SetsockoptInt(fd, level, option, 0)
	}
}
