// SPDX-License-Identifier: Apache-2.0

package tickle

// This file holds the package's only unsafe code: sendmmsg(2), for which x/sys has no call. What makes it safe: every pointer
// that the kernel gets is a Go pointer in a field of the vector (Iovec.Base, Msghdr.Name, Msghdr.Control, Msghdr.Iov), points
// into the vector itself, and the vector is kept alive beyond the call.

import (
	"encoding/binary"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// batch is how many segments one system call sends: some 0.2 ms.
const batch = 128

// mmsghdr is the kernel's struct mmsghdr.
type mmsghdr struct {
	hdr unix.Msghdr
	len uint32
}

// controlLength is enough for one IPV6_PKTINFO.
const controlLength = 40

// vector is the memory that one sendmmsg reads: segments of one family, with the destination and, as control message, the
// source of each.
type vector struct {
	headers  [batch]mmsghdr
	iovecs   [batch]unix.Iovec
	names    [batch][unix.SizeofSockaddrInet6]byte
	controls [batch][controlLength]byte
	segments [batch][SegmentLength]byte
	n        int
	six      bool
	info     int // where in the control message the information begins
}

// newVector makes an empty vector for one family.
func newVector(six bool) *vector {
	v := &vector{six: six, info: unix.CmsgLen(0)}
	control, length, family := unix.PktInfo4(&unix.Inet4Pktinfo{}), unix.SizeofSockaddrInet4, uint16(unix.AF_INET)
	if six {
		control, length, family = unix.PktInfo6(&unix.Inet6Pktinfo{}), unix.SizeofSockaddrInet6, unix.AF_INET6
	}
	for i := range v.headers {
		copy(v.controls[i][:], control)
		binary.NativeEndian.PutUint16(v.names[i][:], family) // the port stays 0, as raw sockets want it
		v.iovecs[i].Base = &v.segments[i][0]
		v.iovecs[i].SetLen(SegmentLength)
		h := &v.headers[i].hdr
		h.Name, h.Namelen = &v.names[i][0], uint32(length)
		h.Control = &v.controls[i][0]
		h.SetControllen(len(control))
		h.Iov = &v.iovecs[i]
		h.SetIovlen(1)
	}
	return v
}

// add puts a segment of the vector's family at the end; there must be room.
func (v *vector) add(s *Segment) {
	i := v.n
	v.n++
	AppendSegment(v.segments[i][:0], s.Flow, s.Kind)
	name, info := v.names[i][:], v.controls[i][v.info:]
	if !v.six {
		src, dst := s.Flow.Local.Addr().As4(), s.Flow.Remote.Addr().As4()
		copy(name[4:], dst[:])
		copy(info[4:], src[:]) // ipi_spec_dst
		return
	}
	src, dst := s.Flow.Local.Addr().As16(), s.Flow.Remote.Addr().As16()
	copy(name[8:], dst[:])
	copy(info, src[:])
	// A scope is needed where the address does not say which link it is on, and may not be there elsewhere: routes decide.
	scope := uint32(0)
	if s.Flow.Remote.Addr().IsLinkLocalUnicast() || s.Flow.Local.Addr().IsLinkLocalUnicast() {
		scope = uint32(s.Link)
	}
	binary.NativeEndian.PutUint32(name[24:], scope)
	binary.NativeEndian.PutUint32(info[16:], scope)
}

// send sends segments from the given one on. It returns how many went; the error, if any, is that of the first, and then none
// went.
func (v *vector) send(fd, from int) (int, unix.Errno) {
	n, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(fd), uintptr(unsafe.Pointer(&v.headers[from])),
		uintptr(v.n-from), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
	runtime.KeepAlive(v)
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}
