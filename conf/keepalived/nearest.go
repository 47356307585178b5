// SPDX-License-Identifier: Apache-2.0

package keepalived

import (
	"fmt"
	"slices"
	"strings"
)

// meant returns `: did you mean "x"?` for the candidate that is most like the word, empty when none is like it.
func meant(word string, candidates []string) string {
	best, least := "", min(len(word)/3+2, 5, max(len(word), 1))
	for _, c := range candidates {
		n := edits(strings.ToLower(strings.ReplaceAll(word, "-", "_")), strings.ToLower(c))
		if len(word) > 3 && strings.HasPrefix(c, word) {
			n = 0 // an abbreviation
		}
		if n < least {
			best, least = c, n
		}
	}
	if best == "" || best == word {
		return ""
	}
	return fmt.Sprintf(": did you mean %q?", best)
}

// edits counts the insertions, deletions, replacements and swaps of neighbours that make b of a.
func edits(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	rows := [3][]int{make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)}
	for j := range rows[1] {
		rows[1][j] = j
	}
	for i := range len(a) {
		before, last, row := rows[0], rows[1], rows[2]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = slices.Min([]int{last[j+1] + 1, row[j] + 1, last[j] + cost})
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		rows = [3][]int{last, row, before}
	}
	return rows[1][len(b)]
}
