// SPDX-License-Identifier: Apache-2.0

package speaker

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// ipv6OrigDst is IPV6_RECVORIGDSTADDR, which is also the type of the control message.
const ipv6OrigDst = 74

// missing reports whether the host has no such family.
func missing(err error) bool {
	return errors.Is(err, unix.EAFNOSUPPORT) || errors.Is(err, unix.EADDRNOTAVAIL)
}

func needs(err error) string {
	if errors.Is(err, unix.EPERM) {
		return " (needs CAP_NET_ADMIN)"
	}
	return ""
}

// transparent makes a socket one that tproxy hands foreign destinations to.
func transparent(network string, raw syscall.RawConn) error {
	var err error
	set := func(fd uintptr, level, name int) {
		if err == nil {
			err = unix.SetsockoptInt(int(fd), level, name, 1)
		}
	}
	failed := raw.Control(func(fd uintptr) {
		switch network {
		case "tcp4", "udp4":
			set(fd, unix.SOL_IP, unix.IP_TRANSPARENT)
		default:
			set(fd, unix.SOL_IPV6, unix.IPV6_TRANSPARENT)
		}
		switch network {
		case "udp4":
			set(fd, unix.SOL_IP, unix.IP_RECVORIGDSTADDR)
		case "udp6":
			set(fd, unix.SOL_IPV6, ipv6OrigDst)
		}
	})
	return errors.Join(failed, err)
}

func config(network string) net.ListenConfig {
	return net.ListenConfig{
		KeepAlive: -1,
		Control:   func(_, _ string, raw syscall.RawConn) error { return transparent(network, raw) },
	}
}

func listenTCP(network, address string) (*net.TCPListener, error) {
	c := config(network)
	l, err := c.Listen(context.Background(), network, address)
	if err != nil {
		return nil, err
	}
	return l.(*net.TCPListener), nil
}

func listenUDP(network, address string) (*net.UDPConn, error) {
	c := config(network)
	p, err := c.ListenPacket(context.Background(), network, address)
	if err != nil {
		return nil, err
	}
	return p.(*net.UDPConn), nil
}

func truncated(flags int) bool { return flags&(unix.MSG_TRUNC|unix.MSG_CTRUNC) != 0 }

// destination reads from a datagram's control messages where it was sent to.
func destination(control []byte) (netip.AddrPort, bool) {
	for len(control) > 0 {
		h, data, rest, err := unix.ParseOneSocketControlMessage(control)
		if err != nil {
			return netip.AddrPort{}, false
		}
		control = rest
		switch {
		case h.Level == unix.SOL_IP && h.Type == unix.IP_RECVORIGDSTADDR && len(data) >= unix.SizeofSockaddrInet4:
			return netip.AddrPortFrom(netip.AddrFrom4([4]byte(data[4:8])), binary.BigEndian.Uint16(data[2:])), true
		case h.Level == unix.SOL_IPV6 && h.Type == ipv6OrigDst && len(data) >= unix.SizeofSockaddrInet6:
			return netip.AddrPortFrom(netip.AddrFrom16([16]byte(data[8:24])), binary.BigEndian.Uint16(data[2:])), true
		}
	}
	return netip.AddrPort{}, false
}

// raw sends whole IP packets. Its sockets receive nothing.
type raw struct{ v4, v6 int }

func openRaw() (*raw, error) {
	v4, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.IPPROTO_RAW)
	if err != nil {
		return nil, fmt.Errorf("%w (needs CAP_NET_RAW)", err)
	}
	v6, err := unix.Socket(unix.AF_INET6, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.IPPROTO_RAW)
	if err != nil {
		v6 = -1 // a host without IPv6
	}
	return &raw{v4, v6}, nil
}

// send sends a packet to the host of a client.
func (r *raw) send(to netip.AddrPort, packet []byte) error {
	a := to.Addr().Unmap()
	if a.Is4() {
		return unix.Sendto(r.v4, packet, unix.MSG_NOSIGNAL, &unix.SockaddrInet4{Addr: a.As4()})
	}
	if r.v6 < 0 {
		return unix.EAFNOSUPPORT
	}
	return unix.Sendto(r.v6, packet, unix.MSG_NOSIGNAL, &unix.SockaddrInet6{Addr: a.As16(), ZoneId: zone(a.Zone())})
}

// zone is the number of a link-local address's interface.
func zone(name string) uint32 {
	if name == "" {
		return 0
	}
	if n, err := strconv.ParseUint(name, 10, 32); err == nil {
		return uint32(n)
	}
	if i, err := net.InterfaceByName(name); err == nil {
		return uint32(i.Index) //nolint:gosec // an index
	}
	return 0
}

func (r *raw) close() error {
	err := unix.Close(r.v4)
	if r.v6 >= 0 {
		err = errors.Join(err, unix.Close(r.v6))
	}
	return err
}
