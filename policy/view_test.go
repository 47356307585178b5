// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"slices"
	"strings"
)

// scene is a view that is put together by words.
type scene struct {
	nodes    []Node
	services []Service
	tolerate int
	change   []func(v *View)
}

// view makes the view: every node is Alive, ready for everything and performs nothing, owners excepted.
func (s scene) view() *View {
	c := &Cluster{Nodes: s.nodes, Services: s.services, Tolerate: s.tolerate, Channel: true}
	slices.SortFunc(c.Nodes, func(a, b Node) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(c.Services, func(a, b Service) int { return strings.Compare(a.Name, b.Name) })
	v := &View{Cluster: c, Sights: make([]Sight, len(c.Nodes))}
	for i := range v.Sights {
		r := Record{Node: c.Nodes[i].Name}
		for _, svc := range c.Services {
			st := Standing{Service: svc.Name, State: "backup", Duty: None, Ready: true}
			if svc.Owner == r.Node {
				st.State, st.Duty, st.Performs = "active", Serve, true
			}
			r.Services = append(r.Services, st)
		}
		v.Sights[i] = Sight{Presence: Alive, Record: r}
	}
	for _, f := range s.change {
		f(v)
	}
	v.Changed()
	return v
}

// standing is what a node says of a service.
func at(v *View, node, service string) *Standing {
	return v.Sights[v.Cluster.Node(node)].Record.Standing(service)
}

// dies is a node that is gone.
func dies(node string) func(*View) {
	return func(v *View) { v.Sights[v.Cluster.Node(node)].Presence = Dead }
}

// moves makes a node perform a service, and nobody else.
func moves(service, node string) func(*View) {
	return func(v *View) {
		for i := range v.Sights {
			st := v.Sights[i].Record.Standing(service)
			st.State, st.Duty, st.Performs = "backup", None, false
		}
		if node != "" {
			st := at(v, node, service)
			st.State, st.Duty, st.Performs = "active", Serve, true
		}
	}
}

func three() scene {
	return scene{nodes: []Node{{Name: "db1"}, {Name: "db2"}, {Name: "db3"}}, tolerate: 1,
		services: []Service{{Name: "orders", Owner: "db1", Standbys: []string{"db2", "db3"}, Takeover: Allow, ServeAt: AtInherited, Failback: FailbackAutomatic}}}
}

func (s scene) with(change ...func(*View)) scene {
	s.change = append(slices.Clone(s.change), change...)
	return s
}

// service changes the first service.
func (s scene) service(f func(*Service)) scene {
	s.services = slices.Clone(s.services)
	f(&s.services[0])
	return s
}

func decide(v *View, service, node string) Decision {
	return Decide(v, v.Cluster.Service(service), v.Cluster.Node(node))
}
