// SPDX-License-Identifier: Apache-2.0

package netlab

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Port is a node's interface on a network, with both its ends.
type Port struct {
	node    *Node
	network *Network
	ifname  string // inside the node
	name    string // on the bridge
	index   int    // of name, in the network's namespace
	mac     net.HardwareAddr
}

// Attach gives the node an interface on a network. It has a carrier and its
// addresses are usable when Attach returns.
func (n *Node) Attach(w *Network, ifname string, prefixes ...string) (*Port, error) {
	parsed := make([]netip.Prefix, len(prefixes))
	for i, text := range prefixes {
		var err error
		if parsed[i], err = netip.ParsePrefix(text); err != nil {
			return nil, fmt.Errorf("node %s: %s: %w", n.name, ifname, err)
		}
	}
	n.lab.mu.Lock()
	w.ports++
	p := &Port{
		node: n, network: w, ifname: ifname, name: fmt.Sprintf("p%d", w.ports),
		mac: net.HardwareAddr{0x02, 0, 0, 0, byte(w.number), byte(n.number)},
	}
	n.ports = append(n.ports, p)
	n.lab.mu.Unlock()
	if err := p.setup(parsed); err != nil {
		return nil, fmt.Errorf("node %s: %s: %w", n.name, ifname, err)
	}
	return p, nil
}

func (p *Port) setup(prefixes []netip.Prefix) error {
	w, n := p.network, p.node
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.MTU = p.name, w.mtu
	pair := &netlink.Veth{
		LinkAttrs: attrs, PeerName: p.ifname, PeerMTU: uint32(w.mtu), PeerHardwareAddr: p.mac,
		PeerNamespace: netlink.NsFd(n.space.file.Fd()),
	}
	if err := w.kernel.LinkAdd(pair); err != nil {
		return fmt.Errorf("create veth pair: %w", err)
	}
	outer, err := w.kernel.LinkByName(p.name)
	if err != nil {
		return fmt.Errorf("find bridge port: %w", err)
	}
	p.index = outer.Attrs().Index
	bridge, err := w.kernel.LinkByName(bridgeName)
	if err != nil {
		return fmt.Errorf("find bridge: %w", err)
	}
	if err := w.kernel.LinkSetMaster(outer, bridge); err != nil {
		return fmt.Errorf("add port to bridge: %w", err)
	}
	if err := w.kernel.LinkSetUp(outer); err != nil {
		return fmt.Errorf("set bridge port up: %w", err)
	}
	detect := "net.ipv6.conf." + p.ifname + ".accept_dad"
	if err := n.space.sysctls(detect, "0"); err != nil {
		return err
	}
	inner, err := n.kernel.LinkByName(p.ifname)
	if err != nil {
		return fmt.Errorf("find interface: %w", err)
	}
	if err := n.kernel.LinkSetUp(inner); err != nil {
		return fmt.Errorf("set interface up: %w", err)
	}
	for _, prefix := range prefixes {
		if err := p.add(inner, prefix); err != nil {
			return err
		}
	}
	if err := p.awaitReady(prefixes); err != nil {
		return err
	}
	return n.space.sysctls(detect, "1")
}

// add gives the interface an address that is usable at once.
func (p *Port) add(link netlink.Link, prefix netip.Prefix) error {
	address := &netlink.Addr{IPNet: ipNet(prefix)}
	if prefix.Addr().Is6() {
		address.Flags = unix.IFA_F_NODAD
	}
	if err := p.node.kernel.AddrAdd(link, address); err != nil {
		return fmt.Errorf("add %s: %w", prefix, err)
	}
	return nil
}

// awaitReady waits until frames pass and every address is answered for.
func (p *Port) awaitReady(prefixes []netip.Prefix) error {
	limit := time.Now().Add(5 * time.Second)
	for {
		missing, err := p.missing(prefixes)
		if missing == "" || err != nil {
			return err
		}
		if time.Now().After(limit) {
			return errors.New("interface does not become ready: no " + missing)
		}
		pause(time.Millisecond)
	}
}

// missing names what the interface still lacks. The kernel inserts the local
// route of an IPv6 address from a work queue, some time after it has accepted
// the address and even answers for it; a packet that comes earlier is lost.
func (p *Port) missing(prefixes []netip.Prefix) (string, error) {
	link, err := p.node.kernel.LinkByName(p.ifname)
	if err != nil {
		return "", fmt.Errorf("find interface: %w", err)
	}
	if link.Attrs().OperState != netlink.OperUp {
		return "carrier", nil
	}
	// The bridge enables a port when it hears of its carrier. Until then frames are lost, and a cut would be undone.
	outer, err := p.network.kernel.LinkByIndex(p.index)
	if err != nil {
		return "", fmt.Errorf("find bridge port: %w", err)
	}
	if outer.Attrs().OperState != netlink.OperUp {
		return "carrier on the bridge's side", nil
	}
	addresses, err := p.node.kernel.AddrList(link, unix.AF_INET6)
	if err != nil {
		return "", fmt.Errorf("list addresses: %w", err)
	}
	for _, a := range addresses {
		if a.Flags&unix.IFA_F_TENTATIVE != 0 {
			return "end of duplicate address detection for " + a.IP.String(), nil
		}
	}
	routes, err := p.node.kernel.RouteListFiltered(netlink.FAMILY_V6,
		&netlink.Route{Table: unix.RT_TABLE_LOCAL, LinkIndex: link.Attrs().Index}, netlink.RT_FILTER_TABLE|netlink.RT_FILTER_OIF)
	if err != nil {
		return "", fmt.Errorf("list local routes: %w", err)
	}
	local, linkLocal := map[netip.Addr]bool{}, false
	for _, r := range routes {
		if r.Dst == nil {
			continue
		}
		if addr, ok := netip.AddrFromSlice(r.Dst.IP); ok && r.Type == unix.RTN_LOCAL {
			local[addr] = true
			linkLocal = linkLocal || addr.IsLinkLocalUnicast()
		}
	}
	for _, prefix := range prefixes {
		if addr := prefix.Addr(); addr.Is6() && !local[addr] {
			return "local route for " + addr.String(), nil
		}
	}
	if !linkLocal {
		return "link-local address", nil
	}
	return "", nil
}

// Port returns the node's interface of that name on a network of the lab, or nil.
func (n *Node) Port(ifname string) *Port {
	n.lab.mu.Lock()
	defer n.lab.mu.Unlock()
	for _, p := range n.ports {
		if p.ifname == ifname {
			return p
		}
	}
	return nil
}

// MAC is the hardware address of the node's side, 02:00:00:00:WW:NN with the
// network's number (the default one is 0) and the node's (from 1).
func (p *Port) MAC() net.HardwareAddr { return p.mac }

// Network that the port is on.
func (p *Port) Network() *Network { return p.network }

// Cut loses every frame from and to the node. Its carrier stays: like a
// switch that stops forwarding.
func (p *Port) Cut() error { return p.setState(portDisabled, "cut") }

// Heal undoes Cut.
func (p *Port) Heal() error { return p.setState(portForwarding, "heal") }

func (p *Port) setState(state byte, verb string) error {
	if err := p.network.space.do(func() error { return setPortState(p.index, state) }); err != nil {
		return fmt.Errorf("%s %s of node %s: %w", verb, p.ifname, p.node.name, err)
	}
	p.node.lab.log("%s %s of node %s", verb, p.ifname, p.node.name)
	return nil
}

// LinkDown takes the node's carrier away: like a cable pulled out.
func (p *Port) LinkDown() error { return p.setLink(false) }

// LinkUp undoes LinkDown (and Cut: a port that comes up forwards).
func (p *Port) LinkUp() error { return p.setLink(true) }

func (p *Port) setLink(up bool) error {
	link := &netlink.Device{LinkAttrs: netlink.LinkAttrs{Index: p.index}}
	act, verb := p.network.kernel.LinkSetDown, "take carrier from"
	if up {
		act, verb = p.network.kernel.LinkSetUp, "give carrier to"
	}
	if err := act(link); err != nil {
		return fmt.Errorf("%s %s of node %s: %w", verb, p.ifname, p.node.name, err)
	}
	p.node.lab.log("%s %s of node %s", verb, p.ifname, p.node.name)
	return nil
}

// Cut cuts the node's eth0; see [Port.Cut].
func (n *Node) Cut() error { return n.eth0((*Port).Cut) }

// Heal undoes Cut.
func (n *Node) Heal() error { return n.eth0((*Port).Heal) }

// LinkDown takes the carrier of the node's eth0; see [Port.LinkDown].
func (n *Node) LinkDown() error { return n.eth0((*Port).LinkDown) }

// LinkUp undoes LinkDown.
func (n *Node) LinkUp() error { return n.eth0((*Port).LinkUp) }

func (n *Node) eth0(f func(*Port) error) error {
	p := n.Port("eth0")
	if p == nil {
		return fmt.Errorf("node %s: eth0: %w", n.name, errNoPort)
	}
	return f(p)
}
