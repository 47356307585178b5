// SPDX-License-Identifier: Apache-2.0

package netlab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Node is a host of the lab: a network namespace with lo and eth0.
type Node struct {
	name   string
	number int
	lab    *Lab
	space  *space
	kernel *netlink.Handle
	ports  []*Port
}

// Node makes a node on the lab's default network. The prefixes are the
// addresses of its eth0.
func (l *Lab) Node(name string, prefixes ...string) (*Node, error) {
	n, err := l.Island(name)
	if err != nil {
		return nil, err
	}
	if _, err := n.Attach(l.lan, "eth0", prefixes...); err != nil {
		return nil, err
	}
	return n, nil
}

// Island makes a node that has lo only; [Node.Attach] connects it.
func (l *Lab) Island(name string) (*Node, error) {
	s, err := newSpace()
	if err != nil {
		return nil, fmt.Errorf("node %s: %w", name, err)
	}
	n := &Node{name: name, lab: l, space: s}
	l.mu.Lock()
	l.nodes = append(l.nodes, n)
	n.number = len(l.nodes)
	l.mu.Unlock()
	if err := n.setup(); err != nil {
		return nil, fmt.Errorf("node %s: %w", name, err)
	}
	return n, nil
}

// quiet is how a node differs from a fresh kernel: the same everywhere, whatever the
// machine's own namespace has, and without router solicitations in the captures.
func quiet() []string {
	return []string{
		"net.ipv4.conf.all.rp_filter", "0",
		"net.ipv4.conf.default.rp_filter", "0",
		"net.ipv6.conf.all.disable_ipv6", "0",
		"net.ipv6.conf.default.disable_ipv6", "0",
		"net.ipv6.conf.lo.disable_ipv6", "0",
		"net.ipv6.conf.default.accept_ra", "0",
		"net.ipv6.conf.default.router_solicitations", "0",
	}
}

func (n *Node) setup() error {
	var err error
	if n.kernel, err = n.space.netlink(); err != nil {
		return err
	}
	if err := n.space.sysctls(quiet()...); err != nil {
		return err
	}
	lo, err := n.kernel.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("find lo: %w", err)
	}
	if err := n.kernel.LinkSetUp(lo); err != nil {
		return fmt.Errorf("set lo up: %w", err)
	}
	return nil
}

// Name of the node.
func (n *Node) Name() string { return n.name }

// Path names the node's namespace for other programs, as in nsenter --net=PATH.
func (n *Node) Path() string { return n.space.path() }

// Netlink is a route handle inside the node.
func (n *Node) Netlink() *netlink.Handle { return n.kernel }

// Do runs f inside the node, on the calling goroutine, locked to its thread.
// Goroutines which f starts are not inside; sockets which it opens are.
func (n *Node) Do(f func() error) error { return n.space.do(f) }

// Index of an interface; 0 if there is none of that name.
func (n *Node) Index(ifname string) int {
	link, err := n.kernel.LinkByName(ifname)
	if err != nil {
		return 0
	}
	return link.Attrs().Index
}

// Addresses of an interface, of both families; "" means all interfaces.
func (n *Node) Addresses(ifname string) ([]netip.Prefix, error) {
	var link netlink.Link
	if ifname != "" {
		var err error
		if link, err = n.kernel.LinkByName(ifname); err != nil {
			return nil, fmt.Errorf("node %s: find %s: %w", n.name, ifname, err)
		}
	}
	list, err := n.kernel.AddrList(link, unix.AF_UNSPEC)
	if err != nil {
		return nil, fmt.Errorf("node %s: list addresses: %w", n.name, err)
	}
	prefixes := make([]netip.Prefix, 0, len(list))
	for _, a := range list {
		addr, _ := netip.AddrFromSlice(a.IP)
		bits, _ := a.Mask.Size()
		prefixes = append(prefixes, netip.PrefixFrom(addr.Unmap(), bits))
	}
	return prefixes, nil
}

// Holds tells whether any interface of the node has the address.
func (n *Node) Holds(addr netip.Addr) bool {
	prefixes, err := n.Addresses("")
	if err != nil {
		return false
	}
	for _, p := range prefixes {
		if p.Addr() == addr {
			return true
		}
	}
	return false
}

// SetSysctl writes a key such as net.ipv4.conf.eth0.arp_ignore of the node.
func (n *Node) SetSysctl(key, value string) error {
	if err := n.space.sysctls(key, value); err != nil {
		return fmt.Errorf("node %s: %w", n.name, err)
	}
	return nil
}

// Sysctl reads a key of the node.
func (n *Node) Sysctl(key string) (string, error) {
	var value []byte
	err := n.space.do(func() (err error) {
		value, err = os.ReadFile(sysctlPath(key))
		return err
	})
	if err != nil {
		return "", fmt.Errorf("node %s: read %s: %w", n.name, key, err)
	}
	return strings.TrimSpace(string(value)), nil
}

// Forward makes the node a router for both families.
func (n *Node) Forward() error {
	if err := n.SetSysctl("net.ipv4.ip_forward", "1"); err != nil {
		return err
	}
	return n.SetSysctl("net.ipv6.conf.all.forwarding", "1")
}

// Route sends what goes to the prefix ("default" for everything) by a gateway;
// for "default" the gateway decides the family.
func (n *Node) Route(destination, gateway string) error {
	via, err := netip.ParseAddr(gateway)
	if err != nil {
		return fmt.Errorf("node %s: route: %w", n.name, err)
	}
	route := &netlink.Route{Gw: via.AsSlice()}
	if destination != "default" {
		prefix, err := netip.ParsePrefix(destination)
		if err != nil {
			return fmt.Errorf("node %s: route: %w", n.name, err)
		}
		route.Dst = ipNet(prefix.Masked())
	}
	if err := n.kernel.RouteReplace(route); err != nil {
		return fmt.Errorf("node %s: route %s via %s: %w", n.name, destination, gateway, err)
	}
	return nil
}

// Dial connects from inside the node to a numeric address. It fits wherever
// net.Dialer.DialContext does.
func (n *Node) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	address = n.numericZone(address)
	var conn net.Conn
	err := n.space.do(func() (err error) {
		conn, err = new(net.Dialer).DialContext(ctx, network, address)
		return err
	})
	return conn, err
}

// Listen accepts connections inside the node.
func (n *Node) Listen(network, address string) (net.Listener, error) {
	address = n.numericZone(address)
	var l net.Listener
	err := n.space.do(func() (err error) {
		l, err = net.Listen(network, address)
		return err
	})
	return l, err
}

// ListenPacket receives datagrams inside the node.
func (n *Node) ListenPacket(network, address string) (net.PacketConn, error) {
	address = n.numericZone(address)
	var c net.PacketConn
	err := n.space.do(func() (err error) {
		c, err = net.ListenPacket(network, address)
		return err
	})
	return c, err
}

// numericZone replaces the interface's name in a link-local address. Package
// net remembers the indices of interfaces for the whole process, in whichever
// namespace it saw them; a number means the same everywhere.
func (n *Node) numericZone(address string) string {
	ap, err := netip.ParseAddrPort(address)
	if err != nil || ap.Addr().Zone() == "" {
		return address
	}
	index := n.Index(ap.Addr().Zone())
	if index == 0 {
		return address // a number already, or an error for the caller to see
	}
	return netip.AddrPortFrom(ap.Addr().WithZone(strconv.Itoa(index)), ap.Port()).String()
}

func (n *Node) close() error {
	if n.kernel != nil {
		n.kernel.Close()
	}
	if err := n.space.close(); err != nil {
		return fmt.Errorf("node %s: %w", n.name, err)
	}
	return nil
}

// ipNet is the one place where a prefix becomes the older type that the netlink
// module takes.
func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

var errNoPort = errors.New("no such interface on a network of the lab")
