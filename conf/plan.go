// SPDX-License-Identifier: Apache-2.0

package conf

import (
	"fmt"
	"slices"
)

// Bands of priority for services with an owner. Within a band nodes follow each other in steps, so that two of them
// never tie; a band that is full repeats its last priority, and the address decides.
const (
	PriorityOwner = 250 // the owner, ready

	PriorityStandby     = 240 // the first standby
	standbyStep         = 4
	PriorityStandbyLast = 164

	PriorityRefuser     = 160 // the first node that may only refuse
	refuserStep         = 2
	PriorityRefuserLast = 52

	PriorityDrained = 50 // a node in maintenance

	// ServingEdge is between the band of those that may serve and the band of those that only refuse.
	ServingEdge = 162
)

// Plan is what a node does about a service.
type Plan struct {
	Takes    bool // the node takes part in the election
	Priority uint8
	// PreemptBelow: pre-empt an Active whose priority is below this. 255 is every lower one, 0 is none.
	PreemptBelow uint8
	Serve        bool   // while Active; else it refuses
	Reason       string // why, in words
}

// StaticPlan returns the plan of cfg.Node for a service by the file alone: without load, checks and what other nodes
// do. A service without owner has its priority by hand. Of one with an owner, the owner serves and every other node
// refuses, the standbys before the rest: a lone file cannot know that a standby may serve.
func StaticPlan(cfg *Config, s *Service) Plan {
	if s.Raw {
		return planByHand(s)
	}
	me := cfg.Node
	own, named := cfg.Nodes[me]
	p := Plan{Takes: true, PreemptBelow: ServingEdge}
	standby := slices.Index(s.Standbys, me)
	switch {
	case cfg.Nodes != nil && !named:
		return Plan{Reason: fmt.Sprintf("node %q is not in [nodes]", me)}
	case me != s.Owner && s.Inheritors != nil && !slices.Contains(s.Inheritors, me):
		return Plan{Reason: "not among inheritors"}
	case own.Maintenance:
		p.Priority, p.PreemptBelow, p.Reason = PriorityDrained, PriorityDrained, "in maintenance"
	case me == s.Owner:
		// Nobody else serves, so taking the address back never takes a service from anybody, whatever failback says.
		p.Priority, p.PreemptBelow, p.Serve, p.Reason = PriorityOwner, 255, true, "owner"
	case standby >= 0 && s.Takeover == TakeoverAllow:
		p.Priority = step(PriorityStandby, standbyStep, PriorityStandbyLast, standby)
		p.Reason = fmt.Sprintf("standby %d of %d, refuses: policy is by the file alone", standby+1, len(s.Standbys))
	default:
		p.Priority = step(PriorityRefuser, refuserStep, PriorityRefuserLast, rank(cfg, s))
		p.Reason = "not a standby"
		if standby >= 0 {
			p.Reason = "takeover is forbidden"
		}
	}
	return p
}

func planByHand(s *Service) Plan {
	p := Plan{Takes: true, Priority: s.Priority, Serve: !s.Refuse, Reason: "priority by hand"}
	if s.Preempt {
		p.PreemptBelow = 255
	}
	return p
}

// rank is the place of this node among those that only refuse: standbys that must not take over first, then inheritors
// in their order, or nodes by name.
func rank(cfg *Config, s *Service) int {
	var order []string
	if s.Takeover == TakeoverForbid {
		order = append(order, s.Standbys...)
	}
	rest := s.Inheritors
	if rest == nil {
		for n := range cfg.Nodes {
			rest = append(rest, n)
		}
		slices.Sort(rest)
	}
	for _, n := range rest {
		if n != s.Owner && !slices.Contains(s.Standbys, n) {
			order = append(order, n)
		}
	}
	return max(0, slices.Index(order, cfg.Node))
}

// step returns the i-th priority of a band.
func step(first, by, last, i int) uint8 {
	return uint8(max(last, first-by*i))
}
