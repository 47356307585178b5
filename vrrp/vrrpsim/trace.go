// SPDX-License-Identifier: Apache-2.0

package vrrpsim

import (
	"fmt"
	"strings"
	"time"

	"github.com/regent-ha/regent/vrrp"
)

// What happened.
type What uint8

// The kinds of [Record].
const (
	Acted    What = iota + 1 // a core wanted something: Action
	Lost                     // a frame to the node was lost
	Overflow                 // a frame found the socket buffer of a paused node full
	Event                    // something was done to the node or the network: Text
)

// Record is one thing that happened.
type Record struct {
	At     vrrp.Time
	Node   int // -1: the network
	What   What
	Action vrrp.Action
	Frame  *Frame
	Text   string

	name string
}

// String is one line of a trace.
func (r Record) String() string {
	who := "network"
	if r.Node >= 0 {
		who = fmt.Sprintf("node%d", r.Node)
	}
	head := fmt.Sprintf("%12.3fms %-7s ", float64(r.At)/float64(time.Millisecond), who)
	switch r.What {
	case Acted:
		a := &r.Action
		switch a.Kind {
		case vrrp.SendAdvert:
			return head + fmt.Sprintf("%s sends priority %d", r.name, a.Priority)
		case vrrp.Enter:
			return head + fmt.Sprintf("%s %s → %s: %s%s", r.name, a.From, a.To, a.Reason, peer(a))
		case vrrp.Announce:
			return head + fmt.Sprintf("%s announces again: %s%s", r.name, a.Reason, peer(a))
		case vrrp.Inherited:
			return head + fmt.Sprintf("%s was inherited: %s%s", r.name, a.Reason, peer(a))
		case vrrp.Discarded:
			return head + fmt.Sprintf("%s: %s%s", r.name, a.Discard, peer(a))
		case vrrp.Rival:
			return head + fmt.Sprintf("%s hears a rival%s", r.name, peer(a))
		case vrrp.Suspect:
			return head + fmt.Sprintf("%s misses adverts%s", r.name, peer(a))
		}
	case Lost:
		return head + fmt.Sprintf("lost a packet of node%d", r.Frame.From)
	case Overflow:
		return head + fmt.Sprintf("no room for a packet of node%d", r.Frame.From)
	case Event:
	}
	return head + r.Text
}

func peer(a *vrrp.Action) string {
	if !a.Peer.IsValid() {
		return ""
	}
	return fmt.Sprintf(" (%s, priority %d)", a.Peer, a.PeerPriority)
}

// tail is how many records are kept for the report of a failure.
const tail = 120

// trace keeps the last records, and a sum of all.
type trace struct {
	last [tail]Record
	n    int
	sum  uint64
}

// record notes what happened.
func (c *Cluster) record(r Record) {
	r.At = c.now
	t := &c.trace
	if t.n == 0 {
		t.sum = 14695981039346656037 // FNV-1a
	}
	t.mix(uint64(r.At))
	t.mix(uint64(r.Node+1)<<40 | uint64(r.What)<<32 | uint64(r.Action.ID)<<16 | uint64(r.Action.Priority)<<8 | uint64(r.Action.Kind))
	t.mix(uint64(r.Action.From)<<24 | uint64(r.Action.To)<<16 | uint64(r.Action.Reason)<<8 | uint64(r.Action.Discard))
	for _, b := range []byte(r.Text) {
		t.mix(uint64(b))
	}
	t.last[t.n%tail] = r
	t.n++
	if c.Sink != nil {
		r.name = c.name(r.Action.ID)
		c.Sink(r)
	}
}

func (t *trace) mix(x uint64) { t.sum = (t.sum ^ x) * 1099511628211 }

// Sum is a hash of all that has happened so far: equal for equal histories.
func (c *Cluster) Sum() uint64 { return c.trace.sum }

// Tail is the last things that happened, a line each.
func (c *Cluster) Tail() string {
	var b strings.Builder
	t := &c.trace
	for i := max(0, t.n-tail); i < t.n; i++ {
		r := t.last[i%tail]
		r.name = c.name(r.Action.ID)
		fmt.Fprintln(&b, r)
	}
	return b.String()
}

// Note records that something is done to the network as a whole.
func (c *Cluster) Note(format string, args ...any) {
	c.record(Record{Node: -1, What: Event, Text: fmt.Sprintf(format, args...)})
}
