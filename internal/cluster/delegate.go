// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"bytes"
	"fmt"
	"net/netip"

	"github.com/hashicorp/memberlist"
)

// delegate is what memberlist calls. Nothing in it waits.
type delegate struct{ c *Cluster }

// NodeMeta is memberlist's; nothing is told that way.
func (delegate) NodeMeta(int) []byte { return nil }

// GetBroadcasts is memberlist's; nothing is told that way.
func (delegate) GetBroadcasts(int, int) [][]byte { return nil }

// LocalState is what a node that is met gets: this node's record.
func (d delegate) LocalState(bool) []byte { return d.c.record() }

// MergeRemoteState takes in the record of a node that is met.
func (d delegate) MergeRemoteState(b []byte, _ bool) {
	if len(b) > 0 {
		d.c.take(b)
	}
}

// NotifyMsg takes in what a node sends.
func (d delegate) NotifyMsg(b []byte) { d.c.take(b) }

// NotifyAlive refuses nodes that the file does not name, or that are not where it says.
func (d delegate) NotifyAlive(n *memberlist.Node) error {
	c := d.c
	if n.Name == c.o.Node {
		return nil
	}
	addr, _ := netip.AddrFromSlice(n.Addr)
	at := netip.AddrPortFrom(addr.Unmap(), n.Port)
	c.mu.Lock()
	want, known := c.peers[n.Name]
	c.mu.Unlock()
	if !known || want != at {
		c.count.add(foreign, fmt.Sprintf("%s at %s", n.Name, at))
		return fmt.Errorf("node %s at %s is not in the file", n.Name, at)
	}
	return nil
}

// NotifyJoin notes a member.
func (d delegate) NotifyJoin(n *memberlist.Node) {
	if n.Name == d.c.o.Node {
		return
	}
	d.c.mu.Lock()
	d.c.members[n.Name] = memberlist.Address{Addr: n.Address(), Name: n.Name}
	d.c.mu.Unlock()
	d.c.queue.put(Presence{n.Name, true})
	select {
	case d.c.changed <- struct{}{}: // it is to hear the record at once
	default:
	}
}

// NotifyLeave notes that a member died or left.
func (d delegate) NotifyLeave(n *memberlist.Node) {
	if n.Name == d.c.o.Node {
		return
	}
	d.c.mu.Lock()
	delete(d.c.members, n.Name)
	d.c.mu.Unlock()
	d.c.queue.put(Presence{n.Name, false})
}

// NotifyUpdate is memberlist's; nodes have no metadata that could change.
func (delegate) NotifyUpdate(*memberlist.Node) {}

// take takes in an envelope.
func (c *Cluster) take(b []byte) {
	e, err := parseEnvelope(b)
	if err != nil {
		c.count.add(garbage, err.Error())
		return
	}
	c.mu.Lock()
	_, known := c.peers[e.from]
	_, member := c.members[e.from]
	if !known || e.from == c.o.Node {
		c.mu.Unlock()
		c.count.add(foreign, e.from)
		return
	}
	l := c.held[e.from]
	if l == nil {
		l = &last{}
		c.held[e.from] = l
	}
	fresh, first := false, false
	if e.kind == kindMessage {
		first = e.to == c.o.Node && e.toLife == c.o.Incarnation && l.messages.take(e.incarnation, e.sequence)
		fresh = first
	} else {
		// A record that comes with the first meeting is there before the membership is. One that was overtaken on its way
		// is out of date, and no repetition.
		fresh = newer(e.incarnation, e.sequence, l.incarnation, l.sequence)
		first = l.records.take(e.incarnation, e.sequence)
		if fresh {
			l.incarnation, l.sequence = e.incarnation, e.sequence
		}
	}
	c.mu.Unlock()
	if !first {
		c.count.add(replayed, e.from)
	}
	if !fresh {
		return
	}
	room := true
	payload := bytes.Clone(e.payload) // memberlist uses the buffer again
	switch {
	case e.kind == kindMessage:
		room = c.queue.put(Message{From: e.from, Payload: payload})
	case member:
		room = c.queue.put(Heard{Node: e.from, Incarnation: e.incarnation, Sequence: e.sequence, Payload: payload})
	}
	if !room {
		c.count.add(dropped, e.from)
	}
}
