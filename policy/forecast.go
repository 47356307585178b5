// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"slices"
)

// Fall is what becomes of the services that a node performs if it fails.
type Fall struct {
	Node        string            // that fails
	Services    []string          // that would have to move, by name; those that must not be taken over are not counted
	Placed      map[string]string // service to node, if all find a place together
	Unprotected []string          // all of Services, if they do not
	Suspended   string            // why nothing can be said; then neither Placed nor Unprotected
	Fallen      bool              // it has failed already: nobody performs Services, and a forecast forbids them
}

// Forecast asks for every node what becomes of the services that it performs if it fails: they are placed together on the
// nodes that remain, all or none. Behind them come services that have fallen already and that a forecast forbids, by the
// node with which they fell: they may be freed when Placed.
//
// Forbids of forecasts are left aside, else one would keep itself alive. The room of a node is judged with everything
// that is placed on it. The search is exact up to a bound (see place); beyond it the forecast is suspended.
func Forecast(v *View) []Fall {
	if v.Cluster.Tolerate == 0 {
		return nil
	}
	var out []Fall
	for node := range v.Cluster.Nodes {
		if f := ForecastFall(v, node); len(f.Services) > 0 {
			out = append(out, f)
		}
	}
	return append(out, fallen(v)...)
}

// ForecastFall is the forecast for one node. Without services that could move it is empty but for the node.
func ForecastFall(v *View, node int) Fall {
	c := v.cached()
	if f := c.falls[node]; f != nil {
		return *f
	}
	f := fall(v, node)
	if c.falls == nil {
		c.falls = map[int]*Fall{}
	}
	c.falls[node] = &f
	return f
}

func fall(v *View, node int) Fall {
	f := Fall{Node: v.Cluster.Nodes[node].Name}
	if v.Cluster.Tolerate == 0 || v.Sights[node].Presence != Alive {
		return f
	}
	own := movable(v, v.cached().held[node])
	if len(own) == 0 {
		return f
	}
	for _, s := range own {
		f.Services = append(f.Services, v.Cluster.Services[s].Name)
	}
	t := newTrial(v, own, []int{node})
	f.settle(t, own, t.place())
	if f.Placed == nil || v.Cluster.Tolerate == 1 {
		return f
	}
	// More nodes may fail together with this one.
	var others []int
	for i := range v.Cluster.Nodes {
		if i != node && v.Sights[i].Presence == Alive {
			others = append(others, i)
		}
	}
	sets := 0
	subsets(others, min(v.Cluster.Tolerate-1, len(others)), func(set []int) bool {
		if sets++; sets > setLimit {
			f.Placed, f.Suspended = nil, "too many nodes could fail together"
			return false
		}
		failing := append([]int{node}, set...)
		var moving []int
		for _, i := range failing {
			moving = append(moving, movable(v, v.cached().held[i])...)
		}
		slices.Sort(moving)
		t := newTrial(v, slices.Compact(moving), failing)
		if r := t.place(); r != fits {
			f.Placed = nil
			f.settle(t, own, r)
			return false
		}
		return true
	})
	return f
}

// setLimit bounds how many sets of failing nodes are tried.
const setLimit = 2000

// settle notes how a trial went for the services of interest.
func (f *Fall) settle(t *trial, services []int, r result) {
	switch r {
	case fits:
		f.Placed = map[string]string{}
		for i, s := range t.services {
			if slices.Contains(services, s) {
				f.Placed[t.v.Cluster.Services[s].Name] = t.v.Cluster.Nodes[t.at[i]].Name
			}
		}
	case open:
		f.Suspended = "too many possibilities"
	case full:
		if unknown := t.unknown(); unknown >= 0 {
			f.Suspended = fmt.Sprintf("nothing is known of %s", t.v.Cluster.Nodes[unknown].Name)
			return
		}
		f.Unprotected = slices.Clone(f.Services)
	}
}

// movable leaves out services that nobody may take over.
func movable(v *View, services []int) []int {
	var out []int
	for _, s := range services {
		if terms := v.inForce(s); terms.Takeover != Forbid && len(terms.Standbys) > 0 {
			out = append(out, s)
		}
	}
	return out
}

// fallen are the services that a forecast forbids and nobody performs, by the node with which they fell.
func fallen(v *View) []Fall {
	groups := map[string][]int{}
	var names []string
	for s := range v.Cluster.Services {
		_, mark := InForce(v, s)
		if mark == nil || !mark.Forbid || Performer(v, s) >= 0 || len(movable(v, []int{s})) == 0 {
			continue
		}
		if groups[mark.Group] == nil {
			names = append(names, mark.Group)
		}
		groups[mark.Group] = append(groups[mark.Group], s)
	}
	slices.Sort(names)
	var out []Fall
	for _, name := range names {
		f := Fall{Node: name, Fallen: true}
		for _, s := range groups[name] {
			f.Services = append(f.Services, v.Cluster.Services[s].Name)
		}
		t := newTrial(v, groups[name], nil)
		f.settle(t, groups[name], t.place())
		out = append(out, f)
	}
	return out
}

// planned is the node on which the forecast places a service when its performer fails, −1 if there is none.
func planned(v *View, performer, service int) int {
	f := ForecastFall(v, performer)
	if name, ok := f.Placed[v.Cluster.Services[service].Name]; ok {
		return v.Cluster.Node(name)
	}
	return -1
}

// subsets calls f with every subset of a size, until it returns false.
func subsets(of []int, size int, f func([]int) bool) {
	set := make([]int, 0, size)
	var more func(from int) bool
	more = func(from int) bool {
		if len(set) == size {
			return f(set)
		}
		for i := from; i <= len(of)-(size-len(set)); i++ {
			set = append(set, of[i])
			if !more(i + 1) {
				return false
			}
			set = set[:len(set)-1]
		}
		return true
	}
	more(0)
}
