// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/vrrp"
)

// join joins the port's group on the interface, by index. It may wait for rtnl.
func join(fd int, key portKey) error {
	return membership(fd, key, unix.IP_ADD_MEMBERSHIP, unix.IPV6_JOIN_GROUP, "join")
}

// leave leaves it.
func leave(fd int, key portKey) error {
	return membership(fd, key, unix.IP_DROP_MEMBERSHIP, unix.IPV6_LEAVE_GROUP, "leave")
}

// membership sets one of the options that change it.
func membership(fd int, key portKey, option4, option6 int, verb string) error {
	var err error
	group := key.group
	if key.family == vrrp.IPv6 {
		err = unix.SetsockoptIPv6Mreq(fd, unix.IPPROTO_IPV6, option6,
			&unix.IPv6Mreq{Multiaddr: group.As16(), Interface: uint32(key.index)})
	} else {
		err = unix.SetsockoptIPMreqn(fd, unix.IPPROTO_IP, option4,
			&unix.IPMreqn{Multiaddr: group.As4(), Ifindex: int32(key.index)})
	}
	if err != nil {
		return fmt.Errorf("%s %s: %w", verb, group, err)
	}
	return nil
}

// renew joins the group again if the interface has forgotten it, because it was re-created with its old index. The socket still
// has the membership in its list then, and cannot join before it has left.
func (p *port) renew() error {
	name, find := "/proc/thread-self/net/igmp", memberIPv4
	if p.key.family == vrrp.IPv6 {
		name, find = "/proc/thread-self/net/igmp6", memberIPv6
	}
	table, err := os.ReadFile(name)
	if err != nil {
		return fmt.Errorf("read group memberships: %w", err)
	}
	if find(string(table), p.key.index, p.key.group) {
		return nil
	}
	if err := leave(p.receive, p.key); err != nil && !errors.Is(err, unix.EADDRNOTAVAIL) && !errors.Is(err, unix.ENOENT) {
		return err
	}
	return join(p.receive, p.key)
}

// memberIPv4 finds a group in /proc/net/igmp: a line that begins with the interface's index, then an indented line for each group, the
// address as the number that its octets are in memory.
func memberIPv4(table string, index int, group netip.Addr) bool {
	octets := group.As4()
	want := fmt.Sprintf("%08X", binary.NativeEndian.Uint32(octets[:]))
	here := false
	for line := range strings.Lines(table) {
		fields := strings.Fields(line)
		switch {
		case len(fields) == 0:
		case line[0] != '\t' && line[0] != ' ':
			here = fields[0] == strconv.Itoa(index)
		case here && fields[0] == want:
			return true
		}
	}
	return false
}

// memberIPv6 finds a group in /proc/net/igmp6: index, name, address and more on each line.
func memberIPv6(table string, index int, group netip.Addr) bool {
	octets := group.As16()
	want := hex.EncodeToString(octets[:])
	for line := range strings.Lines(table) {
		fields := strings.Fields(line)
		if len(fields) >= 3 && fields[0] == strconv.Itoa(index) && fields[2] == want {
			return true
		}
	}
	return false
}
