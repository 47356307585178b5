// SPDX-License-Identifier: Apache-2.0

package conf

import "testing"

func TestTakesPartIsForTheOwnerAndInheritors(t *testing.T) {
	t.Parallel()
	nodes := map[string]Node{"db1": {}, "db2": {}, "db3": {}}
	all := Service{Owner: "db1", Standbys: []string{"db2"}}
	some := Service{Owner: "db1", Standbys: []string{"db2"}, Inheritors: []string{"db2"}}
	for _, c := range []struct {
		name  string
		node  string
		nodes map[string]Node
		s     Service
		want  bool
	}{
		{"by hand, always", "db9", nodes, Service{Raw: true}, true},
		{"owner", "db1", nodes, some, true},
		{"inheritor", "db2", nodes, some, true},
		{"not an inheritor", "db3", nodes, some, false},
		{"no inheritors named: every node", "db3", nodes, all, true},
		{"not in [nodes]", "db9", nodes, all, false},
		{"no [nodes]: every node", "db9", nil, all, true},
	} {
		if got := TakesPart(&Config{Node: c.node, Nodes: c.nodes}, &c.s); got != c.want {
			t.Errorf("%s: %s takes part: %t", c.name, c.node, got)
		}
	}
}
