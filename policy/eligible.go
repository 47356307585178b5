// SPDX-License-Identifier: Apache-2.0

package policy

import (
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

	verdicts []judged // by node; of those named in rank only
	order    []int    // candidates and those that may be some, best first
	possible bool     // there is one that is eligible, or may be for all that is known
}

// judged is what becomes of one node.
type judged struct {
	eligible bool
	perhaps  bool // nothing is known of it; by the file it may
	performs bool
	barred   bool // something speaks against it
	quiet    bool // a forecast needs no words, and asks often
	failures int
	why      []string // why not
}

// no notes what speaks against a node.
func (j *judged) no(format string, args ...any) {
	if j.barred = true; !j.quiet {
		j.why = append(j.why, fmt.Sprintf(format, args...))
	}
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
	case q.forbidden() == ByForecast && q.mark.Group != "":
		return fmt.Sprintf("takeover is forbidden by forecast: no room if %s fails (says %s)", q.mark.Group, q.mark.Node)
	case q.forbidden() == ByForecast:
		return fmt.Sprintf("takeover is forbidden by forecast (says %s)", q.mark.Node)
	case q.terms.File == "" || q.terms.Takeover == q.s.Takeover:
		return "takeover is forbidden by the file"
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

// judge looks at every node that could perform the service, and returns them: the owner and the standbys.
func (q *question) judge() []int {
	c := q.v.Cluster
	if q.verdicts == nil {
		q.verdicts = make([]judged, len(c.Nodes))
	}
	named := make([]int, 0, 1+len(q.terms.Standbys))
	if q.owner >= 0 {
		named = append(named, q.owner)
	}
	for _, name := range q.terms.Standbys {
		if i := c.Node(name); i >= 0 && !slices.Contains(named, i) {
			named = append(named, i)
		}
	}
	// Whoever failed less often is tried before those that failed more often. A forecast does not ask: a node that is
	// tried later is a place all the same.
	least := -1
	for _, i := range named {
		q.verdicts[i] = q.judgeNode(i)
		if j := &q.verdicts[i]; j.eligible && (least < 0 || j.failures < least) {
			least = j.failures
		}
	}
	for _, i := range named {
		j := &q.verdicts[i]
		if j.eligible && j.failures > least && !j.performs && !q.future {
			j.eligible = false
			j.no("%s failed to perform it %s; others are tried first", q.name(i), times(j.failures))
		}
		q.possible = q.possible || j.eligible || j.perhaps
	}
	return named
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
	j := judged{quiet: q.future}
	if slices.Contains(q.gone, node) {
		j.no("%s fails", n.Name)
		return j
	}
	if why := q.excluded(node); why != "" {
		j.no("%s", why)
		return j
	}
	if node != q.owner && q.terms.Takeover == Forbid {
		j.no("%s", q.forbiddenWords())
	}
	switch {
	case n.Maintenance:
		j.no("%s is in maintenance", n.Name)
	case sight.Presence != Unknown && sight.Record.Drained:
		j.no("%s is drained", n.Name)
	}
	switch sight.Presence {
	case Dead:
		j.no("%s is dead", n.Name)
		return j
	case Unknown:
		j.perhaps = !j.barred && (q.future || node == q.owner || q.forbidden() == Free)
		j.no("nothing is known of %s", n.Name)
		return j
	case Alive:
	}
	st := standing(v, node, q.index)
	if st == nil {
		j.no("%s does not tell of it", n.Name)
		return j
	}
	j.performs, j.failures = st.Performs, st.Failures
	if node != q.owner && !q.future && !st.Performs && q.forbidden() == ByForecast {
		j.no("%s", q.forbiddenWords())
	}
	if sight.Record.Stopping {
		j.no("%s is stopping", n.Name)
	}
	if !st.Ready {
		j.no("%s is not ready for it", n.Name)
	}
	if s.FailureThreshold > 0 && st.Failures >= s.FailureThreshold {
		j.no("%s failed to perform it %s", n.Name, times(st.Failures))
	}
	if node != q.owner && (q.future || !st.Performs) {
		q.room(node, &j)
	}
	j.eligible = !j.barred
	return j
}

// room judges whether a node that does not perform the service can take it.
func (q *question) room(node int, j *judged) {
	n, sight := &q.v.Cluster.Nodes[node], &q.v.Sights[node]
	if sight.Record.Overloaded {
		j.no("%s is overloaded (load %.1f)", n.Name, sight.Record.Load)
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
			j.no("%s performs %s, which must be elsewhere", n.Name, o.Name)
		}
	}
	if n.Capacity > 0 && n.Capacity-used < q.s.Demand {
		j.no("needs %d, %s has %d of %d free", q.s.Demand, n.Name, max(0, n.Capacity-used), n.Capacity)
	}
	if n.MaxServices > 0 && count >= n.MaxServices {
		j.no("%s performs %s, its most", n.Name, plural(count, "service"))
	}
}

// conflict reports whether two services must be performed by different nodes.
func conflict(a, b *Service) bool {
	return slices.Contains(a.AntiAffinity, b.Name) || slices.Contains(b.AntiAffinity, a.Name)
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// list joins names for people.
func list(names []string) string { return strings.Join(names, ", ") }
