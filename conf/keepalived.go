// SPDX-License-Identifier: Apache-2.0

package conf

import (
	"regexp"
	"strings"
)

// IsKeepalived reports whether data is a keepalived.conf rather than TOML, judged by the first lines that say anything:
// "!" begins a comment, blocks are `word {` or `word name {`, and keywords have no equals sign. A file that could be
// either, such as one of # comments only, is not.
func IsKeepalived(data []byte) bool {
	var (
		bang    = regexp.MustCompile(`^!`)
		setting = regexp.MustCompile(`^(\[|("[^"]*"|'[^']*'|[A-Za-z0-9_-]+)(\s*\.\s*("[^"]*"|'[^']*'|[A-Za-z0-9_-]+))*\s*=)`)
		block   = regexp.MustCompile(`^[a-z_0-9]+(\s+[^\s={}]+)*\s*\{`)
		bare    = regexp.MustCompile(`^[a-z_0-9]+(\s+[^\s={}]+)*$`)
		other   = regexp.MustCompile(`^(include[a-z]?|net_namespace|net_namespace_ipvs|instance|use_pid_dir|linkbeat_use_polling|child_wait_time)(\s|$)|^[$@]`)
	)
	word := false // the last line was a keyword alone, its brace may follow
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(strings.TrimPrefix(line, "\ufeff"))
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case bang.MatchString(line):
			return true
		case setting.MatchString(line):
			return false
		case block.MatchString(line) || other.MatchString(line):
			return true
		case word:
			return strings.HasPrefix(line, "{")
		default:
			if line, _, _ = strings.Cut(line, "#"); !bare.MatchString(strings.TrimSpace(line)) {
				return false
			}
			word = true
		}
	}
	return false
}
