// SPDX-License-Identifier: Apache-2.0

package route

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Options say how lines are read.
type Options struct {
	// Files holds the names of tables, protocols, scopes, fields, realms and groups that the system has, as files named
	// etc/iproute2/rt_tables and so on, and below usr/share/iproute2: os.DirFS("/"). nil: only names that every system has.
	Files fs.FS
	// Dev is the interface of a route that names none and needs one: one without a gateway. Empty: that is an error.
	Dev string
}

// name is one that every system has.
type name struct {
	word string
	n    uint32
}

func tables() []name {
	return []name{{"default", TableDefault}, {"main", TableMain}, {"local", TableLocal}}
}

func scopes() []name {
	return []name{{"global", 0}, {"site", 200}, {"link", 253}, {"host", 254}, {"nowhere", 255}}
}

func protocols() []name {
	return []name{{"redirect", 1}, {"kernel", 2}, {"boot", 3}, {"static", 4}, {"gated", 8}, {"ra", 9}, {"mrt", 10}, {"zebra", 11},
		{"bird", 12}, {"dnrouted", 13}, {"xorp", 14}, {"ntk", 15}, {"dhcp", 16}, {"keepalived", 18}, {"babel", 42}, {"bgp", 186},
		{"isis", 187}, {"ospf", 188}, {"rip", 189}, {"eigrp", 192}}
}

// fields are the differentiated services of RFC 2474, 2597 and 3246.
func fields() []name {
	return []name{{"AF11", 0x28}, {"AF12", 0x30}, {"AF13", 0x38}, {"AF21", 0x48}, {"AF22", 0x50}, {"AF23", 0x58}, {"AF31", 0x68},
		{"AF32", 0x70}, {"AF33", 0x78}, {"AF41", 0x88}, {"AF42", 0x90}, {"AF43", 0x98}, {"CS1", 0x20}, {"CS2", 0x40}, {"CS3", 0x60},
		{"CS4", 0x80}, {"CS5", 0xa0}, {"CS6", 0xc0}, {"CS7", 0xe0}, {"EF", 0xb8}}
}

func preferences() []name { return []name{{"medium", 0}, {"high", 1}, {"low", 3}} }

// ipProtocols are the commonest of those of /etc/protocols.
func ipProtocols() []name {
	return []name{{"icmp", 1}, {"igmp", 2}, {"ipencap", 4}, {"tcp", 6}, {"udp", 17}, {"dccp", 33}, {"ipv6", 41}, {"gre", 47},
		{"esp", 50}, {"ah", 51}, {"ipv6-icmp", 58}, {"ospf", 89}, {"pim", 103}, {"vrrp", 112}, {"l2tp", 115}, {"sctp", 132}, {"udplite", 136}}
}

func nameOf(names []name, n uint32) string {
	for _, k := range names {
		if k.n == n {
			return k.word
		}
	}
	return strconv.FormatUint(uint64(n), 10)
}

func tableName(n uint32) string   { return nameOf(tables(), n) }
func scopeName(n uint8) string    { return nameOf(scopes(), uint32(n)) }
func protocolName(n uint8) string { return nameOf(protocols(), uint32(n)) }
func prefName(n uint8) string     { return nameOf(preferences(), uint32(n)) }
func ipProtoName(n uint8) string  { return nameOf(ipProtocols(), uint32(n)) }
func words(names []name) (out []string) {
	for _, k := range names {
		out = append(out, k.word)
	}
	return out
}

// number reads a number of up to most, or a name. base is that of numbers without a prefix: 10 or 16.
func (o Options) number(what, word string, base int, most uint64, known []name, file string) (uint32, error) {
	for _, k := range known {
		if k.word == word {
			return k.n, nil
		}
	}
	if base != 16 { // in hexadecimal, what looks like a number may be a name: EF
		if n, ok := parseNumber(word, base, most); ok {
			return uint32(n), nil
		}
	}
	if n, ok := o.lookup(file, word, most); ok {
		return uint32(n), nil
	}
	if n, ok := parseNumber(word, base, most); ok {
		return uint32(n), nil
	}
	if near := nearest(word, words(known)); near != "" {
		return 0, fmt.Errorf("%s %q: did you mean %q?", what, word, near)
	}
	where := ""
	if file != "" {
		where = ", or a name from /" + file
	}
	return 0, fmt.Errorf("%s %q: want a number up to %d%s", what, word, most, where)
}

// parseNumber reads a number like strtoul(3): hexadecimal behind 0x, octal behind 0.
func parseNumber(word string, base int, most uint64) (uint64, bool) {
	lower := strings.ToLower(word)
	switch hex, ok := strings.CutPrefix(lower, "0x"); {
	case strings.Contains(word, "_"), base != 16 && (strings.HasPrefix(lower, "0b") || strings.HasPrefix(lower, "0o")):
		return 0, false // what Go knows and C does not
	case ok:
		word, base = hex, 16
	case base == 10:
		base = 0
	}
	n, err := strconv.ParseUint(word, base, 64)
	return n, err == nil && n <= most
}

// lookup finds a name in a file of iproute2's form ("NUMBER NAME"), or of /etc/protocols ("NAME NUMBER").
func (o Options) lookup(file, word string, most uint64) (uint64, bool) {
	if o.Files == nil || file == "" {
		return 0, false
	}
	for _, f := range o.files(file) {
		text, err := fs.ReadFile(o.Files, f)
		if err != nil {
			continue // absent: most systems have some of these files only
		}
		for row := range strings.Lines(string(text)) {
			row, _, _ = strings.Cut(row, "#")
			fields := strings.Fields(row)
			if len(fields) < 2 {
				continue
			}
			if fields[1] != word {
				slices.Reverse(fields[:2])
			}
			if fields[1] != word {
				continue
			}
			if n, ok := parseNumber(fields[0], 10, most); ok {
				return n, true
			}
		}
	}
	return 0, false
}

// files returns where a name may be, the administrator's files before the distribution's.
func (o Options) files(file string) (out []string) {
	base, ours := strings.CutPrefix(file, "etc/iproute2/")
	if !ours {
		return []string{file}
	}
	for _, dir := range []string{"etc/iproute2", "usr/share/iproute2", "usr/lib/iproute2"} {
		out = append(out, path.Join(dir, base))
		more, err := fs.Glob(o.Files, path.Join(dir, base+".d", "*.conf"))
		if err == nil { // it fails for a bad pattern only
			out = append(out, more...)
		}
	}
	return out
}

// nearest returns the word that is most like what was written, empty when none is like it.
func nearest(word string, known []string) string {
	best, least := "", min(len(word)/3+1, 4)
	for _, k := range known {
		if n := edits(word, k); n <= least {
			best, least = k, n-1
		}
	}
	return best
}

// edits counts the bytes to insert, delete or replace to make b of a.
func edits(a, b string) int {
	if len(a) > 100 {
		return len(a)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		corner := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := corner
			if a[i] != b[j] {
				cost++
			}
			corner = row[j+1]
			row[j+1] = min(row[j+1]+1, row[j]+1, cost)
		}
	}
	return row[len(b)]
}
