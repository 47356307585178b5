// SPDX-License-Identifier: Apache-2.0

package takeover

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"syscall"

	"github.com/mdlayher/packet"
	"golang.org/x/sys/unix"
)

// packetSocket sends frames on any link of a network namespace.
//
// It is bound to no interface and receives nothing (protocol 0): each send names its link, so that an interface that is
// removed and made again needs no other socket.
type packetSocket struct {
	conn *packet.Conn
	raw  syscall.RawConn
}

// NewAnnouncer opens a packet socket in the network namespace of the calling thread and starts the goroutine that sends.
func NewAnnouncer(log *slog.Logger) (*Announcer, error) {
	conn, err := packet.Listen(&net.Interface{}, packet.Raw, 0, nil)
	if err != nil {
		hint := ""
		if errors.Is(err, unix.EPERM) {
			hint = " (needs CAP_NET_RAW)"
		}
		return nil, fmt.Errorf("open packet socket for announcements: %w%s", err, hint)
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open packet socket for announcements: %w", err), conn.Close())
	}
	return newAnnouncer(log, packetSocket{conn, raw}), nil
}

// send does not wait, as [packet.Conn.WriteTo] would for a full queue: other links have their turn meanwhile.
func (s packetSocket) send(link int, frame []byte) error {
	to := unix.SockaddrLinklayer{Ifindex: link, Halen: 6}
	copy(to.Addr[:], frame[:6])
	to.Protocol = uint16(frame[12]) | uint16(frame[13])<<8 // in the byte order of the network, as it is in memory
	var err error
	if closed := s.raw.Control(func(fd uintptr) { err = unix.Sendto(int(fd), frame, unix.MSG_DONTWAIT, &to) }); closed != nil {
		return closed
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.ENOBUFS), errors.Is(err, unix.EINTR):
		return errFull
	case errors.Is(err, unix.ENETDOWN), errors.Is(err, unix.ENXIO), errors.Is(err, unix.ENODEV):
		return errDown
	}
	return err
}

func (s packetSocket) close() error { return s.conn.Close() }

// Descriptor returns the descriptor of the packet socket, for a supervisor to hold: the kernel takes some 16 ms to close
// the last one, and the end of the process would wait for that. It stays the announcer's.
func (a *Announcer) Descriptor() (fd int, ok bool) {
	s, ok := a.out.(packetSocket)
	if !ok {
		return 0, false
	}
	err := s.raw.Control(func(d uintptr) { fd = int(d) })
	return fd, err == nil
}
