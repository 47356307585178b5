// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/internal/netlab"
)

// flood is attempts to connect, at a rate, without the cost of sockets: segments with SYN from a raw socket. Each is answered
// as that of any client; the answers meet no socket.
type flood struct {
	stop chan struct{}
	done chan error
	sent int
}

// flood begins to connect from a node to a port, perSecond times a second.
func newFlood(t *testing.T, from *netlab.Node, source, target string, port uint16, perSecond int) *flood {
	t.Helper()
	fd := -1
	err := from.Do(func() (err error) {
		fd, err = unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_TCP)
		return err
	})
	if err == nil { // it would get a copy of every answer
		err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 1)
	}
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrInet4{Addr: netip.MustParseAddr(source).As4()})
	}
	if err != nil {
		t.Fatal(err)
	}
	f := &flood{stop: make(chan struct{}), done: make(chan error, 1)}
	to := &unix.SockaddrInet4{Addr: netip.MustParseAddr(target).As4()}
	go func() {
		defer unix.Close(fd) //nolint:errcheck // nothing is lost
		f.done <- f.run(fd, netip.MustParseAddr(source), to, port, perSecond)
	}()
	t.Cleanup(func() { f.end(t) })
	return f
}

func (f *flood) run(fd int, from netip.Addr, to *unix.SockaddrInet4, port uint16, perSecond int) error {
	const tick = 2 * time.Millisecond
	start := time.Now()
	segment := make([]byte, 20)
	for {
		select {
		case <-f.stop:
			return nil
		case <-time.After(tick):
		}
		for due := int(time.Since(start).Seconds() * float64(perSecond)); f.sent < due; f.sent++ {
			syn(segment, from, netip.AddrFrom4(to.Addr), uint16(10000+f.sent%50000), port)
			if err := unix.Sendto(fd, segment, 0, to); err != nil && err != unix.ENOBUFS {
				return err
			}
		}
	}
}

// end ends it and returns how many segments were sent.
func (f *flood) end(t *testing.T) int {
	t.Helper()
	select {
	case <-f.stop:
	default:
		close(f.stop)
		if err := <-f.done; err != nil {
			t.Errorf("flood: %v", err)
		}
	}
	return f.sent
}

// syn fills in a segment that opens a connection (RFC 9293 §3.1).
func syn(b []byte, from, to netip.Addr, source, target uint16) {
	clear(b)
	binary.BigEndian.PutUint16(b, source)
	binary.BigEndian.PutUint16(b[2:], target)
	binary.BigEndian.PutUint32(b[4:], rand.Uint32())
	b[12], b[13] = 5<<4, 0x02
	binary.BigEndian.PutUint16(b[14:], 64240)
	sum := uint32(6 + len(b))
	for _, part := range [][]byte{from.AsSlice(), to.AsSlice(), b} {
		for i := 0; i < len(part); i += 2 {
			sum += uint32(binary.BigEndian.Uint16(part[i:]))
		}
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	binary.BigEndian.PutUint16(b[16:], ^uint16(sum))
}

// busy is the processor time that the machine has spent so far, without waiting.
func busy(t *testing.T) time.Duration {
	t.Helper()
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		t.Fatal(err)
	}
	line, _, _ := strings.Cut(string(b), "\n")
	var ticks int
	for i, field := range strings.Fields(line)[1:] {
		n, err := strconv.Atoi(field)
		if err != nil {
			t.Fatal(err)
		}
		if i != 3 && i != 4 && i < 8 { // idle, waiting for a disk; guests are counted twice
			ticks += n
		}
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// resident is the memory of a process, and the most that it had.
func resident(t *testing.T, pid int) (now, peak int) {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if _, err := fmt.Sscanf(line, "VmRSS: %d kB", &now); err == nil {
			now <<= 10
		}
		if _, err := fmt.Sscanf(line, "VmHWM: %d kB", &peak); err == nil {
			peak <<= 10
		}
	}
	return now, peak
}
