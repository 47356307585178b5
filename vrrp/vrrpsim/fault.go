// SPDX-License-Identifier: Apache-2.0

package vrrpsim

import (
	"fmt"
	"time"

	"github.com/regent-ha/regent/vrrp"
)

// Start starts the daemon of a node that is off. After a crash, hold is how long it pre-empts nobody.
func (n *Node) Start(hold time.Duration) {
	if n.condition != Off {
		return
	}
	n.core = vrrp.NewRouter()
	if n.cluster.NewCore != nil {
		n.core = n.cluster.NewCore()
	}
	n.condition = Running
	n.event("starts, hold %s", hold)
	for i := range n.configs {
		if n.joined[i] {
			n.configs[i].Hold = hold
			if err := n.core.Add(vrrp.ID(i+1), n.configs[i]); err != nil {
				n.event("%v", err)
				n.joined[i] = false
			}
		}
	}
	n.join()
	n.changed()
	if !n.unplugged {
		n.LinkUp()
	}
}

// LinkUp gives the node its carrier and addresses (back): every virtual router starts.
func (n *Node) LinkUp() {
	n.unplugged = false
	n.event("link up")
	for i := range n.configs {
		n.RouterUp(vrrp.ID(i + 1))
	}
}

// LinkDown takes the carrier away: every virtual router is shut, and nothing it says leaves. A paused daemon hears of it when
// it wakes.
func (n *Node) LinkDown() {
	n.event("link down")
	n.unplugged = true
	n.unpluggedAsleep = n.condition == Paused
	clear(n.will)
	for i := range n.configs {
		n.RouterDown(vrrp.ID(i+1), vrrp.ReasonLink)
	}
}

// RouterUp starts one virtual router, as when its family has an address again.
func (n *Node) RouterUp(id vrrp.ID) {
	if n.condition != Running || !n.joined[id-1] || n.up[id-1] || n.stopping {
		return
	}
	n.up[id-1] = true
	cfg := &n.configs[id-1]
	n.tolerant = max(n.tolerant, n.cluster.now.Add(max(cfg.Hold, cfg.PreemptDelay)))
	n.changed()
	n.Do(func(now vrrp.Time, r Core, out []vrrp.Action) []vrrp.Action {
		return r.Up(now, id, vrrp.Link{Interface: iface, Source: n.Address(n.configs[id-1].Family)}, out)
	})
}

// RouterDown shuts one virtual router.
func (n *Node) RouterDown(id vrrp.ID, why vrrp.Reason) {
	if n.condition != Running || !n.up[id-1] {
		return
	}
	n.event("%s down: %s", n.cluster.name(id), why)
	n.up[id-1] = false
	n.changed()
	n.Do(func(now vrrp.Time, r Core, out []vrrp.Action) []vrrp.Action {
		return r.Down(now, id, why, out)
	})
}

// Do runs a function on the node's loop, as package transport does: after what waits, in the same round.
func (n *Node) Do(f func(now vrrp.Time, r Core, out []vrrp.Action) []vrrp.Action) {
	if n.condition != Running {
		return
	}
	n.call(Call{Kind: CallOther}, func(now vrrp.Time, out []vrrp.Action) []vrrp.Action { return f(now, n.core, out) })
	n.settle()
}

// Pause freezes the daemon: SIGSTOP, a swapping host, a virtual machine that is moved.
func (n *Node) Pause() {
	if n.condition != Running {
		return
	}
	n.event("paused")
	n.condition, n.pausedAt = Paused, n.Now()
	n.changed()
}

// Wake lets a paused daemon go on.
func (n *Node) Wake() {
	if n.condition != Paused {
		return
	}
	slept := n.Now().Sub(n.pausedAt)
	n.event("wakes after %s", slept)
	n.condition = Running
	n.changed()
	n.armed = vrrp.Never
	n.round(max(slept, 1))
	switch {
	case n.unplugged:
		n.LinkDown()
	case n.unpluggedAsleep:
		n.LinkUp()
	}
	n.unpluggedAsleep = false
}

// Crash ends the host: nothing is sent, nothing is held.
func (n *Node) Crash() {
	n.event("crashes")
	clear(n.will)
	n.off()
}

// Kill ends the worker alone. Its supervisor carries out the last will: priority 0 for what was Active, and the addresses
// stay until an heir is heard, an Active_Down_Interval at most. The caller restarts the worker.
func (n *Node) Kill() {
	if n.condition == Off {
		return
	}
	n.event("killed: last will")
	c := n.cluster
	var will []Frame
	for i := range n.configs {
		id := vrrp.ID(i + 1)
		s := n.Status(id)
		if s.State != vrrp.Active {
			continue
		}
		wait := c.longest(id, func(id vrrp.ID) time.Duration { return n.Status(id).Patience })
		n.will[i] = c.now.Add(wait)
		c.After(wait, n.changed)
		cfg := n.configs[i]
		to := cfg.Peers
		if len(to) == 0 {
			to = append(to, cfg.Multicast())
		}
		for _, dst := range to {
			src := n.Address(cfg.Family)
			will = append(will, Frame{From: n.Index, Family: cfg.Family, Source: src, Destination: dst, TTL: 255,
				Message: vrrp.AppendMessage(nil, &cfg, vrrp.Release, src, dst)})
		}
	}
	n.off()
	for i := range will {
		if !n.unplugged {
			c.transmit(&will[i])
		}
	}
}

// Stop is a planned stop: everything is released, and the daemon ends when it was inherited.
func (n *Node) Stop() {
	if n.condition != Running || n.stopping {
		return
	}
	n.event("stops")
	n.stopping = true
	n.changed()
	n.call(Call{Kind: CallOther}, func(now vrrp.Time, out []vrrp.Action) []vrrp.Action {
		for i := range n.configs {
			if n.joined[i] {
				out = n.core.Release(now, vrrp.ID(i+1), out)
			}
		}
		return out
	})
	n.settle()
}

// Release hands one service over as planned. [Node.RouterUp] brings it back.
func (n *Node) Release(s Service) {
	if n.condition != Running {
		return
	}
	n.event("vr%d is released", s.VRID)
	for _, id := range s.IDs() {
		n.up[id-1] = false
	}
	n.changed()
	n.Do(func(now vrrp.Time, r Core, out []vrrp.Action) []vrrp.Action {
		for _, id := range s.IDs() {
			out = r.Release(now, id, out)
		}
		return out
	})
}

// Reload gives virtual routers of a service other settings in place. A paused daemon cannot be asked; one that is off reads
// them when it starts.
func (n *Node) Reload(s Service, change func(*vrrp.Config)) {
	if n.condition == Paused {
		return
	}
	for _, id := range s.IDs() {
		if n.joined[id-1] {
			change(&n.configs[id-1])
		}
	}
	cfg := n.configs[s.first-1]
	n.event("reloads vr%d: priority %d, interval %s, preempt below %d, %d addresses", s.VRID, cfg.Priority, cfg.Interval, cfg.PreemptBelow, len(cfg.Addresses))
	n.Do(func(now vrrp.Time, r Core, out []vrrp.Action) []vrrp.Action {
		for _, id := range s.IDs() {
			if n.joined[id-1] {
				out = r.Update(now, id, n.configs[id-1], out)
			}
		}
		return out
	})
}

// SetPriority changes the priority of a service's virtual routers.
func (n *Node) SetPriority(s Service, p vrrp.Priority) {
	n.event("vr%d: priority %d", s.VRID, p)
	n.Do(func(now vrrp.Time, r Core, out []vrrp.Action) []vrrp.Action {
		for _, id := range s.IDs() {
			out = r.SetPriority(now, id, p, out)
		}
		return out
	})
}

// SetPreemptBelow changes whom a node pre-empts in a service.
func (n *Node) SetPreemptBelow(s Service, p vrrp.Priority) {
	if n.condition == Paused {
		return
	}
	n.event("vr%d: preempt below %d", s.VRID, p)
	n.Do(func(now vrrp.Time, r Core, out []vrrp.Action) []vrrp.Action {
		for _, id := range s.IDs() {
			n.configs[id-1].PreemptBelow = p
			out = r.SetPreemptBelow(now, id, p, out)
		}
		return out
	})
}

// Yield makes a service's virtual routers step back without a word, as when an address was lost while the loop was late.
func (n *Node) Yield(s Service) {
	n.event("vr%d yields", s.VRID)
	n.Do(func(now vrrp.Time, r Core, out []vrrp.Action) []vrrp.Action {
		return r.Yield(now, s.first, vrrp.ReasonYield, out)
	})
}

// String is how traces call the node.
func (n *Node) String() string { return fmt.Sprintf("node%d", n.Index) }
