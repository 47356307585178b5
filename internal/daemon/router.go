// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/regent-ha/regent/takeover"
	"github.com/regent-ha/regent/takeover/vmac"
	"github.com/regent-ha/regent/vrrp"
)

// router is one virtual router at run time: what is wanted (spec) and what is.
type router struct {
	spec
	id vrrp.ID

	link     int          // index of the interface it is attached to, 0 while detached
	source   netip.Addr   // of its adverts, while attached
	sends    uint8        // the TTL of its unicast adverts, while attached
	hardware takeover.MAC // link-layer address of the interface
	forwards bool         // IPv6: the host forwards on it

	virtual   map[string]vmac.Place     // interfaces with a MAC of its own, by the interface below
	elsewhere map[netip.Addr]int        // interfaces of addresses that are not on link
	beside    []takeover.Address        // that are not in the adverts
	loose     map[takeover.Address]bool // that may be deleted by others
	gone      map[takeover.Address]bool // of these, those that were, since the router is Active

	state  vrrp.State
	since  time.Time // of the state, wall clock: for people
	reason string
	peer   netip.Addr // whom the last transition was about

	refusing  bool                      // not guarded, but about to lose its addresses
	added     bool                      // by a reload
	waited    bool                      // for the first results of checks
	begun     bool                      // it has had a state before, or waited for one
	silent    bool                      // policy wants no part in the election
	returning bool                      // it takes part again when its address is handed over
	until     time.Duration             // serving ends here, on the agent's clock; 0: it does not
	releasing bool                      // a planned release is under way: answering until the heir is heard
	leaving   bool                      // forgotten as soon as it holds nothing
	held      map[takeover.Address]bool // on the interface; false: somebody else put it there
}

// active reports whether this node is the one that answers.
func (r *router) active() bool { return r.state == vrrp.Active }

// now what the address does on this node.
func (r *router) currentDuty() duty {
	if !r.active() {
		return dutyNone
	}
	return r.duty
}

// addresses are the virtual addresses without their lengths.
func (r *router) addresses() []netip.Addr { return r.vrrp.Addresses }

// everything is all addresses that move with the router.
func (r *router) everything() []netip.Addr {
	out := r.addresses()
	for _, l := range r.lines {
		if l.excluded {
			out = append(out[:len(out):len(out)], l.prefix.Addr())
		}
	}
	return out
}

// moves names what moves with the addresses.
func (s *spec) moves() string {
	var out []string
	if s.silentAddresses() {
		out = append(out, "silence")
	}
	if slices.ContainsFunc(s.lines, func(l line) bool { return l.excluded }) {
		out = append(out, "excluded")
	}
	if slices.ContainsFunc(s.paths, func(p path) bool { return p.rule == nil }) {
		out = append(out, "routes")
	}
	if slices.ContainsFunc(s.paths, func(p path) bool { return p.rule != nil }) {
		out = append(out, "rules")
	}
	if s.service.VMAC {
		out = append(out, "virtual")
	}
	return strings.Join(out, " ")
}

// fields are the attributes of every record about the router.
func (r *router) fields(more ...any) []any {
	return append([]any{"service", r.service.Name, "family", r.vrrp.Family.String(), "interface", r.service.Interface,
		"vrid", int(r.vrrp.VRID)}, more...)
}
