// SPDX-License-Identifier: Apache-2.0

package vmac

import (
	"fmt"
	"strconv"
	"strings"
)

// mark is what the alias of an interface says: that it is ours, and what settings of the base were before.
type mark struct {
	ignore, announce int // arp_ignore and arp_announce; -1: not known
}

const markPrefix = "regent virtual MAC"

func (m mark) String() string {
	return fmt.Sprintf("%s; base had arp_ignore=%d arp_announce=%d", markPrefix, m.ignore, m.announce)
}

// parseMark reads an alias. One that begins like ours is ours, whatever follows.
func parseMark(alias string) (mark, bool) {
	m := mark{ignore: -1, announce: -1}
	rest, ok := strings.CutPrefix(alias, markPrefix)
	if !ok {
		return m, false
	}
	for _, word := range strings.Fields(rest) {
		name, value, _ := strings.Cut(word, "=")
		n, err := strconv.Atoi(value)
		if err != nil || n < 0 || n > 8 {
			continue
		}
		switch name {
		case "arp_ignore":
			m.ignore = n
		case "arp_announce":
			m.announce = n
		}
	}
	return m, true
}

// quiet returns the settings with which an interface answers and asks for its own addresses only. Values that do as much stay.
func quiet(was mark) mark {
	m := was
	if m.ignore != 1 && m.ignore != 2 && m.ignore != 8 {
		m.ignore = 1
	}
	m.announce = 2
	return m
}
