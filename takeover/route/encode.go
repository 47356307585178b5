// SPDX-License-Identifier: Apache-2.0

package route

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/mdlayher/netlink"
)

// The parts of rtnetlink that are needed here, from linux/rtnetlink.h, linux/fib_rules.h and linux/lwtunnel.h.
const (
	rtmNewLink  = 16
	rtmDelLink  = 17
	rtmGetLink  = 18
	rtmDelAddr  = 21
	rtmNewRoute = 24
	rtmDelRoute = 25
	rtmGetRoute = 26
	rtmNewRule  = 32
	rtmDelRule  = 33
	rtmGetRule  = 34

	familyIPv4 = 2
	familyIPv6 = 10

	lengthRoute = 12 // struct rtmsg, struct fib_rule_hdr
	lengthHop   = 8  // struct rtnexthop
	lengthLink  = 16 // struct ifinfomsg

	rtaDst       = 1
	rtaOif       = 4
	rtaGateway   = 5
	rtaPriority  = 6
	rtaPrefSrc   = 7
	rtaMetrics   = 8
	rtaMultipath = 9
	rtaFlow      = 11
	rtaCacheInfo = 12
	rtaTable     = 15
	rtaVia       = 18
	rtaNewDst    = 19
	rtaPref      = 20
	rtaEncapType = 21
	rtaEncap     = 22
	rtaExpires   = 23
	rtaPropagate = 26

	rtnhOnLink   = 4
	rtmCloned    = 0x200
	scopeNowhere = 255

	// metricIPv6 is the metric of an IPv6 route of which none is said.
	metricIPv6 = 1024

	axLock = 1

	encapMPLS = 1
	encapIP   = 2
	encapILA  = 3
	encapIP6  = 4
)

func family(six bool) uint8 {
	if six {
		return familyIPv6
	}
	return familyIPv4
}

// message encodes a route to add. devices are the indices of interfaces by name.
func (r *Route) message(devices map[string]int) ([]byte, error) { return r.encode(devices, false) }

// deletion encodes as much of a route as tells it from others: what may have changed since it was added is not in it.
func (r *Route) deletion(devices map[string]int) ([]byte, error) { return r.encode(devices, true) }

func (r *Route) encode(devices map[string]int, deletion bool) ([]byte, error) {
	table := r.table()
	head := [lengthRoute]byte{family(r.IPv6), byte(max(r.To.Bits(), 0)), 0, r.TOS, 0, r.protocol(), r.scope(), byte(r.Type)}
	if table < 256 {
		head[4] = byte(table)
	}
	if r.OnLink {
		binary.NativeEndian.PutUint32(head[8:], rtnhOnLink)
	}
	e := netlink.NewAttributeEncoder()
	if r.To.Bits() > 0 {
		e.Bytes(rtaDst, r.To.Addr().AsSlice())
	}
	e.Uint32(rtaTable, table)
	e.Uint32(rtaPriority, r.metric())
	if deletion && !r.IPv6 {
		head[6] = scopeNowhere // stands for any
	}
	via(e, r.Via, r.IPv6)
	if r.Dev != "" {
		index, ok := devices[r.Dev]
		if !ok {
			return nil, noDevice(r.Dev)
		}
		e.Uint32(rtaOif, uint32(index))
	}
	if len(r.Hops) > 0 {
		hops, err := r.hops(devices, deletion)
		if err != nil {
			return nil, err
		}
		e.Bytes(rtaMultipath, hops)
	}
	if !deletion {
		r.properties(e)
	}
	attributes, err := e.Encode()
	if err != nil {
		return nil, fmt.Errorf("the line is too long for a request: %w", err)
	}
	return append(head[:], attributes...), nil
}

// noDevice is the error of a name that no interface has.
func noDevice(name string) error { return fmt.Errorf("dev %s: %w", name, ErrNoDevice) }

func (r *Route) table() uint32 {
	if r.Table != 0 {
		return r.Table
	}
	return r.Type.table()
}

func (r *Route) protocol() uint8 {
	if r.Protocol != 0 {
		return r.Protocol
	}
	return Protocol
}

// metric is the metric that the kernel shows.
func (r *Route) metric() uint32 {
	if r.IPv6 && r.Metric == 0 {
		return metricIPv6
	}
	return r.Metric
}

// via encodes a gateway, if there is one.
func via(e *netlink.AttributeEncoder, a netip.Addr, six bool) {
	switch {
	case !a.IsValid():
	case a.Is6() == six:
		e.Bytes(rtaGateway, a.AsSlice())
	default:
		e.Bytes(rtaVia, append(binary.NativeEndian.AppendUint16(nil, uint16(family(a.Is6()))), a.AsSlice()...))
	}
}

// hops encodes several next hops.
func (r *Route) hops(devices map[string]int, deletion bool) (out []byte, err error) {
	for _, h := range r.Hops {
		index := 0
		if h.Dev != "" {
			ok := false
			if index, ok = devices[h.Dev]; !ok {
				return nil, noDevice(h.Dev)
			}
		}
		e := netlink.NewAttributeEncoder()
		via(e, h.Via, r.IPv6)
		if !deletion {
			flow(e, h.Realms)
			h.Encap.put(e)
		}
		attributes, err := e.Encode()
		if err != nil {
			return nil, fmt.Errorf("the line is too long for a request: %w", err)
		}
		head := [lengthHop]byte{3: byte(max(h.Weight, 1) - 1)}
		binary.NativeEndian.PutUint16(head[0:], uint16(lengthHop+len(attributes)))
		if h.OnLink {
			head[2] = rtnhOnLink
		}
		binary.NativeEndian.PutUint32(head[4:], uint32(index))
		out = append(append(out, head[:]...), attributes...)
	}
	return out, nil
}

func flow(e *netlink.AttributeEncoder, r Realms) {
	if r != (Realms{}) {
		e.Uint32(rtaFlow, uint32(r.From)<<16|uint32(r.To))
	}
}

// properties encodes what does not tell a route from others.
func (r *Route) properties(e *netlink.AttributeEncoder) {
	if r.Src.IsValid() {
		e.Bytes(rtaPrefSrc, r.Src.AsSlice())
	}
	flow(e, r.Realms)
	if len(r.Metrics) > 0 {
		e.Nested(rtaMetrics, func(e *netlink.AttributeEncoder) error {
			var lock uint32
			for _, m := range r.Metrics {
				if m.Lock {
					lock |= 1 << m.Kind
				}
				if m.Kind == Congestion {
					e.String(uint16(m.Kind), m.Text)
				} else {
					e.Uint32(uint16(m.Kind), m.Value)
				}
			}
			if lock != 0 {
				e.Uint32(axLock, lock)
			}
			return nil
		})
	}
	if r.Pref.Set {
		e.Uint8(rtaPref, r.Pref.V)
	}
	if r.Expires.Set {
		e.Uint32(rtaExpires, r.Expires.V)
	}
	if r.Propagate.Set {
		e.Uint8(rtaPropagate, map[bool]uint8{true: 1}[r.Propagate.V])
	}
	if r.As.IsValid() {
		e.Bytes(rtaNewDst, r.As.AsSlice())
	}
	r.Encap.put(e)
}

// put encodes a tunnel, if there is one.
func (t *Encap) put(e *netlink.AttributeEncoder) {
	if t == nil {
		return
	}
	kind := map[string]uint16{"mpls": encapMPLS, "ip": encapIP, "ila": encapILA, "ip6": encapIP6}[t.Kind]
	e.Nested(rtaEncap, func(e *netlink.AttributeEncoder) error {
		switch kind {
		case encapMPLS:
			e.Bytes(1, t.labels())
			if t.TTL.Set {
				e.Uint8(2, t.TTL.V)
			}
			return nil
		case encapILA:
			e.Bytes(1, binary.BigEndian.AppendUint64(nil, t.Locator))
			return nil
		}
		if t.ID.Set {
			e.Bytes(1, binary.BigEndian.AppendUint64(nil, t.ID.V))
		}
		if t.Dst.IsValid() {
			e.Bytes(2, t.Dst.AsSlice())
		}
		if t.Src.IsValid() {
			e.Bytes(3, t.Src.AsSlice())
		}
		if t.TTL.Set {
			e.Uint8(4, t.TTL.V)
		}
		if t.TOS.Set {
			e.Uint8(5, t.TOS.V)
		}
		if t.Flags != 0 {
			e.Bytes(6, binary.BigEndian.AppendUint16(nil, t.Flags))
		}
		return nil
	})
	e.Uint16(rtaEncapType, kind)
}

// labels encodes a stack of labels (RFC 3032 section 2.1), the last with the bit of the bottom.
func (t *Encap) labels() (out []byte) {
	for i, label := range t.Labels {
		entry := label << 12
		if i == len(t.Labels)-1 {
			entry |= 1 << 8
		}
		out = binary.BigEndian.AppendUint32(out, entry)
	}
	return out
}
