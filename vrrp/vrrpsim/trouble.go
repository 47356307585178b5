// SPDX-License-Identifier: Apache-2.0

package vrrpsim

import (
	"time"

	"github.com/regent-ha/regent/vrrp"
)

// trouble is a number of things that go wrong, in no good order.
func (p *player) trouble() {
	p.c.Note("trouble")
	for range 2 + p.rng.IntN(14) {
		if p.judge.Failure() != nil {
			return
		}
		p.fault()
		switch gap := p.rng.IntN(10); {
		case gap < 3:
			p.play(p.upTo(2 * p.c.LAN.MaxDelay()))
		case gap < 7:
			p.play(p.upTo(2 * p.scale))
		default:
			p.play(p.upTo(5 * p.largest))
		}
	}
}

// did counts what is done.
func (p *player) did(what string) { p.done[what]++ }

// later does something after some time, if there is still trouble then.
func (p *player) later(d time.Duration, do func()) {
	stretches := p.stretches
	p.c.After(d, func() {
		if p.stretches == stretches {
			do()
		}
	})
}

// fault does one thing to some node or to the network.
func (p *player) fault() {
	c, l := p.c, &p.c.LAN
	n := pick(p.rng, c.Nodes...)
	s := pick(p.rng, p.services...)
	switch what := p.rng.IntN(27); {
	case what < 3 && n.condition == Running:
		p.did("pause")
		n.Pause()
		p.later(pick(p.rng, p.upTo(5*p.scale), p.upTo(6*p.largest), p.edgeOfLate(n)), n.Wake)
	case what < 3:
		p.did("wake")
		n.Wake()
	case what < 5 && n.condition != Off:
		p.did("crash")
		n.Crash()
	case what < 5:
		p.did("start")
		n.Start(pick(p.rng, 0, 0, p.upTo(8*p.largest)))
	case what < 7 && n.condition != Off:
		p.did("kill")
		n.Kill()
		p.later(p.upTo(2*p.scale), func() { n.Start(p.upTo(10 * p.largest)) })
	case what < 7:
		n.Start(0)
	case what < 8:
		p.did("stop")
		n.Stop()
	case what < 10:
		p.did("reload")
		p.reload(n, s)
	case what < 12:
		p.did("priority")
		priority := p.priority()
		for _, s := range c.with(s) {
			n.SetPriority(s, priority)
		}
	case what < 13:
		p.did("preempt below")
		edge := p.edge()
		for _, s := range c.with(s) {
			n.SetPreemptBelow(s, edge)
		}
	case what < 14 && !n.unplugged:
		p.did("link down")
		n.LinkDown()
	case what < 15:
		p.did("link up")
		n.LinkUp()
	case what < 17:
		p.did("family")
		id := pick(p.rng, s.IDs()...)
		if n.condition == Running && n.up[id-1] {
			n.RouterDown(id, vrrp.ReasonLink)
		} else if !n.unplugged {
			n.RouterUp(id)
		}
	case what < 18:
		p.did("yield")
		n.Yield(s)
	case what < 20:
		p.did("one-way cut")
		to := pick(p.rng, c.Nodes...)
		c.Note("nothing from %s reaches %s", n, to)
		l.Cut(n.Index, to.Index)
	case what < 22:
		p.did("partition")
		group := make([]int, len(c.Nodes))
		for i := range group {
			group[i] = p.rng.IntN(3)
		}
		c.Note("partition %v", group)
		l.Partition(group)
	case what < 23:
		p.did("release")
		n.Release(s)
	case what < 24:
		p.did("heal")
		c.Note("healed")
		l.Heal()
	default:
		p.did("loss")
		l.Loss = pick(p.rng, 0, 0.1, 0.3, 0.6, 0.95)
		c.Note("%.0f%% loss", l.Loss*100)
	}
}

// edgeOfLate is a sleep that is almost too long, or just.
func (p *player) edgeOfLate(n *Node) time.Duration {
	s := n.Status(pick(p.rng, pick(p.rng, p.services...).IDs()...))
	return s.ActiveDownInterval + p.upTo(2*s.ActiveInterval)
}

// reload changes settings in place.
func (p *player) reload(n *Node, s Service) {
	interval, priority, edge, more := p.interval(s), p.priority(), p.edge(), p.chance(30) && s.Version == 3
	what := p.rng.IntN(4)
	for _, mate := range p.c.with(s) { // which stay alike
		if mate.index != s.index {
			n.Reload(mate, func(cfg *vrrp.Config) {
				if what == 0 || what == 3 {
					cfg.Priority = priority
				}
				if what == 2 || what == 3 {
					cfg.PreemptBelow = edge
				}
			})
		}
	}
	n.Reload(s, func(cfg *vrrp.Config) {
		if what == 0 || what == 3 {
			cfg.Priority = priority
		}
		if what == 1 || what == 3 {
			cfg.Interval = interval
		}
		if what == 2 || what == 3 {
			cfg.PreemptBelow = edge
		}
		if more {
			cfg.Addresses = append(cfg.Addresses[:len(cfg.Addresses):len(cfg.Addresses)], cfg.Addresses[0].Next())
		}
	})
}

// good does one thing on a healthy network that has settled, and judges what follows from it to the microsecond.
func (p *player) good() {
	if p.judge.Failure() != nil {
		return
	}
	n := pick(p.rng, p.c.Nodes...)
	if p.chance(60) {
		for _, m := range p.c.Nodes { // somebody who has something to lose
			for i := range p.c.Routers() {
				if m.Active(vrrp.ID(i + 1)) {
					n = m
				}
			}
		}
	}
	if n.condition != Running || n.unplugged {
		return
	}
	switch p.rng.IntN(6) {
	case 0:
		p.did("good: stop")
		p.handover(n, n.Stop, true)
	case 1:
		p.did("good: kill")
		hold := p.upTo(6 * p.largest)
		p.handover(n, n.Kill, true)
		n.Start(hold)
		p.quiet()
	case 2:
		p.did("good: crash")
		p.handover(n, n.Crash, false)
	case 3:
		p.did("good: reload")
		s := pick(p.rng, p.services...)
		p.judge.Quiet(p.group)
		p.judge.Settled()
		interval := p.interval(s)
		n.Reload(s, func(cfg *vrrp.Config) { cfg.Interval = interval })
		p.play(p.upTo(10 * p.largest))
		p.judge.Rough()
	case 4:
		p.did("good: short sleep")
		p.shortSleep(n)
	case 5:
		p.did("good: long sleep")
		n.Pause()
		p.quiet()
		p.play(p.upTo(10 * p.largest))
		n.Wake()
		p.quiet()
	}
}

// shortSleep pauses a node for less than anybody notices.
func (p *player) shortSleep(n *Node) {
	shortest := time.Second
	for _, m := range p.c.Nodes {
		for i := range p.c.Routers() {
			if m.joined[i] {
				shortest = min(shortest, m.configs[i].Interval)
				if s := m.Status(vrrp.ID(i + 1)); s.State != vrrp.Initialize {
					shortest = min(shortest, s.ActiveInterval) // which it was told, and may be of another time
				}
			}
		}
	}
	p.judge.Quiet(p.group)
	p.judge.Settled()
	n.Pause()
	p.play(p.upTo(shortest * 3 / 2))
	n.Wake()
	p.play(4 * p.largest)
	p.judge.Rough()
}

// heirs is what a handover is held to.
type heir struct {
	id    vrrp.ID
	group int
	by    time.Duration
}

// handover ends a node and judges when the heirs of what it was Active for are Active: after the least Skew_Time of any
// if it said so, else after the least Active_Down_Interval.
func (p *player) handover(n *Node, end func(), said bool) {
	c, g := p.c, p.group[n.Index]
	// A packet that overtakes priority 0 makes heirs wait for their Active_Down_Interval: that is judged by NoSilence.
	jitter, duplicate := c.LAN.Jitter, c.LAN.Duplicate
	defer func() { c.LAN.Jitter, c.LAN.Duplicate = jitter, duplicate }()
	c.LAN.Jitter, c.LAN.Duplicate = 0, 0
	p.play(c.LAN.Delay + jitter)
	var heirs []heir
	for i := range c.Routers() {
		id := vrrp.ID(i + 1)
		if !n.Active(id) || !p.judge.even(g, c.root(id)) {
			continue
		}
		best := time.Duration(-1)
		for _, m := range c.Nodes {
			if m == n || p.group[m.Index] != g || !m.Up(id) || !m.Able(c.root(id)) {
				continue
			}
			by := time.Duration(0)
			for _, mate := range c.mates(id) {
				s := m.Status(mate)
				alone := s.ActiveDownInterval
				if said {
					alone = s.SkewTime
				}
				if i := n.configs[mate-1].Interval; i > s.ActiveInterval { // told just now
					alone = alone * (i / time.Millisecond) / (s.ActiveInterval / time.Millisecond)
				}
				by = max(by, alone)
			}
			if best < 0 || by < best {
				best = by
			}
		}
		if best >= 0 {
			heirs = append(heirs, heir{id, g, best + c.margin(best)})
		}
	}
	end()
	settle := p.judge.Quiet(p.group)
	start := c.Now()
	for _, h := range heirs {
		if said {
			p.judge.Unbroken(h.id, h.group)
		}
		c.After(h.by, func() {
			if len(p.judge.actives(h.group, h.id)) == 0 {
				p.judge.fail(HandsOver, "%s after %s ended nobody is active for %s", h.by, n, c.name(h.id))
			}
		})
	}
	p.stretches++
	p.play(settle)
	c.Note("settled %s after the end of %s", c.Now().Sub(start), n)
	p.judge.Settled()
	p.play(p.upTo(4 * p.largest))
	p.judge.Rough()
}
