// SPDX-License-Identifier: Apache-2.0

package takeover

import (
	"fmt"
	"net/netip"
	"slices"
)

// MAC is an Ethernet address. The zero value stands for "none": loopback, tunnels, InfiniBand.
type MAC [6]byte

// String returns the address as "02:00:00:00:00:01".
func (m MAC) String() string {
	return fmt.Sprintf("%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5])
}

// LinkState is an interface and its addresses at one moment.
type LinkState struct {
	Index        int
	Name         string
	Up           bool // set up by the administrator, and it has carrier and is operational
	HardwareAddr MAC  // zero if it is not an Ethernet address
	MTU          int
	Addrs        []InterfaceAddr // in the order in which they came; not to be changed
}

// InterfaceAddr is one address of an interface.
type InterfaceAddr struct {
	Prefix    netip.Prefix // not masked
	Tentative bool         // IPv6: duplicate address detection has not ended, or has failed; not usable
	Duplicate bool         // IPv6: duplicate address detection has failed; it stays tentative
	Secondary bool         // IPv4: behind the primary address of the same subnet
	Permanent bool         // no lifetime
	Proto     uint8        // who installed it (IFA_PROTO), 0 where unknown
}

// Change says what is different since the last one. All are net differences: an address that vanished and came back
// in between makes its link changed and is in neither list.
type Change struct {
	Links   []int     // indices of links that appeared, vanished, or changed in any way but the remaining lease
	Added   []Address // that were not there
	Removed []Address // that are not there any more, their link gone or not
	Resync  bool      // notifications were lost, and everything was read again
}

// linkTable is the state of all links, fed with what the kernel says. It is a plain value without I/O.
type linkTable map[int]*linkEntry

// linkEntry is a link in a [linkTable]. A link may hold thousands of addresses, and each renewal of a lease comes by
// here: hence the map.
type linkEntry struct {
	LinkState // Addrs is a cache, nil when out of date
	addrs     map[netip.Prefix]orderedAddress
	order     int
}

type orderedAddress struct {
	InterfaceAddr
	order int
}

// link notes the state of a link, all but its addresses.
func (t linkTable) link(l LinkState, d *differences) {
	l.Addrs = nil
	e, ok := t[l.Index]
	if !ok {
		t[l.Index] = &linkEntry{LinkState: l, addrs: map[netip.Prefix]orderedAddress{}}
		d.touch(l.Index)
		return
	}
	if e.Name == l.Name && e.Up == l.Up && e.HardwareAddr == l.HardwareAddr && e.MTU == l.MTU {
		return
	}
	l.Addrs = e.Addrs
	e.LinkState = l
	d.touch(l.Index)
}

// unlink forgets a link with its addresses.
func (t linkTable) unlink(index int, d *differences) {
	e, ok := t[index]
	if !ok {
		return
	}
	delete(t, index)
	d.touch(index)
	for p := range e.addrs {
		d.removed(Address{p, index})
	}
}

// address notes an address. One on an unknown link is ignored: the kernel tells of a link before its addresses.
func (t linkTable) address(index int, a InterfaceAddr, d *differences) {
	e, ok := t[index]
	if !ok {
		return
	}
	old, ok := e.addrs[a.Prefix]
	switch {
	case !ok:
		e.order++
		old.order = e.order
		d.added(Address{a.Prefix, index})
	case old.InterfaceAddr == a:
		return
	}
	e.addrs[a.Prefix] = orderedAddress{a, old.order}
	e.Addrs = nil
	d.touch(index)
}

// unaddress forgets an address.
func (t linkTable) unaddress(index int, p netip.Prefix, d *differences) {
	e, ok := t[index]
	if !ok {
		return
	}
	if _, ok := e.addrs[p]; !ok {
		return
	}
	delete(e.addrs, p)
	e.Addrs = nil
	d.touch(index)
	d.removed(Address{p, index})
}

// replace makes the table equal to a fresh one and notes the differences.
func (t linkTable) replace(fresh linkTable, d *differences) {
	for index := range t {
		if _, ok := fresh[index]; !ok {
			t.unlink(index, d)
		}
	}
	for index, f := range fresh {
		t.link(f.LinkState, d)
		for p := range t[index].addrs {
			if _, ok := f.addrs[p]; !ok {
				t.unaddress(index, p, d)
			}
		}
		for _, a := range f.list() {
			t.address(index, a, d)
		}
	}
}

// list returns the addresses in the order in which they came. The slice is shared and never changed.
func (e *linkEntry) list() []InterfaceAddr {
	if e.Addrs != nil || len(e.addrs) == 0 {
		return e.Addrs
	}
	ordered := make([]orderedAddress, 0, len(e.addrs))
	for _, a := range e.addrs {
		ordered = append(ordered, a)
	}
	slices.SortFunc(ordered, func(a, b orderedAddress) int { return a.order - b.order })
	e.Addrs = make([]InterfaceAddr, len(ordered))
	for i, a := range ordered {
		e.Addrs[i] = a.InterfaceAddr
	}
	return e.Addrs
}

// snapshot returns the links in the order of their indices.
func (t linkTable) snapshot() []LinkState {
	out := make([]LinkState, 0, len(t))
	for _, e := range t {
		e.list()
		out = append(out, e.LinkState)
	}
	slices.SortFunc(out, func(a, b LinkState) int { return a.Index - b.Index })
	return out
}

// differences gathers changes until somebody takes them.
type differences struct {
	links     map[int]bool
	addresses map[Address]int // +1 there now and was not, -1 was there and is not; 0 as before
	resync    bool
}

func (d *differences) touch(link int) {
	if d.links == nil {
		d.links = map[int]bool{}
	}
	d.links[link] = true
}

func (d *differences) added(a Address)   { d.count(a, 1) }
func (d *differences) removed(a Address) { d.count(a, -1) }

func (d *differences) count(a Address, n int) {
	if d.addresses == nil {
		d.addresses = map[Address]int{}
	}
	d.addresses[a] += n
}

// merge adds what happened after.
func (d *differences) merge(later *differences) {
	for l := range later.links {
		d.touch(l)
	}
	for a, n := range later.addresses {
		d.count(a, n)
	}
	d.resync = d.resync || later.resync
}

// empty reports whether there is nothing to tell.
func (d *differences) empty() bool { return len(d.links) == 0 && !d.resync }

// change returns what was gathered, sorted.
func (d *differences) change() Change {
	c := Change{Resync: d.resync}
	for l := range d.links {
		c.Links = append(c.Links, l)
	}
	for a, n := range d.addresses {
		switch {
		case n > 0:
			c.Added = append(c.Added, a)
		case n < 0:
			c.Removed = append(c.Removed, a)
		}
	}
	slices.Sort(c.Links)
	slices.SortFunc(c.Added, compareAddress)
	slices.SortFunc(c.Removed, compareAddress)
	return c
}

func compareAddress(a, b Address) int {
	if a.Link != b.Link {
		return a.Link - b.Link
	}
	return a.Prefix.Compare(b.Prefix)
}
