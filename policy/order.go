// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"math"
	"slices"
)

// rank puts those that may perform the service into their order: the owner, the standby that performs it, the one that the
// forecast places it on, then the others as policy selects.
func (q *question) rank() {
	q.order = q.listed(q.judge())
	if q.future {
		return
	}
	performer := Performer(q.v, q.index)
	if performer < 0 {
		return
	}
	// The plan matters only where services compete for room: else it names the first that may take over anyway, and a node
	// that plans with less knowledge must not come to another order.
	next := slices.IndexFunc(q.order, func(i int) bool { return i != q.owner && i != performer && q.verdicts[i].eligible })
	if next >= 0 && next+1 < len(q.order) {
		if p := planned(q.v, performer, q.index); p != q.order[next] {
			q.promote(p)
		}
	}
	if performer != q.owner {
		q.promote(performer)
	}
}

// listed is the order by the file and by free capacity of those that may perform the service, or may for all that is
// known, of the owner and the standbys.
func (q *question) listed(named []int) []int {
	out := slices.DeleteFunc(named, func(i int) bool { return !q.verdicts[i].eligible && !q.verdicts[i].perhaps })
	standbys := out
	if len(out) > 0 && out[0] == q.owner {
		standbys = out[1:]
	}
	if q.v.Cluster.MostFree && len(standbys) > 1 {
		slices.SortStableFunc(standbys, func(a, b int) int { return cmp.Compare(q.free(b), q.free(a)) })
	}
	return out
}

// free is a node's free capacity, with none of the services that are to be placed anew.
func (q *question) free(node int) int {
	n := &q.v.Cluster.Nodes[node]
	if n.Capacity == 0 {
		return math.MaxInt
	}
	used := 0
	for _, i := range q.v.cached().held[node] {
		if i != q.index && !q.without[i] {
			used += q.v.Cluster.Services[i].Demand
		}
	}
	return n.Capacity - used
}

// promote puts a node behind the owner, before all standbys.
func (q *question) promote(node int) {
	i := slices.Index(q.order, node)
	if i < 0 || node == q.owner {
		return
	}
	at := 0
	if q.order[0] == q.owner {
		at = 1
	}
	q.order = slices.Insert(slices.Delete(q.order, i, i+1), at, node)
}

// place is the place of a node among those that only refuse, or among the drained: a fixed order, so that nodes with
// different views do not tie.
func (q *question) place(node int, drained bool) int {
	place := 0
	seen := map[int]bool{}
	count := func(i int) bool { // true when node was reached
		if i < 0 || seen[i] || q.excluded(i) != "" {
			return false
		}
		seen[i] = true
		if i == node {
			return true
		}
		if !drained || q.drained(i) {
			place++
		}
		return false
	}
	names := append([]string{q.s.Owner}, q.terms.Standbys...)
	names = append(names, q.s.Inheritors...)
	for _, name := range names {
		if count(q.v.Cluster.Node(name)) {
			return place
		}
	}
	for i := range q.v.Cluster.Nodes {
		if count(i) {
			return place
		}
	}
	return place
}
