// SPDX-License-Identifier: Apache-2.0

package vrrpsim

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/regent-ha/regent/vrrp"
)

// iface is the index of every node's interface.
const iface = 2

// NodeOptions are what is particular about a node.
type NodeOptions struct {
	Rate    Rate          // its clock
	Latency time.Duration // at most so long after a deadline its timer wakes it
	Buffer  int           // how many packets a socket holds; 0 is 256
}

// Condition is how a node is.
type Condition uint8

// Conditions.
const (
	Off     Condition = iota // not started, crashed or stopped
	Running                  //
	Paused                   // started, and does not run: its packets wait
)

// Node is one host of a [Cluster] with its daemon.
type Node struct {
	Index   int
	Options NodeOptions

	cluster   *Cluster
	core      Core
	condition Condition
	stopping  bool // off when everything is inherited
	unplugged bool // no carrier
	// unpluggedAsleep: the carrier was lost while it was paused
	unpluggedAsleep bool
	configs         []vrrp.Config
	joined          []bool
	up              []bool // wanted: Up was called, and nothing ended it
	holds           []bool
	will            []vrrp.Time // until when a supervisor keeps an address; 0: it keeps none
	inbox           [2][]*Frame
	armed           vrrp.Time // true time of the timer's event
	token           uint64    // of the timer's event that counts
	pausedAt        vrrp.Time
	tolerant        vrrp.Time // true time until when it pre-empts nobody
	out             []vrrp.Action
}

// AddNode adds a node that is off.
func (c *Cluster) AddNode(o NodeOptions) *Node {
	if o.Buffer == 0 {
		o.Buffer = 256
	}
	n := &Node{Index: len(c.Nodes), Options: o, cluster: c, armed: vrrp.Never}
	n.grow()
	c.Nodes = append(c.Nodes, n)
	c.LAN.grow()
	return n
}

// grow makes room for all virtual routers of the cluster.
func (n *Node) grow() {
	more := len(n.cluster.routers) - len(n.configs)
	n.configs = append(n.configs, make([]vrrp.Config, more)...)
	n.joined = append(n.joined, make([]bool, more)...)
	n.up = append(n.up, make([]bool, more)...)
	n.holds = append(n.holds, make([]bool, more)...)
	n.will = append(n.will, make([]vrrp.Time, more)...)
}

// Role is what a node is told about its part in a service.
type Role struct {
	Priority     vrrp.Priority
	Interval     time.Duration // 0: the service's
	PreemptBelow vrrp.Priority
	PreemptDelay time.Duration
}

// Join makes the node take part in a service. All nodes that take part in a unicast one have to be added before.
func (n *Node) Join(s Service, r Role) *Node {
	c := n.cluster
	if r.Interval == 0 {
		r.Interval = s.Interval
	}
	for i, f := range s.Families {
		id := s.first + vrrp.ID(i)
		v := &c.routers[id-1]
		cfg := vrrp.Config{Family: f, VRID: s.VRID, Version: s.Version, Priority: r.Priority, Interval: r.Interval,
			Addresses: v.addresses, Checksum: s.Checksum, AcceptChecksum: vrrp.Either, Auth: s.Auth,
			PreemptBelow: r.PreemptBelow, PreemptDelay: r.PreemptDelay, Leader: v.leader}
		for _, peer := range c.Nodes {
			if s.Unicast && peer != n {
				cfg.Peers = append(cfg.Peers, peer.Address(f))
			}
		}
		n.configs[id-1], n.joined[id-1] = cfg, true
	}
	return n
}

// Address is what the node sends from.
func (n *Node) Address(f vrrp.Family) netip.Addr {
	if f == vrrp.IPv6 {
		return netip.AddrFrom16([16]byte{0: 0xfe, 1: 0x80, 15: byte(n.Index + 1)})
	}
	return netip.AddrFrom4([4]byte{10, 0, 0, byte(n.Index + 1)})
}

// Now is what the node's clock shows.
func (n *Node) Now() vrrp.Time { return n.Options.Rate.Local(n.cluster.now) }

// Condition is how the node is.
func (n *Node) Condition() Condition { return n.condition }

// Config is what the node would be started with, or was last told.
func (n *Node) Config(id vrrp.ID) vrrp.Config { return n.configs[id-1] }

// Status is the core's own view of a virtual router. A node that is off has none.
func (n *Node) Status(id vrrp.ID) vrrp.Status {
	if n.core == nil {
		return vrrp.Status{}
	}
	s, _ := n.core.Status(id)
	return s
}

// Up reports whether a virtual router could run: its node runs, on the wire, and it was started and not ended.
func (n *Node) Up(id vrrp.ID) bool {
	return n.condition == Running && !n.stopping && !n.unplugged && n.up[id-1]
}

// Active reports whether a virtual router is Active on a node that runs.
func (n *Node) Active(id vrrp.ID) bool {
	return n.condition == Running && n.Status(id).State == vrrp.Active
}

// Holds reports whether the host answers for the addresses of a virtual router. A paused one does: its kernel still has
// them.
func (n *Node) Holds(id vrrp.ID) bool { return n.holds[id-1] || n.will[id-1] > n.cluster.now }

// call runs one call into the core and does what it wants.
func (n *Node) call(call Call, f func(now vrrp.Time, out []vrrp.Action) []vrrp.Action) {
	call.Now, call.Due = n.Now(), n.core.Deadline()
	out := f(call.Now, n.out[:0])
	for i := range out {
		if out[i].Kind == vrrp.SendAdvert { // first of all
			n.send(&out[i])
		}
	}
	for i := range out {
		n.act(&out[i])
	}
	call.Actions = out
	if n.cluster.Observer != nil {
		n.cluster.Observer.Called(n, &call)
	}
	n.out = out
}

// send sends the adverts of an action.
func (n *Node) send(a *vrrp.Action) {
	c := n.cluster
	c.record(Record{Node: n.Index, What: Acted, Action: *a})
	cfg := &n.configs[a.ID-1]
	to := cfg.Peers
	if len(to) == 0 {
		to = []netip.Addr{cfg.Multicast()}
	}
	for _, dst := range to {
		message := append([]byte(nil), n.core.Message(a.ID, a.Priority, dst)...)
		if !n.unplugged {
			c.transmit(&Frame{From: n.Index, Family: cfg.Family, Source: n.Address(cfg.Family), Destination: dst, TTL: 255, Message: message})
		}
	}
}

// act does what an action other than SendAdvert wants.
func (n *Node) act(a *vrrp.Action) {
	switch a.Kind {
	case vrrp.SendAdvert:
		return
	case vrrp.Enter:
		i := a.ID - 1
		switch {
		case a.To == vrrp.Active:
			n.holds[i], n.will[i] = true, 0
		case a.To == vrrp.Initialize && n.Status(a.ID).Releasing: // until Inherited
		default:
			n.holds[i] = false
		}
	case vrrp.Inherited:
		n.holds[a.ID-1] = false
	case vrrp.Announce, vrrp.Discarded, vrrp.Suspect, vrrp.Rival:
	}
	n.cluster.record(Record{Node: n.Index, What: Acted, Action: *a})
}

// event records what is done to the node and tells of it.
func (n *Node) event(format string, args ...any) {
	n.cluster.record(Record{Node: n.Index, What: Event, Text: fmt.Sprintf(format, args...)})
}

func (n *Node) changed() {
	if n.cluster.Observer != nil {
		n.cluster.Observer.Changed(n)
	}
}
