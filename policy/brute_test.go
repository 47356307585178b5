// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestForecastEqualsBruteForce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		v := anyView(rt)
		for _, f := range Forecast(v) {
			fit, certain, doubtful := true, false, false
			check := func(moving, gone []int) {
				ok, maybe := brute(v, moving, gone)
				fit = fit && ok
				certain = certain || !ok && !maybe
				doubtful = doubtful || !ok && maybe
			}
			if f.Fallen {
				check(indices(v, f.Services), nil)
			} else {
				node := v.Cluster.Node(f.Node)
				check(leaving(v, []int{node}), []int{node})
				for i := range v.Cluster.Nodes {
					if v.Cluster.Tolerate == 2 && i != node && v.Sights[i].Presence == Alive {
						check(leaving(v, []int{node, i}), []int{node, i})
					}
				}
			}
			if (f.Placed != nil) != fit || (f.Unprotected != nil) != certain || (f.Suspended != "") != (doubtful && !certain) {
				rt.Fatalf("%s: forecast %+v, brute force fits %t, certain %t, doubtful %t", f.Node, f, fit, certain, doubtful)
			}
			if f.Placed == nil {
				continue
			}
			if got := slices.Sorted(maps.Keys(f.Placed)); !slices.Equal(got, f.Services) {
				rt.Fatalf("%s: placed %v of %v", f.Node, got, f.Services)
			}
		}
	})
}

// leaving is the services that have to move when some nodes fail.
func leaving(v *View, gone []int) []int {
	var out []int
	for s := range v.Cluster.Services {
		terms, _ := InForce(v, s)
		performed := slices.ContainsFunc(gone, func(g int) bool { return v.Sights[g].Record.Standing(v.Cluster.Services[s].Name).Performs })
		if performed && terms.Takeover == Allow && len(terms.Standbys) > 0 {
			out = append(out, s)
		}
	}
	return out
}

func indices(v *View, names []string) []int {
	var out []int
	for _, name := range names {
		out = append(out, v.Cluster.Service(name))
	}
	return out
}

// brute tries every placement of services on nodes by the rules in words, and nothing clever. maybe: a node of which nothing
// is known is allowed to take some of them by the file.
func brute(v *View, services, gone []int) (fits, maybe bool) {
	c := v.Cluster
	at := make([]int, len(services))
	allowed := func(s, n int) (yes, perhaps bool) {
		svc, node, sight := &c.Services[s], &c.Nodes[n], &v.Sights[n]
		terms, _ := InForce(v, s)
		owner := svc.Owner == node.Name
		if slices.Contains(gone, n) || node.Maintenance || !owner && !slices.Contains(terms.Standbys, node.Name) ||
			!owner && svc.Inheritors != nil && !slices.Contains(svc.Inheritors, node.Name) {
			return false, false
		}
		if sight.Presence == Unknown {
			return false, true
		}
		st := sight.Record.Standing(svc.Name)
		return sight.Presence == Alive && !sight.Record.Drained && !sight.Record.Stopping && st.Ready && (svc.FailureThreshold == 0 || st.Failures < svc.FailureThreshold) &&
			(owner || !sight.Record.Overloaded), false
	}
	valid := func() bool {
		for n := range c.Nodes {
			used, count, foreign := 0, 0, false
			var on []int
			for s := range c.Services {
				if !slices.Contains(services, s) && v.Sights[n].Presence == Alive && v.Sights[n].Record.Standing(c.Services[s].Name).Performs {
					used += c.Services[s].Demand
					count++
					on = append(on, s)
				}
			}
			for i, s := range services {
				if at[i] == n {
					used += c.Services[s].Demand
					count++
					on = append(on, s)
					foreign = foreign || c.Services[s].Owner != c.Nodes[n].Name
				}
			}
			if !foreign {
				continue
			}
			if c.Nodes[n].Capacity > 0 && used > c.Nodes[n].Capacity || c.Nodes[n].MaxServices > 0 && count > c.Nodes[n].MaxServices {
				return false
			}
			for _, a := range on {
				for _, b := range on {
					comes := slices.Contains(services, a) && c.Services[a].Owner != c.Nodes[n].Name
					if a != b && comes && conflict(&c.Services[a], &c.Services[b]) {
						return false
					}
				}
			}
		}
		return true
	}
	var try func(i int) bool
	try = func(i int) bool {
		if i == len(services) {
			return valid()
		}
		for n := range c.Nodes {
			yes, perhaps := allowed(services[i], n)
			maybe = maybe || perhaps
			if !yes {
				continue
			}
			at[i] = n
			if try(i + 1) {
				return true
			}
		}
		return false
	}
	for _, s := range services { // also those that the search does not come to
		for n := range c.Nodes {
			_, perhaps := allowed(s, n)
			maybe = maybe || perhaps
		}
	}
	return try(0), maybe
}

// mayPerform is what the rules say in words about a node of which is known.
func mayPerform(v *View, s, n int) bool {
	c, svc := v.Cluster, &v.Cluster.Services[s]
	if !fit(v, s, n) {
		return false
	}
	mine := v.Sights[n].Record.Standing(svc.Name)
	if mine.Performs {
		return true
	}
	for i := range c.Nodes { // whoever failed less often goes first
		if fit(v, s, i) && v.Sights[i].Record.Standing(svc.Name).Failures < mine.Failures {
			return false
		}
	}
	return true
}

// fit is mayPerform before others are looked at.
func fit(v *View, s, n int) bool {
	c, svc, node, sight := v.Cluster, &v.Cluster.Services[s], &v.Cluster.Nodes[n], &v.Sights[n]
	terms, mark := InForce(v, s)
	mine := sight.Record.Standing(svc.Name)
	owner := svc.Owner == node.Name
	if sight.Presence != Alive || node.Maintenance || sight.Record.Drained || sight.Record.Stopping || !mine.Ready ||
		svc.FailureThreshold > 0 && mine.Failures >= svc.FailureThreshold {
		return false
	}
	if owner {
		return true
	}
	if !slices.Contains(terms.Standbys, node.Name) || svc.Inheritors != nil && !slices.Contains(svc.Inheritors, node.Name) || terms.Takeover == Forbid {
		return false
	}
	if mine.Performs {
		return true
	}
	used, count := 0, 0
	for o := range c.Services {
		if !sight.Record.Standing(c.Services[o].Name).Performs {
			continue
		}
		if conflict(svc, &c.Services[o]) {
			return false
		}
		used += c.Services[o].Demand
		count++
	}
	return (mark == nil || !mark.Forbid) && !sight.Record.Overloaded && (node.Capacity == 0 || used+svc.Demand <= node.Capacity) &&
		(node.MaxServices == 0 || count < node.MaxServices)
}

// mightPerform is what the file and the terms say about a node of which nothing is known.
func mightPerform(v *View, s, n int) bool {
	svc, node := &v.Cluster.Services[s], &v.Cluster.Nodes[n]
	if v.Sights[n].Presence != Unknown || node.Maintenance {
		return false
	}
	terms, mark := InForce(v, s)
	return svc.Owner == node.Name || terms.Takeover == Allow && (mark == nil || !mark.Forbid) && slices.Contains(terms.Standbys, node.Name) &&
		(svc.Inheritors == nil || slices.Contains(svc.Inheritors, node.Name))
}

// Bounds skip only what leads nowhere: the placement that is found is the first one of a search without them.
func TestBoundsDoNotChangeThePlacement(t *testing.T) {
	t.Parallel()
	same := func(rt *rapid.T, v *View) {
		for node := range v.Cluster.Nodes {
			services := leaving(v, []int{node})
			if v.Sights[node].Presence != Alive || len(services) == 0 {
				continue
			}
			quick, slow := newTrial(v, services, []int{node}), newTrial(v, services, []int{node})
			if got, want := quick.place() == fits, slow.plod(0); got != want {
				rt.Fatalf("fits %t, without bounds %t", got, want)
			}
			if !slices.Equal(quick.at, slow.at) {
				rt.Fatalf("placed on %v, without bounds on %v", quick.at, slow.at)
			}
		}
	}
	t.Run("anything", rapid.MakeCheck(func(rt *rapid.T) { same(rt, anyView(rt)) }))
	t.Run("tight", rapid.MakeCheck(func(rt *rapid.T) { same(rt, tightView(rt)) }))
}

// tightView is a cluster in which the services of a node hardly fit on the others, or hardly do not.
func tightView(rt *rapid.T) *View {
	var s scene
	nodes := rapid.IntRange(3, 5).Draw(rt, "nodes")
	each := rapid.IntRange(2, 5).Draw(rt, "each")
	demand := rapid.IntRange(8, 12)
	load := make([]int, nodes)
	equal := rapid.Bool().Draw(rt, "equal") // many places are as good as each other
	all := rapid.Bool().Draw(rt, "all")     // nodes are standbys of all
	apart := rapid.IntRange(0, 2).Draw(rt, "apart") == 2
	even := rapid.IntRange(10, 32).Draw(rt, "even")
	for i := range nodes {
		for k := range each {
			svc := Service{Name: fmt.Sprintf("s%d-%d", i, k), Owner: fmt.Sprintf("n%d", i), Takeover: Allow, Demand: demand.Draw(rt, "demand")}
			if equal {
				svc.Demand = rapid.SampledFrom([]int{8, 12}).Draw(rt, "one of two")
			}
			for j := range nodes - 1 {
				if all || rapid.IntRange(0, 4).Draw(rt, "listed") > 0 {
					svc.Standbys = append(svc.Standbys, fmt.Sprintf("n%d", (i+j+1)%nodes))
				}
			}
			if apart && i+k > 0 && rapid.IntRange(0, 3).Draw(rt, "affinity") == 3 {
				svc.AntiAffinity = []string{fmt.Sprintf("s%d-%d", i, max(0, k-1))}
			}
			load[i] += svc.Demand
			s.services = append(s.services, svc)
		}
	}
	for i := range nodes {
		spare := load[(i+1)%nodes]/(nodes-1) + rapid.IntRange(-2, 6).Draw(rt, "spare")
		if equal {
			spare = even
		}
		s.nodes = append(s.nodes, Node{Name: fmt.Sprintf("n%d", i), Capacity: load[i] + spare, MaxServices: rapid.SampledFrom([]int{0, 0, each + 1, each + 2}).Draw(rt, "most")})
	}
	v := s.view()
	v.Cluster.Tolerate = 1
	for k := range rapid.IntRange(0, each).Draw(rt, "away") { // of an owner that is back, and could take its own again
		moves(fmt.Sprintf("s0-%d", k), "n1")(v)
	}
	v.Changed()
	return v
}

// plod is the search without bounds.
func (t *trial) plod(i int) bool {
	if i == len(t.services) {
		return true
	}
	for _, c := range t.choices[i] {
		if t.can(i, c) {
			if t.put(i, c); t.plod(i + 1) {
				return true
			}
			t.take(i)
		}
	}
	return false
}
