// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

func falls(v *View) string {
	var out []string
	for _, f := range Forecast(v) {
		word := "fails"
		if f.Fallen {
			word = "fell"
		}
		switch {
		case f.Suspended != "":
			out = append(out, fmt.Sprintf("%s %s: %s", f.Node, word, f.Suspended))
		case f.Unprotected != nil:
			out = append(out, fmt.Sprintf("%s %s: unprotected %s", f.Node, word, list(f.Unprotected)))
		default:
			var placed []string
			for _, s := range slices.Sorted(maps.Keys(f.Placed)) {
				placed = append(placed, s+" on "+f.Placed[s])
			}
			out = append(out, fmt.Sprintf("%s %s: %s", f.Node, word, list(placed)))
		}
	}
	return strings.Join(out, "\n")
}

// example is the worked example of the package.
func example() scene {
	return scene{tolerate: 1, nodes: []Node{{Name: "db1"}, {Name: "db2"}, {Name: "db3", Capacity: 60}},
		services: []Service{
			{Name: "orders", Owner: "db1", Standbys: []string{"db3"}, Takeover: Allow, Demand: 40},
			{Name: "parts", Owner: "db2", Standbys: []string{"db3"}, Takeover: Allow, Demand: 40},
		}}
}

func TestForecastSaysWhatBecomesOfServices(t *testing.T) {
	t.Parallel()
	unknown := func(n string) func(*View) {
		return func(v *View) { v.Sights[v.Cluster.Node(n)].Presence = Unknown }
	}
	mark := func(service, group string) func(*View) {
		return func(v *View) { at(v, "db3", service).Mark = &Mark{Epoch: 1, Node: "db3", Forbid: true, Group: group} }
	}
	tolerate := func(n int) func(*View) { return func(v *View) { v.Cluster.Tolerate = n } }
	lost := example().with(dies("db1"), moves("orders", "db3"))
	gone := example().with(dies("db1"), dies("db2"), moves("orders", ""), moves("parts", ""), mark("orders", "x"), mark("parts", "x"))
	for _, c := range []struct {
		name string
		s    scene
		want string
	}{
		{"all live", example(), "db1 fails: orders on db3\ndb2 fails: parts on db3"},
		{"room is spent", lost, "db2 fails: unprotected parts\ndb3 fails: unprotected orders"},
		{"nothing is known of the standby", example().with(unknown("db3")), "db1 fails: nothing is known of db3\ndb2 fails: nothing is known of db3"},
		{"the standby is dead", example().with(dies("db3")), "db1 fails: unprotected orders\ndb2 fails: unprotected parts"},
		{"an owner that is back makes room", lost.with(func(v *View) { v.Sights[0].Presence = Alive }), "db2 fails: unprotected parts\ndb3 fails: orders on db1"},
		{"forbidden ones do not count", example().service(func(s *Service) { s.Takeover = Forbid }), "db2 fails: parts on db3"},
		{"fallen together, without room for both", gone, "x fell: unprotected orders, parts"},
		{"fallen together, with room for what is left", gone.with(func(v *View) { v.Sights[0].Presence = Alive }), "x fell: orders on db1, parts on db3"},
		{"fallen from two nodes: each for itself", gone.with(mark("parts", "y")), "x fell: orders on db3\ny fell: parts on db3"},
		{"two may fail", example().with(tolerate(2)), "db1 fails: unprotected orders\ndb2 fails: unprotected parts"},
		{"none may fail", example().with(tolerate(0)), ""},
	} {
		if diff := cmp.Diff(c.want, falls(c.s.view())); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

// The text in doc.go is what Explain writes.
func TestWorkedExampleIsTrue(t *testing.T) {
	t.Parallel()
	v := example().with(dies("db1"), moves("orders", "db3")).view()
	got := ""
	for _, s := range []string{"orders", "parts"} {
		got += Explain(v, v.Cluster.Service(s), v.Cluster.Node("db3")).Text()
	}
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(doc), "//\torders on db3")
	text, _, _ = strings.Cut("//\torders on db3"+text, "//\n// When db1 returns")
	want := strings.ReplaceAll(text, "//\t", "")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("doc.go and the truth (-doc +truth):\n%s", diff)
	}
}

// anyView is a view with everything in it that can be, small enough for brute force.
func anyView(rt *rapid.T) *View {
	nodes := rapid.IntRange(1, 4).Draw(rt, "nodes")
	c := &Cluster{Tolerate: rapid.IntRange(1, 2).Draw(rt, "tolerate"), Channel: true, MostFree: rapid.Bool().Draw(rt, "most free")}
	var names []string
	for i := range nodes {
		names = append(names, fmt.Sprintf("n%d", i))
		c.Nodes = append(c.Nodes, Node{Name: names[i], Capacity: rapid.SampledFrom([]int{0, 50, 100, 150}).Draw(rt, "capacity"),
			MaxServices: rapid.SampledFrom([]int{0, 0, 1, 2}).Draw(rt, "max services"), Maintenance: rapid.IntRange(0, 9).Draw(rt, "maintenance") == 0})
	}
	services := rapid.IntRange(1, 6).Draw(rt, "services")
	for i := range services {
		s := Service{Name: fmt.Sprintf("s%d", i), Owner: rapid.SampledFrom(names).Draw(rt, "owner"), Takeover: Allow, ServeAt: AtInherited,
			Demand: rapid.SampledFrom([]int{0, 30, 50, 80}).Draw(rt, "demand"), Silent: rapid.IntRange(0, 9).Draw(rt, "silent") == 0,
			FailureThreshold: rapid.SampledFrom([]int{0, 2}).Draw(rt, "threshold"), Control: rapid.Bool().Draw(rt, "control")}
		if rapid.IntRange(0, 5).Draw(rt, "forbid") == 0 {
			s.Takeover = Forbid
		}
		if rapid.IntRange(0, 3).Draw(rt, "own") == 0 {
			s.ServeAt = AtOwn
		}
		for _, n := range rapid.Permutation(names).Draw(rt, "standbys")[:rapid.IntRange(0, nodes).Draw(rt, "how many")] {
			if n != s.Owner {
				s.Standbys = append(s.Standbys, n)
			}
		}
		if rapid.IntRange(0, 5).Draw(rt, "limited") == 0 {
			s.Inheritors = slices.Clone(s.Standbys)
		}
		if i > 0 && rapid.IntRange(0, 4).Draw(rt, "affinity") == 0 {
			s.AntiAffinity = []string{fmt.Sprintf("s%d", rapid.IntRange(0, i-1).Draw(rt, "other"))}
		}
		c.Services = append(c.Services, s)
	}
	v := &View{Cluster: c, Sights: make([]Sight, nodes)}
	for i := range v.Sights {
		r := Record{Node: names[i], Overloaded: rapid.IntRange(0, 6).Draw(rt, "overloaded") == 0, Drained: rapid.IntRange(0, 9).Draw(rt, "drained") == 0}
		for _, s := range c.Services {
			st := Standing{Service: s.Name, State: "backup", Duty: None, Ready: rapid.IntRange(0, 9).Draw(rt, "ready") > 0, Failures: rapid.SampledFrom([]int{0, 0, 0, 1, 3}).Draw(rt, "failures")}
			if rapid.IntRange(0, 7).Draw(rt, "terms") == 0 {
				st.Terms = &Terms{Epoch: rapid.Uint64Range(1, 3).Draw(rt, "epoch"), Node: names[i], Takeover: rapid.SampledFrom([]Takeover{Allow, Forbid}).Draw(rt, "takeover"), Standbys: s.Standbys}
			}
			if rapid.IntRange(0, 5).Draw(rt, "mark") == 0 {
				st.Mark = &Mark{Epoch: rapid.Uint64Range(1, 3).Draw(rt, "epoch"), Node: names[i], Forbid: rapid.Bool().Draw(rt, "forbid"), Group: rapid.SampledFrom(names).Draw(rt, "group")}
			}
			r.Services = append(r.Services, st)
		}
		v.Sights[i] = Sight{Presence: rapid.SampledFrom([]Presence{Alive, Alive, Alive, Dead, Unknown}).Draw(rt, "presence"), Record: r}
	}
	for _, s := range c.Services {
		if i := rapid.IntRange(-1, nodes-1).Draw(rt, "performer"); i >= 0 {
			st := v.Sights[i].Record.Standing(s.Name)
			st.State, st.Duty, st.Performs = "active", Serve, true
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
				if d.Duty != Serve {
					continue
				}
				terms, mark := InForce(v, s)
				st := v.Sights[i].Record.Standing(svc.Name)
				owner := svc.Owner == n.Name
				switch {
				case !d.Eligible || !d.Takes:
					rt.Fatalf("%s serves %s and is not eligible", n.Name, svc.Name)
				case n.Maintenance || v.Sights[i].Record.Drained || !st.Ready:
					rt.Fatalf("%s serves %s, drained or not ready", n.Name, svc.Name)
				case owner:
				case terms.Takeover == Forbid, mark != nil && mark.Forbid && !st.Performs, !slices.Contains(terms.Standbys, n.Name), svc.ServeAt == AtOwn:
					rt.Fatalf("%s serves %s, which it must not", n.Name, svc.Name)
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
			for i := range v.Cluster.Nodes {
				d := Decide(asSeenBy(v, i), s, i)
				named := svc.Inheritors == nil || svc.Owner == v.Cluster.Nodes[i].Name || slices.Contains(svc.Inheritors, v.Cluster.Nodes[i].Name)
				if !d.Takes && named && !svc.Silent {
					rt.Fatalf("%s has no part in %s: %q", v.Cluster.Nodes[i].Name, svc.Name, d.Reasons)
				}
				if d.Takes && d.Priority == 0 {
					rt.Fatalf("priority 0 for %s", svc.Name)
				}
			}
		}
	})
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
		i := rapid.IntRange(0, len(v.Cluster.Nodes)-1).Draw(rt, "node")
		if v.Cluster.Nodes[i].Capacity > 0 {
			v.Cluster.Nodes[i].Capacity += rapid.IntRange(1, 100).Draw(rt, "more")
		}
		v.Changed()
		after := Forecast(v)
		for k, f := range before {
			if f.Placed != nil && after[k].Placed == nil {
				rt.Fatalf("%s: placed %v, with more capacity %+v", f.Node, f.Placed, after[k])
			}
		}
	})
}

func TestForecastEqualsBruteForce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		v := anyView(rt)
		for _, f := range Forecast(v) {
			var gone []int
			if !f.Fallen {
				gone = []int{v.Cluster.Node(f.Node)}
			}
			fit, unknown := true, false
			check := func(gone []int) {
				moving := fallenServices(v, &f)
				if !f.Fallen {
					moving = nil
					for s := range v.Cluster.Services {
						terms, _ := InForce(v, s)
						for _, g := range gone {
							if st := v.Sights[g].Record.Standing(v.Cluster.Services[s].Name); st.Performs && terms.Takeover == Allow && len(terms.Standbys) > 0 {
								moving = append(moving, s)
							}
						}
					}
				}
				ok, maybe := brute(v, slices.Compact(moving), gone)
				fit = fit && ok
				unknown = unknown || !ok && maybe
			}
			check(gone)
			if !f.Fallen && fit && v.Cluster.Tolerate == 2 {
				for i := range v.Cluster.Nodes {
					if i != gone[0] && v.Sights[i].Presence == Alive && fit {
						check([]int{gone[0], i})
					}
				}
			}
			if got := f.Placed != nil; got != fit || (f.Suspended != "") != (!fit && unknown) {
				rt.Fatalf("%s: forecast %+v, brute force fits %t, unknown %t", f.Node, f, fit, unknown)
			}
		}
	})
}

func fallenServices(v *View, f *Fall) []int {
	var out []int
	for _, name := range f.Services {
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
		return sight.Presence == Alive && !sight.Record.Drained && st.Ready && (svc.FailureThreshold == 0 || st.Failures < svc.FailureThreshold) &&
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
					if a < b && conflict(&c.Services[a], &c.Services[b]) && (c.Services[a].Owner != c.Nodes[n].Name || c.Services[b].Owner != c.Nodes[n].Name) {
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
	for i, s := range services { // also those that the search does not come to
		_ = i
		for n := range c.Nodes {
			_, perhaps := allowed(s, n)
			maybe = maybe || perhaps
		}
	}
	return try(0), maybe
}

func BenchmarkForecast(b *testing.B) {
	v := large(200, 500)
	b.ReportAllocs()
	for b.Loop() {
		v.Changed()
		if len(Forecast(v)) == 0 {
			b.Fatal("no forecast")
		}
	}
}

func BenchmarkDecideAll(b *testing.B) {
	v := large(200, 500)
	for b.Loop() {
		v.Changed()
		for s := range v.Cluster.Services {
			Decide(v, s, 7)
		}
	}
}

// large is a cluster that is nearly full.
func large(nodes, services int) *View {
	s := scene{tolerate: 1}
	for i := range nodes {
		s.nodes = append(s.nodes, Node{Name: fmt.Sprintf("n%03d", i), Capacity: 100})
	}
	for i := range services {
		svc := Service{Name: fmt.Sprintf("s%03d", i), Owner: fmt.Sprintf("n%03d", i%nodes), Takeover: Allow, Demand: 20 + i%15}
		for k := range 5 {
			svc.Standbys = append(svc.Standbys, fmt.Sprintf("n%03d", (i*7+k*13+1)%nodes))
		}
		s.services = append(s.services, svc)
	}
	return s.view()
}
