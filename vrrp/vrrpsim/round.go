// SPDX-License-Identifier: Apache-2.0

package vrrpsim

import (
	"time"

	"github.com/regent-ha/regent/vrrp"
)

// arrive is a frame that reaches the node's interface.
func (n *Node) arrive(f *Frame) {
	if n.unplugged {
		return
	}
	n.hearHeir(f)
	if n.condition == Off {
		return
	}
	box := &n.inbox[0]
	if f.Family == vrrp.IPv6 {
		box = &n.inbox[1]
	}
	if len(*box) >= n.Options.Buffer {
		n.cluster.record(Record{Node: n.Index, What: Overflow, Frame: f})
		return
	}
	*box = append(*box, f)
	if n.condition == Running {
		n.round(0)
	}
}

// hearHeir is the supervisor of a dead worker: it keeps the addresses until another node advertises them.
func (n *Node) hearHeir(f *Frame) {
	if f.Bad || len(f.Message) < 3 || f.Message[2] == byte(vrrp.Release) {
		return
	}
	for i, v := range n.cluster.routers {
		if n.will[i] != 0 && v.Family == f.Family && byte(v.VRID) == f.Message[1] {
			n.will[i] = 0
			n.event("supervisor deletes the addresses of %s: heard node%d", n.cluster.name(vrrp.ID(i+1)), f.From)
			n.changed()
		}
	}
}

// wake is the timer.
func (n *Node) wake(token uint64) {
	if token != n.token {
		return
	}
	n.armed = vrrp.Never
	if n.condition == Running {
		n.round(0)
	}
}

// round is one round of the loop: all packets that wait, then what is due.
func (n *Node) round(slept time.Duration) {
	first := 0
	if len(n.inbox[0]) > 0 && len(n.inbox[1]) > 0 { // which socket is read first is nobody's promise
		first = n.cluster.rng.IntN(2)
	}
	for _, box := range [2]int{first, 1 - first} {
		frames := n.inbox[box]
		for i, f := range frames {
			frames[i] = nil
			packet := vrrp.Packet{Interface: iface, Family: f.Family, Source: f.Source, Destination: f.Destination, TTL: f.TTL, Message: f.Message}
			n.call(Call{Kind: CallReceive, Frame: f, Slept: slept}, func(now vrrp.Time, out []vrrp.Action) []vrrp.Action {
				return n.core.Receive(now, packet, out)
			})
		}
		n.inbox[box] = frames[:0]
	}
	if n.core.Deadline() <= n.Now() || slept > 0 {
		n.call(Call{Kind: CallExpire, Slept: slept}, n.core.Expire)
	}
	n.settle()
}

// settle ends a round: a node that stops is off when nothing waits for an heir any more; otherwise the timer is set.
func (n *Node) settle() {
	if n.stopping {
		waits := false
		for i := range n.configs {
			waits = waits || n.joined[i] && n.Status(vrrp.ID(i+1)).Releasing
		}
		if !waits {
			n.event("stopped")
			n.off()
			return
		}
	}
	deadline := n.core.Deadline()
	if deadline == vrrp.Never {
		return
	}
	at := n.Options.Rate.True(deadline)
	if at >= n.armed {
		return // the timer comes earlier, and is then set again
	}
	if n.Options.Latency > 0 {
		at = at.Add(time.Duration(n.cluster.rng.Int64N(int64(n.Options.Latency))))
	}
	at = max(at, n.cluster.now)
	n.token++
	n.armed = at
	n.cluster.push(event{at: at, node: n, token: n.token})
}

// off ends the daemon without a word.
func (n *Node) off() {
	n.condition, n.stopping, n.unpluggedAsleep, n.core = Off, false, false, nil
	n.token++
	n.armed = vrrp.Never
	clear(n.holds)
	clear(n.up)
	clear(n.inbox[0])
	clear(n.inbox[1])
	n.inbox[0], n.inbox[1] = n.inbox[0][:0], n.inbox[1][:0]
	n.changed()
}
