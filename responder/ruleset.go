// SPDX-License-Identifier: Apache-2.0

package responder

import (
	"cmp"
	"encoding/binary"
	"errors"
	"net/netip"
	"slices"
)

// role is what a set is for. Each role has one set a family.
type role uint8

const (
	// roleAddress is the gate: addresses of which anything is refused. Everything else leaves the chain after this one lookup.
	roleAddress role = iota
	roleReset        // whole addresses: TCP is answered with a reset; counts
	roleUnreach      // whole addresses: other protocols are answered with unreachable; counts
	rolePort         // address, protocol, port: refused; counts
	roleSpoken       // address, protocol, port: the speaker answers in the protocol's own words
	roleServe        // addresses whose refusal is lifted, for a time or until withdrawn
	roles
)

// setID names one of the table's sets.
type setID struct {
	role role
	v6   bool
}

// String returns the set's name in the table: address4, reset6.
func (s setID) String() string {
	family := "4"
	if s.v6 {
		family = "6"
	}
	return [roles]string{"address", "reset", "unreach", "port", "spoken", "serve"}[s.role] + family
}

// allSets returns every set of the table.
func allSets() []setID {
	var s []setID
	for r := range roles {
		s = append(s, setID{r, false}, setID{r, true})
	}
	return s
}

// counts reports whether the set's elements have counters.
func (s setID) counts() bool {
	return s.role == roleReset || s.role == roleUnreach || s.role == rolePort
}

// ported reports whether the set's key has protocol and port behind the address.
func (s setID) ported() bool { return s.role == rolePort || s.role == roleSpoken }

// lapses reports whether the set's elements may have a timeout.
func (s setID) lapses() bool { return s.role == roleServe }

// The data types by which nft prints a key (nft describe ipv4_addr, …); a concatenation takes six bits for each part.
const (
	typeIPv4    = 7
	typeIPv6    = 8
	typeProto   = 12
	typeService = 13
	typeBits    = 6
)

// keyType is the type of the set's key as nft prints it.
func (s setID) keyType() uint32 {
	t := uint32(typeIPv4)
	if s.v6 {
		t = typeIPv6
	}
	if s.ported() {
		t = (t<<typeBits|typeProto)<<typeBits | typeService
	}
	return t
}

// keyLen is the length of the set's key: each part of a concatenation fills whole registers of 4 bytes.
func (s setID) keyLen() int {
	n := 4
	if s.v6 {
		n = 16
	}
	if s.ported() {
		n += 8
	}
	return n
}

// element is one element of one set; port is zero except in the port and spoken sets.
type element struct {
	set  setID
	addr netip.Addr
	port Port
}

// appendKey appends the element's key to b.
func (e element) appendKey(b []byte) []byte {
	b = append(b, e.addr.AsSlice()...)
	if e.set.ported() {
		b = append(b, e.port.Proto, 0, 0, 0)
		b = binary.BigEndian.AppendUint16(b, e.port.Number)
		b = append(b, 0, 0)
	}
	return b
}

// parseKey is the inverse of appendKey; false for a key that no element of ours has.
func parseKey(s setID, key []byte) (element, bool) {
	if len(key) != s.keyLen() {
		return element{}, false
	}
	n := 4
	if s.v6 {
		n = 16
	}
	addr, _ := netip.AddrFromSlice(key[:n])
	e := element{set: s, addr: addr}
	if s.ported() {
		rest := key[n:]
		e.port = Port{Proto: rest[0], Number: binary.BigEndian.Uint16(rest[4:])}
		if e.port.check() != nil || rest[1]|rest[2]|rest[3]|rest[6]|rest[7] != 0 {
			return element{}, false
		}
	}
	if p, err := plain(addr); err != nil || p != addr {
		return element{}, false
	}
	return e, true
}

// compare orders elements by set, address and port.
func (e element) compare(o element) int {
	return cmp.Or(
		cmp.Compare(e.set.role, o.set.role),
		e.addr.Compare(o.addr),
		cmp.Compare(e.port.Proto, o.port.Proto),
		cmp.Compare(e.port.Number, o.port.Number),
	)
}

// elements returns the elements that refuse the targets, sorted, each once. An address that is named whole and by ports is
// refused whole. All unusable targets are reported at once.
func elements(targets []Target) ([]element, error) {
	var errs []error
	ports := map[netip.Addr][]Port{} // nil: whole
	var all []element
	for _, t := range targets {
		addr, err := plain(t.Address)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		for _, p := range slices.Concat(t.Ports, t.Spoken) {
			if err := p.check(); err != nil {
				errs = append(errs, err)
			}
		}
		for _, p := range t.Spoken {
			all = append(all, element{setID{roleSpoken, addr.Is6()}, addr, p})
		}
		known, seen := ports[addr]
		switch {
		case len(t.Ports) == 0, seen && known == nil:
			ports[addr] = nil
		default:
			ports[addr] = append(known, t.Ports...)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	all = slices.Grow(all, 3*len(ports))
	for addr, list := range ports {
		add := func(r role, p Port) { all = append(all, element{setID{r, addr.Is6()}, addr, p}) }
		add(roleAddress, Port{})
		if list == nil {
			add(roleReset, Port{})
			add(roleUnreach, Port{})
		}
		for _, p := range list {
			add(rolePort, p)
		}
	}
	slices.SortFunc(all, element.compare)
	return slices.Compact(all), nil
}

// diff returns what must be added to and removed from have, so that it becomes want. Both are sorted.
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
