// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"errors"
	"net/netip"
	"slices"
	"time"

	"github.com/hashicorp/memberlist"
)

var errNotNamed = errors.New("the file names no such node there")

// known reports whether the file names a node at an address.
func (c *Cluster) known(a netip.Addr) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.byAddr[a]
}

// tell hands events to the reader. c.mu is held, so that they leave in their order.
func (c *Cluster) tell(events []any) {
	for _, e := range events {
		if m, ok := e.(Message); !c.queue.put(e) && ok {
			c.count.add(dropped, m.From)
		}
	}
}

// receive takes in an envelope, sealed with a key of the cluster, from an address.
func (c *Cluster) receive(from netip.AddrPort, b []byte, stream bool) {
	e, err := parseEnvelope(b)
	if err != nil {
		c.count.add(garbage, from.String())
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.peers[e.from]
	switch {
	case c.closed:
		return // what is said to one that leaves
	case p == nil || from.Addr() != p.at.Addr() || !stream && from != p.at:
		c.count.add(foreign, e.from+" at "+from.String())
		return
	case e.to != c.o.Node:
		c.count.add(foreign, from.String()) // it takes us for somebody else
		return
	}
	v := p.take(time.Now(), c.o.Incarnation, &e, b, stream)
	if v.why != fine {
		c.count.add(v.why, e.from)
	}
	c.tell(v.events)
	if v.reply&sendBeat != 0 {
		c.sendBeat(p, kindBeat)
	}
	if v.reply&sendRecord != 0 {
		c.sendRecord(p)
	}
	if v.reply&sendWant != 0 {
		c.sendBeat(p, kindWant)
	}
}

// delegate is what memberlist calls. Nothing in it waits.
type delegate struct{ c *Cluster }

// NodeMeta is memberlist's; nothing is told that way.
func (delegate) NodeMeta(int) []byte { return nil }

// GetBroadcasts is memberlist's; nothing is told that way.
func (delegate) GetBroadcasts(int, int) [][]byte { return nil }

// NotifyMsg is memberlist's; envelopes go beside it, as it hands on the newest first.
func (delegate) NotifyMsg([]byte) {}

// LocalState is what a node that is met gets: the last records of the other nodes, as they were received. This node's own
// follows by itself, addressed to the other.
func (d delegate) LocalState(bool) []byte {
	c := d.c
	c.mu.Lock()
	defer c.mu.Unlock()
	var names []string
	for name, p := range c.peers {
		if p.record.edition > 0 {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var b []byte
	for _, name := range names {
		if raw := c.peers[name].record.raw; len(b)+len(raw) <= passedLimit {
			b = appendPassed(b, raw)
		}
	}
	return b
}

// MergeRemoteState takes in the records that a node passes on.
func (d delegate) MergeRemoteState(b []byte, _ bool) {
	c := d.c
	all, err := parsePassed(b)
	if err != nil {
		c.count.add(garbage, "records passed on: "+err.Error())
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range all {
		e := &all[i]
		switch p := c.peers[e.from]; {
		case p != nil:
			c.tell(p.passed(e, e.append(nil)))
		case e.from != c.o.Node:
			c.log.Debug("cluster: the record of a node that the file does not name was passed on", "node", e.from)
		}
	}
}

// NotifyAlive refuses nodes that the file does not name, or that are not where it says. memberlist asks for every node of every
// exchange; refusing the exchange as a whole because of one name would keep nodes apart while a new file spreads.
func (d delegate) NotifyAlive(n *memberlist.Node) error {
	c := d.c
	addr, _ := netip.AddrFromSlice(n.Addr)
	at := plain(netip.AddrPortFrom(addr, n.Port))
	c.mu.Lock()
	p := c.peers[n.Name]
	here := p != nil && p.at == at || n.Name == c.o.Node && at == c.wire.at
	c.mu.Unlock()
	if here {
		return nil
	}
	c.count.add(foreign, n.Name+" at "+at.String())
	return errNotNamed
}

// NotifyJoin notes a member, and greets it.
func (d delegate) NotifyJoin(n *memberlist.Node) {
	c := d.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if p := c.peers[n.Name]; p != nil {
		p.member = true
		c.sendBeat(p, kindBeat)
	}
}

// NotifyLeave notes that a member died or left.
func (d delegate) NotifyLeave(n *memberlist.Node) {
	c := d.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if p := c.peers[n.Name]; p != nil {
		p.member = false
		c.tell(p.fade(time.Now()))
	}
}

// NotifyUpdate is memberlist's; nodes have no metadata that could change.
func (delegate) NotifyUpdate(*memberlist.Node) {}
