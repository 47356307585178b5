// SPDX-License-Identifier: Apache-2.0

package conf

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// addresses resolves the list of addresses and parts it by family.
func (r *serviceResolver) addresses() {
	if r.raw.Addresses.Set && len(r.raw.Addresses.V) == 0 {
		r.errorf(r.raw.Addresses.off, `addresses is empty: write what clients connect to, such as ["10.0.0.101/24"]`)
	}
	for i, e := range r.raw.Addresses.V {
		if !e.Set {
			continue
		}
		p, options, ok := addressLine(r.scope, e)
		if !ok {
			continue
		}
		if j := slices.IndexFunc(r.out.Addresses, func(q netip.Prefix) bool { return q.Addr() == p.Addr() }); j >= 0 {
			r.errorf(e.off, "address %s is listed twice: remove one", p.Addr())
			continue
		}
		r.out.Addresses = append(r.out.Addresses, p)
		if options != "" {
			if r.out.AddressOptions == nil {
				r.out.AddressOptions = map[netip.Addr]string{}
			}
			r.out.AddressOptions[p.Addr()] = options
		}
		if p.Addr().Is4() {
			r.out.IPv4 = append(r.out.IPv4, p)
			continue
		}
		if p.Addr().IsLinkLocalUnicast() && len(r.out.IPv6) > 0 && !strings.EqualFold(r.raw.LinkLocal.V, string(LinkLocalNone)) {
			r.errorf(r.raw.Addresses.V[i].off, "link-local address %s must be the first IPv6 address of the list (RFC 9568 §5.2.9): move it there", p.Addr())
		}
		r.out.IPv6 = append(r.out.IPv6, p)
	}
}

// virtualAddress parses an address with its prefix length, and says what is wrong with it.
func virtualAddress(text string) (p netip.Prefix, why string) {
	p, err := netip.ParsePrefix(text)
	if err != nil {
		a, aErr := netip.ParseAddr(text)
		host, _, cut := strings.Cut(text, "/")
		inner, hostErr := netip.ParseAddr(host)
		switch {
		case aErr == nil && a.Zone() != "":
			return p, "has a zone: leave it out, the service has its interface"
		case aErr == nil && a.Is4():
			return p, fmt.Sprintf(`has no prefix length: write that of the network, such as "%s/24"`, a)
		case aErr == nil:
			return p, fmt.Sprintf(`has no prefix length: write that of the network, such as "%s/64"`, a)
		case cut && hostErr == nil && inner.Zone() == "" && inner.Is4():
			return p, "has a bad prefix length: want /1 to /32"
		case cut && hostErr == nil && inner.Zone() == "":
			return p, "has a bad prefix length: want /1 to /128"
		case cut && hostErr == nil:
			return p, "has a zone: leave it out, the service has its interface"
		}
		return p, "is not an IP address with its prefix length"
	}
	a := p.Addr()
	if why := notHost(a); why != "" {
		return p, "is " + why
	}
	hostBits := a.BitLen() - p.Bits()
	switch {
	case p.Bits() == 0:
		return p, "has prefix length 0: every address would be on this interface's network"
	case hostBits >= 2 && a == p.Masked().Addr() && a.Is4():
		return p, "is the network's own address: want that of a host in it"
	case hostBits >= 2 && a == p.Masked().Addr():
		return p, "is the network's anycast address of its routers (RFC 4291 §2.6.1): want that of a host in it"
	case hostBits >= 2 && a.Is4() && a == broadcast(p):
		return p, "is the network's broadcast address: want that of a host in it"
	}
	return p, ""
}

// broadcast returns the last address of an IPv4 network.
func broadcast(p netip.Prefix) netip.Addr {
	b := p.Addr().As4()
	for bit := p.Bits(); bit < 32; bit++ {
		b[bit/8] |= 0x80 >> (bit % 8)
	}
	return netip.AddrFrom4(b)
}

// linkLocal puts the link-local address in front of the IPv6 addresses, as link_local wants it.
func (r *serviceResolver) linkLocal() {
	v, out := r.raw.LinkLocal, &r.out
	out.LinkLocalMode = LinkLocalAuto
	if v.Set && len(out.IPv6) == 0 {
		if len(out.IPv4) > 0 {
			r.warnf(v.off, "link_local has no effect: there is no IPv6 address")
		}
		return
	}
	listed := len(out.IPv6) > 0 && out.IPv6[0].Addr().IsLinkLocalUnicast()
	switch {
	case !v.Set || v.V == string(LinkLocalAuto):
		if !listed && len(out.IPv6) > 0 && out.VRID != 0 {
			r.prepend(LinkLocal(out.VRID))
		}
	case v.V == string(LinkLocalNone):
		out.LinkLocalMode = LinkLocalNone
	default:
		out.LinkLocalMode = LinkLocalGiven
		a, err := netip.ParseAddr(v.V)
		switch {
		case err != nil || a.Zone() != "" || !a.Is6() || !a.IsLinkLocalUnicast():
			r.errorf(v.off, `link_local %q: want "auto", "none" or an address of fe80::/10 without prefix length and zone`, v.V)
		case listed:
			r.errorf(v.off, "link_local and the list both give a link-local address, %s and %s: keep one", a, out.IPv6[0].Addr())
		default:
			r.prepend(a)
		}
	}
	if len(out.IPv6) > 0 && out.IPv6[0].Addr().IsLinkLocalUnicast() {
		out.LinkLocal = out.IPv6[0].Addr()
	}
}

func (r *serviceResolver) prepend(a netip.Addr) {
	r.out.IPv6 = append([]netip.Prefix{netip.PrefixFrom(a, 64)}, r.out.IPv6...)
}

// The most addresses that one advert holds: the count is a byte, and an IPv6 advert must fit an MTU of 1500 as it
// cannot be fragmented: (1500 - 40 - 8) / 16.
const (
	maxIPv4 = 255
	maxIPv6 = 90
)

func (r *serviceResolver) limits() {
	if n := len(r.out.IPv4); n > maxIPv4 {
		r.errorf(r.raw.Addresses.off, "%d IPv4 addresses: an advert holds %d, divide them among services", n, maxIPv4)
	}
	if n := len(r.out.IPv6); n > maxIPv6 {
		r.errorf(r.raw.Addresses.off, "%d IPv6 addresses with the link-local one: an advert of 1500 bytes holds %d, divide them among services", n, maxIPv6)
	}
}

// ports resolves the ports of the service.
func (r *serviceResolver) ports() {
	if r.raw.Ports.Set && len(r.raw.Ports.V) == 0 {
		r.errorf(r.raw.Ports.off, "ports is empty: remove it to mean the whole address")
	}
	for _, e := range r.raw.Ports.V {
		if !e.Set {
			continue
		}
		p, ok := parsePort(e.V)
		switch {
		case !ok:
			r.errorf(e.off, `port %q: want "tcp/NUMBER" or "udp/NUMBER", 1 to 65535`, e.V)
		case slices.Contains(r.out.Ports, p):
			r.errorf(e.off, "port %s is listed twice: remove one", p)
		default:
			r.out.Ports = append(r.out.Ports, p)
		}
	}
}

func parsePort(text string) (Port, bool) {
	proto, number, _ := strings.Cut(text, "/")
	n, err := strconv.ParseUint(number, 10, 16)
	if err != nil || n == 0 {
		return Port{}, false
	}
	switch proto {
	case "tcp":
		return Port{TCP, uint16(n)}, true
	case "udp":
		return Port{UDP, uint16(n)}, true
	}
	return Port{}, false
}

// unicast resolves source and peers. One file serves all nodes: a peer that is this node's own address is left out, and
// is the source if the file gives none.
func (r *serviceResolver) unicast() {
	raw, out := r.raw, &r.out
	out.Source = hostAddress(r.scope, "source", raw.Source)
	if out.Source.IsValid() {
		r.source()
	}
	if raw.UnicastPeers.Set && len(raw.UnicastPeers.V) == 0 {
		r.errorf(raw.UnicastPeers.off, "unicast_peers is empty: remove it to send by multicast")
	}
	own := r.cfg.Nodes[r.cfg.Node].Address
	sound := true
	for _, e := range raw.UnicastPeers.V {
		a := hostAddress(r.scope, "unicast peer", e)
		switch {
		case !a.IsValid():
			sound = false
		case len(r.family(a)) == 0 && len(out.Addresses) > 0:
			sound = false
			r.errorf(e.off, "unicast peer %s is %s, but no address is: adverts go to peers of their own family", a, familyOf(a))
		case a == own:
			if !out.Source.IsValid() {
				out.Source = a
			}
		case a == out.Source:
			sound = false
			r.errorf(e.off, "unicast peer %s is the source: list the other nodes only, or give each node's address in [nodes]", a)
		case slices.ContainsFunc(out.Addresses, func(p netip.Prefix) bool { return p.Addr() == a }):
			sound = false
			r.errorf(e.off, "unicast peer %s is an address of the service itself: write the peer's own address", a)
		case slices.Contains(out.UnicastPeers, a):
			sound = false
			r.errorf(e.off, "unicast peer %s is listed twice: remove one", a)
		default:
			out.UnicastPeers = append(out.UnicastPeers, a)
		}
	}
	if !sound || !raw.UnicastPeers.Set || len(raw.UnicastPeers.V) == 0 {
		return
	}
	for _, ipv6 := range []bool{false, true} {
		covered := slices.ContainsFunc(out.UnicastPeers, func(a netip.Addr) bool { return a.Is6() == ipv6 })
		if covered || len(out.Prefixes(ipv6)) == 0 {
			continue
		}
		name, other := "IPv4", "add one, or remove unicast_peers to send by multicast"
		if ipv6 {
			name = "IPv6"
		}
		if len(out.Prefixes(!ipv6)) > 0 {
			other = fmt.Sprintf("add one, or give the %s addresses a service of their own", name)
		}
		r.errorf(raw.UnicastPeers.off, "unicast_peers has no %s peer beside this node: %s", name, other)
	}
}

// source judges a source that the file gives.
func (r *serviceResolver) source() {
	off, a := r.raw.Source.off, r.out.Source
	switch {
	case len(r.family(a)) == 0 && len(r.out.Addresses) > 0:
		r.errorf(off, "source %s is %s, but no address is: write a source of the addresses' family", a, familyOf(a))
	case a.Is6() && !a.IsLinkLocalUnicast() && r.raw.UnicastPeers.absent():
		r.errorf(off, "source %s is not link-local: IPv6 adverts to the group come from a link-local address (RFC 9568 §7.2)", a)
	case r.raw.Priority.V != 255 && slices.ContainsFunc(r.out.Addresses, func(p netip.Prefix) bool { return p.Addr() == a }):
		r.errorf(off, "source %s is an address of the service itself: write this node's own, which it has at all times", a)
	}
}

// family returns the service's addresses of the family of a.
func (r *serviceResolver) family(a netip.Addr) []netip.Prefix {
	return r.out.Prefixes(a.Is6())
}

func familyOf(a netip.Addr) string {
	if a.Is4() {
		return "IPv4"
	}
	return "IPv6"
}
