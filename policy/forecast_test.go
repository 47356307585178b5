// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
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
	doubtful := scene{tolerate: 2, nodes: []Node{{Name: "n1"}, {Name: "n2"}, {Name: "n3"}, {Name: "n4"}}, services: []Service{
		{Name: "a", Owner: "n1", Standbys: []string{"n3"}, Takeover: Allow},
		{Name: "b", Owner: "n2", Standbys: []string{"n4"}, Takeover: Allow},
	}}
	keeps := scene{tolerate: 1, nodes: []Node{{Name: "n1"}, {Name: "n2"}, {Name: "n3"}}, services: []Service{
		{Name: "a", Owner: "n1", Standbys: []string{"n3"}, Takeover: Allow},
		{Name: "x", Owner: "n1", Standbys: []string{"n3"}, Takeover: Allow, AntiAffinity: []string{"y"}},
		{Name: "y", Owner: "n2", Standbys: []string{"n3"}, Takeover: Allow},
	}}.with(moves("x", "n3"), moves("y", "n3"))
	shared := scene{tolerate: 1, nodes: []Node{{Name: "n"}, {Name: "x", Capacity: 10}, {Name: "y", Capacity: 10}, {Name: "z", Capacity: 10}}, services: []Service{
		{Name: "a", Owner: "n", Standbys: []string{"x", "y"}, Takeover: Allow, Demand: 10},
		{Name: "b", Owner: "n", Standbys: []string{"x", "z"}, Takeover: Allow, Demand: 10},
		{Name: "c", Owner: "n", Standbys: []string{"z", "x"}, Takeover: Allow, Demand: 10},
	}}
	alike := scene{tolerate: 1, nodes: []Node{{Name: "n"}, {Name: "w", Capacity: 10}, {Name: "x", Capacity: 20}, {Name: "y", Capacity: 20}, {Name: "z", Capacity: 10}},
		services: []Service{
			{Name: "a", Owner: "n", Standbys: []string{"z", "w"}, Takeover: Allow, Demand: 10},
			{Name: "b", Owner: "n", Standbys: []string{"x", "y"}, Takeover: Allow, Demand: 10, AntiAffinity: []string{"c"}},
			{Name: "c", Owner: "n", Standbys: []string{"x", "y"}, Takeover: Allow, Demand: 10, AntiAffinity: []string{"d"}},
			{Name: "d", Owner: "n", Standbys: []string{"z", "x"}, Takeover: Allow, Demand: 10, AntiAffinity: []string{"b"}},
			{Name: "k", Owner: "y", Demand: 10},
		}}
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
		{"what is marked and performed has not fallen", lost.with(mark("orders", "db1")), "db2 fails: unprotected parts\ndb3 fails: unprotected orders"},
		{"two may fail", example().with(tolerate(2)), "db1 fails: unprotected orders\ndb2 fails: unprotected parts"},
		{"none may fail", example().with(tolerate(0)), ""},
		{"without a channel", example().with(unknown("db3"), func(v *View) { v.Cluster.Channel = false }),
			"db1 fails: nothing is known of db3 without a cluster channel\ndb2 fails: nothing is known of db3 without a cluster channel"},
		{"nothing is known of one, but it fits without it", example().service(func(s *Service) { s.Standbys = []string{"db2", "db3"} }).with(unknown("db2")),
			"db1 fails: orders on db3"},
		{"one failure in doubt with another, certain with a third", doubtful.with(unknown("n4")), "n1 fails: unprotected a\nn2 fails: nothing is known of n4"},
		{"what is together already does not keep others away", keeps, "n1 fails: a on n3\nn3 fails: x on n1, y on n2"},
		{"the first is in the way of others", shared, "n fails: a on y, b on x, c on z"},
		{"equal room is not all that matters", alike, "n fails: a on w, b on x, c on y, d on z"},
		{"more services than places", crowd(10, 10, 10, 10, 119), unprotectedAll(10, 10)},
	} {
		if diff := cmp.Diff(c.want, falls(c.s.view())); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

// crowd is a cluster of equal nodes, each of which owns as many services; every node is a standby of every service. Demands
// are spread between low and high.
func crowd(nodes, each, low, high, capacity int) scene {
	random := rand.New(rand.NewPCG(1, 2))
	s := scene{tolerate: 1}
	for i := range nodes {
		s.nodes = append(s.nodes, Node{Name: fmt.Sprintf("n%03d", i), Capacity: capacity})
	}
	for i := range nodes {
		for k := range each {
			svc := Service{Name: fmt.Sprintf("s%03d-%02d", i, k), Owner: s.nodes[i].Name, Takeover: Allow, Demand: low + random.IntN(high-low+1)}
			for j := range nodes - 1 {
				svc.Standbys = append(svc.Standbys, s.nodes[(i+j+1)%nodes].Name)
			}
			s.services = append(s.services, svc)
		}
	}
	return s
}

func unprotectedAll(nodes, each int) string {
	var out []string
	for i := range nodes {
		var names []string
		for k := range each {
			names = append(names, fmt.Sprintf("s%03d-%02d", i, k))
		}
		out = append(out, fmt.Sprintf("n%03d fails: unprotected %s", i, list(names)))
	}
	return strings.Join(out, "\n")
}

// Crowded clusters are where a search without bounds ends in "too many possibilities".
func TestCrowdedClustersAreJudged(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ nodes, each, low, high, capacity int }{
		{10, 10, 10, 10, 119}, {11, 12, 10, 10, 129}, {12, 10, 7, 13, 110}, {12, 10, 7, 13, 112}, {12, 10, 7, 13, 115},
		{50, 10, 7, 13, 103}, {16, 8, 20, 40, 262},
	} {
		v := crowd(c.nodes, c.each, c.low, c.high, c.capacity).view()
		for _, f := range Forecast(v) {
			if f.Suspended != "" {
				t.Errorf("%+v: %s: %s", c, f.Node, f.Suspended)
			}
		}
	}
}

// Beyond the bounds nothing is forbidden, and nothing is promised.
func TestBoundsSuspendTheForecast(t *testing.T) {
	t.Parallel()
	v := crowd(70, 1, 10, 10, 200).view()
	v.Cluster.Tolerate = 4
	f := ForecastFall(v, 0)
	if f.Suspended != "too many nodes could fail together" || f.Placed != nil || f.Unprotected != nil {
		t.Errorf("%+v", f)
	}
	v = crowd(6, 6, 10, 14, 100).view()
	tr := newTrial(v, v.cached().held[0], []int{0})
	tr.work = 0
	if r := tr.from(0); r != open {
		t.Errorf("result %d without work", r)
	}
	var g Fall
	if g.settle(tr, open); g.Suspended != "too many possibilities" {
		t.Errorf("%+v", g)
	}
}

// The plan for one failure stays the order of the candidates when more failures cannot be tolerated.
func TestPlanForOneFailureIsFollowedWhateverElseCouldFail(t *testing.T) {
	t.Parallel()
	s := scene{tolerate: 2, nodes: []Node{{Name: "x"}, {Name: "y", Capacity: 50}, {Name: "z", Capacity: 50}},
		services: []Service{
			{Name: "a", Owner: "x", Standbys: []string{"y", "z"}, Takeover: Allow, Demand: 50},
			{Name: "b", Owner: "x", Standbys: []string{"y"}, Takeover: Allow, Demand: 50},
		}}
	v := s.view()
	if f := ForecastFall(v, 0); f.Unprotected == nil {
		t.Errorf("%+v, want unprotected", f)
	}
	if got := strings.Join(decide(v, "a", "z").Candidates, " "); got != "x z y" {
		t.Errorf("candidates of a %q, want z before y", got)
	}
}

func TestRoomWithoutLimitIsNotAddedUp(t *testing.T) {
	t.Parallel()
	for _, c := range [][3]int{{1, 2, 3}, {1, -2, 1}, {1, math.MaxInt, math.MaxInt}, {math.MaxInt, 1, math.MaxInt}} {
		if got := plus(c[0], c[1]); got != c[2] {
			t.Errorf("%d and %d: %d", c[0], c[1], got)
		}
	}
}
