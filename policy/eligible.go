// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// question is everything about one service in one view.
type question struct {
	v       *View
	s       *Service
	index   int // of the service
	owner   int // index of its node, −1 if the file does not name it
	terms   Terms
	mark    *Mark
	without map[int]bool // forecast: services that are to be placed anew, and weigh nothing yet
	gone    []int        // forecast: the nodes that fail
	future  bool         // it is a forecast: marks are left aside, room is judged jointly

	verdicts []judged
	order    []int // candidates and those that may be some, best first
	possible bool  // there is one that is eligible, or may be for all that is known
}

// judged is what becomes of one node.
type judged struct {
	eligible bool
	perhaps  bool // nothing is known of it; by the file it may
	performs bool
	failures int
	why      []string // why not
}

func newQuestion(v *View, service int) *question {
	s := &v.Cluster.Services[service]
	q := &question{v: v, s: s, index: service, owner: v.Cluster.Node(s.Owner)}
	q.terms, q.mark = v.inForce(service), v.cached().marks[service]
	return q
}

func (q *question) name(node int) string { return q.v.Cluster.Nodes[node].Name }

// forbidden says who forbids that a standby performs the service.
func (q *question) forbidden() Origin {
	switch {
	case q.terms.Takeover == Forbid:
		return ByOperator
	case q.mark != nil && q.mark.Forbid:
		return ByForecast
	}
	return Free
}

func (q *question) forbiddenWords() string {
	switch {
	case q.forbidden() == ByForecast:
		return "takeover is forbidden by forecast (" + q.mark.Node + ")"
	case q.terms.File == "" || q.terms.Takeover == q.s.Takeover:
		return "takeover is forbidden"
	}
	return "takeover is forbidden by operator"
}

// excluded says why a node takes no part in the election.
func (q *question) excluded(node int) string {
	name := q.name(node)
	if node == q.owner || q.s.Inheritors == nil || slices.Contains(q.s.Inheritors, name) {
		return ""
	}
	return name + " is not among inheritors"
}

// drained reports whether a node is to perform nothing.
func (q *question) drained(node int) bool {
	return q.v.Cluster.Nodes[node].Maintenance || q.v.Sights[node].Record.Drained
}

// judge looks at every node that could perform the service.
func (q *question) judge() {
	c := q.v.Cluster
	q.verdicts = make([]judged, len(c.Nodes))
	if q.owner >= 0 {
		q.verdicts[q.owner] = q.judgeNode(q.owner)
	}
	for _, name := range q.terms.Standbys {
		if i := c.Node(name); i >= 0 && i != q.owner {
			q.verdicts[i] = q.judgeNode(i)
		}
	}
	// Whoever failed less often is tried before those that failed more often.
	least := -1
	for i := range q.verdicts {
		if j := &q.verdicts[i]; j.eligible && (least < 0 || j.failures < least) {
			least = j.failures
		}
	}
	for i := range q.verdicts {
		if j := &q.verdicts[i]; j.eligible && j.failures > least && !j.performs && !q.future {
			j.eligible = false
			j.why = []string{fmt.Sprintf("%s failed to perform it %s; others are tried first", q.name(i), times(j.failures))}
		}
		q.possible = q.possible || q.verdicts[i].eligible || q.verdicts[i].perhaps
	}
}

// obstacles is why the owner and each standby may not perform the service.
func (q *question) obstacles() []string {
	var out []string
	if q.owner >= 0 {
		out = append(out, q.verdicts[q.owner].why...)
	}
	if q.forbidden() != Free {
		return append(out, q.forbiddenWords())
	}
	for _, name := range q.terms.Standbys {
		if i := q.v.Cluster.Node(name); i >= 0 && i != q.owner {
			out = append(out, q.verdicts[i].why...)
		}
	}
	return out
}

// judgeNode judges the owner or a standby, but for the comparison of failures.
func (q *question) judgeNode(node int) judged {
	v, s := q.v, q.s
	n, sight := &v.Cluster.Nodes[node], &v.Sights[node]
	st := standing(v, node, q.index)
	var j judged
	no := func(format string, args ...any) { j.why = append(j.why, fmt.Sprintf(format, args...)) }
	if slices.Contains(q.gone, node) {
		no("%s fails", n.Name)
		return j
	}
	if why := q.excluded(node); why != "" {
		no("%s", why)
		return j
	}
	if node != q.owner && q.terms.Takeover == Forbid {
		no("%s", q.forbiddenWords())
	}
	switch {
	case n.Maintenance:
		no("%s is in maintenance", n.Name)
	case sight.Presence != Unknown && sight.Record.Drained:
		no("%s is drained", n.Name)
	}
	switch sight.Presence {
	case Dead:
		no("%s is dead", n.Name)
		return j
	case Unknown:
		j.perhaps = len(j.why) == 0 && (q.future || node == q.owner || q.forbidden() == Free)
		no("nothing is known of %s", n.Name)
		return j
	case Alive:
	}
	if sight.Record.Stopping {
		no("%s is stopping", n.Name)
	}
	if st == nil {
		no("%s does not tell of it", n.Name)
		return j
	}
	j.performs, j.failures = st.Performs, st.Failures
	if !st.Ready {
		no("%s is not ready for it", n.Name)
	}
	if s.FailureThreshold > 0 && st.Failures >= s.FailureThreshold {
		no("%s failed to perform it %s", n.Name, times(st.Failures))
	}
	if node != q.owner {
		if !q.future && !st.Performs && q.forbidden() == ByForecast {
			no("%s", q.forbiddenWords())
		}
		if q.future || !st.Performs {
			q.room(node, &j)
		}
	}
	j.eligible = len(j.why) == 0
	return j
}

// room judges whether a node that does not perform the service can take it.
func (q *question) room(node int, j *judged) {
	n, sight := &q.v.Cluster.Nodes[node], &q.v.Sights[node]
	if sight.Record.Overloaded {
		j.why = append(j.why, fmt.Sprintf("%s is overloaded (load %.1f)", n.Name, sight.Record.Load))
	}
	used, count := 0, 0
	for _, i := range q.v.cached().held[node] {
		o := &q.v.Cluster.Services[i]
		if i == q.index || q.without[i] {
			continue
		}
		used += o.Demand
		count++
		if conflict(q.s, o) {
			j.why = append(j.why, fmt.Sprintf("%s performs %s, which must be elsewhere", n.Name, o.Name))
		}
	}
	if n.Capacity > 0 && n.Capacity-used < q.s.Demand {
		j.why = append(j.why, fmt.Sprintf("needs %d, %s has %d of %d free", q.s.Demand, n.Name, max(0, n.Capacity-used), n.Capacity))
	}
	if n.MaxServices > 0 && count >= n.MaxServices {
		j.why = append(j.why, fmt.Sprintf("%s performs %d services, its most", n.Name, count))
	}
}

// conflict reports whether two services must be performed by different nodes.
func conflict(a, b *Service) bool {
	return slices.Contains(a.AntiAffinity, b.Name) || slices.Contains(b.AntiAffinity, a.Name)
}

// free is a node's free capacity, with none of the services that are to be placed anew.
func (q *question) free(node int) int {
	n := &q.v.Cluster.Nodes[node]
	if n.Capacity == 0 {
		return 1 << 30
	}
	used := 0
	for _, i := range q.v.cached().held[node] {
		if i != q.index && !q.without[i] {
			used += q.v.Cluster.Services[i].Demand
		}
	}
	return n.Capacity - used
}

// rank puts those that may perform the service into their order: the owner, the standby that performs it, the one that the
// forecast places it on, then the others as policy selects.
func (q *question) rank() {
	q.judge()
	q.order = q.listed()
	performer := Performer(q.v, q.index)
	if performer < 0 || q.future {
		return
	}
	// The plan matters only where services compete for room: else it names the first that may take over anyway, and a node
	// that plans with less knowledge must not come to another order.
	next := slices.IndexFunc(q.order, func(i int) bool { return i != q.owner && i != performer && q.verdicts[i].eligible })
	if next >= 0 && next+1 < len(q.order) {
		if p := planned(q.v, performer, q.index); p != q.order[next] {
			q.promote(p)
		}
	}
	if performer != q.owner {
		q.promote(performer)
	}
}

// listed is the order by the file and by free capacity.
func (q *question) listed() []int {
	var out []int
	for _, name := range q.terms.Standbys {
		i := q.v.Cluster.Node(name)
		if i >= 0 && i != q.owner && (q.verdicts[i].eligible || q.verdicts[i].perhaps) && !slices.Contains(out, i) {
			out = append(out, i)
		}
	}
	if q.v.Cluster.MostFree {
		room := make(map[int]int, len(out))
		for _, i := range out {
			room[i] = q.free(i)
		}
		slices.SortStableFunc(out, func(a, b int) int { return cmp.Compare(room[b], room[a]) })
	}
	if q.owner >= 0 && (q.verdicts[q.owner].eligible || q.verdicts[q.owner].perhaps) {
		out = append([]int{q.owner}, out...)
	}
	return out
}

// promote puts a node behind the owner, before all standbys.
func (q *question) promote(node int) {
	i := slices.Index(q.order, node)
	if i < 0 || node == q.owner {
		return
	}
	at := 0
	if q.order[0] == q.owner {
		at = 1
	}
	q.order = slices.Insert(slices.Delete(q.order, i, i+1), at, node)
}

// place is the place of a node among those that only refuse, or among the drained: a fixed order, so that nodes with
// different views do not tie.
func (q *question) place(node int, drained bool) int {
	place := 0
	seen := map[int]bool{}
	count := func(i int) bool { // true when node was reached
		if i < 0 || seen[i] || q.excluded(i) != "" {
			return false
		}
		seen[i] = true
		if i == node {
			return true
		}
		if !drained || q.drained(i) {
			place++
		}
		return false
	}
	names := append([]string{q.s.Owner}, q.terms.Standbys...)
	names = append(names, q.s.Inheritors...)
	for _, name := range names {
		if count(q.v.Cluster.Node(name)) {
			return place
		}
	}
	for i := range q.v.Cluster.Nodes {
		if count(i) {
			return place
		}
	}
	return place
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// list joins names for people.
func list(names []string) string { return strings.Join(names, ", ") }
