// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// procSocket hears of processes from the kernel's connector.
type procSocket struct {
	file *os.File
	raw  syscall.RawConn
	buf  []byte
}

// openProcSocket asks the kernel for events. It answers with an acknowledgement, or, outside of the first pid namespace, with nothing.
func openProcSocket() (*procSocket, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_CONNECTOR)
	if err != nil {
		return nil, fmt.Errorf("open the process connector: %w", err)
	}
	s := &procSocket{file: os.NewFile(uintptr(fd), "processes"), buf: make([]byte, 8192)} //nolint:gosec // a descriptor
	if s.raw, err = s.file.SyscallConn(); err == nil {
		err = listenToProcesses(fd)
	}
	if err != nil {
		s.file.Close() //nolint:errcheck // nothing was done with it
		return nil, err
	}
	return s, nil
}

func listenToProcesses(fd int) error {
	// A burst of a few thousand processes fits in.
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 1<<20) != nil {
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 1<<20) //nolint:errcheck // the default will do
	}
	filter := procFilter()
	if err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}); err != nil { //nolint:gosec // a few
		return fmt.Errorf("open the process connector: set SO_ATTACH_FILTER: %w", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: connectorProcess}); err != nil {
		return fmt.Errorf("open the process connector: bind: %w (needs CAP_NET_ADMIN)", err)
	}
	if err := unix.Sendto(fd, askProcEvents(true), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		if errors.Is(err, unix.ECONNREFUSED) {
			return fmt.Errorf("open the process connector: %w (the kernel has one in the first network namespace only)", err)
		}
		return fmt.Errorf("open the process connector: %w", err)
	}
	return nil
}

// procFilter lets through what is about whole processes: threads come and go more often.
func procFilter() []unix.SockFilter {
	number := func(n uint32) uint32 { // as a load in network order finds it
		var b [4]byte
		binary.NativeEndian.PutUint32(b[:], n)
		return binary.BigEndian.Uint32(b[:])
	}
	const data = eventAt + eventHeader
	load := func(at uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: at}
	}
	is := func(what uint32, yes, no uint8) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: number(what), Jt: yes, Jf: no}
	}
	return []unix.SockFilter{
		/*  0 */ load(eventAt),
		/*  1 */ is(processAck, 12, 0),
		/*  2 */ is(processExec, 11, 0),
		/*  3 */ is(processFork, 3, 0),
		/*  4 */ is(processExit, 6, 0),
		/*  5 */ is(processName, 5, 0),
		/*  6 */ {Code: unix.BPF_RET | unix.BPF_K},
		/*  7 */ load(data + 8),
		/*  8 */ {Code: unix.BPF_MISC | unix.BPF_TAX},
		/*  9 */ load(data + 12),
		/* 10 */ {Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_X, Jt: 3, Jf: 4},
		/* 11 */ load(data),
		/* 12 */ {Code: unix.BPF_MISC | unix.BPF_TAX},
		/* 13 */ {Code: unix.BPF_JMP | unix.BPF_JA, K: 2},
		/* 14 */ {Code: unix.BPF_RET | unix.BPF_K, K: 1 << 16},
		/* 15 */ {Code: unix.BPF_RET | unix.BPF_K},
		/* 16 */ load(data + 4),
		/* 17 */ {Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_X, Jt: 0, Jf: 1},
		/* 18 */ {Code: unix.BPF_RET | unix.BPF_K, K: 1 << 16},
		/* 19 */ {Code: unix.BPF_RET | unix.BPF_K},
	}
}

// errLost says that events were lost.
var errLost = errors.New("events of processes were lost")

// receive waits for events, and appends them. It returns errLost if there were more than fitted in.
func (s *procSocket) receive(out []procEvent) ([]procEvent, error) {
	var n int
	var from unix.Sockaddr
	var err error
	waited := s.raw.Read(func(fd uintptr) bool {
		n, from, err = unix.Recvfrom(int(fd), s.buf, 0) //nolint:gosec // a descriptor
		return !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR)
	})
	switch {
	case waited != nil:
		return out, waited
	case errors.Is(err, unix.ENOBUFS):
		return out, errLost
	case err != nil:
		return out, err
	}
	if sender, ok := from.(*unix.SockaddrNetlink); !ok || sender.Pid != 0 {
		return out, nil // not the kernel's
	}
	out, err = parseProcEvents(out, s.buf[:n])
	if err != nil {
		return out, errLost
	}
	return out, nil
}

// close ends the listening. A kernel before 6.6 counts listeners by what they say.
func (s *procSocket) close() {
	s.raw.Control(func(fd uintptr) { //nolint:errcheck // it is closed next
		unix.Sendto(int(fd), askProcEvents(false), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}) //nolint:errcheck,gosec // likewise
	})
	s.file.Close() //nolint:errcheck // nothing is pending
}
