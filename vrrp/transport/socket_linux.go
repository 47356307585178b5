// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/vrrp"
)

// Values of RFC 9568 and of the kernel's interface that sockets are opened with.
const (
	protocol = 112  // RFC 9568 §5.1.1.4
	hopLimit = 255  // RFC 9568 §5.1.1.3
	class    = 0xc0 // CS6, network control: what keepalived and FRR send

	priorityControl     = 7 // TC_PRIO_CONTROL: the first band of pfifo_fast; needs CAP_NET_ADMIN
	priorityInteractive = 6 // TC_PRIO_INTERACTIVE: likewise, and free for all
)

// Receive buffers. The kernel counts what a datagram occupies, not its length: under 1 kB on veth, up to 4 kB with drivers that
// give each frame a page, more for a fragmented one. It doubles what it is asked for.
const (
	// receiveFloor is asked for at least: doubled, it holds 4,000 short adverts of 4 kB each.
	receiveFloor = 8 << 20
	// receiveRouter is asked for in addition for each router on the interface: doubled, it is two adverts of the longest kind.
	receiveRouter = 16 << 10
	// sendFloor and sendRouter are the same for what is queued below a sending socket.
	sendFloor  = 1 << 20
	sendRouter = 8 << 10
)

// place is a family on an interface.
type place struct {
	index  int
	family vrrp.Family
}

// portKey names a port: adverts of one group on one interface. Groups have ports of their own because the kernel lets a socket
// join no more than 20, and because the filter of the usual one stays as short as it is.
type portKey struct {
	place
	group netip.Addr
}

// port is the pair of sockets that carries the adverts of one group on one interface, for all the virtual routers there.
//
// Sending has a socket of its own because the kernel reports a full queue (ENOBUFS) only to sockets with IP_RECVERR, and such
// a socket also takes every ICMP error about protocol 112, which anybody can send: it would fill the receive buffer and
// make unrelated sends fail. The sending socket is bound to a multicast address that nobody uses and that it has not joined, so that
// neither adverts nor ICMP errors match it.
type port struct {
	key     portKey
	name    string // of the interface, for errors only
	receive int
	send    int

	// Owned by the registry, under its lock.
	routers int // attached or being attached
	held    int // routers that the buffers were sized for

	// Owned by the loop.
	slot    int       // place in the loop's table of ports
	pending []pending // adverts to send at the end of the round
}

// openPort opens both sockets of a port. Joining a group may wait for the kernel's rtnl lock, so this must never run on the
// loop's thread. The sockets belong to the network namespace of the calling thread. One port of a place hears unicast adverts.
func openPort(key portKey, name string, unicast bool) (*port, error) {
	p := &port{key: key, name: name, receive: -1, send: -1}
	var err error
	if p.receive, err = openReceiver(key, unicast); err == nil {
		p.send, err = openSender(key)
	}
	if err != nil {
		return nil, errors.Join(portError(key, name, err), p.close())
	}
	return p, nil
}

// portError names the place and, where it is known, the way out.
func portError(key portKey, name string, err error) error {
	hint := ""
	switch {
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		hint = " (needs CAP_NET_RAW)"
	case errors.Is(err, unix.ENODEV), errors.Is(err, unix.ENXIO):
		hint = " (no interface with this index)"
	case errors.Is(err, unix.EAFNOSUPPORT):
		hint = " (IPv6 is disabled in this kernel)"
	}
	return fmt.Errorf("open VRRP socket on %s for %s: %w%s", name, key.family, err, hint)
}

// close closes both sockets. Leaving the group may wait for rtnl, so it must never run on the loop's thread.
func (p *port) close() error {
	var errs []error
	for _, fd := range []*int{&p.receive, &p.send} {
		if *fd >= 0 {
			errs = append(errs, unix.Close(*fd))
			*fd = -1
		}
	}
	return errors.Join(errs...)
}

// option is one integer socket option.
type option struct {
	name        string
	level, kind int
	value       int
}

// set sets options and names the first that fails.
func set(fd int, options ...option) error {
	for _, o := range options {
		if err := unix.SetsockoptInt(fd, o.level, o.kind, o.value); err != nil {
			return fmt.Errorf("set %s: %w", o.name, err)
		}
	}
	return nil
}

// openRaw opens a raw socket bound to an interface. From socket(2) on, and until the caller attaches its own filter, it receives
// nothing: without the filter it would collect the adverts of every interface before it is bound.
func openRaw(key portKey) (int, error) {
	domain := unix.AF_INET
	if key.family == vrrp.IPv6 {
		domain = unix.AF_INET6
	}
	fd, err := unix.Socket(domain, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, protocol)
	if err != nil {
		return -1, err
	}
	err = attachFilter(fd, dropAll())
	if err == nil {
		err = set(fd, option{"SO_BINDTOIFINDEX", unix.SOL_SOCKET, unix.SO_BINDTOIFINDEX, key.index})
	}
	if err != nil {
		return -1, errors.Join(err, unix.Close(fd))
	}
	return fd, nil
}

// openReceiver opens the socket that hears adverts: group joined, hop limit and destination known, and nothing that
// the kernel would discard uncounted (so no IPV6_CHECKSUM).
func openReceiver(key portKey, unicast bool) (int, error) {
	fd, err := openRaw(key)
	if err != nil {
		return -1, err
	}
	if key.family == vrrp.IPv6 {
		err = set(fd,
			option{"IPV6_RECVPKTINFO", unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1},
			option{"IPV6_RECVHOPLIMIT", unix.IPPROTO_IPV6, unix.IPV6_RECVHOPLIMIT, 1})
	} else {
		err = set(fd, option{"IP_MULTICAST_ALL", unix.IPPROTO_IP, unix.IP_MULTICAST_ALL, 0})
	}
	if err == nil {
		err = join(fd, key)
	}
	if err == nil {
		err = discard(fd)
	}
	if err == nil {
		err = attachFilter(fd, keepAdverts(key.group, unicast))
	}
	if err != nil {
		return -1, errors.Join(err, unix.Close(fd))
	}
	return fd, nil
}

// openSender opens the socket that adverts leave from.
func openSender(key portKey) (int, error) {
	fd, err := openRaw(key)
	if err != nil {
		return -1, err
	}
	if key.family == vrrp.IPv6 {
		err = set(fd,
			option{"IPV6_MULTICAST_HOPS", unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_HOPS, hopLimit},
			option{"IPV6_UNICAST_HOPS", unix.IPPROTO_IPV6, unix.IPV6_UNICAST_HOPS, hopLimit},
			option{"IPV6_TCLASS", unix.IPPROTO_IPV6, unix.IPV6_TCLASS, class},
			option{"IPV6_MULTICAST_LOOP", unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_LOOP, 0},
			option{"IPV6_MULTICAST_ALL", unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_ALL, 0},
			option{"IPV6_MULTICAST_IF", unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_IF, key.index},
			option{"IPV6_RECVERR", unix.IPPROTO_IPV6, unix.IPV6_RECVERR, 1})
	} else {
		err = set(fd,
			option{"IP_MULTICAST_TTL", unix.IPPROTO_IP, unix.IP_MULTICAST_TTL, hopLimit},
			option{"IP_TTL", unix.IPPROTO_IP, unix.IP_TTL, hopLimit},
			option{"IP_TOS", unix.IPPROTO_IP, unix.IP_TOS, class},
			option{"IP_MULTICAST_LOOP", unix.IPPROTO_IP, unix.IP_MULTICAST_LOOP, 0},
			option{"IP_MULTICAST_ALL", unix.IPPROTO_IP, unix.IP_MULTICAST_ALL, 0},
			option{"IP_RECVERR", unix.IPPROTO_IP, unix.IP_RECVERR, 1})
	}
	if err == nil {
		err = bindNowhere(fd, key)
	}
	// After IP_TOS, which sets the priority too.
	if err == nil && unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PRIORITY, priorityControl) != nil {
		err = set(fd, option{"SO_PRIORITY", unix.SOL_SOCKET, unix.SO_PRIORITY, priorityInteractive})
	}
	if err != nil {
		return -1, errors.Join(err, unix.Close(fd))
	}
	return fd, nil
}

// bindNowhere binds a sending socket to a group that is never joined (see port): 224.0.0.0 is reserved, and so is ff02::
// (RFC 5771 §4, RFC 4291 §2.7.1). Being multicast, the address is not used as the source.
func bindNowhere(fd int, key portKey) error {
	var to unix.Sockaddr = &unix.SockaddrInet4{Addr: [4]byte{224, 0, 0, 0}}
	if key.family == vrrp.IPv6 {
		to = &unix.SockaddrInet6{Addr: [16]byte{0: 0xff, 1: 0x02}, ZoneId: uint32(key.index)}
	}
	if err := unix.Bind(fd, to); err != nil {
		return fmt.Errorf("bind sending socket: %w", err)
	}
	return nil
}

// discard empties a socket of what arrived before its filter was in place.
func discard(fd int) error {
	var b [1]byte
	for {
		_, _, err := unix.Recvfrom(fd, b[:], unix.MSG_DONTWAIT|unix.MSG_TRUNC)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return nil
		case err != nil && !errors.Is(err, unix.EINTR):
			return fmt.Errorf("empty new socket: %w", err)
		}
	}
}

// attachFilter attaches a classic BPF program, in place of the one there is.
func attachFilter(fd int, program []bpf.Instruction) error {
	raw, err := assemble(program)
	if err != nil {
		return err
	}
	filter := make([]unix.SockFilter, len(raw))
	for i, r := range raw {
		filter[i] = unix.SockFilter{Code: r.Op, Jt: r.Jt, Jf: r.Jf, K: r.K}
	}
	err = unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
		&unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]})
	if err != nil {
		return fmt.Errorf("attach filter: %w", err)
	}
	return nil
}

// size makes the buffers large enough for n routers. It reports the receive buffer that the kernel granted, and whether it is
// what was asked for: beyond net.core.rmem_max that takes CAP_NET_ADMIN in the first user namespace.
func (p *port) size(n int) (granted int, full bool, err error) {
	wish := receiveFloor + n*receiveRouter
	if unix.SetsockoptInt(p.receive, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, wish) != nil {
		if err := set(p.receive, option{"SO_RCVBUF", unix.SOL_SOCKET, unix.SO_RCVBUF, wish}); err != nil {
			return 0, false, portError(p.key, p.name, err)
		}
	}
	out := sendFloor + n*sendRouter
	if unix.SetsockoptInt(p.send, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, out) != nil {
		if err := set(p.send, option{"SO_SNDBUF", unix.SOL_SOCKET, unix.SO_SNDBUF, out}); err != nil {
			return 0, false, portError(p.key, p.name, err)
		}
	}
	granted, err = unix.GetsockoptInt(p.receive, unix.SOL_SOCKET, unix.SO_RCVBUF)
	if err != nil {
		return 0, false, portError(p.key, p.name, fmt.Errorf("read SO_RCVBUF: %w", err))
	}
	return granted, granted >= 2*wish, nil
}
