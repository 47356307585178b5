// SPDX-License-Identifier: Apache-2.0

package bfd

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// Ports of RFC 5881 §4 and RFC 5883 §5.
const (
	portSingle   = 3784
	portMultihop = 4784
	firstSource  = 49152
	lastSource   = 65535
)

// internetControl is DSCP CS6 in the octet of the IP header: network control.
const internetControl = 0xc0

// option is an integer of setsockopt(2).
type option struct {
	name       string
	level, opt int
	value      int
}

func set(fd int, options ...option) error {
	for _, o := range options {
		if err := unix.SetsockoptInt(fd, o.level, o.opt, o.value); err != nil {
			return fmt.Errorf("set %s: %w", o.name, err)
		}
	}
	return nil
}

func domain(v4 bool) int {
	if v4 {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

// anywhere is the unspecified address with a port.
func anywhere(v4 bool, port int) unix.Sockaddr {
	if v4 {
		return &unix.SockaddrInet4{Port: port}
	}
	return &unix.SockaddrInet6{Port: port}
}

// listenKey names a listening socket: there are four at most.
type listenKey struct{ v4, multihop bool }

func (k listenKey) port() int {
	if k.multihop {
		return portMultihop
	}
	return portSingle
}

// listener receives what comes to a port.
type listener struct {
	key  listenKey
	file *os.File
	raw  syscall.RawConn
	in   *message
	uses int
}

// listen opens a listening socket in the calling thread's network namespace.
func listen(key listenKey) (*listener, error) {
	fail := func(err error) (*listener, error) {
		hint := ""
		if errors.Is(err, unix.EADDRINUSE) {
			hint = " (another BFD daemon holds it: stop that one)"
		}
		return nil, fmt.Errorf("listen on UDP port %d: %w%s", key.port(), err, hint)
	}
	fd, err := unix.Socket(domain(key.v4), unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return fail(err)
	}
	if key.v4 {
		err = set(fd, option{"IP_RECVTTL", unix.IPPROTO_IP, unix.IP_RECVTTL, 1}, option{"IP_PKTINFO", unix.IPPROTO_IP, unix.IP_PKTINFO, 1})
	} else {
		err = set(fd, option{"IPV6_V6ONLY", unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1},
			option{"IPV6_RECVHOPLIMIT", unix.IPPROTO_IPV6, unix.IPV6_RECVHOPLIMIT, 1},
			option{"IPV6_RECVPKTINFO", unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1})
	}
	if err == nil {
		err = unix.Bind(fd, anywhere(key.v4, key.port()))
	}
	if err != nil {
		unix.Close(fd) //nolint:errcheck // nothing was done with it
		return fail(err)
	}
	l := &listener{key: key, file: os.NewFile(uintptr(fd), "bfd"), in: newIncoming()} //nolint:gosec // a descriptor
	if l.raw, err = l.file.SyscallConn(); err != nil {
		l.file.Close() //nolint:errcheck // nothing was done with it
		return fail(err)
	}
	return l, nil
}

// sender sends a session's packets from a port of its own.
type sender struct {
	fd       int
	to       netip.AddrPort
	source   netip.Addr
	scope    int // index of the interface of a link-local neighbour; 0 while there is none
	out      *message
	failures uint64
	failing  error // of the last packet
}

// openSender opens a sending socket in the calling thread's network namespace. It is bound to no address: a source that the host does
// not have yet, or an interface that comes and goes, makes packets fail, not the session.
func openSender(c Config) (*sender, error) {
	v4 := c.Neighbor.Is4()
	fd, err := unix.Socket(domain(v4), unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("open socket to %s: %w", c.Neighbor, err)
	}
	port := listenKey{multihop: c.Multihop}.port()
	s := &sender{fd: fd, to: netip.AddrPortFrom(c.Neighbor, uint16(port)), source: c.Source} //nolint:gosec // one of two ports
	if err := s.prepare(v4, c.TTL); err != nil {
		s.close()
		return nil, fmt.Errorf("open socket to %s: %w", c.Neighbor, err)
	}
	s.locate()
	return s, nil
}

func (s *sender) prepare(v4 bool, ttl int) error {
	var err error
	if v4 {
		err = set(s.fd, option{"IP_TOS", unix.IPPROTO_IP, unix.IP_TOS, internetControl})
	} else {
		err = set(s.fd, option{"IPV6_TCLASS", unix.IPPROTO_IPV6, unix.IPV6_TCLASS, internetControl},
			option{"IPV6_V6ONLY", unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1})
	}
	if err != nil {
		return err
	}
	if err := s.setTTL(ttl); err != nil {
		return err
	}
	// Nothing is to come to this port, and nobody reads it.
	nothing := []unix.SockFilter{{Code: unix.BPF_RET | unix.BPF_K}}
	if err := unix.SetsockoptSockFprog(s.fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: 1, Filter: &nothing[0]}); err != nil {
		return fmt.Errorf("set SO_ATTACH_FILTER: %w", err)
	}
	first := rand.IntN(lastSource - firstSource + 1)
	for i := range lastSource - firstSource + 1 {
		port := firstSource + (first+i)%(lastSource-firstSource+1)
		if err = unix.Bind(s.fd, anywhere(v4, port)); !errors.Is(err, unix.EADDRINUSE) {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("bind to a port from %d to %d: %w", firstSource, lastSource, err)
	}
	return nil
}

// setTTL sets the TTL or hop limit of packets.
func (s *sender) setTTL(ttl int) error {
	if s.to.Addr().Is4() {
		return set(s.fd, option{"IP_TTL", unix.IPPROTO_IP, unix.IP_TTL, ttl})
	}
	return set(s.fd, option{"IPV6_UNICAST_HOPS", unix.IPPROTO_IPV6, unix.IPV6_UNICAST_HOPS, ttl})
}

// locate finds the interface of a link-local neighbour and makes the message ready. It asks the socket, whose network namespace
// counts.
func (s *sender) locate() {
	scope := 0
	if zone := s.to.Addr().Zone(); zone != "" {
		if n, err := strconv.ParseUint(zone, 10, 31); err == nil {
			scope = int(n) //nolint:gosec // 31 bits
		} else if request, err := unix.NewIfreq(zone); err == nil && unix.IoctlIfreq(s.fd, unix.SIOCGIFINDEX, request) == nil {
			scope = int(request.Uint32())
		}
	}
	if s.out == nil || scope != s.scope {
		s.scope, s.out = scope, newOutgoing(s.to, s.source, scope)
	}
}

// send sends a packet.
func (s *sender) send(p Packet) error {
	zoned := s.to.Addr().Zone() != ""
	if zoned && (s.scope == 0 || s.failing != nil) {
		s.locate() // it may have come, or come back as another one
	}
	if zoned && s.scope == 0 {
		s.failing = fmt.Errorf("no interface %s", s.to.Addr().Zone())
	} else {
		s.failing = s.out.send(s.fd, p)
	}
	if s.failing != nil {
		s.failures++
	}
	return s.failing
}

func (s *sender) close() {
	if s.fd >= 0 {
		unix.Close(s.fd) //nolint:errcheck // nothing is pending
		s.fd = -1
	}
}
