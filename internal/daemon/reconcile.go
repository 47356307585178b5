// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"github.com/regent-ha/regent/takeover"
	"github.com/regent-ha/regent/vrrp"
)

// changes is what has to happen to the kernel so that every router holds what it should.
type changes struct {
	take []holding // addresses to add, with the router that wants them
	give []holding // addresses to remove, with the router that had them
}

// holding is one address of one router.
type holding struct {
	router  *router
	address takeover.Address
}

// wants returns the addresses that a router should have on its link now: all while it is Active, and all while it
// still answers after a planned release.
func (r *router) wants() []takeover.Address {
	if r.link == 0 || r.state != vrrp.Active && !r.releasing {
		return nil
	}
	out := make([]takeover.Address, 0, len(r.prefixes))
	for _, p := range r.prefixes {
		out = append(out, takeover.Address{Prefix: p, Link: r.link})
	}
	return out
}

// reconcile compares what routers want with what they hold. An address that one router gives up and another wants
// stays on the interface.
func reconcile(routers []*router) changes {
	var c changes
	wanted := map[takeover.Address]int{}
	for _, r := range routers {
		for _, a := range r.wants() {
			wanted[a]++
			if _, has := r.held[a]; !has {
				c.take = append(c.take, holding{r, a})
			}
		}
	}
	for _, r := range routers {
		if len(r.held) == 0 {
			continue
		}
		mine := map[takeover.Address]bool{}
		for _, a := range r.wants() {
			mine[a] = true
		}
		for a := range r.held {
			switch {
			case mine[a]:
			case wanted[a] > 0:
				delete(r.held, a) // another router takes it over
			default:
				c.give = append(c.give, holding{r, a})
			}
		}
	}
	return c
}
