// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// anyView is a view with everything in it that can be, small enough for brute force. What is drawn first and small is
// what is usual: a fault that is found is told with as little else as possible.
func anyView(rt *rapid.T) *View {
	calm := false // else the faults of several nodes are nearly always too many for any placement
	seldom := func(label string, n int) bool {
		if calm {
			n *= 6
		}
		return rapid.IntRange(0, n).Draw(rt, label) == n
	}
	nodes := 4 - rapid.IntRange(0, 3).Draw(rt, "fewer nodes")
	c := &Cluster{Tolerate: rapid.IntRange(1, 2).Draw(rt, "tolerate"), Channel: !seldom("no channel", 9), MostFree: rapid.Bool().Draw(rt, "most free")}
	var names []string
	for i := range nodes {
		names = append(names, fmt.Sprintf("n%d", i))
		c.Nodes = append(c.Nodes, Node{Name: names[i], Capacity: rapid.SampledFrom([]int{0, 50, 100, 150, 250}).Draw(rt, "capacity"),
			MaxServices: rapid.SampledFrom([]int{0, 0, 0, 1, 2, 3}).Draw(rt, "max services"), Maintenance: seldom("maintenance", 9)})
	}
	services := 6 - rapid.IntRange(0, 5).Draw(rt, "fewer services")
	calm = rapid.Bool().Draw(rt, "calm")
	for i := range services {
		s := Service{Name: fmt.Sprintf("s%d", i), Owner: rapid.SampledFrom(names).Draw(rt, "owner"), Takeover: Allow, ServeAt: AtInherited,
			Demand: rapid.SampledFrom([]int{30, 0, 50, 80}).Draw(rt, "demand"), Silent: seldom("silent", 9),
			FailureThreshold: rapid.SampledFrom([]int{0, 2}).Draw(rt, "threshold"), Control: rapid.Bool().Draw(rt, "control")}
		if seldom("forbid", 9) {
			s.Takeover = Forbid
		}
		if seldom("own", 3) {
			s.ServeAt = AtOwn
		}
		listed := nodes
		if seldom("some", 1) {
			listed -= rapid.IntRange(0, nodes).Draw(rt, "fewer standbys")
		}
		for _, n := range rapid.Permutation(names).Draw(rt, "standbys")[:listed] {
			if n != s.Owner {
				s.Standbys = append(s.Standbys, n)
			}
		}
		if seldom("limited", 5) {
			s.Inheritors = slices.Clone(s.Standbys[:len(s.Standbys)-min(len(s.Standbys), rapid.IntRange(0, 1).Draw(rt, "fewer inheritors"))])
		}
		if i > 0 && seldom("affinity", 3) {
			s.AntiAffinity = []string{fmt.Sprintf("s%d", rapid.IntRange(0, i-1).Draw(rt, "other"))}
		}
		c.Services = append(c.Services, s)
	}
	v := &View{Cluster: c, Sights: make([]Sight, nodes)}
	for i := range v.Sights {
		r := Record{Node: names[i], Overloaded: seldom("overloaded", 7), Drained: seldom("drained", 11), Stopping: seldom("stopping", 11)}
		for _, s := range c.Services {
			st := Standing{Service: s.Name, State: "backup", Duty: None, Ready: !seldom("unready", 11)}
			if seldom("failed", 4) {
				st.Failures = rapid.IntRange(1, 3).Draw(rt, "failures")
			}
			if seldom("terms", 9) {
				st.Terms = &Terms{Epoch: rapid.Uint64Range(1, 3).Draw(rt, "epoch"), Node: names[i], Takeover: rapid.SampledFrom([]Takeover{Allow, Allow, Forbid}).Draw(rt, "takeover"),
					Standbys: rapid.Permutation(names).Draw(rt, "list")[:nodes-rapid.IntRange(0, nodes).Draw(rt, "shorter")]}
			}
			if seldom("mark", 7) {
				st.Mark = &Mark{Epoch: rapid.Uint64Range(1, 3).Draw(rt, "epoch"), Node: names[i], Forbid: rapid.Bool().Draw(rt, "forbid"), Group: rapid.SampledFrom(names).Draw(rt, "group")}
			}
			r.Services = append(r.Services, st)
		}
		v.Sights[i].Record = r
		if v.Sights[i].Presence = Alive; seldom("absent", 5) {
			v.Sights[i].Presence = rapid.SampledFrom([]Presence{Unknown, Dead}).Draw(rt, "presence")
		}
	}
	for _, s := range c.Services {
		performer := rapid.IntRange(0, nodes-1).Draw(rt, "performer")
		if seldom("nobody", 5) {
			continue
		}
		for i := range nodes {
			if i == performer || seldom("two", 19) {
				st := v.Sights[i].Record.Standing(s.Name)
				st.State, st.Duty, st.Performs = "active", Serve, true
			}
		}
	}
	return v
}

// asSeenBy is the same view from a node that lives.
func asSeenBy(v *View, node int) *View {
	out := &View{Cluster: v.Cluster, Sights: slices.Clone(v.Sights)}
	out.Sights[node].Presence = Alive
	return out
}

func TestForbiddenOrIneligibleNodesNeverServe(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		v := anyView(rt)
		for i := range v.Cluster.Nodes {
			v := asSeenBy(v, i)
			for s := range v.Cluster.Services {
				d, svc, n := Decide(v, s, i), &v.Cluster.Services[s], &v.Cluster.Nodes[i]
				switch may := mayPerform(v, s, i); {
				case d.Takes && d.Eligible != may:
					rt.Fatalf("%s, %s: eligible %t, by the rules %t (%q)", n.Name, svc.Name, d.Eligible, may, d.Reasons)
				case d.Duty == Serve && (!may || svc.ServeAt == AtOwn && svc.Owner != n.Name):
					rt.Fatalf("%s serves %s, which it must not", n.Name, svc.Name)
				case d.Duty == Refuse && may && (svc.ServeAt != AtOwn || svc.Owner == n.Name):
					rt.Fatalf("%s refuses %s, which it may perform", n.Name, svc.Name)
				case d.Duty == Serve && d.Priority <= ServingEdge, d.Duty == Refuse && d.Priority >= ServingEdge:
					rt.Fatalf("%s, %s: duty %s with priority %d", n.Name, svc.Name, d.Duty, d.Priority)
				case slices.Contains(d.Candidates, n.Name) != may:
					rt.Fatalf("%s, %s: candidates %v, by the rules %t", n.Name, svc.Name, d.Candidates, may)
				}
			}
		}
	})
}

func TestSomebodyAlwaysTakesPartUnlessTheFileWantsSilence(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		v := anyView(rt)
		for s := range v.Cluster.Services {
			svc := &v.Cluster.Services[s]
			for i, n := range v.Cluster.Nodes {
				w := asSeenBy(v, i)
				d := Decide(w, s, i)
				if d.Takes && (d.Priority == 0 || d.Duty == None) || !d.Takes && (d.Duty != None || len(d.Reasons) == 0) {
					rt.Fatalf("%s, %s: %+v", n.Name, svc.Name, d)
				}
				named := svc.Inheritors == nil || svc.Owner == n.Name || slices.Contains(svc.Inheritors, n.Name)
				if !named && d.Takes {
					rt.Fatalf("%s takes part in %s, and is no inheritor", n.Name, svc.Name)
				}
				if named && !d.Takes && (!svc.Silent || couldBe(w, s)) {
					rt.Fatalf("%s has no part in %s: %q", n.Name, svc.Name, d.Reasons)
				}
				if named && d.Takes && svc.Silent && !couldBe(w, s) {
					rt.Fatalf("%s takes part in %s: the file wants silence", n.Name, svc.Name)
				}
			}
		}
	})
}

// couldBe reports whether some node may perform a service, or one of which nothing is known might.
func couldBe(v *View, s int) bool {
	for i := range v.Cluster.Nodes {
		if mayPerform(v, s, i) || mightPerform(v, s, i) {
			return true
		}
	}
	return false
}

// Whoever asks: the answer about a node is the same, and candidates come in the same order.
func TestSameViewGivesTheSameAnswerOnEveryNode(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		v := anyView(rt)
		for i := range v.Sights {
			v.Sights[i].Presence = Alive
		}
		for s := range v.Cluster.Services {
			var all [][]string
			serving := map[uint8]string{}
			for i := range v.Cluster.Nodes {
				w := &View{Cluster: v.Cluster, Sights: slices.Clone(v.Sights)} // nothing computed before
				d := Decide(w, s, i)
				if diff := cmp.Diff(d, Decide(v, s, i)); diff != "" {
					rt.Fatal(diff)
				}
				if !d.Takes {
					continue
				}
				all = append(all, d.Candidates)
				if d.Duty == Serve && len(v.Cluster.Nodes) <= 4 {
					if who := serving[d.Priority]; who != "" {
						rt.Fatalf("%s and %s share priority %d for %s", who, v.Cluster.Nodes[i].Name, d.Priority, v.Cluster.Services[s].Name)
					}
					serving[d.Priority] = v.Cluster.Nodes[i].Name
				}
			}
			for _, c := range all {
				if !slices.Equal(c, all[0]) {
					rt.Fatalf("candidates %v and %v", c, all[0])
				}
			}
		}
	})
}

func TestForecastNeverKeepsItselfAlive(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		v := anyView(rt)
		before := performing(Forecast(v))
		for i := range v.Sights {
			for j := range v.Sights[i].Record.Services {
				v.Sights[i].Record.Services[j].Mark = nil
			}
		}
		v.Changed()
		if diff := cmp.Diff(before, performing(Forecast(v)), cmpopts.EquateEmpty()); diff != "" {
			rt.Fatalf("marks change the forecast (-with +without):\n%s", diff)
		}
	})
}

// performing leaves out the falls that marks make: those that have happened.
func performing(fs []Fall) []Fall {
	return slices.DeleteFunc(fs, func(f Fall) bool { return f.Fallen })
}

func TestMoreCapacityNeverMakesServicesUnprotected(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		v := anyView(rt)
		before := Forecast(v)
		n := &v.Cluster.Nodes[rapid.IntRange(0, len(v.Cluster.Nodes)-1).Draw(rt, "node")]
		switch {
		case n.Capacity == 0:
		case rapid.IntRange(0, 3).Draw(rt, "no limit") == 0:
			n.Capacity = 0
		default:
			n.Capacity += rapid.IntRange(1, 100).Draw(rt, "more")
		}
		v.Changed()
		after := Forecast(v)
		for k, f := range before {
			switch g := after[k]; {
			case g.Node != f.Node || !slices.Equal(g.Services, f.Services):
				rt.Fatalf("another forecast: %+v and %+v", f, g)
			case f.Placed != nil && g.Placed == nil, f.Unprotected == nil && g.Unprotected != nil:
				rt.Fatalf("%s: %+v, with more capacity %+v", f.Node, f, g)
			}
		}
	})
}
