// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"strings"
	"testing"
)

func TestDecideFollowsEachRule(t *testing.T) {
	t.Parallel()
	base := three()
	overload := func(n string) func(*View) {
		return func(v *View) {
			r := &v.Sights[v.Cluster.Node(n)].Record
			r.Overloaded, r.Load = true, 3.24
		}
	}
	unready := func(n string) func(*View) { return func(v *View) { at(v, n, "orders").Ready = false } }
	failed := func(n string, times int) func(*View) { return func(v *View) { at(v, n, "orders").Failures = times } }
	drained := func(n string) func(*View) {
		return func(v *View) { v.Sights[v.Cluster.Node(n)].Record.Drained = true }
	}
	stopping := func(n string) func(*View) {
		return func(v *View) { v.Sights[v.Cluster.Node(n)].Record.Stopping = true }
	}
	unknown := func(n string) func(*View) {
		return func(v *View) { v.Sights[v.Cluster.Node(n)].Presence = Unknown }
	}
	terms := func(t Terms) func(*View) { return func(v *View) { at(v, "db3", "orders").Terms = &t } }
	mark := func(m Mark) func(*View) { return func(v *View) { at(v, "db3", "orders").Mark = &m } }
	withCapacity := func(n string, capacity int) scene {
		s := base.service(func(s *Service) { s.Demand = 40 })
		s.nodes = []Node{{Name: "db1"}, {Name: "db2"}, {Name: "db3"}}
		for i := range s.nodes {
			if s.nodes[i].Name == n {
				s.nodes[i].Capacity = capacity
			}
		}
		return s
	}
	other := func(s scene, o Service) scene {
		s.services = append(s.services[:1:1], o)
		return s
	}
	for _, c := range []struct {
		name, node   string
		s            scene
		takes        bool
		priority     uint8
		preemptBelow uint8
		duty         Duty
		eligible     bool
		candidates   string
		reason       string
	}{
		{"owner, ready", "db1", base, true, 250, 255, Serve, true, "db1 db2 db3", "owner, ready"},
		{"first standby", "db2", base, true, 240, ServingEdge, Serve, true, "db1 db2 db3", "standby 1 in order"},
		{"second standby", "db3", base, true, 236, ServingEdge, Serve, true, "db1 db2 db3", "standby 2 in order"},
		{"manual failback", "db1", base.service(func(s *Service) { s.Failback = FailbackManual }), true, 250, ServingEdge, Serve, true, "db1 db2 db3", "owner"},
		{"delayed failback", "db1", base.service(func(s *Service) { s.Failback = FailbackDelayed }), true, 250, ServingEdge, Serve, true, "db1 db2 db3", "owner"},
		{"unready owner", "db1", base.with(unready("db1")), true, 160, 51, Refuse, false, "db2 db3", "db1 is not ready"},
		{"unready standby", "db2", base.with(unready("db2")), true, 158, 51, Refuse, false, "db1 db3", "db2 is not ready"},
		{"after an unready one", "db3", base.with(unready("db2")), true, 240, ServingEdge, Serve, true, "db1 db3", "standby 1"},
		{"after a dead one", "db3", base.with(dies("db2")), true, 240, ServingEdge, Serve, true, "db1 db3", "standby 1"},
		{"after one of which nothing is known", "db3", base.with(unknown("db2")), true, 236, ServingEdge, Serve, true, "db1 db3", "standby 2"},
		{"overloaded", "db2", base.with(overload("db2")), true, 158, 51, Refuse, false, "db1 db3", "db2 is overloaded (load 3.2)"},
		{"overloaded while it performs", "db2", base.with(moves("orders", "db2"), overload("db2")), true, 240, ServingEdge, Serve, true, "db1 db2 db3", "performs it"},
		{"overloaded owner", "db1", base.with(overload("db1")), true, 250, 255, Serve, true, "db1 db2 db3", "owner"},
		{"the performer comes before the others", "db3", base.with(dies("db1"), moves("orders", "db3")), true, 240, ServingEdge, Serve, true, "db3 db2", "performs it"},
		{"drained owner", "db1", base.with(drained("db1")), true, 50, 0, Refuse, false, "db2 db3", "db1 is drained"},
		{"drained standby", "db2", base.with(drained("db2")), true, 50, 0, Refuse, false, "db1 db3", "db2 is drained"},
		{"two drained", "db2", base.with(drained("db1"), drained("db2")), true, 48, 0, Refuse, false, "db3", "db2 is drained"},
		{"stopping", "db2", base.with(stopping("db2")), true, 158, 51, Refuse, false, "db1 db3", "db2 is stopping"},
		{"takeover forbidden by the file", "db2", base.service(func(s *Service) { s.Takeover = Forbid }), true, 158, 51, Refuse, false, "db1", "takeover is forbidden"},
		{"forbidden does not concern the owner", "db1", base.service(func(s *Service) { s.Takeover = Forbid }), true, 250, 255, Serve, true, "db1", "owner"},
		{"forbidden by an operator", "db2", base.with(terms(Terms{Epoch: 1, Node: "db1", Takeover: Forbid, Standbys: []string{"db2", "db3"}, File: "x"})), true, 158, 51, Refuse, false, "db1", "forbidden by operator"},
		{"forbidden by an operator while it performs", "db2", base.with(moves("orders", "db2"), terms(Terms{Epoch: 1, Node: "db1", Takeover: Forbid, Standbys: []string{"db2"}, File: "x"})), true, 158, 51, Refuse, false, "db1", "forbidden by operator"},
		{"another list in force", "db3", base.with(terms(Terms{Epoch: 1, Node: "db1", Takeover: Allow, Standbys: []string{"db3", "db2"}, File: "x"})), true, 240, ServingEdge, Serve, true, "db1 db3 db2", "standby 1"},
		{"forbidden by forecast", "db2", base.with(mark(Mark{Epoch: 1, Node: "db1", Forbid: true, Group: "db1"})), true, 158, 51, Refuse, false, "db1", "forbidden by forecast"},
		{"forecast does not evict", "db2", base.with(moves("orders", "db2"), mark(Mark{Epoch: 1, Node: "db2", Forbid: true, Group: "db2"})), true, 240, ServingEdge, Serve, true, "db1 db2", "performs it"},
		{"a lifted mark", "db2", base.with(mark(Mark{Epoch: 2, Node: "db1"})), true, 240, ServingEdge, Serve, true, "db1 db2 db3", "standby 1"},
		{"failed once: others first", "db2", base.with(dies("db1"), failed("db2", 1)), true, 158, 51, Refuse, false, "db3", "db2 failed to perform it once"},
		{"all failed once", "db2", base.with(dies("db1"), failed("db2", 1), failed("db3", 1)), true, 240, ServingEdge, Serve, true, "db2 db3", "standby 1"},
		{"failed too often", "db2", base.service(func(s *Service) { s.FailureThreshold = 2 }).with(dies("db1"), dies("db3"), failed("db2", 2)), true, 158, 51, Refuse, false, "", "db2 failed to perform it 2 times"},
		{"no room", "db2", other(withCapacity("db2", 60), Service{Name: "parts", Owner: "db2", Demand: 30}), true, 158, 51, Refuse, false, "db1 db3", "needs 40, db2 has 30 of 60 free"},
		{"room", "db2", other(withCapacity("db2", 70), Service{Name: "parts", Owner: "db2", Demand: 30}), true, 240, ServingEdge, Serve, true, "db1 db2 db3", "standby 1"},
		{"anti-affinity", "db2", other(base, Service{Name: "parts", Owner: "db2", AntiAffinity: []string{"orders"}}), true, 158, 51, Refuse, false, "db1 db3", "db2 performs parts, which must be elsewhere"},
		{"own address", "db2", base.service(func(s *Service) { s.ServeAt = AtOwn }), true, 158, 51, Refuse, true, "db1 db2 db3", "only at its own address"},
		{"own address, owner", "db1", base.service(func(s *Service) { s.ServeAt = AtOwn }), true, 250, 255, Serve, true, "db1 db2 db3", "owner"},
		{"no inheritor", "db3", base.service(func(s *Service) { s.Inheritors = []string{"db2"} }), false, 0, 0, None, false, "db1 db2", "db3 is not among inheritors"},
		{"silent", "db2", base.service(func(s *Service) { s.Silent, s.Takeover = true, Forbid }).with(dies("db1")), false, 0, 0, None, false, "", "the file wants silence"},
		{"silent, but the owner may live", "db2", base.service(func(s *Service) { s.Silent, s.Takeover = true, Forbid }).with(unknown("db1")), true, 158, 51, Refuse, false, "", "takeover is forbidden"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := decide(c.s.view(), "orders", c.node)
			if d.Takes != c.takes || d.Priority != c.priority || d.PreemptBelow != c.preemptBelow || d.Duty != c.duty || d.Eligible != c.eligible {
				t.Errorf("takes %t priority %d preempts below %d duty %s eligible %t, want %t %d %d %s %t (%q)", d.Takes, d.Priority, d.PreemptBelow,
					d.Duty, d.Eligible, c.takes, c.priority, c.preemptBelow, c.duty, c.eligible, d.Reasons)
			}
			if got := strings.Join(d.Candidates, " "); got != c.candidates {
				t.Errorf("candidates %q, want %q", got, c.candidates)
			}
			if !strings.Contains(strings.Join(d.Reasons, "; "), c.reason) {
				t.Errorf("reasons %q, want %q among them", d.Reasons, c.reason)
			}
			if d.Takes && len(d.Candidates) == 0 && len(d.Obstacles) == 0 {
				t.Error("nobody may perform it, and nothing says why")
			}
		})
	}
}

func TestMostFreeComesFirst(t *testing.T) {
	t.Parallel()
	s := three().service(func(s *Service) { s.Demand = 10 })
	s.nodes = []Node{{Name: "db1"}, {Name: "db2", Capacity: 50}, {Name: "db3", Capacity: 100}}
	v := s.view()
	v.Cluster.MostFree = true
	v.Changed()
	if got := strings.Join(decide(v, "orders", "db2").Candidates, " "); got != "db1 db3 db2" {
		t.Errorf("candidates %q", got)
	}
}

// Two services fit on the nodes that are left only if the first does not take the place of the second. The plan of the
// forecast for the failing node orders the candidates, so that the election lands them as forecast.
func TestElectionFollowsTheForecast(t *testing.T) {
	t.Parallel()
	s := scene{tolerate: 1, nodes: []Node{{Name: "x"}, {Name: "y", Capacity: 50}, {Name: "z", Capacity: 50}},
		services: []Service{
			{Name: "a", Owner: "x", Standbys: []string{"y", "z"}, Takeover: Allow, Demand: 50},
			{Name: "b", Owner: "x", Standbys: []string{"y"}, Takeover: Allow, Demand: 50},
		}}
	v := s.view()
	if got := strings.Join(decide(v, "a", "z").Candidates, " "); got != "x z y" {
		t.Errorf("candidates of a %q, want z before y", got)
	}
}

func TestNodeWithoutAChannelGoesByTheFile(t *testing.T) {
	t.Parallel()
	v := three().view()
	v.Cluster.Channel = false
	for i := range v.Sights {
		if v.Cluster.Nodes[i].Name != "db3" {
			v.Sights[i] = Sight{}
		}
	}
	v.Changed()
	if d := decide(v, "orders", "db3"); d.Priority != 236 || d.Duty != Serve {
		t.Errorf("priority %d, duty %s: want the second standby's", d.Priority, d.Duty)
	}
	if f := Forecast(v); len(f) != 0 {
		t.Errorf("a forecast of what nobody knows: %+v", f)
	}
}

func TestByHand(t *testing.T) {
	t.Parallel()
	good, bad, open := HandCheck{OK: true, Known: true}, HandCheck{Known: true, Detail: "no answer"}, HandCheck{}
	weigh := func(c HandCheck, w int) HandCheck { c.Weight = w; return c }
	for _, c := range []struct {
		name                   string
		h                      Hand
		priority, preemptBelow uint8
		duty                   Duty
	}{
		{"plain", Hand{Priority: 100, Preempt: true}, 100, 255, Serve},
		{"without pre-emption: only of a faulty one", Hand{Priority: 100}, 100, 2, Serve},
		{"refuses", Hand{Priority: 100, Refuse: true}, 100, 2, Refuse},
		{"good check", Hand{Priority: 100, Checks: []HandCheck{good}}, 100, 2, Serve},
		{"check that has not run", Hand{Priority: 100, Checks: []HandCheck{open, weigh(open, 20), weigh(open, -20)}}, 120, 2, Serve},
		{"fault", Hand{Priority: 100, Preempt: true, Checks: []HandCheck{bad}}, 1, 0, Refuse},
		{"fault of an address owner", Hand{Priority: 255, Checks: []HandCheck{bad}}, 1, 0, Refuse},
		{"positive weight, good", Hand{Priority: 100, Checks: []HandCheck{weigh(good, 20)}}, 120, 2, Serve},
		{"positive weight, bad", Hand{Priority: 100, Checks: []HandCheck{weigh(bad, 20)}}, 100, 2, Serve},
		{"negative weight, bad", Hand{Priority: 100, Checks: []HandCheck{weigh(bad, -20)}}, 80, 2, Serve},
		{"negative weight, good", Hand{Priority: 100, Checks: []HandCheck{weigh(good, -20)}}, 100, 2, Serve},
		{"not above 254", Hand{Priority: 250, Checks: []HandCheck{weigh(good, 200)}}, 254, 2, Serve},
		{"not below 1", Hand{Priority: 10, Checks: []HandCheck{weigh(bad, -200)}}, 1, 2, Serve},
		{"an address owner keeps 255", Hand{Priority: 255, Checks: []HandCheck{weigh(bad, -20)}}, 255, 2, Serve},
	} {
		d := ByHand(c.h)
		if !d.Takes || d.Priority != c.priority || d.PreemptBelow != c.preemptBelow || d.Duty != c.duty {
			t.Errorf("%s: priority %d, preempts below %d, duty %s; want %d %d %s", c.name, d.Priority, d.PreemptBelow, d.Duty, c.priority, c.preemptBelow, c.duty)
		}
	}
}
