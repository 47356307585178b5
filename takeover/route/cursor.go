// SPDX-License-Identifier: Apache-2.0

package route

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// maxName is the longest name of an interface.
const maxName = 15

// cursor goes through the words of a line. The first error stays and ends the line.
type cursor struct {
	Options
	rest   []string
	err    error
	seen   map[string]bool
	family int // 4 or 6 once a word tells
}

func (o Options) cursor(line string) *cursor {
	return &cursor{Options: o, rest: strings.Fields(line), seen: map[string]bool{}}
}

func (c *cursor) failf(format string, args ...any) {
	if c.err == nil {
		c.err = fmt.Errorf(format, args...)
	}
	c.rest = nil
}

// next takes the next word.
func (c *cursor) next() (string, bool) {
	if len(c.rest) == 0 {
		return "", false
	}
	w := c.rest[0]
	c.rest = c.rest[1:]
	return w, true
}

// take takes the next word if it is this one.
func (c *cursor) take(word string) bool {
	if len(c.rest) > 0 && c.rest[0] == word {
		c.rest = c.rest[1:]
		return true
	}
	return false
}

// value takes the value of an option.
func (c *cursor) value(option string) string {
	w, ok := c.next()
	if !ok {
		c.failf("%s: its value is missing", option)
	}
	return w
}

// once notes that an option was given, under its first name.
func (c *cursor) once(option string) {
	if c.seen[option] {
		c.failf("%s is given twice: remove one", option)
	}
	c.seen[option] = true
}

// named takes a number of up to most, or a name.
func (c *cursor) named(option string, base int, most uint64, known []name, file string) uint32 {
	w := c.value(option)
	if c.err != nil {
		return 0
	}
	n, err := c.number(option, w, base, most, known, file)
	if err != nil {
		c.failf("%w", err)
	}
	return n
}

func (c *cursor) table(option string) uint32 {
	n := c.named(option, 10, 1<<32-1, tables(), "etc/iproute2/rt_tables")
	if n == 0 {
		c.failf("%s 0: want a table from 1 to %d", option, uint32(1<<32-1))
	}
	return n
}

func (c *cursor) plain(option string, most uint64) uint32 { return c.named(option, 10, most, nil, "") }

func (c *cursor) tos(option string) uint8 {
	return uint8(c.named(option, 16, 255, fields(), "etc/iproute2/rt_dsfield"))
}

func (c *cursor) protocol(option string) uint8 {
	return uint8(c.named(option, 10, 255, protocols(), "etc/iproute2/rt_protos"))
}

// realms takes [FROM/]TO.
func (c *cursor) realms(option string) Realms {
	w := c.value(option)
	from, to, two := strings.Cut(w, "/")
	if !two {
		from, to = "0", w
	}
	read := func(w string) uint16 {
		if c.err != nil {
			return 0
		}
		n, err := c.number(option, w, 10, 1<<16-1, nil, "etc/iproute2/rt_realms")
		if err != nil {
			c.failf("%w", err)
		}
		return uint16(n)
	}
	return Realms{read(from), read(to)}
}

// device takes the name of an interface.
func (c *cursor) device(option string) string {
	w := c.value(option)
	if c.err == nil && !validName(w) {
		c.failf("%s %q: no interface has such a name (up to %d characters, no slash or colon)", option, w, maxName)
	}
	return w
}

func validName(w string) bool {
	return w != "" && len(w) <= maxName && w != "." && w != ".." && !strings.ContainsAny(w, "/:") &&
		!strings.ContainsFunc(w, unicode.IsSpace)
}

// sets tells the family.
func (c *cursor) sets(family int, because string) {
	if c.family != 0 && c.family != family {
		c.failf("%s is not of the family of what precedes it, IPv%d", because, c.family)
	}
	c.family = family
}

func familyOf(a netip.Addr) int {
	if a.Is4() {
		return 4
	}
	return 6
}

// address takes an address.
func (c *cursor) address(option string) netip.Addr {
	w := c.value(option)
	if c.err != nil {
		return netip.Addr{}
	}
	a, err := parseAddr(w)
	if err != nil {
		c.failf("%s %w", option, err)
	}
	return a
}

// gateway takes [inet|inet6] ADDRESS. It may be of another family than the route only when that is said.
func (c *cursor) gateway(option string) netip.Addr {
	said := 0
	switch {
	case c.take("inet"):
		said = 4
	case c.take("inet6"):
		said = 6
	}
	a := c.address(option)
	switch {
	case c.err != nil:
	case said == 0:
		c.sets(familyOf(a), a.String())
	case said != familyOf(a):
		c.failf("%s %s is no IPv%d address", option, a, said)
	}
	return a
}

// prefix reads ADDRESS[/LENGTH], or what stands for everything: then it is not valid.
func (c *cursor) prefix(option, w string) netip.Prefix {
	if c.err != nil || w == "default" || w == "any" || w == "all" {
		return netip.Prefix{}
	}
	p, err := parsePrefix(w)
	if err != nil {
		c.failf("%s%w", option, err)
		return p
	}
	c.sets(familyOf(p.Addr()), w)
	return p
}

func parseAddr(w string) (netip.Addr, error) {
	a, err := netip.ParseAddr(w)
	switch {
	case err != nil:
		return a, fmt.Errorf("%q is no address", w)
	case a.Zone() != "":
		return a, fmt.Errorf("%q: write dev %s instead of %%%s", w, a.Zone(), a.Zone())
	case a.Is4In6():
		return a, fmt.Errorf("%q: write %s, the IPv4 address", w, a.Unmap())
	}
	return a, nil
}

// parsePrefix reads ADDRESS[/LENGTH] and clears what is behind the length.
func parsePrefix(w string) (netip.Prefix, error) {
	text, length, given := strings.Cut(w, "/")
	a, err := parseAddr(text)
	if err != nil {
		return netip.Prefix{}, err
	}
	bits := a.BitLen()
	if given {
		n, err := strconv.ParseUint(length, 10, 8)
		if err != nil || int(n) > bits {
			return netip.Prefix{}, fmt.Errorf("%q: want a length from 0 to %d", w, bits)
		}
		bits = int(n)
	}
	return netip.PrefixFrom(a, bits).Masked(), nil
}

// unknown says what may be meant.
func (c *cursor) unknown(what, w string, known []string) {
	if near := nearest(w, known); near != "" {
		c.failf("%s %q: did you mean %q?", what, w, near)
		return
	}
	known = slices.Sorted(slices.Values(known))
	c.failf("%s %q: want one of %s", what, w, strings.Join(known, ", "))
}

var errEmpty = errors.New("the line is empty")
