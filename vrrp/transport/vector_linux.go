// SPDX-License-Identifier: Apache-2.0

package transport

// This file holds the package's only unsafe code: recvmmsg(2), sendmmsg(2) and one getsockopt(2), for which x/sys has no
// call that leaves the heap alone. The rules that make it safe:
//
//   - Every pointer the kernel gets is held in a Go pointer field (Iovec.Base, Msghdr.Name, Msghdr.Control, Msghdr.Iov), so
//     the collector sees it; what it points at is heap memory that a vector or an attachment owns, and Go's heap does not move.
//   - The conversion to uintptr happens in the argument list of the system call, and the vector is kept alive beyond it.
//   - Both calls are made on non-blocking sockets with MSG_DONTWAIT, so they are raw: the runtime is not told, the thread keeps
//     its P, and no P has to be found on return (which is where a thread of high priority would wait for others).

import (
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// wordSize is the size of the kernel's long in octets.
const wordSize = int(unsafe.Sizeof(uintptr(0)))

// batch is how many datagrams one system call carries. 64 of them hold the thread for about 0.2 ms, the longest time that
// the garbage collector has to wait for it.
const batch = 64

// Strides of the buffers. They are not powers of two, so that the buffers' first lines do not compete for the same cache set.
const (
	receiveStride = keep6 + 43 // 4,160
	controlStride = 128
	arenaSize     = 32 << 10 // octets of one sending batch
)

// mmsghdr is the kernel's struct mmsghdr.
type mmsghdr struct {
	hdr unix.Msghdr
	len uint32
}

// receiver is the memory that one recvmmsg call fills: buffers, senders and control messages.
type receiver struct {
	headers  [batch]mmsghdr
	iovecs   [batch]unix.Iovec
	names    [batch][unix.SizeofSockaddrInet6]byte
	controls [batch][controlStride]byte
	buffers  []byte
}

// newReceiver returns a receiver that is ready for its first call.
func newReceiver() *receiver {
	r := &receiver{buffers: make([]byte, batch*receiveStride)}
	for i := range r.headers {
		r.iovecs[i].Base = &r.buffers[i*receiveStride]
		r.iovecs[i].SetLen(receiveStride)
		h := &r.headers[i].hdr
		h.Name = &r.names[i][0]
		h.Control = &r.controls[i][0]
		h.Iov = &r.iovecs[i]
		h.SetIovlen(1)
	}
	r.reset(batch)
	return r
}

// reset restores the lengths of the first n entries, which the kernel has overwritten.
func (r *receiver) reset(n int) {
	for i := range n {
		h := &r.headers[i].hdr
		h.Namelen = unix.SizeofSockaddrInet6
		h.SetControllen(controlStride)
	}
}

// receive fills the receiver from the socket. It returns how many datagrams there are, at most batch.
func (r *receiver) receive(fd int) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(fd), uintptr(unsafe.Pointer(&r.headers[0])), batch,
		unix.MSG_DONTWAIT, 0, 0)
	runtime.KeepAlive(r)
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

// message returns the octets of datagram i.
func (r *receiver) message(i int) []byte {
	start := i * receiveStride
	return r.buffers[start : start+min(int(r.headers[i].len), receiveStride)]
}

// name returns the sockaddr that datagram i came from.
func (r *receiver) name(i int) []byte {
	return r.names[i][:min(int(r.headers[i].hdr.Namelen), len(r.names[i]))]
}

// control returns the control messages of datagram i.
func (r *receiver) control(i int) []byte {
	return r.controls[i][:min(int(r.headers[i].hdr.Controllen), controlStride)]
}

// sender is the memory that one sendmmsg call reads. Messages are copied into its arena, because the router reuses its own;
// destination and control message are the attachment's, and only pointed at.
type sender struct {
	headers [batch]mmsghdr
	iovecs  [batch]unix.Iovec
	arena   []byte
	used    int // octets of the arena
	n       int // messages
}

// newSender returns an empty sender.
func newSender() *sender {
	s := &sender{arena: make([]byte, arenaSize)}
	for i := range s.headers {
		h := &s.headers[i].hdr
		h.Iov = &s.iovecs[i]
		h.SetIovlen(1)
	}
	return s
}

// clear forgets all messages.
func (s *sender) clear() { s.n, s.used = 0, 0 }

// add puts a message at the end of the batch, or reports false if there is no room. name and control must not be empty, and stay
// untouched until the batch is sent.
func (s *sender) add(message, name, control []byte) bool {
	if s.n == batch || s.used+len(message) > len(s.arena) || len(message) == 0 {
		return false
	}
	iovec := &s.iovecs[s.n]
	iovec.Base = &s.arena[s.used]
	iovec.SetLen(len(message))
	s.used += copy(s.arena[s.used:], message)
	h := &s.headers[s.n].hdr
	h.Name, h.Namelen = &name[0], uint32(len(name))
	h.Control = &control[0]
	h.SetControllen(len(control))
	s.n++
	return true
}

// send sends the messages from the given one on. It returns how many went; the error, if any, is that of the first message,
// and then none went.
func (s *sender) send(fd, from int) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDMMSG, uintptr(fd), uintptr(unsafe.Pointer(&s.headers[from])),
		uintptr(s.n-from), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
	runtime.KeepAlive(s)
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

// Places in the array that SO_MEMINFO fills (linux/sock_diag.h).
const (
	meminfoDrops = 8
	meminfoSize  = 9
)

// socketDrops returns how many datagrams the kernel threw away at this socket, its receive buffer being full.
func socketDrops(fd int) (uint32, error) {
	var info [meminfoSize]uint32
	size := uint32(unsafe.Sizeof(info))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_MEMINFO,
		uintptr(unsafe.Pointer(&info[0])), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		return 0, errno
	}
	return info[meminfoDrops], nil
}
