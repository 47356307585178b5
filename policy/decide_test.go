// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"slices"
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
	most := func(n int, others ...string) scene {
		s := base
		s.nodes = []Node{{Name: "db1"}, {Name: "db2", MaxServices: n}, {Name: "db3"}}
		for _, o := range others {
			s.services = append(slices.Clone(s.services), Service{Name: o, Owner: "db2"})
		}
		return s
	}
	maintained := func(n string) scene {
		s := base
		s.nodes = nil
		for _, name := range []string{"db1", "db2", "db3"} {
			s.nodes = append(s.nodes, Node{Name: name, Maintenance: name == n})
		}
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
		{"room on a node that is not limited", "db3", other(withCapacity("db2", 60), Service{Name: "parts", Owner: "db3", Demand: 300}), true, 236, ServingEdge, Serve, true, "db1 db2 db3", "standby 2"},
		{"most services", "db2", most(1, "parts"), true, 158, 51, Refuse, false, "db1 db3", "db2 performs 1 service, its most"},
		{"most services, two", "db2", most(2, "parts", "pears"), true, 158, 51, Refuse, false, "db1 db3", "db2 performs 2 services, its most"},
		{"fewer than most services", "db2", most(2, "parts"), true, 240, ServingEdge, Serve, true, "db1 db2 db3", "standby 1"},
		{"anti-affinity, said by the other", "db2", other(base.service(func(s *Service) { s.AntiAffinity = []string{"parts"} }), Service{Name: "parts", Owner: "db2"}), true, 158, 51, Refuse, false, "db1 db3", "db2 performs parts, which must be elsewhere"},
		{"anti-affinity does not concern the owner", "db1", other(base, Service{Name: "parts", Owner: "db1", AntiAffinity: []string{"orders"}}), true, 250, 255, Serve, true, "db1 db2 db3", "owner"},
		{"a full node goes on with what it performs", "db2", other(withCapacity("db2", 10), Service{Name: "parts", Owner: "db2", Demand: 30}).with(moves("orders", "db2")), true, 240, ServingEdge, Serve, true, "db1 db2 db3", "performs it"},
		{"no word of the service", "db2", base.with(func(v *View) { v.Sights[1].Record.Services = nil }), true, 158, 51, Refuse, false, "db1 db3", "db2 does not tell of it"},
		{"maintenance", "db2", maintained("db2"), true, 50, 0, Refuse, false, "db1 db3", "db2 is in maintenance"},
		{"maintenance of the owner", "db1", maintained("db1"), true, 50, 0, Refuse, false, "db2 db3", "db1 is in maintenance"},
		{"owner that failed: standbys first", "db1", base.with(moves("orders", ""), failed("db1", 2)), true, 160, 51, Refuse, false, "db2 db3", "db1 failed to perform it 2 times"},
		{"failed while it performs", "db2", base.with(moves("orders", "db2"), failed("db2", 1)), true, 240, ServingEdge, Serve, true, "db1 db2 db3", "performs it"},
		{"failed too often while it performs", "db2", base.service(func(s *Service) { s.FailureThreshold = 1 }).with(moves("orders", "db2"), failed("db2", 1)), true, 158, 51, Refuse, false, "db1 db3", "failed to perform it once"},
		{"forecast, and for whom", "db2", base.with(mark(Mark{Epoch: 1, Node: "db3", Forbid: true, Group: "db1"})), true, 158, 51, Refuse, false, "db1", "forbidden by forecast: no room if db1 fails (says db3)"},
		{"forecast that does not say for whom", "db2", base.with(mark(Mark{Epoch: 1, Node: "db3", Forbid: true})), true, 158, 51, Refuse, false, "db1", "forbidden by forecast (says db3)"},
		{"operator before forecast", "db2", base.with(mark(Mark{Epoch: 9, Node: "db3", Forbid: true}), terms(Terms{Epoch: 1, Node: "db1", Takeover: Forbid, Standbys: []string{"db2", "db3"}, File: "x"})), true, 158, 51, Refuse, false, "db1", "forbidden by operator"},
		{"unready owner, takeover forbidden", "db1", base.service(func(s *Service) { s.Takeover = Forbid }).with(unready("db1")), true, 160, 51, Refuse, false, "", "db1 is not ready for it; takeover is forbidden by the file"},
		{"operator allows what the file forbids", "db2", base.service(func(s *Service) { s.Takeover = Forbid }).with(terms(Terms{Epoch: 1, Node: "db1", Takeover: Allow, Standbys: []string{"db2", "db3"}, File: "x"})), true, 240, ServingEdge, Serve, true, "db1 db2 db3", "standby 1"},
		{"no longer listed", "db2", base.with(terms(Terms{Epoch: 1, Node: "db1", Takeover: Allow, Standbys: []string{"db3"}, File: "x"})), true, 156, 51, Refuse, false, "db1 db3", "db2 is not among standbys"},
		{"listed, but no inheritor", "db2", base.service(func(s *Service) { s.Inheritors = []string{"db3"} }), false, 0, 0, None, false, "db1 db3", "db2 is not among inheritors"},
		{"owner, always an inheritor", "db1", base.service(func(s *Service) { s.Inheritors = []string{"db3"} }), true, 250, 255, Serve, true, "db1 db3", "owner"},
		{"own address, next to be instructed", "db3", base.service(func(s *Service) { s.ServeAt = AtOwn }).with(dies("db1"), overload("db2")), true, 156, 51, Refuse, true, "db3", "only at its own address"},
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

// Bands have room for few; who is behind their end shares the last priority, and addresses decide.
func TestBandsDoNotRunIntoEachOther(t *testing.T) {
	t.Parallel()
	s := scene{services: []Service{{Name: "orders", Owner: "n00", Takeover: Allow}}}
	for i := range 70 {
		s.nodes = append(s.nodes, Node{Name: fmt.Sprintf("n%02d", i)})
		if i > 0 {
			s.services[0].Standbys = append(s.services[0].Standbys, s.nodes[i].Name)
		}
	}
	all := func(change func(*Sight)) scene {
		return s.with(func(v *View) {
			for i := range v.Sights {
				change(&v.Sights[i])
			}
		})
	}
	for _, c := range []struct {
		name        string
		s           scene
		first, last uint8 // of n01 and of n69
	}{
		{"standbys", s, PriorityStandby, PriorityStandbyLast},
		{"refusers", all(func(s *Sight) { s.Record.Services[0].Ready = false }), PriorityRefuser - 2, PriorityRefuserLast},
		{"drained", all(func(s *Sight) { s.Record.Drained = true }), PriorityDrained - 2, 1},
	} {
		v := c.s.view()
		if first, last := decide(v, "orders", "n01").Priority, decide(v, "orders", "n69").Priority; first != c.first || last != c.last {
			t.Errorf("%s: from %d to %d, want %d to %d", c.name, first, last, c.first, c.last)
		}
	}
	if PriorityStandbyLast <= ServingEdge || ServingEdge <= PriorityRefuser || PriorityRefuserLast <= PriorityDrained || PriorityOwner <= PriorityStandby {
		t.Error("bands overlap")
	}
}

// Nodes that only refuse stand in the same order whatever is known of them.
func TestRefusersStandInAFixedOrder(t *testing.T) {
	t.Parallel()
	s := scene{nodes: []Node{{Name: "a"}, {Name: "b"}, {Name: "c"}, {Name: "d"}, {Name: "e"}},
		services: []Service{{Name: "orders", Owner: "c", Standbys: []string{"e", "a"}, Takeover: Forbid}}}
	unready := func(v *View) { at(v, "c", "orders").Ready = false }
	drained := func(v *View) { v.Sights[4].Record.Drained = true }
	limited := func(s *Service) { s.Inheritors = []string{"d", "e", "a"} }
	for _, c := range []struct {
		name string
		s    scene
		want string
	}{
		{"owner, standbys, others by name", s.with(unready), "a 156 b 154 c 160 d 152 e 158"},
		{"drained ones keep their place", s.with(unready, drained), "a 156 b 154 c 160 d 152 e 50"},
		{"dead ones keep their place", s.with(unready, dies("e")), "a 156 b 154 c 160 d 152 e 158"},
		{"others as they are listed as inheritors", s.service(limited).with(unready), "a 156 b 0 c 160 d 154 e 158"},
	} {
		v := c.s.view()
		var got []string
		for i, n := range v.Cluster.Nodes {
			got = append(got, fmt.Sprint(n.Name, " ", Decide(v, 0, i).Priority))
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %s, want %s", c.name, strings.Join(got, " "), c.want)
		}
	}
}

func TestInForceIsTheNewestThatAnybodyKnows(t *testing.T) {
	t.Parallel()
	v := three().with(dies("db2"), func(v *View) {
		at(v, "db1", "orders").Terms = &Terms{Epoch: 3, Node: "db1", Takeover: Allow, Standbys: []string{"db3"}}
		at(v, "db2", "orders").Terms = &Terms{Epoch: 4, Node: "db1", Takeover: Allow, Standbys: []string{"db2"}} // dead, and yet the newest
		at(v, "db3", "orders").Mark = &Mark{Epoch: 2, Node: "db3"}
		v.Sights[2].Presence = Unknown
	}).view()
	terms, mark := InForce(v, 0)
	if terms.Epoch != 4 || mark == nil || mark.Epoch != 2 {
		t.Errorf("terms %+v, mark %+v", terms, mark)
	}
	for node, want := range []bool{true, true, false} {
		if MayPerform(v, 0, node) != want {
			t.Errorf("%s may perform it: %t", v.Cluster.Nodes[node].Name, !want)
		}
	}
	terms, mark = InForce(three().view(), 0)
	if terms.Epoch != 0 || terms.Takeover != Allow || !slices.Equal(terms.Standbys, []string{"db2", "db3"}) || mark != nil {
		t.Errorf("by the file: %+v, %+v", terms, mark)
	}
}

func TestPerformerIsAliveAndRatherActive(t *testing.T) {
	t.Parallel()
	performs := func(node, state string) func(*View) {
		return func(v *View) { st := at(v, node, "orders"); st.Performs, st.State = true, state }
	}
	for _, c := range []struct {
		name string
		s    scene
		want int
	}{
		{"the owner", three(), 0},
		{"nobody", three().with(moves("orders", "")), -1},
		{"a dead one does not count", three().with(dies("db1")), -1},
		{"the first of two", three().with(moves("orders", ""), performs("db2", "backup"), performs("db3", "backup")), 1},
		{"the active one of two", three().with(moves("orders", ""), performs("db2", "backup"), performs("db3", "active")), 2},
	} {
		if got := Performer(c.s.view(), 0); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}
