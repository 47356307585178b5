// SPDX-License-Identifier: Apache-2.0

package netlab

import (
	"bytes"
	"io"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// eventually polls until the condition holds.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	limit := time.Now().Add(10 * time.Second)
	for !condition() {
		if time.Now().After(limit) {
			t.Fatalf("not within 10 s: %s", what)
		}
		pause(2 * time.Millisecond)
	}
}

// lockedBuffer may be read while a process writes.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// joinGroup makes the node a member of an IPv6 group on eth0.
func (n *Node) joinGroup(group string) (io.Closer, error) {
	var file *os.File
	err := n.Do(func() error {
		fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		file = os.NewFile(uintptr(fd), "member")
		return unix.SetsockoptIPv6Mreq(fd, unix.IPPROTO_IPV6, unix.IPV6_JOIN_GROUP,
			&unix.IPv6Mreq{Multiaddr: netip.MustParseAddr(group).As16(), Interface: uint32(n.Index("eth0"))})
	})
	return file, err
}
