// SPDX-License-Identifier: Apache-2.0

package responder

import (
	"encoding/binary"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// The prerouting chain comes right after connection tracking (-200) and before every destination NAT (-100): a published
// container port is refused as well. An earlier place, -310, would spare a look at the connection table, but the answers
// would then belong to no connection, and a firewall that lets out only what is established or related, or drops what is
// invalid, would turn each of them into silence. A refused packet is never confirmed: it leaves no entry in the table.
const chainPriority = -190

const (
	chainBase       = "prerouting"
	chainReassemble = "reassemble"
)

// refuseChain is the chain of a family that decides about a packet to an address in the gate.
func refuseChain(v6 bool) string {
	if v6 {
		return "refuse6"
	}
	return "refuse4"
}

// Registers: a lookup key begins in the first 4-byte register and runs on; the fib result has one of its own.
const (
	regKey    = unix.NFT_REG32_00
	regAnswer = unix.NFT_REG32_15
)

// chain is one chain of the table.
type chain struct {
	name string
	base bool
}

// rule is one rule; its comment says in the listing what it is for, and tells at adoption that it is ours.
type rule struct {
	chain   string
	comment string
	exprs   []expr.Any
}

// chains returns the table's chains, those that are jumped to first.
func chains(reassemble bool) []chain {
	c := []chain{{name: refuseChain(false)}, {name: refuseChain(true)}}
	if reassemble {
		c = append(c, chain{name: chainReassemble})
	}
	return append(c, chain{name: chainBase, base: true})
}

// rules returns the table's rules in order. They never change while the daemon runs; only set elements do.
func rules(reassemble bool) []rule {
	var r []rule
	for _, v6 := range []bool{false, true} {
		r = append(r, decide(v6)...)
	}
	if reassemble {
		r = append(r, reassembly()...)
	}
	return append(r, gate()...)
}

// gate returns the rules of the base chain: one lookup for a packet that is none of ours.
func gate() []rule {
	local := []expr.Any{
		&expr.Fib{Register: regAnswer, ResultADDRTYPE: true, FlagDADDR: true},
		equal(regAnswer, binary.NativeEndian.AppendUint32(nil, unix.RTN_LOCAL)),
	}
	loopback := []expr.Any{
		&expr.Meta{Key: expr.MetaKeyIIFTYPE, Register: regAnswer},
		equal(regAnswer, binary.NativeEndian.AppendUint16(nil, unix.ARPHRD_LOOPBACK)),
	}
	return []rule{
		{chainBase, "IPv4: a refused address that is local here; what is only forwarded passes",
			join(family(false), lookup(roleAddress, false), local, jump(refuseChain(false)))},
		{chainBase, "IPv6: a refused address that is local here; what is only forwarded passes",
			join(family(true), lookup(roleAddress, true), local, jump(refuseChain(true)))},
		// A link-local address is local on its own interface only, and a client on this host comes in through lo.
		{chainBase, "IPv6: clients on this host, link-local addresses too",
			join(family(true), lookup(roleAddress, true), loopback, jump(refuseChain(true)))},
	}
}

// decide returns the rules of a family's refuse chain.
func decide(v6 bool) []rule {
	var r []rule
	add := func(comment string, exprs ...[]expr.Any) {
		r = append(r, rule{refuseChain(v6), comment, join(exprs...)})
	}
	leave := []expr.Any{&expr.Verdict{Kind: expr.VerdictReturn}}
	add("served here", lookup(roleServe, v6), leave)
	// Answers to clients on this host are addressed to them; their own resets to the refused address must not be eaten.
	add("a reset is never answered", protocol(TCP), []expr.Any{
		&expr.Payload{OperationType: expr.PayloadLoad, DestRegister: regAnswer, Base: expr.PayloadBaseTransportHeader, Offset: 13, Len: 1},
		&expr.Bitwise{SourceRegister: regAnswer, DestRegister: regAnswer, Len: 1, Mask: []byte{0x04}, Xor: []byte{0}},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: regAnswer, Data: []byte{0}},
	}, leave)
	add("TCP: reset", protocol(TCP), lookup(roleReset, v6), reset())
	add("TCP port: reset", protocol(TCP), lookup(rolePort, v6), reset())
	add("UDP port: port unreachable", protocol(UDP), lookup(rolePort, v6), unreachable(v6, UDP))
	add("UDP: port unreachable", protocol(UDP), lookup(roleUnreach, v6), unreachable(v6, UDP))
	for _, p := range otherProtocols(v6) {
		add(p.name+": unreachable", protocol(p.number), lookup(roleUnreach, v6), unreachable(v6, p.number))
	}
	return r
}

// named is a protocol and how it is called.
type named struct {
	number uint8
	name   string
}

// otherProtocols returns the protocols besides TCP and UDP that a service may speak. The kernel's reject stays silent
// where it would have to verify a checksum that it does not know, so everything else is left to the kernel itself, which
// answers "protocol unreachable" when nothing handles it; ICMP, ND, IGMP and VRRP are left alone by that as well.
// AH is an extension header in IPv6, where reject cannot see it.
func otherProtocols(v6 bool) []named {
	list := []named{
		{unix.IPPROTO_SCTP, "SCTP"}, {unix.IPPROTO_DCCP, "DCCP"}, {unix.IPPROTO_UDPLITE, "UDP-Lite"},
		{unix.IPPROTO_GRE, "GRE"}, {unix.IPPROTO_ESP, "ESP"},
	}
	if !v6 {
		list = append(list, named{unix.IPPROTO_AH, "AH"})
	}
	return list
}

// reassembly returns rules that no packet ever meets. Their tproxy expression makes the kernel put fragments together
// before our chain, without connection tracking: reject cannot verify the checksum of a fragment and would be silent.
func reassembly() []rule {
	guard := func(v6 bool) []expr.Any {
		family := byte(unix.NFPROTO_IPV4)
		if v6 {
			family = unix.NFPROTO_IPV6
		}
		return join(protocol(TCP), []expr.Any{
			&expr.Immediate{Register: regKey, Data: []byte{0, 1}},
			&expr.TProxy{Family: family, TableFamily: unix.NFPROTO_INET, RegPort: regKey},
		})
	}
	return []rule{
		{chainReassemble, "never reached: makes the kernel put IPv4 fragments together", join(family(false), guard(false))},
		{chainReassemble, "never reached: makes the kernel put IPv6 fragments together", join(family(true), guard(true))},
	}
}

func join(parts ...[]expr.Any) []expr.Any {
	var all []expr.Any
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

func equal(register uint32, data []byte) *expr.Cmp {
	return &expr.Cmp{Op: expr.CmpOpEq, Register: register, Data: data}
}

func family(v6 bool) []expr.Any {
	f := byte(unix.NFPROTO_IPV4)
	if v6 {
		f = unix.NFPROTO_IPV6
	}
	return []expr.Any{&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: regAnswer}, equal(regAnswer, []byte{f})}
}

func protocol(number uint8) []expr.Any {
	return []expr.Any{&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: regAnswer}, equal(regAnswer, []byte{number})}
}

// lookup matches the packet's destination against the set of the role: the address, or address, protocol and port.
func lookup(r role, v6 bool) []expr.Any {
	offset, length := uint32(16), uint32(4)
	if v6 {
		offset, length = 24, 16
	}
	e := []expr.Any{&expr.Payload{
		OperationType: expr.PayloadLoad, DestRegister: regKey, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: length,
	}}
	if r == rolePort {
		next := regKey + length/4
		e = append(e,
			&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: next},
			&expr.Payload{
				OperationType: expr.PayloadLoad, DestRegister: next + 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2,
			})
	}
	return append(e, &expr.Lookup{SourceRegister: regKey, SetName: setID{r, v6}.String()})
}

func jump(to string) []expr.Any { return []expr.Any{&expr.Verdict{Kind: expr.VerdictJump, Chain: to}} }

func reset() []expr.Any { return []expr.Any{&expr.Reject{Type: unix.NFT_REJECT_TCP_RST}} }

// ICMP codes of "destination unreachable" (RFC 792, RFC 4443 §3.1). ICMPv6 has no code for a protocol.
const (
	icmpProtocolUnreachable = 2
	icmpPortUnreachable     = 3
	icmp6PortUnreachable    = 4
)

func unreachable(v6 bool, protocol uint8) []expr.Any {
	code := uint8(icmpPortUnreachable)
	switch {
	case v6:
		code = icmp6PortUnreachable
	case protocol != UDP:
		code = icmpProtocolUnreachable
	}
	return []expr.Any{&expr.Reject{Type: unix.NFT_REJECT_ICMP_UNREACH, Code: code}}
}
