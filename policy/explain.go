// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"maps"
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

// NodeDown is the forecast for the failure of one node: the services that would be left without anybody to perform them,
// or where each would go.
type NodeDown struct {
	NodeDown    string            `json:"node_down"`
	Unprotected []string          `json:"unprotected"`
	Placed      map[string]string `json:"placed,omitempty"`
	Suspended   string            `json:"suspended,omitempty"` // why nothing can be said
	Fallen      bool              `json:"fallen,omitempty"`    // the node has failed already; may its services be freed?
}

// Explain says what a node does about a service while it is Active for it, why, and what the forecast says of every node.
func Explain(v *View, service, node int) Explanation {
	d := Decide(v, service, node)
	e := Explanation{Service: v.Cluster.Services[service].Name, Node: v.Cluster.Nodes[node].Name, Owner: v.Cluster.Services[service].Owner,
		Duty: d.Duty, Priority: int(d.Priority), Eligible: d.Eligible, ForbiddenBy: d.Forbidden, Reasons: d.Reasons,
		Candidates: append([]string{}, d.Candidates...), Forecast: []NodeDown{}}
	for _, f := range Forecast(v) {
		e.Forecast = append(e.Forecast, NodeDown{NodeDown: f.Node, Unprotected: append([]string{}, f.Unprotected...), Placed: f.Placed, Suspended: f.Suspended, Fallen: f.Fallen})
	}
	return e
}

// Text writes the explanation for a terminal.
func (e Explanation) Text() string {
	var b strings.Builder
	if e.Duty == None {
		fmt.Fprintf(&b, "%s on %s: takes no part\n", e.Service, e.Node)
	} else {
		fmt.Fprintf(&b, "%s on %s: duty %s when active, priority %d\n", e.Service, e.Node, e.Duty, e.Priority)
	}
	for _, r := range e.Reasons {
		fmt.Fprintf(&b, "  because %s\n", r)
	}
	if len(e.Candidates) == 0 {
		b.WriteString("  nobody may perform it\n")
	} else {
		fmt.Fprintf(&b, "  may perform it, best first: %s\n", list(e.Candidates))
	}
	for i := range e.Forecast {
		fmt.Fprintf(&b, "  %s\n", e.Forecast[i].text())
	}
	return b.String()
}

func (f *NodeDown) text() string {
	what := "if " + f.NodeDown + " fails"
	if f.Fallen {
		what = f.NodeDown + " has failed"
	}
	switch {
	case f.Suspended != "":
		return what + ": cannot be told, " + f.Suspended
	case len(f.Unprotected) > 0:
		return what + ": unprotected " + list(f.Unprotected)
	}
	var places []string
	for _, s := range slices.Sorted(maps.Keys(f.Placed)) {
		places = append(places, s+" on "+f.Placed[s])
	}
	return what + ": " + list(places)
}

// Suppose returns the view as it would be if a node were "down", "overloaded" or "drained". The given view stays as it is.
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
