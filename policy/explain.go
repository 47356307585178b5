// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"slices"
	"strings"
)

// Explanation is what `regent explain --json` prints for one service.
type Explanation struct {
	Service     string     `json:"service"`
	Node        string     `json:"node"`
	Owner       string     `json:"owner"`
	Duty        Duty       `json:"duty"`
	Priority    int        `json:"priority"`
	Eligible    bool       `json:"eligible"`
	ForbiddenBy Origin     `json:"forbidden_by"`
	Candidates  []string   `json:"candidates"`
	Reasons     []string   `json:"reasons"`
	Forecast    []NodeDown `json:"forecast"`
}

// NodeDown is the forecast for the failure of one node: the services that would be left without anybody to perform them.
type NodeDown struct {
	NodeDown    string            `json:"node_down"`
	Unprotected []string          `json:"unprotected"`
	Placed      map[string]string `json:"placed,omitempty"`
	Suspended   string            `json:"suspended,omitempty"`
}

// Explain says what a node does about a service while it is Active for it, why, and what the forecast says of every node.
func Explain(v *View, service, node int) Explanation {
	d := Decide(v, service, node)
	e := Explanation{Service: v.Cluster.Services[service].Name, Node: v.Cluster.Nodes[node].Name, Owner: v.Cluster.Services[service].Owner,
		Duty: d.Duty, Priority: int(d.Priority), Eligible: d.Eligible, ForbiddenBy: d.Forbidden, Reasons: d.Reasons,
		Candidates: append([]string{}, d.Candidates...), Forecast: []NodeDown{}}
	for _, f := range Forecast(v) {
		e.Forecast = append(e.Forecast, NodeDown{NodeDown: f.Node, Unprotected: append([]string{}, f.Unprotected...), Placed: f.Placed, Suspended: f.Suspended})
	}
	return e
}

// Text writes the explanation for a terminal.
func (e Explanation) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s on %s: duty %s when active, priority %d\n", e.Service, e.Node, e.Duty, e.Priority)
	for _, r := range e.Reasons {
		fmt.Fprintf(&b, "  because %s\n", r)
	}
	if len(e.Candidates) == 0 {
		fmt.Fprintf(&b, "  nobody may perform it\n")
	} else {
		fmt.Fprintf(&b, "  may perform it, best first: %s\n", list(e.Candidates))
	}
	for _, f := range e.Forecast {
		switch {
		case f.Suspended != "":
			fmt.Fprintf(&b, "  if %s fails: cannot be told, %s\n", f.NodeDown, f.Suspended)
		case len(f.Unprotected) > 0:
			fmt.Fprintf(&b, "  if %s fails: unprotected %s\n", f.NodeDown, list(f.Unprotected))
		default:
			names := make([]string, 0, len(f.Placed))
			for s, n := range f.Placed {
				names = append(names, s+" on "+n)
			}
			slices.Sort(names)
			fmt.Fprintf(&b, "  if %s fails: %s\n", f.NodeDown, list(names))
		}
	}
	return b.String()
}

// Suppose returns the view as it would be if a node were "down", "overloaded" or "drained".
func Suppose(v *View, node int, what string) (*View, error) {
	out := &View{Cluster: v.Cluster, Sights: slices.Clone(v.Sights)}
	s := &out.Sights[node]
	switch what {
	case "down":
		s.Presence = Dead
		s.Record.Services = slices.Clone(s.Record.Services)
		for i := range s.Record.Services {
			st := &s.Record.Services[i]
			st.State, st.Duty, st.Performs, st.Ready = "initialize", None, false, false
		}
	case "overloaded":
		s.Record.Overloaded = true
	case "drained":
		s.Record.Drained = true
	default:
		return nil, fmt.Errorf("%q: suppose down, overloaded or drained", what)
	}
	return out, nil
}
