// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"slices"
	"strings"
)

// Decision is what one node does about one service.
type Decision struct {
	Takes        bool     // part in the election
	Priority     uint8    // in it
	PreemptBelow uint8    // pre-empt an Active whose priority is below this
	Duty         Duty     // with the address while Active: Serve or Refuse; None when it takes no part
	Eligible     bool     // this node may perform the service
	Forbidden    Origin   // who forbids that any standby does
	Candidates   []string // who may perform it, best first; of nodes about which nothing is known none is among them
	Reasons      []string // in words, the most important first
	Obstacles    []string // why none of those that could perform it may; nil while there are Candidates
}

// Decide returns what a node does about a service, both given by their index in v.Cluster.
func Decide(v *View, service, node int) Decision {
	q := newQuestion(v, service)
	s, n := q.s, &v.Cluster.Nodes[node]
	d := Decision{Forbidden: q.forbidden()}
	q.rank()
	for _, c := range q.order {
		if q.verdicts[c].eligible {
			d.Candidates = append(d.Candidates, v.Cluster.Nodes[c].Name)
		}
	}
	if len(d.Candidates) == 0 {
		d.Obstacles = q.obstacles()
	}
	if why := q.excluded(node); why != "" {
		d.Duty, d.Reasons = None, []string{why}
		return d
	}
	mine := &q.verdicts[node]
	d.Eligible = mine.eligible
	if s.Silent && !q.possible {
		d.Duty = None
		d.Reasons = append([]string{"no node may perform it, and the file wants silence then"}, mine.why...)
		return d
	}
	d.Takes, d.Duty = true, Refuse
	owner := n.Name == s.Owner
	switch {
	case q.drained(node):
		d.Priority = step(PriorityDrained, drainedStep, 1, q.place(node, true))
		d.Reasons = []string{n.Name + " is drained"}
		if n.Maintenance {
			d.Reasons[0] = n.Name + " is in maintenance"
		}
	case owner && mine.eligible:
		d.Priority, d.PreemptBelow, d.Duty = PriorityOwner, ServingEdge, Serve
		if s.Failback == FailbackAutomatic || s.Failback == "" {
			d.PreemptBelow = 255
		}
		d.Reasons = []string{"owner, ready"}
	case s.ServeAt != AtOwn && mine.eligible:
		place := slices.Index(q.order, node)
		if slices.Contains(q.order[:place], q.owner) {
			place-- // the owner has a band of its own
		}
		d.Priority, d.PreemptBelow, d.Duty = step(PriorityStandby, standbyStep, PriorityStandbyLast, place), ServingEdge, Serve
		d.Reasons = []string{fmt.Sprintf("standby %d in order, may perform it", place+1)}
		if mine.performs {
			d.Reasons[0] = "standby, performs it"
		}
	default:
		d.Priority = step(PriorityRefuser, refuserStep, PriorityRefuserLast, q.place(node, false))
		d.PreemptBelow = PriorityDrained + 1
		d.Reasons = mine.why
		if len(mine.why) == 0 {
			d.Reasons = []string{n.Name + " is not among standbys"}
		}
		if mine.eligible {
			d.Reasons = []string{"may perform it, but only at its own address"}
		}
	}
	if d.Forbidden != Free && !mine.eligible && !slices.ContainsFunc(d.Reasons, func(r string) bool { return strings.Contains(r, "forbidden") }) {
		d.Reasons = append(d.Reasons, q.forbiddenWords())
	}
	return d
}

// InForce returns the terms and the mark of a service that hold in a view: the newest that any node knows of, else those
// of the file. The mark is nil if there never was one.
func InForce(v *View, service int) (Terms, *Mark) {
	s := &v.Cluster.Services[service]
	var terms *Terms
	var mark *Mark
	for i := range v.Sights {
		st := standing(v, i, service)
		if st == nil {
			continue
		}
		terms, mark = NewerTerms(terms, st.Terms), NewerMark(mark, st.Mark)
	}
	if terms == nil {
		return Terms{Takeover: s.Takeover, Standbys: s.Standbys}, mark
	}
	return *terms, mark
}

// standing is what a node's record says of a service; nil if it says nothing. Records list services in the order of the
// cluster, so that the index is nearly always right.
func standing(v *View, node, service int) *Standing {
	r := &v.Sights[node].Record
	name := v.Cluster.Services[service].Name
	if service < len(r.Services) && r.Services[service].Service == name {
		return &r.Services[service]
	}
	return r.Standing(name)
}

// MayPerform reports whether a node is the owner or a standby of a service, by the terms in force.
func MayPerform(v *View, service, node int) bool {
	name := v.Cluster.Nodes[node].Name
	return name == v.Cluster.Services[service].Owner || slices.Contains(v.inForce(service).Standbys, name)
}

// Performer returns the index of the node that performs a service, −1 if none is known to. If several say so, one that is
// Active comes first.
func Performer(v *View, service int) int {
	found := -1
	for i := range v.Sights {
		if v.Sights[i].Presence != Alive {
			continue
		}
		st := standing(v, i, service)
		if st == nil || !st.Performs {
			continue
		}
		if st.State == "active" {
			return i
		}
		if found < 0 {
			found = i
		}
	}
	return found
}
