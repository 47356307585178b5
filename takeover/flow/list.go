// SPDX-License-Identifier: Apache-2.0

package flow

import (
	"iter"
	"net/netip"
	"slices"
)

// List is a set of connections that does not change, in 24 bytes (IPv4) or 36 (IPv6) each. Several goroutines may read it.
// A nil List is empty.
type List struct {
	locals []netip.Addr
	four   []record[[4]byte]
	six    []record[[16]byte]
}

// NewList makes a List. What nobody can tickle is left out: addresses that are no host's, clients on this node.
func NewList(flows []Flow) *List {
	var t Table
	t.Set(0, flows)
	return t.list()
}

// list copies the connections.
func (s *stores) list() *List {
	return &List{slices.Clone(s.locals.list), s.four.live(), s.six.live()}
}

// live copies the records of connections that there are.
func (s *store[A]) live() []record[A] {
	out := make([]record[A], 0, s.used)
	for i := range s.records {
		if s.records[i].flags&(flagUsed|flagGone) == flagUsed {
			out = append(out, s.records[i])
		}
	}
	return out
}

// Len is how many connections there are.
func (l *List) Len() int {
	if l == nil {
		return 0
	}
	return len(l.four) + len(l.six)
}

// At returns connection i, 0 ≤ i < Len.
func (l *List) At(i int) Flow {
	if i < len(l.four) {
		return l.four[i].flow(l.locals)
	}
	return l.six[i-len(l.four)].flow(l.locals)
}

// All goes through the connections.
func (l *List) All() iter.Seq[Flow] {
	return func(yield func(Flow) bool) {
		for i := range l.Len() {
			if !yield(l.At(i)) {
				return
			}
		}
	}
}

// Locals returns the addresses that the connections have on this side. It may name one that has none. The list must not be
// changed.
func (l *List) Locals() []netip.Addr {
	if l == nil {
		return nil
	}
	return l.locals
}
