// SPDX-License-Identifier: Apache-2.0

package vrrp_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/regent-ha/regent/vrrp"
	"github.com/regent-ha/regent/vrrp/vrrpsim"
)

// segment is a LAN that loses nothing, with nodes whose priorities are drawn.
type segment struct {
	*vrrpsim.Cluster
	service vrrpsim.Service
	best    vrrp.Priority
}

func draw(rt *rapid.T, distinct bool) *segment {
	families := rapid.SampledFrom([][]vrrp.Family{{vrrp.IPv4}, {vrrp.IPv6}, {vrrp.IPv4, vrrp.IPv6}}).Draw(rt, "families")
	interval := time.Duration(rapid.IntRange(1, 100).Draw(rt, "interval")) * 10 * time.Millisecond
	s := &segment{Cluster: vrrpsim.New(rapid.Uint64().Draw(rt, "seed"))}
	s.service = s.AddService(vrrpsim.Service{VRID: 51, Families: families, Interval: interval})
	s.LAN.Delay = time.Duration(rapid.Int64Range(0, int64(interval/520)).Draw(rt, "delay"))
	priorities := rapid.SliceOfN(rapid.IntRange(1, 254), 2, 5)
	if distinct {
		priorities = rapid.SliceOfNDistinct(rapid.IntRange(1, 254), 2, 5, rapid.ID[int])
	}
	for _, p := range priorities.Draw(rt, "priorities") {
		edge := vrrp.Priority(255)
		if !distinct {
			edge = vrrp.Priority(rapid.SampledFrom([]int{0, 100, 255}).Draw(rt, "edge"))
		}
		s.AddNode(vrrpsim.NodeOptions{}).Join(s.service, vrrpsim.Role{Priority: vrrp.Priority(p), PreemptBelow: edge})
		s.best = max(s.best, vrrp.Priority(p))
	}
	return s
}

// actives are the nodes that are Active for a virtual router.
func (s *segment) actives(id vrrp.ID) []*vrrpsim.Node {
	var out []*vrrpsim.Node
	for _, n := range s.Nodes {
		if n.Active(id) {
			out = append(out, n)
		}
	}
	return out
}

// Nodes that start together elect the one with the highest priority, and at no instant are two of them Active: Skew_Time
// orders them by more than a packet takes, however short the interval is.
func TestTogetherStartedNodesElectTheBestAtOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		s := draw(rt, true)
		for _, n := range s.Nodes {
			n.Start(0)
		}
		for end := s.Now().Add(10 * s.service.Interval); s.Step(end); {
			for _, id := range s.service.IDs() {
				if a := s.actives(id); len(a) > 1 {
					rt.Fatalf("%v are active at %s", a, time.Duration(s.Now()))
				}
			}
		}
		for _, id := range s.service.IDs() {
			if a := s.actives(id); len(a) != 1 || a[0].Status(id).Priority != s.best {
				rt.Fatalf("in the end %v are active, want the node with priority %d", a, s.best)
			}
		}
	})
}

// Nodes that start at any time, with equal priorities and edges of all kinds among them: once each has listened long enough
// one is Active, with all families, and nothing changes any more.
func TestAnyNodesSettle(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		s := draw(rt, false)
		longest := 4 * s.service.Interval
		for _, n := range s.Nodes {
			s.After(time.Duration(rapid.Int64Range(0, int64(2*longest)).Draw(rt, "start")), func() { n.Start(0) })
		}
		s.Run(s.Now().Add(4 * longest))
		first := s.actives(1)
		for end := s.Now().Add(4 * longest); s.Step(end); {
			for _, id := range s.service.IDs() {
				if a := s.actives(id); len(a) != 1 || a[0] != first[0] {
					rt.Fatalf("%v are active, want %v alone", a, first)
				}
			}
		}
		for _, n := range s.Nodes {
			p, best := n.Config(1).Priority, first[0].Status(1).Priority
			if p > best && n.Config(1).PreemptBelow > best {
				rt.Fatalf("%v with priority %d leaves the place to %v with %d", n, p, first[0], best)
			}
		}
	})
}
