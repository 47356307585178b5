// SPDX-License-Identifier: Apache-2.0

package keepalived

import "strings"

// comments are those that stand directly above a block of the kinds that carry one.
type comments struct {
	found map[spot]string
	block []string // comment lines so far, with nothing between them and the next line
}

// spot is a line of a file.
type spot struct {
	file string
	line int
}

// maxComment bounds what is kept of one comment.
const maxComment = 100

// see looks at a line as it stands in a file.
func (c *comments) see(raw string, at Place) {
	raw = strings.Trim(raw, blanks)
	switch {
	case strings.HasPrefix(raw, "#") || strings.HasPrefix(raw, "!"):
		if len(c.block) < maxComment {
			c.block = append(c.block, strings.TrimSpace(strings.TrimLeft(raw, "#!")))
		}
		return
	case len(c.block) > 0 && carriesComment(raw):
		if c.found == nil {
			c.found = map[spot]string{}
		}
		c.found[spot{at.File, at.Line}] = strings.Trim(strings.Join(c.block, "\n"), "\n")
	}
	c.block = nil
}

// above returns the comment above a line.
func (c *comments) above(at Place) string { return c.found[spot{at.File, at.Line}] }

// carriesComment reports whether a line begins a block whose comment is kept.
func carriesComment(line string) bool {
	word := line
	if i := strings.IndexAny(line, blanks+"{"); i >= 0 {
		word = line[:i]
	}
	switch word {
	case "vrrp_instance", "vrrp_script", "vrrp_sync_group", "track_file", "vrrp_track_file", "vrrp_track_process", "bfd_instance":
		return true
	}
	return false
}
