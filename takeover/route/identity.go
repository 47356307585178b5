// SPDX-License-Identifier: Apache-2.0

package route

import (
	"errors"
	"net/netip"
)

// Errors that callers decide on. They come wrapped, with the line; use errors.Is.
var (
	// ErrNoDevice: no interface has the name that the line says.
	ErrNoDevice = errors.New("no such interface")
	// ErrExists: the route is there already, and somebody else put it there.
	ErrExists = errors.New("there already, by somebody else")
)

// place is where a route is looked up: what notifications are held against first.
type place struct {
	table uint32
	to    netip.Prefix
}

// identity is what tells a route from others, but for its next hops.
type identity struct {
	place
	tos      uint8
	metric   uint32
	kind     Type
	protocol uint8
}

func (r *Route) place() place { return place{r.table(), r.To} }

func (r *Route) identity() identity {
	id := identity{r.place(), r.TOS, r.metric(), r.Type, r.protocol()}
	if r.IPv6 {
		id.tos = 0 // the kernel does not know it there
	}
	return id
}

// same reports whether a route that the kernel shows is the one that was asked for, given that their identities are
// equal: several can be that where they were appended.
func (r *Route) same(shown Route) bool {
	if !r.Via.IsValid() || !shown.Via.IsValid() {
		return true
	}
	return r.Via == shown.Via && (r.Dev == "" || r.Dev == shown.Dev)
}

// shown are the routes of the kernel by identity.
type shown map[identity][]Route

func (s shown) has(r *Route) bool {
	for _, other := range s[r.identity()] {
		if r.same(other) {
			return true
		}
	}
	return false
}
