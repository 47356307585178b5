// SPDX-License-Identifier: Apache-2.0

package netlab

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// bridgeName is the bridge's name in the namespace of its network.
const bridgeName = "br0"

// NetworkOptions of a network.
type NetworkOptions struct {
	// Snooping turns multicast snooping on.
	Snooping bool
	// Querier makes the bridge ask for group memberships; it needs Snooping, and
	// the bridge then has a link-local address from which it asks.
	Querier bool
	// MTU of the network's interfaces; 0 is 1500.
	MTU int
}

// Network is a bridge in a namespace of its own.
type Network struct {
	name   string
	number int
	mtu    int
	lab    *Lab
	space  *space
	kernel *netlink.Handle
	ports  int // made so far
	chains int // made so far
}

// Network makes one more network.
func (l *Lab) Network(name string, o NetworkOptions) (*Network, error) {
	s, err := newSpace()
	if err != nil {
		return nil, err
	}
	w := &Network{name: name, lab: l, space: s, mtu: o.MTU}
	if w.mtu == 0 {
		w.mtu = 1500
	}
	l.mu.Lock()
	w.number = len(l.networks)
	l.networks = append(l.networks, w)
	l.mu.Unlock()
	if err := w.setup(o); err != nil {
		return nil, fmt.Errorf("network %s: %w", name, err)
	}
	return w, nil
}

// Name of the network.
func (w *Network) Name() string { return w.name }

func (w *Network) setup(o NetworkOptions) error {
	var err error
	if w.kernel, err = w.space.netlink(); err != nil {
		return err
	}
	// The bridge and its ports stay silent: no neighbour discovery, no reports.
	if err := w.space.sysctls(
		"net.ipv6.conf.all.disable_ipv6", "1",
		"net.ipv6.conf.default.disable_ipv6", "1"); err != nil {
		return err
	}
	if err := w.transparent(); err != nil {
		return err
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.MTU = bridgeName, w.mtu
	attrs.HardwareAddr = net.HardwareAddr{0x02, 0, 0, 0, byte(w.number), 0xfe}
	bridge := &netlink.Bridge{LinkAttrs: attrs, MulticastSnooping: &o.Snooping}
	if err := w.kernel.LinkAdd(bridge); err != nil {
		return fmt.Errorf("create bridge: %w", err)
	}
	if err := w.kernel.LinkSetUp(bridge); err != nil {
		return fmt.Errorf("set bridge up: %w", err)
	}
	if o.Querier {
		return w.query(bridge.Index)
	}
	return nil
}

// query makes the bridge ask for memberships. It needs a link-local address for that, and
// would try again only after half a minute if it had none at first.
func (w *Network) query(index int) error {
	conf := "net.ipv6.conf." + bridgeName
	if err := w.space.sysctls(
		conf+".accept_dad", "0", conf+".accept_ra", "0", conf+".router_solicitations", "0",
		conf+".disable_ipv6", "0"); err != nil {
		return err
	}
	if err := w.space.do(func() error { return setQuerier(index) }); err != nil {
		return fmt.Errorf("make bridge a querier: %w", err)
	}
	return nil
}

// transparent keeps the kernel from looking into what the bridge carries: with
// br_netfilter it drops IP packets that it finds malformed.
func (w *Network) transparent() error {
	for _, family := range []string{"iptables", "ip6tables", "arptables"} {
		err := w.space.sysctls("net.bridge.bridge-nf-call-"+family, "0")
		if err != nil && !errors.Is(err, os.ErrNotExist) { // the module is not loaded
			return err
		}
	}
	return nil
}

// netlink opens a route handle whose sockets are inside the namespace.
func (s *space) netlink() (*netlink.Handle, error) {
	h, err := netlink.NewHandleAt(netns.NsHandle(s.file.Fd()), unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("open netlink in namespace: %w", err)
	}
	return h, nil
}

// sysctls writes keys with dots and their values, alternating.
func (s *space) sysctls(pairs ...string) error {
	return s.do(func() error {
		for i := 0; i+1 < len(pairs); i += 2 {
			if err := os.WriteFile(sysctlPath(pairs[i]), []byte(pairs[i+1]), 0); err != nil {
				return fmt.Errorf("set %s: %w", pairs[i], err)
			}
		}
		return nil
	})
}

// sysctlPath maps net.ipv4.conf.eth0.x to its file. A slash stands for a dot in
// an interface's name, as in sysctl(8).
func sysctlPath(key string) string {
	swapped := strings.NewReplacer(".", "/", "/", ".").Replace(key)
	return filepath.Join("/proc/sys", swapped)
}

func (w *Network) close() error {
	if w.kernel != nil {
		w.kernel.Close()
	}
	return w.space.close()
}
