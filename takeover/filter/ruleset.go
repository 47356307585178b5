// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"

	"github.com/google/nftables/expr"
)

// Address is an address that takes no packets.
type Address struct {
	Addr netip.Addr
	Link int // index of its interface: matters where it is link-local, and is ignored where not
}

// set is one of the table's sets.
type set uint8

const (
	four  set = iota // IPv4 addresses
	six              // IPv6 addresses
	local            // link-local IPv6 addresses, each with its interface
	sets
)

// String returns the name in the table.
func (s set) String() string { return [sets]string{"addresses4", "addresses6", "local6"}[s] }

// The data types by which nft prints a key; a concatenation takes six bits for each part.
const (
	typeIPv4    = 7
	typeIPv6    = 8
	typeIfindex = 20
	typeBits    = 6
)

// key is the type of the key as nft prints it, and its length.
func (s set) key() (kind, length uint32) {
	switch s {
	case four:
		return typeIPv4, 4
	case six:
		return typeIPv6, 16
	}
	return typeIPv6<<typeBits | typeIfindex, 20
}

// element is an address in its set.
type element struct {
	set  set
	addr netip.Addr
	link int
}

// elementOf returns the element of an address.
func elementOf(a Address) (element, error) {
	switch {
	case !a.Addr.IsValid(), a.Addr.Is4In6(), a.Addr.Zone() != "":
		return element{}, fmt.Errorf("filter %v: want an IPv4 or IPv6 address without zone", a.Addr)
	case a.Addr.Is4():
		return element{four, a.Addr, 0}, nil
	case !a.Addr.IsLinkLocalUnicast():
		return element{six, a.Addr, 0}, nil
	case a.Link <= 0:
		return element{}, fmt.Errorf("filter %v: a link-local address needs its interface", a.Addr)
	}
	return element{local, a.Addr, a.Link}, nil
}

// elementsOf returns the elements of addresses, sorted, each once.
func elementsOf(as []Address) ([]element, error) {
	out := make([]element, 0, len(as))
	for _, a := range as {
		e, err := elementOf(a)
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	slices.SortFunc(out, element.compare)
	return slices.Compact(out), nil
}

func (e element) compare(o element) int {
	return cmp.Or(cmp.Compare(e.set, o.set), e.addr.Compare(o.addr), cmp.Compare(e.link, o.link))
}

// key returns the element as the kernel has it.
func (e element) key() []byte {
	b := e.addr.AsSlice()
	if e.set == local {
		b = binary.NativeEndian.AppendUint32(b, uint32(e.link))
	}
	return b
}

// parseKey is the inverse of key; false for what no element of ours has.
func parseKey(s set, b []byte) (Address, bool) {
	if _, length := s.key(); len(b) != int(length) {
		return Address{}, false
	}
	a := Address{}
	if s == local {
		a.Link = int(binary.NativeEndian.Uint32(b[16:]))
		b = b[:16]
	}
	a.Addr, _ = netip.AddrFromSlice(b) // the length is right
	e, err := elementOf(a)
	return a, err == nil && e.set == s
}

// diff returns what has to be added to and removed from have, so that it becomes want. Both are sorted.
func diff(have, want []element) (add, remove []element) {
	i, j := 0, 0
	for i < len(have) || j < len(want) {
		switch {
		case j == len(want) || i < len(have) && have[i].compare(want[j]) < 0:
			remove = append(remove, have[i])
			i++
		case i == len(have) || have[i].compare(want[j]) > 0:
			add = append(add, want[j])
			j++
		default:
			i++
			j++
		}
	}
	return add, remove
}

// priority is before the host's own filters.
const priority = -1

// The chains, named like their hooks.
const (
	chainIn  = "input"
	chainOut = "output"
)

// Registers: a key begins in the first of 4 bytes and runs on; other values have one of their own.
const (
	registerKey   = 8  // NFT_REG32_00
	registerOther = 23 // NFT_REG32_15
)

// Protocols, families and types of messages (RFC 792, RFC 4443, RFC 4861, RFC 3810).
const (
	familyIPv4 = 2
	familyIPv6 = 10
	icmp       = 1
	icmp6      = 58

	neighbourSolicitation  = 135
	neighbourAdvertisement = 136
)

// rule is one rule; its comment says in the listing what it is for.
type rule struct {
	chain, comment string
	exprs          []expr.Any
}

// rules returns the rules of both chains in their order.
func rules() []rule {
	accept, drop := verdict(expr.VerdictAccept), verdict(expr.VerdictDrop)
	list := []rule{
		{chainIn, "neighbours ask who has it", slices.Concat(message(icmp6, neighbourSolicitation, neighbourAdvertisement), accept)},
		{chainOut, "ICMPv6 errors", slices.Concat(message(icmp6, 1, 4), accept)},
		{chainOut, "multicast listener and neighbour discovery", slices.Concat(message(icmp6, 130, 137), accept)},
		{chainOut, "multicast listener reports", slices.Concat(message(icmp6, 143, 143), accept)},
		{chainOut, "ICMP: unreachable, redirect", slices.Concat(message(icmp, 3, 5), accept)},
		{chainOut, "ICMP: time exceeded, parameter problem", slices.Concat(message(icmp, 11, 12), accept)},
	}
	for _, chain := range []string{chainIn, chainOut} {
		for s := range sets {
			list = append(list, rule{chain, map[string]string{chainIn: "to ", chainOut: "from "}[chain] + s.String() + ": silence",
				slices.Concat(family(s), match(chain, s), []expr.Any{&expr.Counter{}}, drop)})
		}
	}
	return list
}

func verdict(k expr.VerdictKind) []expr.Any { return []expr.Any{&expr.Verdict{Kind: k}} }

func equal(register uint32, data ...byte) expr.Any {
	return &expr.Cmp{Op: expr.CmpOpEq, Register: register, Data: data}
}

func family(s set) []expr.Any {
	f := byte(familyIPv6)
	if s == four {
		f = familyIPv4
	}
	return []expr.Any{&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: registerOther}, equal(registerOther, f)}
}

// message matches ICMP messages of the types from first to last.
func message(protocol, first, last byte) []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: registerOther}, equal(registerOther, protocol),
		&expr.Payload{OperationType: expr.PayloadLoad, DestRegister: registerOther, Base: expr.PayloadBaseTransportHeader, Offset: 0, Len: 1},
		&expr.Cmp{Op: expr.CmpOpGte, Register: registerOther, Data: []byte{first}},
		&expr.Cmp{Op: expr.CmpOpLte, Register: registerOther, Data: []byte{last}},
	}
}

// match looks up the destination of what comes in, or the source of what goes out.
func match(chain string, s set) []expr.Any {
	offset, length := uint32(12), uint32(4)
	meta := expr.MetaKeyOIF
	if s != four {
		offset, length = 8, 16
	}
	if chain == chainIn {
		offset += length
		meta = expr.MetaKeyIIF
	}
	out := []expr.Any{&expr.Payload{OperationType: expr.PayloadLoad, DestRegister: registerKey, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: length}}
	if s == local {
		out = append(out, &expr.Meta{Key: meta, Register: registerKey + length/4})
	}
	return append(out, &expr.Lookup{SourceRegister: registerKey, SetName: s.String()})
}
