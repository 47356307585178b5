// SPDX-License-Identifier: Apache-2.0

package vmac

import (
	"errors"
	"fmt"
	"slices"
)

// Want is an interface that a virtual router wants. Those of the same base and MAC share one.
type Want struct {
	Name    string // "": one that keepalived would give
	VRID    uint8
	Six     bool   // the router is one for IPv6
	Base    string // the interface below
	MAC     MAC
	IPv6    bool // it is to hold IPv6 addresses
	Adverts bool // the router's adverts leave the base with this MAC
}

// Place is where the addresses of a virtual router live.
type Place struct {
	Index int // of the interface
	Name  string
	MAC   MAC
	Base  int // index of the interface below
}

// link is an interface as the kernel tells of it.
type link struct {
	index, base int // base: of the interface below; 0: none
	master      int
	name, kind  string
	mac         MAC
	alias       string
	up          bool
}

const macvlan = "macvlan"

// ours reports whether an earlier Set made it, or adopted it.
func (l link) ours() bool {
	_, ok := parseMark(l.alias)
	return ok && l.kind == macvlan
}

// decision is what has to be done for one want.
type decision struct {
	want  Want
	base  link
	adopt *link  // nil: one is made
	name  string // of what is made; of what is adopted, if it is to be renamed
	keeps string // the name that what is adopted keeps, although another one is wanted: that is taken
	err   error
}

// plan is what has to be done.
type plan struct {
	decisions []decision // of the interfaces
	of        []int      // by want: its decision
	remove    []link     // marked, and not wanted; before anything is made
}

// makePlan compares what is there with what is wanted. It changes neither.
func makePlan(links []link, wants []Want) plan {
	p := plan{of: make([]int, len(wants))}
	byName := make(map[string]link, len(links))
	byIndex := make(map[int]link, len(links))
	for _, l := range links {
		byName[l.name], byIndex[l.index] = l, l
	}
	type identity struct {
		base string
		mac  MAC
	}
	known := map[identity]int{}
	for i, w := range wants {
		id := identity{w.Base, w.MAC}
		at, ok := known[id]
		if !ok {
			at = len(p.decisions)
			known[id] = at
			p.decisions = append(p.decisions, decision{want: w})
		}
		v := &p.decisions[at]
		v.want.IPv6 = v.want.IPv6 || w.IPv6
		p.of[i] = at
	}
	taken := map[string]bool{}
	adopted := map[int]bool{}
	for i := range p.decisions {
		v := &p.decisions[i]
		if v.base, v.err = baseOf(byName, byIndex, v.want.Base); v.err != nil {
			continue
		}
		names := v.want.names()
		for _, l := range links {
			if l.kind != macvlan || l.base != v.base.index || l.mac != v.want.MAC {
				continue
			}
			if !l.ours() && !slices.Contains(names, l.name) {
				v.err = fmt.Errorf("%s has the virtual MAC %s on %s already, and was made by somebody else: remove it", l.name, l.mac, v.want.Base)
				continue
			}
			v.adopt, v.err, adopted[l.index], taken[l.name] = &l, nil, true, true
			break
		}
	}
	for _, l := range links {
		if adopted[l.index] {
			continue
		}
		if l.ours() {
			p.remove = append(p.remove, l)
		} else {
			taken[l.name] = true
		}
	}
	for i := range p.decisions {
		v := &p.decisions[i]
		if v.err != nil {
			continue
		}
		names := v.want.names()
		if v.adopt != nil && slices.Contains(names, v.adopt.name) {
			continue
		}
		free := slices.IndexFunc(names, func(n string) bool { return !taken[n] })
		if free < 0 && v.adopt != nil {
			v.keeps = v.adopt.name
			continue
		}
		if free < 0 {
			v.err = fmt.Errorf("the name %s is taken by another interface: choose another vmac_name", names[0])
			continue
		}
		v.name = names[free]
		taken[v.name] = true
	}
	return p
}

var errNoBase = errors.New("does not exist")

// baseOf finds the interface below: what is asked for on a macvlan is made beside it.
func baseOf(byName map[string]link, byIndex map[int]link, name string) (link, error) {
	l, ok := byName[name]
	if !ok {
		return link{}, fmt.Errorf("interface %s %w", name, errNoBase)
	}
	if l.kind == macvlan {
		if below, ok := byIndex[l.base]; ok {
			return below, nil
		}
	}
	return l, nil
}
