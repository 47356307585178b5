// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"regexp"
	"strings"
)

// Missing returns the first line of want that output does not have behind the ones before it, and whether there is one.
// Empty lines count nowhere.
func Missing(want, output string) (line string, missing bool) {
	have := strings.Split(output, "\n")
	for _, w := range strings.Split(want, "\n") {
		if strings.TrimSpace(w) == "" {
			continue
		}
		e := expression(w)
		found := false
		for len(have) > 0 && !found {
			found = e.MatchString(strings.TrimSpace(have[0]))
			have = have[1:]
		}
		if !found {
			return w, true
		}
	}
	return "", false
}

var spaces = regexp.MustCompile(`\s+`)

// expression takes a line as a page shows it: … is anything, also nothing, a run of spaces is any other.
func expression(line string) *regexp.Regexp {
	var b strings.Builder
	for i, part := range strings.Split(strings.TrimSpace(line), "…") {
		if i > 0 {
			b.WriteString(".*")
		}
		words := spaces.Split(part, -1)
		for j, word := range words {
			switch {
			case j == 0:
			case word == "" || words[j-1] == "": // beside …
				b.WriteString(`\s*`)
			default:
				b.WriteString(`\s+`)
			}
			b.WriteString(regexp.QuoteMeta(word))
		}
	}
	return regexp.MustCompile("^" + b.String() + "$")
}
