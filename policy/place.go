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

// placeLimit bounds how many placements a trial tries. The first descent is the greedy one, and finds a place in all but
// crowded clusters.
const placeLimit = 20000

// trial places services together, each on one of its candidates.
type trial struct {
	v          *View
	services   []int   // to be placed: few candidates first, then large demand, then name
	candidates [][]int // of each, best first
	perhaps    [][]int // of each: nodes of which nothing is known
	at         []int   // where each is placed, −1: nowhere yet

	used    map[int]int   // demand by node, with what it keeps
	on      map[int][]int // services by node, likewise
	foreign map[int]int   // of those placed, how many a node does not own
	tried   int
}

func newTrial(v *View, services, failing []int) *trial {
	t := &trial{v: v, used: map[int]int{}, on: map[int][]int{}, foreign: map[int]int{}}
	moving := make(map[int]bool, len(services))
	for _, s := range services {
		moving[s] = true
	}
	type entry struct {
		service             int
		candidates, perhaps []int
	}
	var list []entry
	for _, s := range services {
		q := newQuestion(v, s)
		q.future, q.without = true, moving
		q.gone = failing
		q.rank()
		e := entry{service: s}
		for _, i := range q.order {
			if q.verdicts[i].eligible {
				e.candidates = append(e.candidates, i)
				t.base(i, moving)
			} else {
				e.perhaps = append(e.perhaps, i)
			}
		}
		list = append(list, e)
	}

	slices.SortFunc(list, func(a, b entry) int {
		x, y := &v.Cluster.Services[a.service], &v.Cluster.Services[b.service]
		return cmp.Or(cmp.Compare(len(a.candidates), len(b.candidates)), cmp.Compare(y.Demand, x.Demand), cmp.Compare(x.Name, y.Name))
	})
	for _, e := range list {
		t.services = append(t.services, e.service)
		t.candidates = append(t.candidates, e.candidates)
		t.perhaps = append(t.perhaps, e.perhaps)
		t.at = append(t.at, -1)
	}
	return t
}

// base notes what a node keeps performing.
func (t *trial) base(node int, moving map[int]bool) {
	if _, done := t.used[node]; done {
		return
	}
	t.used[node] = 0
	for _, s := range t.v.cached().held[node] {
		if !moving[s] {
			t.used[node] += t.v.Cluster.Services[s].Demand
			t.on[node] = append(t.on[node], s)
		}
	}
}

// place looks for a place for all.
func (t *trial) place() result { return t.from(0) }

func (t *trial) from(i int) result {
	if i == len(t.services) {
		return fits
	}
	s := t.services[i]
	for _, node := range t.candidates[i] {
		if t.tried++; t.tried > placeLimit {
			return open
		}
		owns := t.v.Cluster.Services[s].Owner == t.v.Cluster.Nodes[node].Name
		t.put(s, node, owns, 1)
		if t.holds(node) {
			t.at[i] = node
			if r := t.from(i + 1); r != full {
				return r
			}
		}
		t.put(s, node, owns, -1)
	}
	return full
}

func (t *trial) put(s, node int, owns bool, sign int) {
	t.used[node] += sign * t.v.Cluster.Services[s].Demand
	if !owns {
		t.foreign[node] += sign
	}
	if sign > 0 {
		t.on[node] = append(t.on[node], s)
	} else {
		t.on[node] = t.on[node][:len(t.on[node])-1]
	}
}

// holds reports whether a node can perform what is on it. What it owns is never limited; as soon as it is to perform
// anything else, all that it performs counts.
func (t *trial) holds(node int) bool {
	if t.foreign[node] == 0 {
		return true
	}
	n := &t.v.Cluster.Nodes[node]
	on := t.on[node]
	if n.Capacity > 0 && t.used[node] > n.Capacity || n.MaxServices > 0 && len(on) > n.MaxServices {
		return false
	}
	for i, a := range on {
		for _, b := range on[:i] {
			x, y := &t.v.Cluster.Services[a], &t.v.Cluster.Services[b]
			if (x.Owner != n.Name || y.Owner != n.Name) && conflict(x, y) {
				return false
			}
		}
	}
	return true
}

// unknown is a node of which nothing is known and that might have made room, −1 if there is none.
func (t *trial) unknown() int {
	if !t.v.Cluster.Channel {
		return -1
	}
	for _, p := range t.perhaps {
		if len(p) > 0 {
			return p[0]
		}
	}
	return -1
}
