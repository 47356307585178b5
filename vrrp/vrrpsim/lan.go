// SPDX-License-Identifier: Apache-2.0

package vrrpsim

import (
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/regent-ha/regent/vrrp"
)

// Frame is one packet on its way.
type Frame struct {
	From        int // index of the node that sent it
	Family      vrrp.Family
	Source      netip.Addr
	Destination netip.Addr
	TTL         uint8
	Message     []byte
	// Bad marks what must be discarded by whoever receives it.
	Bad bool
}

// LAN is one segment. Its fields may be changed at any time; packets on their way stay on it.
type LAN struct {
	Loss      float64       // share of packets lost, each receiver for itself
	Duplicate float64       // share of packets that come twice
	Garbage   float64       // share of packets that are followed by something bad
	Reflect   float64       // share of packets that come back to their sender
	Delay     time.Duration // of each packet
	Jitter    time.Duration // on top, evenly spread: packets overtake each other

	rng *rand.Rand
	cut [][]bool // from, to
}

// MaxDelay is the longest time a packet is on its way.
func (l *LAN) MaxDelay() time.Duration { return l.Delay + l.Jitter }

// grow makes room for another node.
func (l *LAN) grow() {
	for i := range l.cut {
		l.cut[i] = append(l.cut[i], false)
	}
	l.cut = append(l.cut, make([]bool, len(l.cut)+1))
}

// Cut loses all that one node sends to another, in this direction.
func (l *LAN) Cut(from, to int) { l.cut[from][to] = true }

// Partition cuts the segment into groups, by the group's number for each node.
func (l *LAN) Partition(group []int) {
	for i := range l.cut {
		for j := range l.cut[i] {
			l.cut[i][j] = group[i] != group[j]
		}
	}
}

// Heal ends all cuts.
func (l *LAN) Heal() {
	for i := range l.cut {
		clear(l.cut[i])
	}
}

// Connected reports whether both nodes hear each other.
func (l *LAN) Connected(a, b int) bool { return !l.cut[a][b] && !l.cut[b][a] }

// transmit puts a frame on the wire.
func (c *Cluster) transmit(f *Frame) {
	c.carry(f)
	if c.LAN.Garbage > 0 && !f.Bad && c.LAN.rng.Float64() < c.LAN.Garbage {
		c.carry(c.garble(f))
	}
	if l := &c.LAN; l.Reflect > 0 && l.rng.Float64() < l.Reflect {
		back := *f
		back.Bad = true
		c.push(event{at: c.now.Add(l.delay()), node: c.Nodes[f.From], frame: &back})
	}
}

// carry brings a frame to its receivers.
func (c *Cluster) carry(f *Frame) {
	l := &c.LAN
	for i, n := range c.Nodes {
		switch {
		case i == f.From && !f.Bad: // a bad one is nobody's
			continue
		case !f.Destination.IsMulticast() && f.Destination != n.Address(f.Family):
			continue
		case l.cut[f.From][i]:
			continue
		case l.Loss > 0 && l.rng.Float64() < l.Loss:
			c.record(Record{Node: i, What: Lost, Frame: f})
			continue
		}
		c.push(event{at: c.now.Add(l.delay()), node: n, frame: f})
		if l.Duplicate > 0 && l.rng.Float64() < l.Duplicate {
			c.push(event{at: c.now.Add(l.delay()), node: n, frame: f})
		}
	}
}

func (l *LAN) delay() time.Duration {
	if l.Jitter <= 0 {
		return l.Delay
	}
	return l.Delay + time.Duration(l.rng.Int64N(int64(l.Jitter)))
}
