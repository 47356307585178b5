// SPDX-License-Identifier: Apache-2.0

package route

import (
	"encoding/binary"
	"fmt"
	"math"
	"net/netip"

	"github.com/mdlayher/netlink"
)

const (
	fraDst            = 1
	fraSrc            = 2
	fraIifName        = 3
	fraGoto           = 4
	fraPriority       = 6
	fraFwmark         = 10
	fraFlow           = 11
	fraTunnelID       = 12
	fraSuppressGroup  = 13
	fraSuppressPrefix = 14
	fraTable          = 15
	fraFwmask         = 16
	fraOifName        = 17
	fraL3MDev         = 19
	fraUIDRange       = 20
	fraProtocol       = 21
	fraIPProto        = 22
	fraSportRange     = 23
	fraDportRange     = 24

	ruleInvert = 2
)

// message encodes a rule, to add or to delete it.
func (r *Rule) message() ([]byte, error) {
	head := [lengthRoute]byte{family(r.IPv6), byte(max(r.To.Bits(), 0)), byte(max(r.From.Bits(), 0)), r.TOS, 0, 0, 0, byte(r.Action)}
	if r.Table < 256 {
		head[4] = byte(r.Table)
	}
	if r.Not {
		binary.NativeEndian.PutUint32(head[8:], ruleInvert)
	}
	e := netlink.NewAttributeEncoder()
	if r.To.IsValid() {
		e.Bytes(fraDst, r.To.Addr().AsSlice())
	}
	if r.From.IsValid() {
		e.Bytes(fraSrc, r.From.Addr().AsSlice())
	}
	number := func(kind uint16, n uint32, on bool) {
		if on {
			e.Uint32(kind, n)
		}
	}
	text := func(kind uint16, s string) {
		if s != "" {
			e.String(kind, s)
		}
	}
	text(fraIifName, r.In)
	text(fraOifName, r.Out)
	number(fraGoto, r.Goto, r.Action == Goto)
	number(fraPriority, r.Priority.V, r.Priority.Set)
	number(fraFwmark, r.Mark, r.Mask != 0)
	number(fraFwmask, r.Mask, r.Mask != 0)
	number(fraFlow, uint32(r.Realms.From)<<16|uint32(r.Realms.To), r.Realms != Realms{})
	number(fraTable, r.Table, r.Table != 0)
	number(fraSuppressPrefix, r.SuppressPrefix.V, r.SuppressPrefix.Set)
	number(fraSuppressGroup, r.SuppressGroup.V, r.SuppressGroup.Set)
	if r.TunnelID != 0 {
		e.Bytes(fraTunnelID, binary.BigEndian.AppendUint64(nil, r.TunnelID))
	}
	if r.L3MDev {
		e.Uint8(fraL3MDev, 1)
	}
	if r.UIDs.Set {
		e.Bytes(fraUIDRange, binary.NativeEndian.AppendUint32(binary.NativeEndian.AppendUint32(nil, r.UIDs.V[0]), r.UIDs.V[1]))
	}
	e.Uint8(fraProtocol, r.protocol())
	if r.IPProto != 0 {
		e.Uint8(fraIPProto, r.IPProto)
	}
	span := func(kind uint16, p [2]uint16) {
		if p[0] != 0 {
			e.Bytes(kind, binary.NativeEndian.AppendUint16(binary.NativeEndian.AppendUint16(nil, p[0]), p[1]))
		}
	}
	span(fraSportRange, r.Sport)
	span(fraDportRange, r.Dport)
	attributes, err := e.Encode()
	if err != nil {
		return nil, fmt.Errorf("the line is too long for a request: %w", err)
	}
	return append(head[:], attributes...), nil
}

func (r *Rule) protocol() uint8 {
	if r.Protocol != 0 {
		return r.Protocol
	}
	return Protocol
}

// unset is how the kernel shows what is not suppressed.
const unset = math.MaxUint32

// parseRule decodes RTM_NEWRULE and RTM_DELRULE. Rules of another family, and those that do what is not known here, come
// back with ok false.
func parseRule(data []byte) (r Rule, ok bool, err error) {
	if len(data) < lengthRoute {
		return Rule{}, false, errShort
	}
	r = Rule{IPv6: data[0] == familyIPv6, TOS: data[3], Table: uint32(data[4]), Action: Action(data[7]),
		Not: binary.NativeEndian.Uint32(data[8:])&ruleInvert != 0}
	if data[0] != familyIPv4 && data[0] != familyIPv6 || actionOf(r.Action.String()) == 0 && r.Action != Lookup && r.Action != Goto {
		return Rule{}, false, nil
	}
	r.Priority = some(uint32(0)) // the kernel does not show that of the first
	d, err := netlink.NewAttributeDecoder(data[lengthRoute:])
	if err != nil {
		return Rule{}, false, err
	}
	var from, to netip.Addr
	masked := false
	for d.Next() {
		switch d.Type() {
		case fraDst:
			to, _ = netip.AddrFromSlice(d.Bytes()) // invalid is checked below
		case fraSrc:
			from, _ = netip.AddrFromSlice(d.Bytes())
		case fraFwmark:
			r.Mark = d.Uint32()
			if !masked {
				r.Mask = unset
			}
		case fraFwmask:
			r.Mask, masked = d.Uint32(), true
		default:
			r.attribute(d)
		}
	}
	if err := d.Err(); err != nil {
		return Rule{}, false, err
	}
	if r.From, err = decodedPrefix(from, int(data[2]), r.IPv6); err != nil {
		return Rule{}, false, err
	}
	if r.To, err = decodedPrefix(to, int(data[1]), r.IPv6); err != nil {
		return Rule{}, false, err
	}
	for _, p := range []*netip.Prefix{&r.From, &r.To} {
		if p.Bits() == 0 {
			*p = netip.Prefix{}
		}
	}
	return r, true, nil
}

// attribute decodes one that stands for itself.
func (r *Rule) attribute(d *netlink.AttributeDecoder) {
	pair := func(size int) (b []byte) {
		if b = d.Bytes(); len(b) < 2*size {
			return make([]byte, 2*size)
		}
		return b
	}
	span := func() [2]uint16 {
		b := pair(2)
		return [2]uint16{binary.NativeEndian.Uint16(b), binary.NativeEndian.Uint16(b[2:])}
	}
	suppress := func() Opt[uint32] {
		if n := d.Uint32(); n != unset {
			return some(n)
		}
		return Opt[uint32]{}
	}
	switch d.Type() {
	case fraIifName:
		r.In = d.String()
	case fraOifName:
		r.Out = d.String()
	case fraGoto:
		r.Goto = d.Uint32()
	case fraPriority:
		r.Priority = some(d.Uint32())
	case fraFlow:
		r.Realms = parseRealms(d.Uint32())
	case fraTunnelID:
		r.TunnelID = binary.BigEndian.Uint64(pair(4))
	case fraSuppressGroup:
		r.SuppressGroup = suppress()
	case fraSuppressPrefix:
		r.SuppressPrefix = suppress()
	case fraTable:
		r.Table = d.Uint32()
	case fraL3MDev:
		r.L3MDev = d.Uint8() != 0
	case fraUIDRange:
		b := pair(4)
		r.UIDs = some([2]uint32{binary.NativeEndian.Uint32(b), binary.NativeEndian.Uint32(b[4:])})
	case fraProtocol:
		r.Protocol = d.Uint8()
	case fraIPProto:
		r.IPProto = d.Uint8()
	case fraSportRange:
		r.Sport = span()
	case fraDportRange:
		r.Dport = span()
	}
}

// like reports whether what the kernel shows is what was asked for. A rule without a priority got one.
func (r Rule) like(shown Rule) bool {
	if !r.Priority.Set {
		shown.Priority = Opt[uint32]{}
	}
	r.Protocol = r.protocol()
	r.NoTrack = false
	return r == shown
}
