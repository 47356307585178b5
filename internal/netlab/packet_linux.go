// SPDX-License-Identifier: Apache-2.0

package netlab

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// openPacketSocket opens a socket that hears everything on an interface of the
// caller's namespace. The filter is in place before the first frame is.
func openPacketSocket(ifname string, program []unix.SockFilter) (fd int, err error) {
	link, err := net.InterfaceByName(ifname)
	if err != nil {
		return -1, fmt.Errorf("find %s: %w", ifname, err)
	}
	fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("open packet socket: %w", err)
	}
	defer func() {
		if err != nil {
			unix.Close(fd) //nolint:errcheck // the first error counts
		}
	}()
	if len(program) > 0 {
		prog := &unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
		if err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, prog); err != nil {
			return -1, fmt.Errorf("attach filter: %w", err)
		}
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 64<<20); err != nil {
		// In a user namespace the limit of the machine holds.
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 64<<20); err != nil {
			return -1, fmt.Errorf("enlarge receive buffer: %w", err)
		}
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1); err != nil {
		return -1, fmt.Errorf("ask for time stamps: %w", err)
	}
	if err := unix.SetsockoptPacketMreq(fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP,
		&unix.PacketMreq{Ifindex: int32(link.Index), Type: unix.PACKET_MR_PROMISC}); err != nil {
		return -1, fmt.Errorf("listen to everything on %s: %w", ifname, err)
	}
	everything := uint16(unix.ETH_P_ALL>>8 | unix.ETH_P_ALL<<8&0xff00) // network order
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: everything, Ifindex: link.Index}); err != nil {
		return -1, fmt.Errorf("bind to %s: %w", ifname, err)
	}
	return fd, nil
}

// droppedFrames counts what the socket could not take.
func droppedFrames(fd int) (int, error) {
	stats, err := unix.GetsockoptTpacketStats(fd, unix.SOL_PACKET, unix.PACKET_STATISTICS)
	if err != nil {
		return 0, fmt.Errorf("read packet statistics: %w", err)
	}
	return int(stats.Drops), nil
}

// compileFilter has tcpdump translate a filter for the kernel. It opens no device.
func compileFilter(filter string) ([]unix.SockFilter, error) {
	if filter == "" {
		return nil, nil
	}
	var stderr bytes.Buffer
	cmd := exec.Command("tcpdump", "-ddd", "-s", strconv.Itoa(snapLength), "-y", "EN10MB", filter)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		if errors.Is(err, exec.ErrNotFound) {
			return nil, fmt.Errorf("compile filter %q: %w (install tcpdump, or capture without a filter)", filter, err)
		}
		return nil, fmt.Errorf("compile filter %q: %w: %s", filter, err, strings.TrimSpace(stderr.String()))
	}
	return parseProgram(string(out))
}

// parseProgram reads "count" and then that many lines "code jt jf k".
func parseProgram(text string) ([]unix.SockFilter, error) {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	count, err := strconv.Atoi(lines[0])
	if err != nil || count != len(lines)-1 || count == 0 {
		return nil, fmt.Errorf("compile filter: %d lines where %q were announced", len(lines)-1, lines[0])
	}
	program := make([]unix.SockFilter, count)
	for i, line := range lines[1:] {
		f := &program[i]
		if _, err := fmt.Sscanf(line, "%d %d %d %d", &f.Code, &f.Jt, &f.Jf, &f.K); err != nil {
			return nil, fmt.Errorf("compile filter: line %q: %w", line, err)
		}
	}
	return program, nil
}
