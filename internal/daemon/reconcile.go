// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"slices"

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
	home := r.home(r.link)
	for _, p := range r.prefixes {
		link := home
		if at := r.elsewhere[p.Addr()]; at != 0 {
			link = at
		}
		out = append(out, takeover.Address{Prefix: p, Link: link})
	}
	out = append(out, r.beside...)
	if len(r.gone) > 0 {
		out = slices.DeleteFunc(out, func(a takeover.Address) bool { return r.gone[a] })
	}
	return out
}

// reconcile compares what routers want with what they hold, for those that were touched. An address that one router
// gives up and any other wants stays on the interface.
func reconcile(all, touched []*router) changes {
	var c changes
	var spare []holding
	for _, r := range touched {
		wants := r.wants()
		mine := make(map[takeover.Address]bool, len(wants))
		for _, a := range wants {
			mine[a] = true
			if _, has := r.held[a]; !has {
				c.take = append(c.take, holding{r, a})
			}
		}
		for a := range r.held {
			if !mine[a] {
				spare = append(spare, holding{r, a})
			}
		}
	}
	if len(spare) == 0 {
		return c
	}
	wanted := map[takeover.Address]bool{}
	for _, r := range all {
		for _, a := range r.wants() {
			wanted[a] = true
		}
	}
	for _, h := range spare {
		if wanted[h.address] {
			delete(h.router.held, h.address) // another router takes it over
			continue
		}
		c.give = append(c.give, h)
	}
	return c
}
