// SPDX-License-Identifier: Apache-2.0

package bfd

// This file holds the package's only unsafe code: recvmsg(2) and sendmsg(2), for which x/sys has no call that leaves the heap
// alone. The rules that make it safe:
//
//   - Every pointer the kernel gets is held in a Go pointer field (Iovec.Base, Msghdr.Name, Msghdr.Control, Msghdr.Iov) of a
//     message, and points into the same message, which is on the heap and is kept alive beyond the call.
//   - The conversion to uintptr happens in the argument list of the system call.
//   - Both calls are made with MSG_DONTWAIT, so they are raw: the runtime is not told.

import (
	"encoding/binary"
	"net/netip"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Room in a message. A packet has at most 255 octets; what does not fit is not a part of it.
const (
	dataRoom    = 256
	controlRoom = 128
)

// message is the memory of one call. It must not be copied.
type message struct {
	header  unix.Msghdr
	vector  unix.Iovec
	name4   unix.RawSockaddrInet4
	name6   unix.RawSockaddrInet6
	control [controlRoom]byte
	data    [dataRoom]byte
}

// newIncoming returns a message that is ready to receive.
func newIncoming() *message {
	m := new(message)
	m.vector.Base = &m.data[0]
	m.vector.SetLen(dataRoom)
	m.header.Iov = &m.vector
	m.header.SetIovlen(1)
	m.header.Name = (*byte)(unsafe.Pointer(&m.name6))
	m.header.Control = &m.control[0]
	return m
}

// receive fills the message from the socket, and returns the number of octets in data.
func (m *message) receive(fd int) (int, error) {
	m.header.Namelen = unix.SizeofSockaddrInet6
	m.header.SetControllen(controlRoom)
	n, _, errno := unix.RawSyscall(unix.SYS_RECVMSG, uintptr(fd), uintptr(unsafe.Pointer(&m.header)), unix.MSG_DONTWAIT)
	runtime.KeepAlive(m)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// origin reads where the message came from. A TTL that the kernel does not tell is 0.
func (m *message) origin(multihop bool) origin {
	o := origin{multihop: multihop}
	switch m.name6.Family {
	case unix.AF_INET:
		o.source = netip.AddrFrom4((*unix.RawSockaddrInet4)(unsafe.Pointer(&m.name6)).Addr)
	case unix.AF_INET6:
		o.source = netip.AddrFrom16(m.name6.Addr)
	}
	control := m.control[:min(int(m.header.Controllen), controlRoom)]
	for len(control) > 0 {
		h, data, rest, err := unix.ParseOneSocketControlMessage(control)
		if err != nil {
			break
		}
		control = rest
		o.read(int(h.Level), int(h.Type), data)
	}
	return o
}

// read takes what a control message tells.
func (o *origin) read(level, kind int, data []byte) {
	switch {
	case level == unix.IPPROTO_IP && kind == unix.IP_TTL && len(data) >= 4,
		level == unix.IPPROTO_IPV6 && kind == unix.IPV6_HOPLIMIT && len(data) >= 4:
		o.ttl = int(binary.NativeEndian.Uint32(data))
	case level == unix.IPPROTO_IP && kind == unix.IP_PKTINFO && len(data) >= unix.SizeofInet4Pktinfo:
		o.scope, o.local = int(binary.NativeEndian.Uint32(data)), netip.AddrFrom4([4]byte(data[8:12]))
	case level == unix.IPPROTO_IPV6 && kind == unix.IPV6_PKTINFO && len(data) >= unix.SizeofInet6Pktinfo:
		o.scope, o.local = int(binary.NativeEndian.Uint32(data[16:])), netip.AddrFrom16([16]byte(data[:16]))
	}
}

// newOutgoing returns a message that goes to the address, from the source if that is valid. The scope is the index of the
// interface of link-local addresses, else 0.
func newOutgoing(to netip.AddrPort, source netip.Addr, scope int) *message {
	m := new(message)
	m.vector.Base = &m.data[0]
	m.header.Iov = &m.vector
	m.header.SetIovlen(1)
	port := binary.NativeEndian.Uint16([]byte{byte(to.Port() >> 8), byte(to.Port())})
	var control []byte
	if to.Addr().Is4() {
		m.name4 = unix.RawSockaddrInet4{Family: unix.AF_INET, Port: port, Addr: to.Addr().As4()}
		m.header.Name, m.header.Namelen = (*byte)(unsafe.Pointer(&m.name4)), unix.SizeofSockaddrInet4
		if source.IsValid() {
			control = unix.PktInfo4(&unix.Inet4Pktinfo{Spec_dst: source.As4()})
		}
	} else {
		m.name6 = unix.RawSockaddrInet6{Family: unix.AF_INET6, Port: port, Addr: to.Addr().As16(), Scope_id: uint32(scope)} //nolint:gosec // an index
		m.header.Name, m.header.Namelen = (*byte)(unsafe.Pointer(&m.name6)), unix.SizeofSockaddrInet6
		if source.IsValid() {
			control = unix.PktInfo6(&unix.Inet6Pktinfo{Addr: source.As16(), Ifindex: uint32(scope)}) //nolint:gosec // an index
		}
	}
	if n := copy(m.control[:], control); n > 0 {
		m.header.Control = &m.control[0]
		m.header.SetControllen(n)
	}
	return m
}

// send sends a packet.
func (m *message) send(fd int, p Packet) error {
	m.vector.SetLen(len(p.Append(m.data[:0])))
	_, _, errno := unix.RawSyscall(unix.SYS_SENDMSG, uintptr(fd), uintptr(unsafe.Pointer(&m.header)),
		unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
	runtime.KeepAlive(m)
	if errno != 0 {
		return errno
	}
	return nil
}
