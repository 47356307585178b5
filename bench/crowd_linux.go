// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/regent-ha/regent/internal/netlab"
	"github.com/regent-ha/regent/internal/peers"
)

// perSegment is how many virtual routers share a segment; a VRID is an octet.
const perSegment = 255

// crowd is two nodes with many virtual routers of one program; node 0 is to be Active.
type crowd struct {
	b        *bench
	subject  subject
	lab      *netlab.Lab
	dir      string
	size     int
	interval time.Duration
	wires    []*netlab.Network
	nodes    [2]*netlab.Node
	daemons  [2]worker
	routers  [2][]peers.Router
}

// newCrowd lays as many segments as the size needs; nothing is started.
func (b *bench) newCrowd(s subject, size int, interval time.Duration) (*crowd, error) {
	dir, err := os.MkdirTemp(b.dir, "c")
	if err != nil {
		return nil, err
	}
	lab, err := netlab.Open(netlab.Options{Dir: filepath.Join(dir, "lab")})
	if err != nil {
		return nil, err
	}
	c := &crowd{b: b, subject: s, lab: lab, dir: dir, size: size, interval: interval}
	for w := range (size + perSegment - 1) / perSegment {
		wire := lab.LAN()
		if w > 0 {
			if wire, err = lab.Network(fmt.Sprintf("lan%d", w), netlab.NetworkOptions{}); err != nil {
				return nil, errors.Join(err, c.close())
			}
		}
		c.wires = append(c.wires, wire)
	}
	for n := range c.nodes {
		name := []string{"owner", "heir"}[n]
		if c.nodes[n], err = lab.Island(name); err != nil {
			return nil, errors.Join(err, c.close())
		}
		for w, wire := range c.wires {
			if _, err := c.nodes[n].Attach(wire, fmt.Sprintf("eth%d", w), fmt.Sprintf("10.%d.0.%d/16", 100+w, n+1)); err != nil {
				return nil, errors.Join(err, c.close())
			}
		}
		c.routers[n] = c.list([]int{150, 100}[n])
		c.daemons[n] = s.make(filepath.Join(dir, name[:1]), interval < 100*time.Millisecond)
	}
	return c, nil
}

// list is the configuration of a node.
func (c *crowd) list(priority int) (list []peers.Router) {
	for i := range c.size {
		w, v := i/perSegment, uint8(i%perSegment+1)
		list = append(list, peers.Router{
			Interface: fmt.Sprintf("eth%d", w), VRID: v, Version: 3, Priority: priority, Interval: c.interval,
			Addresses: []netip.Prefix{netip.PrefixFrom(c.address(w, v), 32)},
		})
	}
	return list
}

// address is the virtual address of a virtual router.
func (c *crowd) address(segment int, vrid uint8) netip.Addr {
	return netip.AddrFrom4([4]byte{10, byte(100 + segment), 1, vrid})
}

func (c *crowd) start() error {
	for n := range c.nodes {
		if err := c.daemons[n].Start(c.b.ctx, c.nodes[n], c.routers[n]...); err != nil {
			return err
		}
	}
	return nil
}

func (c *crowd) close() error {
	var errs []error
	for n, d := range c.daemons {
		if d == nil {
			continue
		}
		if err := d.Cleanup(); err != nil {
			errs = append(errs, fmt.Errorf("end %s on node %s: %w", d.Name(), c.nodes[n].Name(), err), logs(c.lab))
		}
	}
	return errors.Join(append(errs, c.lab.Close(), os.RemoveAll(c.dir))...)
}

// held counts the virtual addresses that a node has.
func (c *crowd) held(n int) int {
	list, err := c.nodes[n].Netlink().AddrList(nil, netlink.FAMILY_V4)
	if err != nil {
		return -1 // changed while it was read
	}
	count := 0
	for _, a := range list {
		if ip, ok := netip.AddrFromSlice(a.IP); ok && ip.Unmap().As4()[2] == 1 {
			count++
		}
	}
	return count
}

// until waits until a node holds so many addresses, and returns when.
func (c *crowd) until(n, count int, limit time.Duration) (time.Time, error) {
	what := fmt.Sprintf("%s on node %s holds %d addresses", c.subject.name, c.nodes[n].Name(), count)
	if err := peers.Await(c.b.ctx, limit, what, func() bool { return c.held(n) == count }); err != nil {
		return time.Time{}, fmt.Errorf("%w: it holds %d", err, c.held(n))
	}
	return time.Now(), nil
}

// settle waits until node 0 holds everything alone, and the second round of announcements is over.
func (c *crowd) settle() error {
	limit := c.routers[0][0].DownInterval(c.interval) + 30*time.Second
	if _, err := c.until(0, c.size, limit); err != nil {
		return err
	}
	if _, err := c.until(1, 0, limit); err != nil {
		return err
	}
	return c.b.wait(6 * time.Second)
}

// capture records all segments while f runs.
func (c *crowd) capture(name string, f func() error) ([][]netlab.Frame, error) {
	running := make([]*netlab.Capture, len(c.wires))
	var err error
	for w, wire := range c.wires {
		if running[w], err = wire.Capture(name, "ip proto 112 or arp"); err != nil {
			return nil, err
		}
	}
	err = f()
	frames := make([][]netlab.Frame, len(c.wires))
	for w, r := range running {
		_, e := r.Stop()
		err = errors.Join(err, e)
		frames[w] = r.Frames()
	}
	return frames, err
}

// mac is the hardware address of a node on a segment.
func (c *crowd) mac(n, segment int) string {
	return c.nodes[n].Port(fmt.Sprintf("eth%d", segment)).MAC().String()
}

// ports does something to all of a node's ports.
func (c *crowd) ports(n int, f func(*netlab.Port) error) error {
	var errs []error
	for w := range c.wires {
		errs = append(errs, f(c.nodes[n].Port(fmt.Sprintf("eth%d", w))))
	}
	return errors.Join(errs...)
}
