// SPDX-License-Identifier: Apache-2.0

package vrrpsim

import (
	"time"

	"github.com/regent-ha/regent/vrrp"
)

// AddGroup makes a sync group of services: a node is Active for all of them or for none. It is for nodes that are started
// afterwards. All nodes have to take part in all of the services, with priorities that are in the same order: else nobody may be
// good enough for all of them.
func (c *Cluster) AddGroup(services ...Service) {
	c.groups = append(c.groups, services)
}

// with are the services that move with one, itself among them.
func (c *Cluster) with(s Service) []Service {
	for _, g := range c.groups {
		for _, member := range g {
			if member.index == s.index {
				return g
			}
		}
	}
	return []Service{s}
}

// mates are the virtual routers that decide together for one: its leader, and those of its sync group.
func (c *Cluster) mates(id vrrp.ID) []vrrp.ID {
	services := c.with(c.services[c.routers[id-1].service])
	ids := make([]vrrp.ID, len(services))
	for i, s := range services {
		ids[i] = s.first
	}
	return ids
}

// join tells a core that was just made of the sync groups.
func (n *Node) join() {
	for _, g := range n.cluster.groups {
		var ids []vrrp.ID
		for _, s := range g {
			if n.joined[s.first-1] {
				ids = append(ids, s.IDs()...)
			}
		}
		n.Do(func(now vrrp.Time, r Core, out []vrrp.Action) []vrrp.Action { return r.SetGroup(now, ids, out) })
	}
}

// Able reports whether a virtual router could be Active: it is [Node.Up], and so is all that decides with it. One whose leader is
// down decides alone.
func (n *Node) Able(id vrrp.ID) bool {
	if lead := n.cluster.Leader(id); lead != 0 {
		return n.Up(id) && (!n.Up(lead) || n.Able(lead))
	}
	for _, mate := range n.cluster.mates(id) {
		if !n.Up(mate) {
			return false
		}
	}
	return true
}

// longest is the longest that a function says about a virtual router and those that it moves with.
func (c *Cluster) longest(id vrrp.ID, of func(vrrp.ID) time.Duration) time.Duration {
	most := of(id)
	for _, mate := range c.mates(id) {
		most = max(most, of(mate))
	}
	return most
}

// judgeGroups: of a sync group all are Active or none, unless the rest of a released one is to be called at once.
func (j *Judge) judgeGroups(n *Node) {
	for _, g := range j.c.groups {
		active, joined := 0, 0
		for _, s := range g {
			if n.joined[s.first-1] {
				joined++
				if n.core != nil && n.Status(s.first).State == vrrp.Active {
					active++
				}
			}
		}
		if active != 0 && active != joined && n.core.Deadline() > n.Now() {
			j.fail(AllOrNothing, "%s is active for %d of %d members of a sync group", n, active, joined)
		}
	}
}
