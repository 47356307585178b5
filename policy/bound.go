// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"math"
	"slices"
)

// Bounds are necessary conditions: where one does not hold no placement is left, and the search goes elsewhere. They never
// change which placement is found.

// enough reports whether the services could fit if each node were asked only how many it can take at most, and all nodes
// together only for the sum of their room.
func (t *trial) enough() bool {
	need, room := 0, 0
	slots := make([]int, len(t.spots)) // how many services each spot takes, the smallest first
	demands := make([][]int, len(t.spots))
	var needy []int // those whose owner is no candidate; an owner takes its own without limit
	for i := range t.services {
		if slices.ContainsFunc(t.choices[i], func(c choice) bool { return c.owns }) {
			continue
		}
		needy = append(needy, i)
		need += t.demand(i)
		for _, c := range t.choices[i] {
			demands[c.spot] = append(demands[c.spot], t.demand(i))
		}
	}
	for k := range t.spots {
		p := &t.spots[k]
		slices.Sort(demands[k])
		sum := 0
		for _, d := range demands[k] {
			if p.capacity > 0 && p.used+sum+d > p.capacity || p.most > 0 && p.count+slots[k] >= p.most {
				break
			}
			sum += d
			slots[k]++
		}
		if slots[k] > 0 {
			room = plus(room, p.free())
		}
	}
	return need <= room && t.match(needy, slots)
}

// match reports whether every one of some services finds a slot among its candidates.
func (t *trial) match(services, slots []int) bool {
	on := make([][]int, len(t.spots))
	var seen []bool
	var seat func(i int) bool
	seat = func(i int) bool {
		for _, c := range t.choices[i] {
			if seen[c.spot] || slots[c.spot] == 0 {
				continue
			}
			seen[c.spot] = true
			if len(on[c.spot]) < slots[c.spot] {
				on[c.spot] = append(on[c.spot], i)
				return true
			}
			for k, other := range on[c.spot] {
				if seat(other) {
					on[c.spot][k] = i
					return true
				}
			}
		}
		return false
	}
	for _, i := range services {
		seen = make([]bool, len(t.spots))
		if !seat(i) {
			return false
		}
	}
	return true
}

// hopeful reports whether each service from the i-th on still has a candidate with room, and all of them room enough
// together. Room that is too small for every service counts for nothing.
func (t *trial) hopeful(i int) bool {
	t.round++
	need, room := 0, 0
	for ; i < len(t.services); i++ {
		some, owned := false, false
		for _, c := range t.choices[i] {
			if !t.can(i, c) {
				continue
			}
			some, owned = true, owned || c.owns
			if p := &t.spots[c.spot]; !c.owns && p.round != t.round {
				p.round = t.round
				room = plus(room, p.free())
			}
		}
		if !some {
			return false
		}
		if !owned {
			need += t.demand(i)
		}
	}
	return need <= room
}

// classify sorts the spots into classes. One that owns a service that is to be placed is in a class of its own.
func (t *trial) classify() {
	signatures := make([][]byte, len(t.spots))
	for i := range signatures {
		signatures[i] = make([]byte, len(t.services))
	}
	for i := range t.services {
		for _, c := range t.choices[i] {
			signatures[c.spot][i] = 1
			if c.owns {
				signatures[c.spot][i] = 2
			}
		}
	}
	classes := map[string]int{}
	for i, s := range signatures {
		class, known := classes[string(s)]
		if !known {
			class = len(classes)
			classes[string(s)] = class
		}
		t.spots[i].class = class
	}
}

// twin reports whether a candidate is like an earlier one of the i-th service, which has been tried in vain.
func (t *trial) twin(i, k int) bool {
	if t.apart {
		return false
	}
	p := &t.spots[t.choices[i][k].spot]
	return slices.ContainsFunc(t.choices[i][:k], func(c choice) bool {
		o := &t.spots[c.spot]
		return o.class == p.class && o.free() == p.free() && o.slots() == p.slots()
	})
}

// free is the capacity that is left.
func (p *spot) free() int {
	if p.capacity == 0 {
		return math.MaxInt
	}
	return p.capacity - p.used
}

// slots is how many services more are allowed.
func (p *spot) slots() int {
	if p.most == 0 {
		return math.MaxInt
	}
	return p.most - p.count
}

// plus adds room, of which a node without limit has all.
func plus(a, b int) int {
	if a == math.MaxInt || b == math.MaxInt {
		return math.MaxInt
	}
	return a + max(0, b)
}
