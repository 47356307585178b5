// SPDX-License-Identifier: Apache-2.0

package vrrpsim

import (
	"time"

	"github.com/regent-ha/regent/vrrp"
)

// Quiet begins a quiet stretch: until [Judge.Rough] nothing fails, no packet is lost, and the nodes form groups (a number
// for each node) that hear each other. It returns how long everything takes to settle.
func (j *Judge) Quiet(group []int) time.Duration {
	c := j.c
	copy(j.group, group)
	j.quiet, j.since, j.settled = true, c.now, vrrp.Never
	longest := time.Duration(0)
	for g := range c.Nodes {
		for i := range c.Routers() {
			id := vrrp.ID(i + 1)
			down := c.longest(id, j.longestDown) // a family, or a member of a group, may have missed what another has heard
			if j.anyUp(g, id) {                  // also one that only has to find out that its group cannot run
				longest = max(longest, down)
			}
			s := silence{judged: j.members(g, id) > 0 && j.even(g, c.root(id)), most: down + c.margin(down), why: NoSilence}
			s.silent, s.since = !j.held(g, id), c.now
			j.silence[g][i] = s
		}
	}
	settle := 2*longest + c.margin(longest)
	for _, n := range c.Nodes {
		if n.condition == Running {
			settle = max(settle, max(n.tolerant.Sub(c.now), n.longestDelay(longest))+2*longest+c.margin(longest))
		}
	}
	return settle
}

// longestDelay is how long a node may tolerate a lower priority that it will first hear when others have decided.
func (n *Node) longestDelay(decided time.Duration) time.Duration {
	delay := time.Duration(0)
	for i := range n.configs {
		if n.joined[i] && n.configs[i].PreemptDelay > 0 {
			delay = max(delay, decided+n.configs[i].PreemptDelay)
		}
	}
	return delay + delay/1000
}

// Settled ends the time in which the cluster may still sort itself out.
func (j *Judge) Settled() {
	j.settled = j.c.now
	j.verify()
}

// Rough ends a quiet stretch.
func (j *Judge) Rough() {
	if j.settled != vrrp.Never {
		j.verify()
	}
	for g := range j.silence {
		for i := range j.silence[g] {
			j.spoken(g, vrrp.ID(i+1), &j.silence[g][i])
		}
	}
	j.quiet, j.settled = false, vrrp.Never
}

// Unbroken asks that the addresses of a virtual router that are held in a group now are held throughout the stretch.
func (j *Judge) Unbroken(id vrrp.ID, group int) {
	s := &j.silence[group][id-1]
	s.most, s.why = 0, HandsOver
}

// root is the virtual router that decides for another one.
func (c *Cluster) root(id vrrp.ID) vrrp.ID {
	if l := c.Leader(id); l != 0 {
		return l
	}
	return id
}

// margin is what packets and timers add to a time of the protocol.
func (c *Cluster) margin(d time.Duration) time.Duration {
	latency := time.Duration(0)
	for _, n := range c.Nodes {
		latency = max(latency, n.Options.Latency)
	}
	return 6*(c.LAN.MaxDelay()+latency) + d/1000
}

// members is how many nodes of a group could run a virtual router.
func (j *Judge) members(group int, id vrrp.ID) int {
	count := 0
	for _, n := range j.c.Nodes {
		if j.group[n.Index] == group && n.Able(id) {
			count++
		}
	}
	return count
}

// anyUp reports whether a virtual router is up on a node of a group.
func (j *Judge) anyUp(group int, id vrrp.ID) bool {
	for _, n := range j.c.Nodes {
		if j.group[n.Index] == group && n.Up(id) {
			return true
		}
	}
	return false
}

// even reports whether every node of a group can run either all families of a service or none.
func (j *Judge) even(group int, leader vrrp.ID) bool {
	for i := range j.c.Routers() {
		id := vrrp.ID(i + 1)
		if j.c.Leader(id) != leader {
			continue
		}
		for _, n := range j.c.Nodes {
			if j.group[n.Index] == group && n.Up(id) != n.Up(leader) {
				return false
			}
		}
	}
	return true
}

// longestDown is the largest Active_Down_Interval that any node may go by: with the largest interval of all and the lowest
// priority.
func (j *Judge) longestDown(id vrrp.ID) time.Duration {
	interval, lowest, version := time.Duration(0), vrrp.Owner, uint8(3)
	for _, n := range j.c.Nodes {
		if !n.joined[id-1] {
			continue
		}
		cfg := n.configs[id-1]
		interval, version = max(interval, cfg.Interval), cfg.Version
		if s := n.Status(id); s.Priority != 0 {
			interval, lowest = max(interval, s.ActiveInterval), min(lowest, s.Priority)
		}
	}
	skewed := interval
	if version == 2 {
		skewed = time.Second
	}
	return 3*interval + time.Duration(256-int(lowest))*skewed/256
}

// held reports whether a node of a group that runs answers for a virtual router.
func (j *Judge) held(group int, id vrrp.ID) bool {
	for _, n := range j.c.Nodes {
		if j.group[n.Index] == group && n.condition != Paused && n.Holds(id) {
			return true
		}
	}
	return false
}

// judgeSilence follows who answers in the node's group.
func (j *Judge) judgeSilence(n *Node, id vrrp.ID) {
	if !j.quiet {
		return
	}
	g := j.group[n.Index]
	s := &j.silence[g][id-1]
	held := j.held(g, id)
	switch {
	case held && s.silent:
		j.spoken(g, id, s)
		s.silent = false
	case !held && !s.silent:
		s.silent, s.since = true, j.c.now
	}
}

// spoken judges a silence that ends, or is broken off.
func (j *Judge) spoken(group int, id vrrp.ID, s *silence) {
	if d := j.c.now.Sub(s.since); s.judged && s.silent && d > s.most {
		j.fail(s.why, "nobody of group %d answered for the addresses of %s for %s, want at most %s", group, j.c.name(id), d, s.most)
	}
}

// verify: every virtual router has the Active that it should.
func (j *Judge) verify() {
	for g := range j.c.Nodes {
		for i := range j.c.Routers() {
			j.verifyRouter(g, vrrp.ID(i+1))
		}
	}
}

func (j *Judge) verifyRouter(group int, id vrrp.ID) {
	active := j.actives(group, id)
	leader := j.c.Leader(id)
	want := min(1, j.members(group, id))
	if leader != 0 && want == 1 {
		if lead := j.actives(group, leader); len(lead) == 1 && lead[0].Up(id) {
			if len(active) == 1 && active[0] != lead[0] {
				j.fail(OneActive, "%s is active on %s, but its leader %s on %s", j.c.name(id), active[0], j.c.name(leader), lead[0])
			}
		} else if !j.stray(group, id, leader) { // the leader is where this family cannot run: that is said, not cured
			want = 0
		}
	}
	if len(active) != want {
		j.fail(OneActive, "%d nodes of group %d are active for %s %s after the stretch began, want %d: %v", len(active), group, j.c.name(id),
			j.c.now.Sub(j.since), want, active)
		return
	}
	if want == 0 || leader != 0 {
		return
	}
	best := active[0].Status(id).Priority
	for _, n := range j.c.Nodes {
		if j.group[n.Index] != group || !n.Able(id) || n == active[0] {
			continue
		}
		if p := n.Status(id).Priority; p > best && (p == vrrp.Owner || n.configs[id-1].PreemptBelow > best) {
			j.fail(OneActive, "%s is active for %s with priority %d, and %s with %d pre-empts below %d", active[0], j.c.name(id), best, n, p,
				n.configs[id-1].PreemptBelow)
		}
	}
}

// stray reports whether a node of a group can run a follower and not its leader.
func (j *Judge) stray(group int, id, leader vrrp.ID) bool {
	for _, n := range j.c.Nodes {
		if j.group[n.Index] == group && n.Up(id) && !n.Up(leader) {
			return true
		}
	}
	return false
}

// actives are the nodes of a group that are Active.
func (j *Judge) actives(group int, id vrrp.ID) []*Node {
	var out []*Node
	for _, n := range j.c.Nodes {
		if j.group[n.Index] == group && n.Active(id) {
			out = append(out, n)
		}
	}
	return out
}
