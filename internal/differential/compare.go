// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Difference is one line that one of two programs has and the other has not, or has elsewhere.
type Difference struct {
	Case, Step, Node string
	Kind             Kind
	// About is the instance, the program or the file.
	About string
	// Extra: the second program has the line; otherwise the first.
	Extra bool
	Line  string
}

// Compare lists how the second record differs from the first.
func Compare(c *Case, want, got *Record) []Difference {
	var list []Difference
	for i, step := range want.Steps {
		other := StepRecord{}
		if i < len(got.Steps) {
			other = got.Steps[i]
		}
		nodes := slices.Sorted(maps.Keys(step.Nodes))
		for _, node := range nodes {
			for _, kind := range kinds {
				a, b := step.Nodes[node][kind], other.Nodes[node][kind]
				for _, about := range union(a, b) {
					for _, d := range diff(a[about], b[about]) {
						d.Case, d.Step, d.Node, d.Kind, d.About = c.Name, step.Name, node, kind, about
						list = append(list, d)
					}
				}
			}
		}
	}
	return list
}

// union lists the keys of both.
func union(a, b map[string][]string) []string {
	all := maps.Clone(a)
	if all == nil {
		all = map[string][]string{}
	}
	maps.Copy(all, b)
	return slices.Sorted(maps.Keys(all))
}

// diff lists the lines that do not belong to a longest common subsequence, in reading order.
func diff(a, b []string) []Difference {
	// common[i][j] is its length for a[i:] and b[j:].
	common := make([][]int, len(a)+1)
	for i := range common {
		common[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	var list []Difference
	for i, j := 0, 0; i < len(a) || j < len(b); {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			i, j = i+1, j+1
		case j == len(b) || (i < len(a) && common[i+1][j] >= common[i][j+1]):
			list = append(list, Difference{Line: a[i]})
			i++
		default:
			list = append(list, Difference{Extra: true, Line: b[j]})
			j++
		}
	}
	return list
}

// Report writes differences as text: what the first program has under "-", what the second has under "+".
func Report(first, second string, list []Difference) string {
	var b strings.Builder
	fmt.Fprintf(&b, "- %s\n+ %s\n", first, second)
	head := ""
	for _, d := range list {
		place := d.Node
		if place == "" {
			place = "network"
		}
		now := fmt.Sprintf("%s: after %q: %s: %s %s\n", d.Case, d.Step, place, d.Kind, d.About)
		if now != head {
			head = now
			b.WriteString(head)
		}
		sign := "-"
		if d.Extra {
			sign = "+"
		}
		fmt.Fprintf(&b, "   %s %s\n", sign, d.Line)
	}
	return b.String()
}
