// SPDX-License-Identifier: Apache-2.0

package takeover

import (
	"errors"
	"fmt"
	"log/slog"

	"golang.org/x/sys/unix"
)

// packetSocket sends frames on any link of a network namespace.
//
// It is one plain socket, and not a github.com/mdlayher/packet.Conn a link: that is bound to an interface that has to
// exist, fails for good when the interface is removed and made again, and is opened on whatever thread (and namespace)
// happens to run. This one names the interface in each send, and receives nothing (protocol 0).
type packetSocket int

// NewAnnouncer opens a packet socket in the network namespace of the calling thread and starts the goroutine that sends.
func NewAnnouncer(log *slog.Logger) (*Announcer, error) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		hint := ""
		if errors.Is(err, unix.EPERM) {
			hint = " (needs CAP_NET_RAW)"
		}
		return nil, fmt.Errorf("open packet socket for announcements: %w%s", err, hint)
	}
	return newAnnouncer(log, packetSocket(fd)), nil
}

func (s packetSocket) send(link int, frame []byte) error {
	to := unix.SockaddrLinklayer{Ifindex: link, Halen: 6}
	copy(to.Addr[:], frame[:6])
	to.Protocol = uint16(frame[12]) | uint16(frame[13])<<8 // in the byte order of the network, as it is in memory
	err := unix.Sendto(int(s), frame, unix.MSG_DONTWAIT, &to)
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

func (s packetSocket) close() error { return unix.Close(int(s)) }
