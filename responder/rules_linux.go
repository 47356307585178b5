// SPDX-License-Identifier: Apache-2.0

package responder

import (
	"encoding/binary"
	"net/netip"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// The prerouting chain comes right after connection tracking (-200) and before every destination NAT (-100): a published
// container port is refused as well. An earlier place, -310, would spare a look at the connection table, but the answers
// would then belong to no connection, and a firewall that lets out only what is established or related, or drops what is
// invalid, would turn each of them into silence. A refused packet is never confirmed: it leaves no entry in the table.
const chainPriority = -190

// identityPriority is before every destination NAT of others (-100) and behind ours.
const identityPriority = -110

const (
	chainBase       = "prerouting"
	chainReassemble = "reassemble"
	chainIdentity   = "identity"
)

// Speaker names the local ports at which a speaker takes what is for the spoken ports: transparent sockets at 127.0.0.1 and
// ::1. 0: it has none there.
type Speaker struct {
	TCP4, TCP6, UDP4, UDP6 uint16
}

// port is where the speaker takes a family and protocol.
func (s Speaker) port(v6 bool, protocol uint8) uint16 {
	switch {
	case v6 && protocol == TCP:
		return s.TCP6
	case v6:
		return s.UDP6
	case protocol == TCP:
		return s.TCP4
	}
	return s.UDP4
}

// What the speaker is asked to bear; beyond it the kernel refuses. Of TCP only what opens a connection counts.
const (
	spokenRate  = 2000 // a second, for each family and protocol
	spokenBurst = 500
)

// traits are what rule sets of different machines differ in.
type traits struct {
	tproxy   bool // the kernel has nft_tproxy
	speaker  Speaker
	identity bool // somebody else translates destination addresses here
}

// speaks reports whether there is an answer other than refusing for a family and protocol.
func (t traits) speaks(v6 bool, protocol uint8) bool {
	return t.tproxy && t.speaker.port(v6, protocol) != 0
}

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
	name     string
	kind     string // of a base chain in prerouting; "": only jumped to
	priority int32
}

// rule is one rule; its comment says in the listing what it is for, and tells at adoption that it is ours.
type rule struct {
	chain   string
	comment string
	exprs   []expr.Any
}

// chains returns the table's chains, those that are jumped to first.
func chains(t traits) []chain {
	c := []chain{{name: refuseChain(false)}, {name: refuseChain(true)}}
	if t.tproxy {
		c = append(c, chain{name: chainReassemble})
	}
	if t.identity {
		c = append(c, chain{chainIdentity, "nat", identityPriority})
	}
	return append(c, chain{chainBase, "filter", chainPriority})
}

// rules returns the table's rules in order. They change only with the traits; else only set elements do.
func rules(t traits) []rule {
	var r []rule
	for _, v6 := range []bool{false, true} {
		r = append(r, decide(v6, t)...)
	}
	if t.tproxy {
		r = append(r, reassembly()...)
	}
	if t.identity {
		r = append(r, identity(false), identity(true))
	}
	return append(r, gate()...)
}

// gate returns the rules of the base chain: one lookup for a packet that is none of ours.
func gate() []rule {
	return []rule{
		{chainBase, "IPv4: a refused address that is local here; what is only forwarded passes",
			join(family(false), lookup(roleAddress, false), local(), jump(refuseChain(false)))},
		{chainBase, "IPv6: a refused address that is local here; what is only forwarded passes",
			join(family(true), lookup(roleAddress, true), local(), jump(refuseChain(true)))},
		// A link-local address is local on its own interface only, and a client on this host comes in through lo.
		{chainBase, "IPv6: clients on this host, link-local addresses too",
			join(family(true), lookup(roleAddress, true), loopback(), jump(refuseChain(true)))},
	}
}

// local matches what is addressed to this host.
func local() []expr.Any {
	return []expr.Any{
		&expr.Fib{Register: regAnswer, ResultADDRTYPE: true, FlagDADDR: true},
		equal(regAnswer, binary.NativeEndian.AppendUint32(nil, unix.RTN_LOCAL)),
	}
}

// loopback matches what this host says to itself.
func loopback() []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyIIFTYPE, Register: regAnswer},
		equal(regAnswer, binary.NativeEndian.AppendUint16(nil, unix.ARPHRD_LOOPBACK)),
	}
}

// decide returns the rules of a family's refuse chain.
func decide(v6 bool, t traits) []rule {
	var r []rule
	add := func(comment string, exprs ...[]expr.Any) {
		r = append(r, rule{refuseChain(v6), comment, join(exprs...)})
	}
	leave := []expr.Any{&expr.Verdict{Kind: expr.VerdictReturn}}
	add("served here", lookup(roleServe, v6), leave)
	if t.speaks(v6, TCP) || t.speaks(v6, UDP) {
		// A client on this host may call from the refused address itself; then so is the speaker's answer addressed.
		add("spoken to a client on this host", loopback(), lookupSource(v6), leave)
	}
	// Answers to clients on this host are addressed to them; their own resets to the refused address must not be eaten.
	add("a reset is never answered", protocol(TCP), tcpFlags(flagRST, flagRST), leave)
	if t.speaks(v6, TCP) {
		add("TCP, spoken: too many", protocol(TCP), tcpFlags(flagSYN|flagACK, flagSYN), lookup(roleSpoken, v6), tooMany(), reset())
		add("TCP, spoken: to the speaker, if it lives", protocol(TCP), lookup(roleSpoken, v6), toSpeaker(v6, t.speaker.TCP4, t.speaker.TCP6))
	}
	if t.speaks(v6, UDP) {
		add("UDP, spoken: too many", protocol(UDP), lookup(roleSpoken, v6), tooMany(), unreachable(v6, UDP))
		add("UDP, spoken: to the speaker, if it lives", protocol(UDP), lookup(roleSpoken, v6), toSpeaker(v6, t.speaker.UDP4, t.speaker.UDP6))
	}
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
		return join(protocol(TCP), []expr.Any{
			&expr.Immediate{Register: regKey, Data: []byte{0, 1}},
			&expr.TProxy{Family: familyOf(v6), TableFamily: unix.NFPROTO_INET, RegPort: regKey},
		})
	}
	return []rule{
		{chainReassemble, "never reached: makes the kernel put IPv4 fragments together", join(family(false), guard(false))},
		{chainReassemble, "never reached: makes the kernel put IPv6 fragments together", join(family(true), guard(true))},
	}
}

// toSpeaker hands the packet to the transparent socket of the speaker; where that is gone, the next rule decides. The
// packet keeps its destination, which tells the speaker for whom it is to answer.
func toSpeaker(v6 bool, port4, port6 uint16) []expr.Any {
	at, port := netip.AddrFrom4([4]byte{127, 0, 0, 1}), port4
	if v6 {
		at, port = netip.IPv6Loopback(), port6
	}
	return []expr.Any{
		&expr.Immediate{Register: regKey, Data: at.AsSlice()},
		&expr.Immediate{Register: regAnswer, Data: binary.BigEndian.AppendUint16(nil, port)},
		&expr.TProxy{Family: familyOf(v6), TableFamily: unix.NFPROTO_INET, RegAddr: regKey, RegPort: regAnswer},
		&expr.Verdict{Kind: expr.VerdictAccept},
	}
}

// identity binds a spoken connection to the address that it is for, so that nobody's destination NAT behind it, such as that
// of published container ports, takes it from the speaker.
func identity(v6 bool) rule {
	name, offset, length := "IPv4", uint32(16), uint32(4)
	if v6 {
		name, offset, length = "IPv6", 24, 16
	}
	notServed := lookup(roleServe, v6)
	notServed[len(notServed)-1].(*expr.Lookup).Invert = true
	return rule{chainIdentity, name + ", spoken: no other destination", join(family(v6), lookup(roleSpoken, v6), notServed, local(), []expr.Any{
		&expr.Payload{OperationType: expr.PayloadLoad, DestRegister: regKey, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: length},
		&expr.NAT{Type: expr.NATTypeDestNAT, Family: uint32(familyOf(v6)), RegAddrMin: regKey},
	})}
}

// tooMany matches beyond what the speaker is to bear.
func tooMany() []expr.Any {
	return []expr.Any{&expr.Limit{Type: expr.LimitTypePkts, Rate: spokenRate, Unit: expr.LimitTimeSecond, Burst: spokenBurst, Over: true}}
}

// Flags of a TCP header (RFC 9293 §3.1).
const (
	flagSYN = 0x02
	flagRST = 0x04
	flagACK = 0x10
)

// tcpFlags matches TCP segments that have, of the flags in mask, exactly those in want.
func tcpFlags(mask, want byte) []expr.Any {
	return []expr.Any{
		&expr.Payload{OperationType: expr.PayloadLoad, DestRegister: regAnswer, Base: expr.PayloadBaseTransportHeader, Offset: 13, Len: 1},
		&expr.Bitwise{SourceRegister: regAnswer, DestRegister: regAnswer, Len: 1, Mask: []byte{mask}, Xor: []byte{0}},
		equal(regAnswer, []byte{want}),
	}
}

func familyOf(v6 bool) byte {
	if v6 {
		return unix.NFPROTO_IPV6
	}
	return unix.NFPROTO_IPV4
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
	return []expr.Any{&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: regAnswer}, equal(regAnswer, []byte{familyOf(v6)})}
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
	return match(setID{r, v6}, offset, length, 2)
}

// lookupSource matches the packet's source against the spoken ports.
func lookupSource(v6 bool) []expr.Any {
	offset, length := uint32(12), uint32(4)
	if v6 {
		offset, length = 8, 16
	}
	return match(setID{roleSpoken, v6}, offset, length, 0)
}

// match looks up the address at offset in the network header, with protocol and the port at portOffset if the set has them.
func match(s setID, offset, length, portOffset uint32) []expr.Any {
	e := []expr.Any{&expr.Payload{
		OperationType: expr.PayloadLoad, DestRegister: regKey, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: length,
	}}
	if s.ported() {
		next := regKey + length/4
		e = append(e,
			&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: next},
			&expr.Payload{
				OperationType: expr.PayloadLoad, DestRegister: next + 1, Base: expr.PayloadBaseTransportHeader, Offset: portOffset, Len: 2,
			})
	}
	return append(e, &expr.Lookup{SourceRegister: regKey, SetName: s.String()})
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
