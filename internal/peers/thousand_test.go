// SPDX-License-Identifier: Apache-2.0

package peers

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/regent-ha/regent/internal/netlab"
)

// A thousand virtual routers: as many as fit on each of four segments.
const (
	segments   = 4
	perSegment = 250
)

// crowd is two nodes with a thousand virtual routers of one kind of daemon.
type crowd struct {
	t        *testing.T
	dir      string
	interval time.Duration
	nodes    [2]*netlab.Node
	daemons  [2]Daemon
	routers  [2][]Router
	wires    []*netlab.Network
}

// TestProofThousandServices runs a thousand virtual routers in one process, Regent's and then keepalived's, on the same
// machine in the same run.
func TestProofThousandServices(t *testing.T) {
	requirePeers(t, "keepalived")
	kinds := makers(regentBinary(t))
	var table strings.Builder
	table.WriteString("\n| daemon | interval | all held after start | CPU per minute, Active | Backup | RSS, Active | Backup |" +
		" cut: first advert late by, median | worst | announced late by, worst | SIGTERM: all held after | reload: longest gap |\n" +
		"|---|---|---|---|---|---|---|---|---|---|---|---|\n")
	for _, interval := range []time.Duration{time.Second, 100 * time.Millisecond} {
		for _, name := range []string{"regent", "keepalived"} {
			t.Run(name+" at "+interval.String(), func(t *testing.T) {
				newCrowd(t, kinds[name], interval).measure(&table)
			})
		}
	}
	t.Log(table.String())
}

// newCrowd lays the networks and makes the daemons; node 0 is to be Active.
func newCrowd(t *testing.T, kind maker, interval time.Duration) *crowd {
	t.Helper()
	dir, err := os.MkdirTemp("", "peers")
	must(t, err)
	lab := netlab.Test(t)
	c := &crowd{t: t, dir: dir, interval: interval}
	for w := range segments {
		wire := lab.LAN()
		if w > 0 {
			wire, err = lab.Network(fmt.Sprintf("lan%d", w), netlab.NetworkOptions{})
			must(t, err)
		}
		c.wires = append(c.wires, wire)
	}
	for n := range c.nodes {
		name := []string{high, low}[n]
		node, err := lab.Island(name)
		must(t, err)
		for w, wire := range c.wires {
			_, err := node.Attach(wire, fmt.Sprintf("eth%d", w), fmt.Sprintf("10.%d.0.%d/16", 99+w, n+1))
			must(t, err)
		}
		c.nodes[n], c.daemons[n] = node, kind(filepath.Join(dir, name))
		c.routers[n] = c.configure([]int{150, 100}[n])
	}
	t.Cleanup(func() {
		for _, d := range c.daemons {
			if err := d.Cleanup(); err != nil {
				t.Errorf("clean up after %s: %v", d.Name(), err)
			}
		}
		must(t, os.RemoveAll(dir))
	})
	return c
}

func (c *crowd) configure(priority int) (list []Router) {
	for w := range segments {
		for v := range perSegment {
			list = append(list, Router{
				Interface: fmt.Sprintf("eth%d", w), VRID: uint8(v + 1), Version: 3, Priority: priority, Interval: c.interval,
				Addresses: []netip.Prefix{netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(99 + w), 1, byte(v + 1)}), 32)},
			})
		}
	}
	return list
}

func (c *crowd) ctx() context.Context { return context.WithoutCancel(c.t.Context()) }

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

// until waits until the node holds so many addresses, and returns when.
func (c *crowd) until(n, count int, limit time.Duration) time.Time {
	c.t.Helper()
	what := fmt.Sprintf("%s on node %s holds %d addresses", c.daemons[n].Name(), c.nodes[n].Name(), count)
	if err := Await(c.ctx(), limit, what, func() bool { return c.held(n) == count }); err != nil {
		c.t.Fatalf("%v: it holds %d", err, c.held(n))
	}
	return time.Now()
}

// measure plays the story and adds one line to the table.
func (c *crowd) measure(table *strings.Builder) {
	t := c.t
	const all = segments * perSegment
	down := c.routers[1][0].DownInterval(c.interval)
	started := time.Now()
	for n := range c.nodes {
		must(t, c.daemons[n].Start(c.ctx(), c.nodes[n], c.routers[n]...))
	}
	start := c.until(0, all, time.Minute).Sub(started)
	c.until(1, 0, 30*time.Second)
	wait(c.ctx(), 6*time.Second) // the second round of announcements is part of the start
	cpu, rss := c.usage(20 * time.Second)

	late, announced := c.cut(down)
	c.until(0, all, 30*time.Second)
	c.until(1, 0, 30*time.Second)
	wait(c.ctx(), 6*time.Second)

	gap := c.reload()

	ended := time.Now()
	must(t, c.daemons[0].Term())
	term := c.until(1, all, 30*time.Second).Sub(ended)
	must(t, Await(c.ctx(), stopLimit, c.daemons[0].Name()+" ends", func() bool { return len(c.daemons[0].Pids()) == 0 }))

	fmt.Fprintf(table, "| %s | %s | %.2f s | %.2f s | %.2f s | %d MiB | %d MiB | %s | %s | %s | %s | %s |\n",
		c.daemons[0].Name(), c.interval, start.Seconds(), cpu[0].Seconds(), cpu[1].Seconds(), rss[0]>>20, rss[1]>>20,
		round(late[len(late)/2]), round(late[len(late)-1]), round(announced), round(term), round(gap))
	if t.Failed() || c.daemons[0].Name() != "regent" {
		return
	}
	if limit := c.interval*3/2 + 100*time.Millisecond; gap > limit {
		t.Errorf("a reload that changes nothing lets %s pass without an advert, want one each %s", round(gap), c.interval)
	}
}

// usage measures both daemons for a while and scales their time to a minute.
func (c *crowd) usage(d time.Duration) (cpu [2]time.Duration, rss [2]int64) {
	var before [2]Usage
	for n := range before {
		var err error
		before[n], err = UsageOf(c.daemons[n].Pids())
		must(c.t, err)
	}
	wait(c.ctx(), d)
	for n := range before {
		after, err := UsageOf(c.daemons[n].Pids())
		must(c.t, err)
		cpu[n] = time.Duration(float64(after.CPU-before[n].CPU) * float64(time.Minute) / float64(d))
		rss[n] = after.Resident
	}
	return cpu, rss
}

// capture records all segments while f runs.
func (c *crowd) capture(name string, f func()) (frames [segments][]netlab.Frame) {
	var running [segments]*netlab.Capture
	for w, wire := range c.wires {
		var err error
		running[w], err = wire.Capture(name, "ip proto 112 or arp")
		must(c.t, err)
	}
	f()
	for w, r := range running {
		_, err := r.Stop()
		must(c.t, err)
		frames[w] = r.Frames()
	}
	return frames
}

// cut takes the Active off all segments. It returns how late each heir's first advert is after the moment that the
// protocol sets, in order, and how late the last address was announced.
func (c *crowd) cut(down time.Duration) (late []time.Duration, announced time.Duration) {
	t := c.t
	ports := func(f func(*netlab.Port) error) {
		for w := range c.wires {
			must(t, f(c.nodes[0].Port(fmt.Sprintf("eth%d", w))))
		}
	}
	frames := c.capture("cut", func() {
		wait(c.ctx(), 2*c.interval)
		ports((*netlab.Port).Cut)
		c.until(1, segments*perSegment, down+10*time.Second)
		wait(c.ctx(), c.interval+200*time.Millisecond)
	})
	ports((*netlab.Port).Heal)
	for w := range frames {
		heir := c.nodes[1].Port(fmt.Sprintf("eth%d", w)).MAC().String()
		last, first := map[uint8]time.Time{}, map[uint8]time.Time{}
		for _, f := range frames[w] {
			vrid, _, ok := f.VRRP()
			switch {
			case ok && f.SourceMAC().String() != heir:
				last[vrid] = f.Time
			case ok && first[vrid].IsZero():
				first[vrid] = f.Time
				late = append(late, f.Time.Sub(last[vrid].Add(down)))
			}
		}
		if len(first) != perSegment {
			t.Errorf("on segment %d the heir takes %d of %d virtual routers over", w+1, len(first), perSegment)
		}
		for vrid := range first {
			address := netip.AddrFrom4([4]byte{10, byte(99 + w), 1, vrid})
			for _, f := range frames[w] {
				if f.SourceMAC().String() == heir && f.Announces(address) {
					announced = max(announced, f.Time.Sub(last[vrid].Add(down)))
					break
				}
			}
		}
	}
	if len(late) == 0 {
		t.Fatal("the heir takes nothing over")
	}
	slices.Sort(late)
	return late, announced
}

// reload makes the Active read the same file again, and returns the longest time without an advert of any virtual
// router meanwhile.
func (c *crowd) reload() (longest time.Duration) {
	frames := c.capture("reload", func() {
		wait(c.ctx(), 2*c.interval)
		must(c.t, c.daemons[0].Reload(c.ctx(), c.routers[0]...))
		wait(c.ctx(), 5*c.interval+2*time.Second)
	})
	for w := range frames {
		last := map[uint8]time.Time{}
		for _, f := range frames[w] {
			vrid, _, ok := f.VRRP()
			if !ok {
				continue
			}
			if before, heard := last[vrid]; heard {
				longest = max(longest, f.Time.Sub(before))
			}
			last[vrid] = f.Time
		}
	}
	return longest
}
