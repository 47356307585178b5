// SPDX-License-Identifier: Apache-2.0

package vmac

import (
	"encoding/binary"
	"maps"
	"net/netip"
	"strconv"
)

// picture is what the table is to say. Its devices change seldom, and then the table is made anew; its elements change with
// every takeover.
type picture struct {
	bases map[int]string // by index: names of the interfaces below
	links map[int]Place  // by index: the interfaces of virtual routers
	elems map[element]string
}

// element is an element of one of the table's sets. Its value, in a picture, is the MAC of an address.
type element struct {
	set string
	key string // as the kernel has it
}

// Sets without a base.
const (
	setMute    = "mute"    // interfaces of routers that are not Active
	setVirtual = "virtual" // MACs of all interfaces
)

// setOf is the map of the addresses that answer on a base.
func setOf(base int, ipv6 bool) string {
	if ipv6 {
		return "six-" + strconv.Itoa(base)
	}
	return "four-" + strconv.Itoa(base)
}

// advertsOf is the map of the VRIDs whose adverts leave a base with a MAC of their own.
func advertsOf(base int, ipv6 bool) string { return "adverts-" + setOf(base, ipv6) }

// draw makes the picture: links that answer for nothing are mute. adverts are elements of the maps of VRIDs.
func draw(bases map[int]string, links map[int]Place, adverts map[element]string, answering map[int][]netip.Addr) picture {
	p := picture{bases: bases, links: links, elems: maps.Clone(adverts)}
	if p.elems == nil {
		p.elems = map[element]string{}
	}
	for index, l := range links {
		p.elems[element{setVirtual, string(l.MAC[:])}] = ""
		addrs, ok := answering[index]
		if !ok {
			p.elems[element{setMute, string(binary.NativeEndian.AppendUint32(nil, uint32(index)))}] = ""
			continue
		}
		for _, a := range addrs {
			p.elems[element{setOf(l.Base, a.Is6()), string(a.AsSlice())}] = string(l.MAC[:])
		}
	}
	return p
}

// sameDevices reports whether only elements differ.
func (p picture) sameDevices(q picture) bool {
	return maps.Equal(p.bases, q.bases) && maps.Equal(p.links, q.links)
}

// difference is what has to be added to q, and removed from it, to make it p. An element whose MAC is another one is in both.
func (p picture) difference(q picture) (add, remove map[element]string) {
	add, remove = map[element]string{}, map[element]string{}
	for e, v := range p.elems {
		if old, ok := q.elems[e]; !ok || old != v {
			add[e] = v
		}
	}
	for e, v := range q.elems {
		if now, ok := p.elems[e]; !ok || now != v {
			remove[e] = v
		}
	}
	return add, remove
}
