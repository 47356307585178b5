// SPDX-License-Identifier: Apache-2.0

package takeover

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Attributes are what an address can have beside its prefix and its link. It is comparable; the zero value is an
// address as [Kernel.Add] installs it without being told more.
type Attributes struct {
	Label     string     // IPv4: its name in old programs, up to 15 characters: "eth1:1"
	Scope     uint8      // IPv4: where it is good, as in /etc/iproute2/rt_scopes; 0 is global, 253 link, 254 host
	Broadcast netip.Addr // IPv4: broadcast address; invalid for none
	Peer      netip.Addr // the other end of a point-to-point link; the length of the prefix is then the peer's

	Home          bool // IPv6: home address of Mobile IPv6
	ManageTemp    bool // IPv6: temporary addresses are made of it; needs a length of 64
	NoPrefixRoute bool // its subnet gets no route
	AutoJoin      bool // for a multicast address: the group is joined

	DAD       bool      // IPv6: duplicate address detection runs before the address is used
	Preferred Preferred // how long it may be chosen as the source of new connections
	NoTrack   bool      // it may be deleted by others; only the caller cares for that
}

// Preferred is the preferred lifetime of an address: a number of seconds from the moment it was added, or one of the
// constants. When it is over the address still answers, and is no source of new connections of IPv6.
type Preferred int64

// The values of [Preferred] that are no number of seconds.
const (
	// PreferredDefault: as long as the address lives (IPv4), or not at all (IPv6).
	PreferredDefault Preferred = 0
	// PreferredForever: as long as the address lives.
	PreferredForever Preferred = -1
	// PreferredNever: deprecated from the start, "preferred_lft 0".
	PreferredNever Preferred = -2
)

// seconds is the preferred lifetime to ask for when an address that was added some time ago lives on for valid seconds.
func (p Preferred) seconds(four bool, valid uint32, age time.Duration) uint32 {
	switch {
	case p == PreferredForever, p == PreferredDefault && four:
		return valid
	case p < 0, p == PreferredDefault:
		return 0
	}
	left := int64(p) - int64(age/time.Second)
	return uint32(min(max(left, 0), int64(valid)))
}

// AddressSpec is an address as a configuration writes it.
type AddressSpec struct {
	Prefix netip.Prefix // not masked; beside a peer its length is the peer's, as the kernel has it
	Device string       // name of the interface
	VMAC   bool         // use_vmac: it belongs on an interface with a MAC address of its own; only the caller cares for that
	Attributes
}

// String returns the line that [ParseAddress] makes the same of, in the words of ip(8).
func (s AddressSpec) String() string {
	var words []string
	add := func(on bool, w ...string) {
		if on {
			words = append(words, w...)
		}
	}
	if s.Peer.IsValid() {
		add(true, s.Prefix.Addr().String(), "peer", netip.PrefixFrom(s.Peer, s.Prefix.Bits()).String())
	} else {
		add(true, s.Prefix.String())
	}
	add(s.Device != "", "dev", s.Device)
	add(s.Broadcast.IsValid(), "brd", s.Broadcast.String())
	add(s.Scope != usualScope(s.Prefix.Addr()), "scope", scopeName(s.Scope))
	add(s.Label != "", "label", s.Label)
	add(s.Home, "home")
	add(s.ManageTemp, "mngtmpaddr")
	add(s.NoPrefixRoute, "noprefixroute")
	add(s.AutoJoin, "autojoin")
	add(s.DAD, "-nodad")
	switch p := s.Preferred; {
	case p == PreferredForever:
		add(true, "preferred_lft", "forever")
	case p == PreferredNever:
		add(true, "preferred_lft", "0")
	case p > 0:
		add(true, "preferred_lft", strconv.FormatInt(int64(p), 10))
	}
	add(s.NoTrack, "no_track")
	add(s.VMAC, "use_vmac")
	return strings.Join(words, " ")
}

// scopeHost is the scope of what is good on this machine only.
const scopeHost = 254

// usualScope is the scope of an address of which none was said.
func usualScope(a netip.Addr) uint8 {
	if a.Is4() && a.IsLoopback() {
		return scopeHost
	}
	return 0
}

func scopeName(n uint8) string {
	switch n {
	case 0:
		return "global"
	case 200:
		return "site"
	case 253:
		return "link"
	case scopeHost:
		return "host"
	case 255:
		return "nowhere"
	}
	return strconv.Itoa(int(n))
}

// parseScope reads a number, or a name that every system has.
func parseScope(word string) (uint8, error) {
	for _, n := range []uint8{0, 200, 253, scopeHost, 255} {
		if scopeName(n) == word {
			return n, nil
		}
	}
	n, err := strconv.ParseUint(word, 10, 8)
	if err != nil {
		return 0, fmt.Errorf("scope %q: want global, site, link, host, nowhere, or a number up to 255", word)
	}
	return uint8(n), nil
}

// worn is what an address in the kernel has of [Attributes] that cannot be changed while it is there.
type worn struct {
	label     string
	scope     uint8
	broadcast netip.Addr
	peer      netip.Addr
}

// differs reports whether an IPv4 address must be installed anew to have the attributes. The kernel gives an address
// without a label the name of its interface.
func (w worn) differs(at Attributes) bool {
	label := w.label != at.Label
	if at.Label == "" {
		label = strings.Contains(w.label, ":")
	}
	return label || w.scope != at.Scope || w.broadcast != at.Broadcast || w.peer != at.Peer
}
