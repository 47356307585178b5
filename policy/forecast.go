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
// that is placed on it. The search is exact, but bounded (see workLimit and setLimit); a forecast that reaches a bound is
// Suspended, as is one that hangs on a node of which nothing is known.
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

// ForecastFall is the forecast for one node. Without services that could move it is empty but for the node. What it
// holds is shared and not to be changed.
func ForecastFall(v *View, node int) Fall {
	if v.Cluster.Tolerate == 0 || v.Sights[node].Presence != Alive {
		return Fall{Node: v.Cluster.Nodes[node].Name}
	}
	return *v.remember(node, func() Fall { return together(v, node) })
}

// alone is the forecast for the failure of one node, while all others live.
func alone(v *View, node int) *Fall {
	return v.remember(^node, func() Fall {
		f := Fall{Node: v.Cluster.Nodes[node].Name}
		own := movable(v, v.cached().held[node])
		for _, s := range own {
			f.Services = append(f.Services, v.Cluster.Services[s].Name)
		}
		if len(own) > 0 {
			t := newTrial(v, own, []int{node})
			f.settle(t, t.place())
		}
		return f
	})
}

// remember computes what was not computed before. Negative keys are for failures alone.
func (v *View) remember(key int, compute func() Fall) *Fall {
	c := v.cached()
	if f := c.falls[key]; f != nil {
		return f
	}
	f := compute()
	if c.falls == nil {
		c.falls = map[int]*Fall{}
	}
	c.falls[key] = &f
	return &f
}

// Bounds of a forecast for several failures: sets of nodes that fail together, and the work of all their trials.
const (
	setLimit     = 2000
	setWorkLimit = 5 * workLimit
)

// together is the forecast for the failure of one node, together with as many others as are to be tolerated.
func together(v *View, node int) Fall {
	f := *alone(v, node)
	if f.Placed == nil || v.Cluster.Tolerate == 1 {
		return f
	}
	var others []int
	for i := range v.Cluster.Nodes {
		if i != node && v.Sights[i].Presence == Alive {
			others = append(others, i)
		}
	}
	sets, work := 0, setWorkLimit
	doubt := "" // about some set; another one may still be certain
	subsets(others, min(v.Cluster.Tolerate-1, len(others)), func(set []int) bool {
		if sets++; sets > setLimit || work <= 0 {
			doubt = "too many nodes could fail together"
			return false
		}
		failing := append([]int{node}, set...)
		if disjoint(v, failing) {
			return true
		}
		var moving []int
		for _, i := range failing {
			moving = append(moving, movable(v, v.cached().held[i])...)
		}
		slices.Sort(moving)
		t := newTrial(v, slices.Compact(moving), failing)
		t.work = min(t.work, work)
		before := t.work
		r := t.place()
		work -= before - t.work
		if r == fits {
			return true
		}
		g := Fall{Services: f.Services}
		g.settle(t, r)
		if g.Unprotected != nil {
			f.Placed, f.Unprotected = nil, g.Unprotected
			return false
		}
		if doubt == "" {
			doubt = g.Suspended
		}
		return true
	})
	if f.Unprotected == nil && doubt != "" {
		f.Placed, f.Suspended = nil, doubt
	}
	return f
}

// disjoint reports whether the plans for the failure of each of some nodes, taken together, are a plan for the failure of
// all of them: none uses a node that fails, or one that another uses.
func disjoint(v *View, failing []int) bool {
	var targets []string
	for _, i := range failing {
		f := alone(v, i)
		if len(f.Services) > 0 && f.Placed == nil {
			return false
		}
		others := len(targets)
		for _, to := range f.Placed {
			if slices.Contains(targets[:others], to) || slices.ContainsFunc(failing, func(j int) bool { return v.Cluster.Nodes[j].Name == to }) {
				return false
			}
			targets = append(targets, to)
		}
	}
	return true
}

// settle notes how a trial went.
func (f *Fall) settle(t *trial, r result) {
	switch r {
	case fits:
		f.Placed = make(map[string]string, len(t.services))
		for i, s := range t.services {
			f.Placed[t.v.Cluster.Services[s].Name] = t.v.Cluster.Nodes[t.spots[t.at[i]].node].Name
		}
	case open:
		f.Suspended = "too many possibilities"
	case full:
		unknown := t.unknown()
		switch {
		case unknown < 0:
			f.Unprotected = slices.Clone(f.Services)
		case t.v.Cluster.Channel:
			f.Suspended = fmt.Sprintf("nothing is known of %s", t.v.Cluster.Nodes[unknown].Name)
		default:
			f.Suspended = fmt.Sprintf("nothing is known of %s without a cluster channel", t.v.Cluster.Nodes[unknown].Name)
		}
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
		mark := v.cached().marks[s]
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
		f.settle(t, t.place())
		out = append(out, f)
	}
	return out
}

// planned is the node on which the forecast places a service when its performer fails, −1 if there is none. The plan is
// the one for this failure alone.
func planned(v *View, performer, service int) int {
	if v.Cluster.Tolerate == 0 {
		return -1
	}
	if name, ok := alone(v, performer).Placed[v.Cluster.Services[service].Name]; ok {
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
