// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// Texts of the programs in /run/bin. A recorder is written once for each name, since keepalived runs what a link
// points at. Fields are separated by a character that no argument has.
const (
	recorder = `#!/bin/sh
line="$(id -u):$(id -g)` + separator + `$(ip -br addr | awk '{for(i=3;i<=NF;i++)printf "%s ",$i}')` + separator + `$0"
for a; do line="$line` + separator + `$a"; done
printf '%s\n' "$line" >>/run/calls
`
	checker = `#!/bin/sh
read code </run/check."$1" 2>/dev/null || code=0
exit "$code"
`
	reader = `#!/bin/sh
exec cat "$1" >>/run/read
`
	separator = "\x1f"
)

// call is one run of a notify program.
type call struct {
	user    string
	holds   []string // addresses with their length
	program string
	args    []string
}

// parseCall reads a line of a recorder.
func parseCall(line string) (call, error) {
	f := strings.Split(line, separator)
	if len(f) < 3 {
		return call{}, fmt.Errorf("a recorder wrote %q", line)
	}
	return call{user: f[0], holds: strings.Fields(f[1]), program: f[2], args: f[3:]}, nil
}

// about is what calls are ordered by: the program and the instance or group, if one is named.
func (c call) about(names map[string]bool) string {
	for _, word := range c.args {
		if names[word] {
			return c.program + " " + word
		}
	}
	return c.program
}

// state that the call tells, if its words or its program's name say one.
func (c call) state() string {
	if len(c.args) > 2 && (c.args[0] == "INSTANCE" || c.args[0] == "GROUP") {
		return c.args[2]
	}
	return strings.ToUpper(path.Base(c.program))
}

// text is the call for people; held are the addresses that the node held and had not from the start, if they are told.
func (c call) text(held bool, before map[string]bool) string {
	text := fmt.Sprintf("%q by %s", c.args, c.user)
	if !held {
		return text
	}
	fresh := slices.DeleteFunc(slices.Clone(c.holds), func(h string) bool { return before[h] || strings.HasPrefix(h, "fe80:") })
	slices.Sort(fresh)
	return text + " holding " + fmt.Sprint(fresh)
}
