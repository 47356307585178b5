// SPDX-License-Identifier: Apache-2.0

package route

import (
	"net/netip"
	"strconv"
	"strings"
)

// encap reads what follows encap.
func (c *cursor) encap() *Encap {
	e := &Encap{Kind: c.value("encap")}
	switch e.Kind {
	case "mpls":
		for label := range strings.SplitSeq(c.value("encap mpls"), "/") {
			n, ok := parseNumber(label, 10, 1<<20-1)
			if !ok || len(e.Labels) == 16 {
				c.failf("encap mpls: want up to 16 labels like 100/200, not %q", label)
				break
			}
			e.Labels = append(e.Labels, uint32(n))
		}
		if c.take("ttl") {
			e.TTL = some(uint8(c.plain("encap ttl", 255)))
		}
	case "ila":
		e.Locator = c.locator()
	case "ip", "ip6":
		c.tunnel(e)
	default:
		if c.err == nil {
			c.unknown("encap", e.Kind, []string{"mpls", "ip", "ip6", "ila"})
		}
	}
	return e
}

// locator takes an ILA locator: 64 bits like 1:2:3:4.
func (c *cursor) locator() (n uint64) {
	w := c.value("encap ila")
	parts := strings.Split(w, ":")
	for _, p := range parts {
		part, err := strconv.ParseUint(p, 16, 16)
		if err != nil || len(parts) != 4 {
			c.failf("encap ila %q: want a locator like 2001:db8:0:1", w)
			return 0
		}
		n = n<<16 | part
	}
	return n
}

// tunnel reads the words of encap ip and ip6.
func (c *cursor) tunnel(e *Encap) {
	want := map[string]int{"ip": 4, "ip6": 6}[e.Kind]
	end := func(option string) netip.Addr {
		a := c.address(option)
		if c.err == nil && familyOf(a) != want {
			c.failf("%s %s is no IPv%d address", option, a, want)
		}
		return a
	}
	for c.err == nil && len(c.rest) > 0 {
		w := c.rest[0]
		switch w {
		case "id", "dst", "src", "tos", "tc", "dsfield", "ttl", "hoplimit", "flags", "key", "csum", "seq":
			c.rest = c.rest[1:]
		default:
			return
		}
		switch option := "encap " + w; w {
		case "id":
			v := c.value(option)
			n, ok := parseNumber(v, 10, 1<<64-1)
			if e.ID = some(n); !ok {
				c.failf("%s %q: want a number", option, v)
			}
		case "dst":
			e.Dst = end(option)
		case "src":
			e.Src = end(option)
		case "tos", "tc", "dsfield":
			e.TOS = some(c.tos(option))
		case "ttl", "hoplimit":
			e.TTL = some(uint8(c.plain(option, 255)))
		case "flags":
			e.Flags |= uint16(c.plain(option, 1<<16-1))
		case "csum":
			e.Flags |= 1
		case "key":
			e.Flags |= 4
		case "seq":
			e.Flags |= 8
		}
	}
}
