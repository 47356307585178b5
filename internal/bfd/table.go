// SPDX-License-Identifier: Apache-2.0

package bfd

import (
	"fmt"
	"net/netip"
)

// origin says how a packet came.
type origin struct {
	source   netip.Addr // without zone
	local    netip.Addr // where it was sent to
	scope    int        // index of the interface it came by
	ttl      int
	multihop bool // came on port 4784
}

// table finds the session of a packet.
type table struct {
	watches map[uint32]*watch
	from    map[netip.Addr][]*watch // by neighbour, without zone
}

func newTable() *table {
	return &table{watches: map[uint32]*watch{}, from: map[netip.Addr][]*watch{}}
}

// add takes a watch in, unless its packets could not be told from another's while discriminators are not known.
func (t *table) add(w *watch) error {
	key := w.cfg.Neighbor.WithZone("")
	for _, o := range t.from[key] {
		if o.cfg.Multihop == w.cfg.Multihop && o.cfg.Neighbor == w.cfg.Neighbor &&
			(o.cfg.Source == w.cfg.Source || !o.cfg.Source.IsValid() || !w.cfg.Source.IsValid()) {
			return fmt.Errorf("neighbor %s is that of session %s already: give each a source of its own", w.cfg.Neighbor, o.name)
		}
	}
	t.from[key] = append(t.from[key], w)
	t.watches[w.session.Discriminator()] = w
	return nil
}

// remove forgets a watch.
func (t *table) remove(w *watch) {
	key := w.cfg.Neighbor.WithZone("")
	old := t.from[key]
	var rest []*watch
	for _, o := range old {
		if o != w {
			rest = append(rest, o)
		}
	}
	if delete(t.from, key); len(rest) > 0 {
		t.from[key] = rest
	}
	delete(t.watches, w.session.Discriminator())
}

// find returns the session of a packet: by Your Discriminator alone if the neighbour knows it (RFC 5880 §6.3), else by what RFC
// 5881 §3 and RFC 5883 §4.1 leave: addresses, and the interface of a link-local one. Packets never cross between the ports.
func (t *table) find(p Packet, o origin) (*watch, Discard) {
	if p.YourDiscriminator != 0 {
		w := t.watches[p.YourDiscriminator]
		if w == nil || w.cfg.Multihop != o.multihop || w.cfg.Neighbor.Is4() != o.source.Is4() {
			return nil, UnknownSession
		}
		return w, Taken
	}
	var loose *watch
	for _, w := range t.from[o.source] {
		switch {
		case w.cfg.Multihop != o.multihop, w.cfg.Neighbor.Zone() != "" && w.scope != o.scope:
		case w.cfg.Source.IsValid() && w.cfg.Source.WithZone("") == o.local:
			return w, Taken
		case !w.cfg.Source.IsValid() || !o.multihop:
			loose = w
		}
	}
	if loose == nil {
		return nil, UnknownNeighbor
	}
	return loose, Taken
}
