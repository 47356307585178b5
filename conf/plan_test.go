// SPDX-License-Identifier: Apache-2.0

package conf

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestStaticPlanFollowsTheBands(t *testing.T) {
	t.Parallel()
	nodes := func(names ...string) map[string]Node {
		m := map[string]Node{}
		for _, n := range names {
			m[n] = Node{}
		}
		return m
	}
	five := nodes("db1", "db2", "db3", "db4", "db5")
	drained := nodes("db1", "db2")
	drained["db1"] = Node{Maintenance: true}
	policy := Service{Owner: "db1", Standbys: []string{"db3", "db2"}, Takeover: TakeoverAllow}
	forbid := policy
	forbid.Takeover = TakeoverForbid
	limited := policy
	limited.Inheritors = []string{"db5", "db3", "db2"}
	manual := policy
	manual.Failback = FailbackManual
	tests := []struct {
		name  string
		node  string
		nodes map[string]Node
		s     Service
		want  Plan
	}{
		{"owner serves", "db1", five, policy, Plan{true, 250, 255, true, "owner"}},
		{"owner with manual failback: nobody else serves", "db1", five, manual, Plan{true, 250, 255, true, "owner"}},
		{"first standby", "db3", five, policy, Plan{true, 240, ServingEdge, false, "standby 1 of 2, refuses: policy is by the file alone"}},
		{"second standby", "db2", five, policy, Plan{true, 236, ServingEdge, false, "standby 2 of 2, refuses: policy is by the file alone"}},
		{"others by name", "db4", five, policy, Plan{true, 160, ServingEdge, false, "not a standby"}},
		{"others by name", "db5", five, policy, Plan{true, 158, ServingEdge, false, "not a standby"}},
		{"forbidden standbys refuse first", "db3", five, forbid, Plan{true, 160, ServingEdge, false, "takeover is forbidden"}},
		{"forbidden standbys refuse first", "db2", five, forbid, Plan{true, 158, ServingEdge, false, "takeover is forbidden"}},
		{"then the others", "db4", five, forbid, Plan{true, 156, ServingEdge, false, "not a standby"}},
		{"owner need not be listed as inheritor", "db1", five, limited, Plan{true, 250, 255, true, "owner"}},
		{"inheritors in their order", "db5", five, limited, Plan{true, 160, ServingEdge, false, "not a standby"}},
		{"not an inheritor", "db4", five, limited, Plan{Reason: "not among inheritors"}},
		{"stranger", "db9", five, policy, Plan{Reason: `node "db9" is not in [nodes]`}},
		{"no list of nodes: everybody", "db9", nil, policy, Plan{true, 160, ServingEdge, false, "not a standby"}},
		{"maintenance", "db1", drained, policy, Plan{true, 50, 50, false, "in maintenance"}},
		{"by hand", "db9", five, Service{Raw: true, Priority: 7, Preempt: true}, Plan{true, 7, 255, true, "priority by hand"}},
		{"by hand, refusing", "db9", nil, Service{Raw: true, Priority: 255, Refuse: true}, Plan{true, 255, 0, false, "priority by hand"}},
	}
	for _, tt := range tests {
		t.Run(tt.name+" "+tt.node, func(t *testing.T) {
			got := StaticPlan(&Config{Node: tt.node, Nodes: tt.nodes}, &tt.s)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("plan (-want +got):\n%s", diff)
			}
		})
	}
}

// TestOneNodeServesAndBandsDoNotMix: whatever the file says, the owner alone serves, its priority is the highest, and
// each node finds the same order.
func TestOneNodeServesAndBandsDoNotMix(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 80).Draw(t, "nodes")
		nodes := map[string]Node{}
		var names []string
		for i := range n {
			names = append(names, fmt.Sprintf("n%d", i))
			nodes[names[i]] = Node{Maintenance: rapid.IntRange(0, 9).Draw(t, "maintenance") == 0}
		}
		order := rapid.Permutation(names).Draw(t, "order")
		cut := rapid.IntRange(1, n).Draw(t, "standbys")
		s := Service{Owner: order[0], Standbys: order[1:cut], Takeover: rapid.SampledFrom([]Takeover{TakeoverAllow, TakeoverForbid}).Draw(t, "takeover")}
		seen := map[uint8]string{}
		for _, name := range names {
			p := StaticPlan(&Config{Node: name, Nodes: nodes}, &s)
			switch {
			case !p.Takes:
				t.Fatalf("%s takes no part", name)
			case p.Serve != (name == s.Owner && !nodes[name].Maintenance):
				t.Fatalf("%s serves: %v", name, p.Serve)
			case nodes[name].Maintenance && p.Priority > PriorityDrained:
				t.Fatalf("%s is drained and has priority %d", name, p.Priority)
			case !nodes[name].Maintenance && p.Priority <= PriorityDrained:
				t.Fatalf("%s is not drained and has priority %d", name, p.Priority)
			case p.Priority >= PriorityOwner && name != s.Owner:
				t.Fatalf("%s has the owner's priority", name)
			}
			full := p.Priority == PriorityStandbyLast || p.Priority == PriorityRefuserLast || p.Priority <= PriorityDrained
			if other := seen[p.Priority]; other != "" && !full {
				t.Fatalf("%s and %s both have priority %d", other, name, p.Priority)
			}
			seen[p.Priority] = name
		}
	})
}

func TestDerivedLinkLocalIsThatOfTheVirtualMAC(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for vrid := 1; vrid <= 255; vrid++ {
		a := LinkLocal(uint8(vrid))
		if want := fmt.Sprintf("fe80::200:5eff:fe00:2%02x", vrid); a.String() != want {
			t.Errorf("VRID %d: %s, want %s", vrid, a, want)
		}
		if !a.IsLinkLocalUnicast() || seen[a.String()] {
			t.Errorf("VRID %d: %s is not a link-local address of its own", vrid, a)
		}
		seen[a.String()] = true
	}
}
