// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"slices"
)

// result is how a trial ended.
type result uint8

const (
	full result = iota // they do not fit together
	fits               // all have a place
	open               // the bound was reached first
)

// workLimit bounds a trial, in looks at whether a service fits on a node. The first descent is the greedy one and finds a
// place in all but crowded clusters; what obviously cannot fit is seen before the search (bound.go). What is left for the
// limit are dozens of services of many different sizes that fit almost exactly.
const workLimit = 200_000

// trial places services together, each on one of its candidates. The search is exact: the first placement in the order of
// services and of their candidates is found, whatever it takes, up to the limit.
type trial struct {
	v        *View
	services []int      // to be placed: few candidates first, then large demand, then name
	choices  [][]choice // of each, best first
	perhaps  [][]int    // of each: nodes of which nothing is known
	at       []int      // where each is placed, −1: nowhere yet
	spots    []spot
	apart    bool // some services must not be together
	round    int
	work     int
}

// choice is a candidate of a service.
type choice struct {
	spot int
	owns bool // the node owns the service
}

// spot is a node on which services are placed.
type spot struct {
	node           int
	capacity, most int   // 0: no limit
	used, count    int   // of them, with what it keeps
	owned, foreign []int // services placed here: its own, those of others
	class          int   // spots of a class are candidates of the same services
	round          int   // in which it was last found to be of use
}

func newTrial(v *View, services, failing []int) *trial {
	t := &trial{v: v, work: workLimit}
	moving := make(map[int]bool, len(services))
	for _, s := range services {
		moving[s] = true
	}
	type entry struct {
		service int
		choices []choice
		perhaps []int
	}
	entries := make([]entry, 0, len(services))
	spotOf := map[int]int{}
	verdicts := make([]judged, len(v.Cluster.Nodes))
	for _, s := range services {
		q := newQuestion(v, s)
		q.future, q.without, q.gone, q.verdicts = true, moving, failing, verdicts
		q.rank()
		e := entry{service: s}
		for _, node := range q.order {
			if !q.verdicts[node].eligible {
				e.perhaps = append(e.perhaps, node)
				continue
			}
			i, known := spotOf[node]
			if !known {
				i = len(t.spots)
				spotOf[node] = i
				t.spots = append(t.spots, t.spot(node, moving))
			}
			e.choices = append(e.choices, choice{i, node == q.owner})
		}
		entries = append(entries, e)
		t.apart = t.apart || len(q.s.AntiAffinity) > 0
	}
	slices.SortFunc(entries, func(a, b entry) int {
		x, y := &v.Cluster.Services[a.service], &v.Cluster.Services[b.service]
		return cmp.Or(cmp.Compare(len(a.choices), len(b.choices)), cmp.Compare(y.Demand, x.Demand), cmp.Compare(x.Name, y.Name))
	})
	for _, e := range entries {
		t.services = append(t.services, e.service)
		t.choices = append(t.choices, e.choices)
		t.perhaps = append(t.perhaps, e.perhaps)
		t.at = append(t.at, -1)
	}
	return t
}

// spot is a node with what it keeps performing.
func (t *trial) spot(node int, moving map[int]bool) spot {
	n := &t.v.Cluster.Nodes[node]
	p := spot{node: node, capacity: n.Capacity, most: n.MaxServices}
	for _, s := range t.v.cached().held[node] {
		if !moving[s] {
			p.used += t.v.Cluster.Services[s].Demand
			p.count++
		}
	}
	return p
}

// place looks for a place for all.
func (t *trial) place() result {
	if t.greedy() {
		return fits
	}
	if !t.enough() {
		return full
	}
	t.classify()
	return t.from(0)
}

// greedy puts each service on the first candidate that has room. It leaves nothing behind when that does not do.
func (t *trial) greedy() bool {
	for i := range t.services {
		k := slices.IndexFunc(t.choices[i], func(c choice) bool { return t.can(i, c) })
		if k < 0 {
			for i--; i >= 0; i-- {
				t.take(i)
			}
			return false
		}
		t.put(i, t.choices[i][k])
	}
	return true
}

// from places the i-th service and all behind it.
func (t *trial) from(i int) result {
	if i == len(t.services) {
		return fits
	}
	for k, c := range t.choices[i] {
		if t.work <= 0 {
			return open
		}
		if !t.can(i, c) || t.twin(i, k) {
			continue
		}
		t.put(i, c)
		if t.hopeful(i + 1) {
			if r := t.from(i + 1); r != full {
				return r
			}
		}
		t.take(i)
	}
	return full
}

// can reports whether a candidate has room for the i-th service beside what is placed on it. A node's own services are
// never limited; as soon as it is to perform others, all that it performs counts for them. What must not be together with
// services that a node keeps has been left out of its candidates.
func (t *trial) can(i int, c choice) bool {
	t.work--
	s, p := t.services[i], &t.spots[c.spot]
	if c.owns && len(p.foreign) == 0 {
		return true
	}
	if p.capacity > 0 && p.used+t.demand(i) > p.capacity || p.most > 0 && p.count >= p.most {
		return false
	}
	return !t.apart || !t.clashes(s, p.foreign) && (c.owns || !t.clashes(s, p.owned))
}

func (t *trial) clashes(s int, with []int) bool {
	return slices.ContainsFunc(with, func(o int) bool { return conflict(&t.v.Cluster.Services[s], &t.v.Cluster.Services[o]) })
}

func (t *trial) demand(i int) int { return t.v.Cluster.Services[t.services[i]].Demand }

func (t *trial) put(i int, c choice) {
	p := &t.spots[c.spot]
	p.used += t.demand(i)
	p.count++
	if c.owns {
		p.owned = append(p.owned, t.services[i])
	} else {
		p.foreign = append(p.foreign, t.services[i])
	}
	t.at[i] = c.spot
}

// take undoes the last put of the spot on which the i-th service is.
func (t *trial) take(i int) {
	p := &t.spots[t.at[i]]
	p.used -= t.demand(i)
	p.count--
	if k := len(p.owned) - 1; k >= 0 && p.owned[k] == t.services[i] {
		p.owned = p.owned[:k]
	} else {
		p.foreign = p.foreign[:len(p.foreign)-1]
	}
	t.at[i] = -1
}

// unknown is a node of which nothing is known and that might have made room, −1 if there is none.
func (t *trial) unknown() int {
	for _, p := range t.perhaps {
		if len(p) > 0 {
			return p[0]
		}
	}
	return -1
}
