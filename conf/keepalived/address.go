// SPDX-License-Identifier: Apache-2.0

package keepalived

import (
	"net/netip"
	"strconv"
	"strings"
)

// words goes through the options of an address, route or rule.
type words struct {
	*parser
	name string // of the block, for messages
	rest []Token
	ok   bool // nothing was wrong enough to drop the line
}

// next takes the next word.
func (w *words) next() (Token, bool) {
	if len(w.rest) == 0 {
		return Token{}, false
	}
	t := w.rest[0]
	w.rest = w.rest[1:]
	return t, true
}

// value takes the word after an option; a line that lacks it is dropped.
func (w *words) value(option Token) Token {
	t, ok := w.next()
	if !ok {
		w.drop(option.At, "%s needs a value", option.Text)
		return Token{At: option.At}
	}
	return t
}

// drop says why a line is dropped.
func (w *words) drop(at Place, format string, args ...any) {
	if w.ok {
		w.warn(at, w.name+": "+format+"; the line is dropped", args...)
	}
	w.ok = false
}

// take takes the next word if it is the one.
func (w *words) take(word string) bool {
	if len(w.rest) > 0 && w.rest[0].Text == word {
		w.rest = w.rest[1:]
		return true
	}
	return false
}

// prefix reads an address with or without a length. What lies beyond the length is kept.
func prefix(s string) (p netip.Prefix, plain, ok bool) {
	text, length, given := strings.Cut(s, "/")
	a, err := netip.ParseAddr(text)
	if err != nil || a.Zone() != "" {
		return p, false, false
	}
	a = a.Unmap()
	bits := a.BitLen()
	if given {
		n, err := strconv.Atoi(length)
		if err != nil || n < 0 || n > bits {
			return netip.PrefixFrom(a, bits), true, false
		}
		bits = n
	}
	return netip.PrefixFrom(a, bits), !given, true
}

// addresses is a block of addresses.
func (p *parser) addresses(to *[]Address, static bool) action {
	return action{block: true, do: func(n *node) {
		p.each(n, func(line *node) {
			if a, ok := p.addressLine(n.name(), line, static); ok {
				*to = append(*to, a)
			}
		})
	}}
}

// addressLine reads ADDR[/LEN] and its options.
func (p *parser) addressLine(block string, line *node, static bool) (Address, bool) {
	first := line.words[0]
	a := Address{At: first.At, Preferred: Forever}
	var ok bool
	if a.Prefix, a.PlainLength, ok = prefix(first.Text); !ok {
		if !a.Prefix.IsValid() {
			p.warn(first.At, "%s: %q is no address%s; the line is dropped", block, first.Text, p.addressHint(first.Text))
			return a, false
		}
		p.warn(first.At, "%s: %q: want a length from 0 to %d, which is taken", block, first.Text, a.Prefix.Bits())
	}
	six := a.Prefix.Addr().Is6()
	if six && a.Prefix.IsSingleIP() {
		a.Preferred = 0 // not to be chosen as a source
	}
	if !six && a.Prefix.Addr().IsLoopback() {
		a.Scope = scopeHost
	}
	w := &words{p, block, line.args(), true}
	var broadcast, scope, peer Token
	for {
		o, more := w.next()
		if !more {
			break
		}
		switch o.Text {
		case "dev":
			a.Dev = w.value(o).Text
		case "brd", "broadcast":
			broadcast = w.value(o)
		case "scope":
			scope = w.value(o)
		case "label":
			p.addressLabel(&a, w.value(o), block)
		case "peer":
			peer = w.value(o)
		case "home":
			a.Home = true
		case "mngtmpaddr":
			a.ManageTemp = true
		case "noprefixroute":
			a.NoPrefix = true
		case "autojoin":
			a.AutoJoin = true
		case "-nodad":
			a.DAD = true
		case "preferred_lft":
			p.preferred(&a, w.value(o), block)
		case "no_track":
			a.NoTrack = true
		case "use_vmac":
			if a.VMAC = !static; static {
				p.warn(o.At, "%s: use_vmac is not for static addresses; it is ignored", block)
			}
		case "track_group":
			t := w.value(o)
			if a.TrackGroup = t.Text; !static {
				p.warn(o.At, "%s: track_group is for static addresses; it is ignored", block)
				a.TrackGroup = ""
			}
		default:
			p.warn(o.At, "%s: unknown option %q%s; it is ignored%s", block, o.Text, meant(o.Text, addressOptions()), p.secondAddress(o.Text))
		}
	}
	p.addressScope(&a, scope, block)
	p.addressPeer(&a, peer, broadcast, block)
	return a, w.ok
}

func addressOptions() []string {
	return []string{"dev", "brd", "broadcast", "scope", "label", "peer", "home", "mngtmpaddr", "noprefixroute",
		"autojoin", "-nodad", "preferred_lft", "no_track", "use_vmac", "track_group"}
}

// secondAddress explains the commonest mistake.
func (p *parser) secondAddress(s string) string {
	if _, _, ok := prefix(s); ok {
		return ": each address stands on a line of its own"
	}
	return ""
}

// addressHint says what stands where an address should.
func (p *parser) addressHint(s string) string {
	if p.table["vrrp_instance"][s] != nil {
		return ": it is a keyword of vrrp_instance; is a } missing before it?"
	}
	return ""
}

func (p *parser) addressLabel(a *Address, t Token, block string) {
	switch {
	case a.Prefix.Addr().Is6():
		p.warn(t.At, "%s: an IPv6 address has no label; it is ignored", block)
	case len(t.Text) > 15:
		p.warn(t.At, "%s: label %q is longer than 15 characters; it is ignored", block, t.Text)
	default:
		a.Label = t.Text
	}
}

func (p *parser) preferred(a *Address, t Token, block string) {
	if t.Text == "forever" {
		a.Preferred = Forever
	} else if i, ok := p.integer(block+": preferred_lft", t, 0, 1<<32-2); ok {
		a.Preferred = uint32(i)
	}
	if a.Prefix.Addr().Is4() { // of which keepalived reads it, and does nothing
		a.Preferred = Forever
	}
}

// scopeHost is the scope of what is good on this machine only.
const scopeHost = 254

// scopeOf reads a number, or a name that every system has.
func scopeOf(s string) (uint8, bool) {
	switch s {
	case "global":
		return 0, true
	case "site":
		return 200, true
	case "link":
		return 253, true
	case "host":
		return scopeHost, true
	case "nowhere":
		return 255, true
	}
	n, err := strconv.ParseUint(s, 0, 8)
	return uint8(n), err == nil && !strings.ContainsRune(s, '_')
}

func (p *parser) addressScope(a *Address, t Token, block string) {
	if t.Text == "" {
		return
	}
	scope, ok := scopeOf(t.Text)
	switch {
	case a.Prefix.Addr().Is6():
		p.warn(t.At, "%s: the scope of an IPv6 address cannot be set; it is ignored", block)
	case !ok:
		p.warn(t.At, "%s: scope is global, site, link, host, nowhere or a number up to 255, not %q; it is ignored", block, t.Text)
	default:
		a.Scope = scope
	}
}

// addressPeer settles peer and broadcast, of which only one can be.
func (p *parser) addressPeer(a *Address, peer, broadcast Token, block string) {
	addr := a.Prefix.Addr()
	if peer.Text != "" {
		other, _, ok := prefix(peer.Text)
		if !ok || other.Addr().Is6() != addr.Is6() {
			p.warn(peer.At, "%s: peer %q is no address of the same family; it is ignored", block, peer.Text)
		} else {
			if !a.PlainLength {
				p.warn(a.At, "%s: an address with a peer has no length of its own; /%d is ignored", block, a.Prefix.Bits())
				a.Prefix = netip.PrefixFrom(addr, addr.BitLen())
			}
			a.Peer = other
		}
	}
	if broadcast.Text == "" {
		return
	}
	b := netip.Addr{}
	switch bits := a.Prefix.Bits(); {
	case addr.Is6():
		p.warn(broadcast.At, "%s: an IPv6 address has no broadcast; it is ignored", block)
		return
	case a.Peer.IsValid():
		p.warn(broadcast.At, "%s: an address has a peer or a broadcast; the broadcast is ignored", block)
		return
	case broadcast.Text != "+" && broadcast.Text != "-":
		var err error
		if b, err = netip.ParseAddr(broadcast.Text); err != nil || !b.Is4() {
			p.warn(broadcast.At, "%s: brd is an IPv4 address, + or -, not %q; it is ignored", block, broadcast.Text)
			return
		}
	case bits > 30:
		p.warn(broadcast.At, "%s: a length of %d leaves no broadcast; it is ignored", block, bits)
		return
	default:
		// + is the address of all ones after the network, - that of all zeros.
		raw := a.Prefix.Masked().Addr().As4()
		if broadcast.Text == "+" {
			for i := bits; i < 32; i++ {
				raw[i/8] |= 0x80 >> (i % 8)
			}
		}
		b = netip.AddrFrom4(raw)
	}
	a.Broadcast = b
}
