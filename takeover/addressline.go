// SPDX-License-Identifier: Apache-2.0

package takeover

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// maxName is the longest name of an interface and the longest label.
const maxName = 15

// ParseAddress reads an address with its options as ip(8) and keepalived write them:
//
//	10.0.0.1/24 dev eth1 label eth1:1 brd + scope link noprefixroute preferred_lft 0 no_track
//
// Without a length the address is alone (/32, /128). defaultDev is the interface where the line names none; it may be
// empty. Errors say which word is wrong, and which is meant where that can be guessed.
//
// Beside a peer the length is the peer's, of the address it is ignored. Options that mean nothing to IPv4 (home,
// mngtmpaddr, -nodad) have no effect there.
func ParseAddress(line, defaultDev string) (AddressSpec, error) {
	words := strings.Fields(line)
	if len(words) == 0 {
		return AddressSpec{}, errors.New("the line is empty: want ADDRESS[/LENGTH] and options")
	}
	s := AddressSpec{Device: defaultDev}
	var err error
	if s.Prefix, err = parsePrefix(words[0]); err != nil {
		return AddressSpec{}, err
	}
	s.Scope = usualScope(s.Prefix.Addr())
	seen := map[string]bool{}
	broadcast := ""
	for rest := words[1:]; len(rest) > 0; {
		name := rest[0]
		rest = rest[1:]
		if name == "broadcast" {
			name = "brd"
		}
		if seen[name] {
			return AddressSpec{}, fmt.Errorf("%s is given twice: remove one", name)
		}
		seen[name] = true
		if flag := s.flag(name); flag != nil {
			*flag = true
			continue
		}
		if !slices.Contains(addressOptions(), name) {
			return AddressSpec{}, unknownOption(name, addressOptions())
		}
		if len(rest) == 0 {
			return AddressSpec{}, fmt.Errorf("%s: its value is missing", name)
		}
		if name == "brd" {
			broadcast = rest[0]
		} else if err := s.value(name, rest[0]); err != nil {
			return AddressSpec{}, err
		}
		rest = rest[1:]
	}
	if broadcast != "" {
		if s.Broadcast, err = s.parseBroadcast(broadcast); err != nil {
			return AddressSpec{}, err
		}
	}
	return s, s.check()
}

func addressOptions() []string {
	return []string{"dev", "brd", "broadcast", "scope", "label", "peer", "home", "mngtmpaddr", "noprefixroute", "autojoin", "-nodad",
		"preferred_lft", "no_track", "use_vmac"}
}

// flag returns where an option without a value is kept, nil if it is none.
func (s *AddressSpec) flag(name string) *bool {
	switch name {
	case "home":
		return &s.Home
	case "mngtmpaddr":
		return &s.ManageTemp
	case "noprefixroute":
		return &s.NoPrefixRoute
	case "autojoin":
		return &s.AutoJoin
	case "-nodad":
		return &s.DAD
	case "no_track":
		return &s.NoTrack
	case "use_vmac":
		return &s.VMAC
	}
	return nil
}

// value notes an option with a value.
func (s *AddressSpec) value(name, v string) (err error) {
	switch name {
	case "dev":
		if s.Device = v; len(v) > maxName || strings.ContainsRune(v, '/') {
			return fmt.Errorf("dev %q: no interface has such a name (up to %d characters, no slash)", v, maxName)
		}
	case "label":
		if s.Label = v; len(v) > maxName {
			return fmt.Errorf("label %q is longer than %d characters", v, maxName)
		}
	case "scope":
		s.Scope, err = parseScope(v)
	case "peer":
		p, err := parsePrefix(v)
		if err != nil {
			return fmt.Errorf("peer: %w", err)
		}
		if p.Addr().Is4() != s.Prefix.Addr().Is4() {
			return fmt.Errorf("peer %s is not of the family of %s", p.Addr(), s.Prefix.Addr())
		}
		if p.Addr() == s.Prefix.Addr() {
			return fmt.Errorf("peer %s is the address itself: want the other end of the link", p.Addr())
		}
		s.Peer, s.Prefix = p.Addr(), netip.PrefixFrom(s.Prefix.Addr(), p.Bits())
	case "preferred_lft":
		n, err := strconv.ParseUint(strings.TrimSuffix(v, "sec"), 10, 32)
		switch {
		case v == "forever" || err == nil && n == forever:
			s.Preferred = PreferredForever
		case err != nil:
			return fmt.Errorf("preferred_lft %q: want seconds or forever", v)
		case n == 0:
			s.Preferred = PreferredNever
		default:
			s.Preferred = Preferred(n)
		}
	}
	return err
}

// parseBroadcast reads the address or makes it of the subnet: + sets the bits of the host, - clears them.
func (s *AddressSpec) parseBroadcast(v string) (netip.Addr, error) {
	of := s.Prefix.Addr()
	if s.Peer.IsValid() {
		of = s.Peer
	}
	if !of.Is4() {
		return netip.Addr{}, fmt.Errorf("brd %s: IPv6 has no broadcast: remove it", v)
	}
	if v != "+" && v != "-" {
		a, err := netip.ParseAddr(v)
		if err != nil || !a.Is4() {
			return netip.Addr{}, fmt.Errorf("brd %q: want an IPv4 address, + or -", v)
		}
		return a, nil
	}
	if s.Prefix.Bits() > 30 {
		return netip.Addr{}, fmt.Errorf("brd %s: a subnet of length %d has no broadcast address", v, s.Prefix.Bits())
	}
	b := of.As4()
	host := uint32(1)<<(32-s.Prefix.Bits()) - 1
	n := binary.BigEndian.Uint32(b[:]) &^ host
	if v == "+" {
		n |= host
	}
	binary.BigEndian.PutUint32(b[:], n)
	return netip.AddrFrom4(b), nil
}

// check refuses what does not go together.
func (s *AddressSpec) check() error {
	six := s.Prefix.Addr().Is6()
	switch {
	case six && s.Label != "":
		return fmt.Errorf("label %q: an IPv6 address has none: remove it", s.Label)
	case six && s.Scope != 0:
		return fmt.Errorf("scope %s: IPv6 derives it from the address: remove it", scopeName(s.Scope))
	case six && s.ManageTemp && s.Prefix.Bits() != 64:
		return fmt.Errorf("mngtmpaddr needs a length of 64, not %d", s.Prefix.Bits())
	}
	return nil
}

// parsePrefix reads ADDRESS[/LENGTH].
func parsePrefix(word string) (netip.Prefix, error) {
	text, length, given := strings.Cut(word, "/")
	a, err := netip.ParseAddr(text)
	switch {
	case err != nil:
		return netip.Prefix{}, fmt.Errorf("%q is no address", word)
	case a.Zone() != "":
		return netip.Prefix{}, fmt.Errorf("%q: write dev %s instead of %%%s", word, a.Zone(), a.Zone())
	case a.Is4In6():
		return netip.Prefix{}, fmt.Errorf("%q: write %s, the IPv4 address", word, a.Unmap())
	case !given:
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	n, err := strconv.ParseUint(length, 10, 8)
	if err != nil || int(n) > a.BitLen() {
		return netip.Prefix{}, fmt.Errorf("%q: want a length from 0 to %d", word, a.BitLen())
	}
	return netip.PrefixFrom(a, int(n)), nil
}

// unknownOption says what may be meant.
func unknownOption(word string, known []string) error {
	if _, err := parsePrefix(word); err == nil {
		return fmt.Errorf("%q is a second address: each needs a line of its own", word)
	}
	best, least := "", len(word)/3+1
	for _, k := range known {
		if n := edits(word, k); n <= least {
			best, least = k, n-1
		}
	}
	if best != "" {
		return fmt.Errorf("unknown option %q: did you mean %q?", word, best)
	}
	return fmt.Errorf("unknown option %q: want one of %s", word, strings.Join(known, ", "))
}

// edits counts the bytes to insert, delete or replace to make b of a.
func edits(a, b string) int {
	if len(a) > 100 {
		return len(a)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		corner := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := corner
			if a[i] != b[j] {
				cost++
			}
			corner = row[j+1]
			row[j+1] = min(row[j+1]+1, row[j]+1, cost)
		}
	}
	return row[len(b)]
}
