// SPDX-License-Identifier: Apache-2.0

package vrrpsim

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/regent-ha/regent/vrrp"
)

// Core is what a node runs: a [vrrp.Router], or one that was broken on purpose to see whether it is noticed.
type Core interface {
	Add(id vrrp.ID, c vrrp.Config) error
	Up(now vrrp.Time, id vrrp.ID, l vrrp.Link, out []vrrp.Action) []vrrp.Action
	Down(now vrrp.Time, id vrrp.ID, why vrrp.Reason, out []vrrp.Action) []vrrp.Action
	Release(now vrrp.Time, id vrrp.ID, out []vrrp.Action) []vrrp.Action
	Update(now vrrp.Time, id vrrp.ID, c vrrp.Config, out []vrrp.Action) []vrrp.Action
	SetPriority(now vrrp.Time, id vrrp.ID, p vrrp.Priority, out []vrrp.Action) []vrrp.Action
	SetPreemptBelow(now vrrp.Time, id vrrp.ID, p vrrp.Priority, out []vrrp.Action) []vrrp.Action
	SetGroup(now vrrp.Time, ids []vrrp.ID, out []vrrp.Action) []vrrp.Action
	Yield(now vrrp.Time, id vrrp.ID, why vrrp.Reason, out []vrrp.Action) []vrrp.Action
	Receive(now vrrp.Time, p vrrp.Packet, out []vrrp.Action) []vrrp.Action
	Expire(now vrrp.Time, out []vrrp.Action) []vrrp.Action
	Deadline() vrrp.Time
	Message(id vrrp.ID, p vrrp.Priority, dst netip.Addr) []byte
	Status(id vrrp.ID) (vrrp.Status, bool)
}

var _ Core = (*vrrp.Router)(nil)

// Observer sees what happens in a [Cluster]. It must not change it.
type Observer interface {
	// Called is told of each call into a core, after its actions were carried out.
	Called(n *Node, call *Call)
	// Changed is told that a node is not what it was: started, paused, cut from the wire, without an address.
	Changed(n *Node)
}

// Call is one call into the core of a node.
type Call struct {
	Kind    CallKind
	Now     vrrp.Time     // on the node's clock
	Frame   *Frame        // Receive
	Slept   time.Duration // how long the node was paused before this round, on its own clock
	Due     vrrp.Time     // the core's deadline before the call
	Actions []vrrp.Action // only valid during the call
}

// CallKind is which method was called.
type CallKind uint8

// Kinds of call.
const (
	CallReceive CallKind = iota + 1
	CallExpire
	CallOther
)

// Cluster is a set of nodes on one LAN. One goroutine uses it.
type Cluster struct {
	Clock
	LAN   LAN
	Nodes []*Node
	// Seed is what the cluster's own chance comes from.
	Seed uint64
	// NewCore makes the core of a node that starts; nil is [vrrp.NewRouter].
	NewCore func() Core
	// Observer is told what happens, if it is there.
	Observer Observer
	// Sink takes the record of everything that happens, if it is there.
	Sink func(Record)

	services []Service
	groups   [][]Service     // sync groups
	routers  []virtualRouter // by ID-1
	rng      *rand.Rand
	trace    trace
}

// virtualRouter is what all nodes agree on about one.
type virtualRouter struct {
	Family    vrrp.Family
	VRID      vrrp.VRID
	service   int
	leader    vrrp.ID
	addresses []netip.Addr
}

// New makes an empty cluster on a perfect LAN.
func New(seed uint64) *Cluster {
	c := &Cluster{Seed: seed, rng: rand.New(rand.NewPCG(seed, 1))}
	c.LAN.rng = rand.New(rand.NewPCG(seed, 2))
	return c
}

// Service is what all nodes are told about a service. With both families it is two virtual routers; IPv6 follows IPv4.
type Service struct {
	VRID     vrrp.VRID
	Version  uint8 // 0 is 3
	Families []vrrp.Family
	Interval time.Duration // unless a [Role] says another
	Unicast  bool
	Checksum vrrp.Checksum
	Auth     vrrp.Auth

	index int
	first vrrp.ID
}

// Index is the service's place among those of the cluster.
func (s Service) Index() int { return s.index }

// IDs are its virtual routers, the same on all nodes, the leader first.
func (s Service) IDs() []vrrp.ID {
	ids := make([]vrrp.ID, len(s.Families))
	for i := range ids {
		ids[i] = s.first + vrrp.ID(i)
	}
	return ids
}

// AddService adds a service and returns it with its place. Nodes take part in it by [Node.Join].
func (c *Cluster) AddService(s Service) Service {
	s.index, s.first = len(c.services), vrrp.ID(len(c.routers)+1)
	if s.Version == 0 {
		s.Version = 3
	}
	for i, f := range s.Families {
		v := virtualRouter{Family: f, VRID: s.VRID, service: s.index}
		if i > 0 {
			v.leader = s.first
		}
		v.addresses = []netip.Addr{netip.AddrFrom4([4]byte{10, 0, 1, byte(s.VRID)})}
		if f == vrrp.IPv6 {
			v.addresses = []netip.Addr{
				netip.AddrFrom16([16]byte{0: 0xfe, 1: 0x80, 14: 1, 15: byte(s.VRID)}),
				netip.AddrFrom16([16]byte{0: 0xfd, 15: byte(s.VRID)}),
			}
		}
		c.routers = append(c.routers, v)
	}
	c.services = append(c.services, s)
	for _, n := range c.Nodes {
		n.grow()
	}
	return s
}

// Routers is how many virtual routers there are; their IDs are 1 to that.
func (c *Cluster) Routers() int { return len(c.routers) }

// Leader is the virtual router that another one moves with, 0 if it has none.
func (c *Cluster) Leader(id vrrp.ID) vrrp.ID { return c.routers[id-1].leader }

// Run plays until an instant of true time.
func (c *Cluster) Run(until vrrp.Time) {
	for c.Step(until) {
	}
}

// Step plays the next thing that happens until an instant; false if nothing does.
func (c *Cluster) Step(until vrrp.Time) bool {
	e, ok := c.pop(until)
	switch {
	case !ok:
		return false
	case e.do != nil:
		e.do()
	case e.frame != nil:
		e.node.arrive(e.frame)
	default:
		e.node.wake(e.token)
	}
	return true
}

// name is what traces call a virtual router.
func (c *Cluster) name(id vrrp.ID) string {
	if id == 0 || int(id) > len(c.routers) {
		return "-"
	}
	v := &c.routers[id-1]
	return fmt.Sprintf("vr%d/%s", v.VRID, v.Family)
}
