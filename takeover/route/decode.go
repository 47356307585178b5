// SPDX-License-Identifier: Apache-2.0

package route

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"slices"

	"github.com/mdlayher/netlink"
)

var errShort = errors.New("netlink message is too short")

// parseRoute decodes RTM_NEWROUTE and RTM_DELROUTE; names are the names of interfaces by index. Routes of another family,
// and those that the kernel cloned for a destination, come back with ok false.
//
// What is as it would be if nothing were said is not said, but for the protocol.
func parseRoute(data []byte, names map[int]string) (r Route, ok bool, err error) {
	if len(data) < lengthRoute {
		return Route{}, false, errShort
	}
	flags := binary.NativeEndian.Uint32(data[8:])
	if data[0] != familyIPv4 && data[0] != familyIPv6 || flags&rtmCloned != 0 {
		return Route{}, false, nil
	}
	r = Route{IPv6: data[0] == familyIPv6, TOS: data[3], Table: uint32(data[4]), Protocol: data[5], Type: Type(data[7]),
		OnLink: flags&rtnhOnLink != 0}
	d, err := netlink.NewAttributeDecoder(data[lengthRoute:])
	if err != nil {
		return Route{}, false, err
	}
	var to netip.Addr
	var tunnel []byte
	var tunnelKind uint16
	for d.Next() {
		switch d.Type() {
		case rtaDst:
			to, _ = netip.AddrFromSlice(d.Bytes()) // invalid is checked below
		case rtaOif:
			r.Dev = names[int(d.Uint32())]
		case rtaGateway:
			r.Via, _ = netip.AddrFromSlice(d.Bytes())
		case rtaVia:
			r.Via = parseVia(d.Bytes())
		case rtaPriority:
			r.Metric = d.Uint32()
		case rtaPrefSrc:
			r.Src, _ = netip.AddrFromSlice(d.Bytes())
		case rtaMetrics:
			d.Nested(func(d *netlink.AttributeDecoder) error {
				r.Metrics = parseMetrics(d)
				return nil
			})
		case rtaMultipath:
			if r.Hops, err = parseHops(d.Bytes(), names); err != nil {
				return Route{}, false, err
			}
		case rtaFlow:
			r.Realms = parseRealms(d.Uint32())
		case rtaCacheInfo:
			// struct rta_cacheinfo: the third number is what is left, in ticks of 1/100 s.
			if b := d.Bytes(); r.IPv6 && len(b) >= 12 {
				if left := int32(binary.NativeEndian.Uint32(b[8:])); left > 0 {
					r.Expires = some(uint32(left) / 100)
				}
			}
		case rtaExpires:
			r.Expires = some(d.Uint32())
		case rtaTable:
			r.Table = d.Uint32()
		case rtaNewDst:
			r.As, _ = netip.AddrFromSlice(d.Bytes())
		case rtaPref:
			r.Pref = some(d.Uint8())
		case rtaPropagate:
			r.Propagate = some(d.Uint8() != 0)
		case rtaEncap:
			tunnel = slices.Clone(d.Bytes())
		case rtaEncapType:
			tunnelKind = d.Uint16()
		}
	}
	if err := d.Err(); err != nil {
		return Route{}, false, err
	}
	if r.To, err = decodedPrefix(to, int(data[1]), r.IPv6); err != nil {
		return Route{}, false, err
	}
	r.Encap = parseEncap(tunnelKind, tunnel)
	if !r.IPv6 && data[6] != r.scope() {
		r.Scope = some(data[6])
	}
	return r, true, nil
}

// decodedPrefix puts a destination together. One of length 0 has no address.
func decodedPrefix(a netip.Addr, bits int, six bool) (netip.Prefix, error) {
	if !a.IsValid() {
		if a = netip.IPv4Unspecified(); six {
			a = netip.IPv6Unspecified()
		}
		if bits != 0 {
			return netip.Prefix{}, errShort
		}
	}
	if a.Is6() != six || bits > a.BitLen() {
		return netip.Prefix{}, errShort
	}
	return netip.PrefixFrom(a, bits).Masked(), nil
}

// parseVia decodes struct rtvia: a family and an address.
func parseVia(b []byte) netip.Addr {
	if len(b) < 2 {
		return netip.Addr{}
	}
	a, _ := netip.AddrFromSlice(b[2:]) // the family says no more than the length
	return a
}

func parseRealms(n uint32) Realms { return Realms{uint16(n >> 16), uint16(n)} }

func parseMetrics(d *netlink.AttributeDecoder) (out []Metric) {
	var lock uint32
	for d.Next() {
		switch k := Kind(d.Type()); {
		case k == axLock:
			lock = d.Uint32()
		case k == Congestion:
			out = append(out, Metric{Kind: k, Text: d.String()})
		case k >= MTU && int(k) < len(kindNames):
			out = append(out, Metric{Kind: k, Value: d.Uint32()})
		}
	}
	for i := range out {
		out[i].Lock = lock&(1<<out[i].Kind) != 0
	}
	slices.SortStableFunc(out, func(a, b Metric) int { return int(a.Kind) - int(b.Kind) })
	return out
}

// parseHops decodes a list of struct rtnexthop, each with its attributes.
func parseHops(b []byte, names map[int]string) (out []Hop, err error) {
	for len(b) >= lengthHop {
		n := int(binary.NativeEndian.Uint16(b))
		if n < lengthHop || n > len(b) {
			return nil, errShort
		}
		h := Hop{Weight: int(b[3]) + 1, Dev: names[int(int32(binary.NativeEndian.Uint32(b[4:])))], OnLink: b[2]&rtnhOnLink != 0}
		d, err := netlink.NewAttributeDecoder(b[lengthHop:n])
		if err != nil {
			return nil, err
		}
		var tunnel []byte
		var tunnelKind uint16
		for d.Next() {
			switch d.Type() {
			case rtaGateway:
				h.Via, _ = netip.AddrFromSlice(d.Bytes())
			case rtaVia:
				h.Via = parseVia(d.Bytes())
			case rtaFlow:
				h.Realms = parseRealms(d.Uint32())
			case rtaEncap:
				tunnel = slices.Clone(d.Bytes())
			case rtaEncapType:
				tunnelKind = d.Uint16()
			}
		}
		if err := d.Err(); err != nil {
			return nil, err
		}
		h.Encap = parseEncap(tunnelKind, tunnel)
		out = append(out, h)
		b = b[min((n+3)&^3, len(b)):]
	}
	return out, nil
}

// parseEncap decodes a tunnel; nil for one that is not known here.
func parseEncap(kind uint16, b []byte) *Encap {
	word := map[uint16]string{encapMPLS: "mpls", encapIP: "ip", encapILA: "ila", encapIP6: "ip6"}[kind]
	d, err := netlink.NewAttributeDecoder(b)
	if err != nil || word == "" {
		return nil
	}
	t := &Encap{Kind: word}
	for d.Next() {
		v := d.Bytes()
		switch k := d.Type(); {
		case kind == encapMPLS && k == 1:
			for ; len(v) >= 4; v = v[4:] {
				t.Labels = append(t.Labels, binary.BigEndian.Uint32(v)>>12)
			}
		case kind == encapMPLS && k == 2 && len(v) > 0:
			t.TTL = some(v[0])
		case kind == encapILA && k == 1 && len(v) >= 8:
			t.Locator = binary.BigEndian.Uint64(v)
		case kind == encapMPLS, kind == encapILA:
		case k == 1 && len(v) >= 8:
			t.ID = some(binary.BigEndian.Uint64(v))
		case k == 2:
			t.Dst, _ = netip.AddrFromSlice(v)
		case k == 3:
			t.Src, _ = netip.AddrFromSlice(v)
		case k == 4 && len(v) > 0:
			t.TTL = some(v[0])
		case k == 5 && len(v) > 0:
			t.TOS = some(v[0])
		case k == 6 && len(v) >= 2:
			t.Flags = binary.BigEndian.Uint16(v)
		}
	}
	return t
}
