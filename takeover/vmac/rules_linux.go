// SPDX-License-Identifier: Apache-2.0

package vmac

import (
	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

type anyExpr = expr.Any

// Registers: what is compared, and the key of a lookup.
const (
	regWord = unix.NFT_REG32_15
	regKey  = unix.NFT_REG32_00
	regMAC  = unix.NFT_REG32_08
)

// Places in a frame.
const (
	atType   = 12 // of the Ethernet header
	atSource = 6
)

// protocolVRRP is the number of IP.
const protocolVRRP = 112

// exit are the rules on the way out of a base. What comes from an interface of a virtual router has its MAC already. The maps hold the
// addresses that answer here, and the VRIDs of routers, with their MACs.
func exit(virtual, four, six, adverts4, adverts6 *nftables.Set) [][]anyExpr {
	return [][]anyExpr{
		join(ethernetSource(), known(virtual), verdict(expr.VerdictAccept)),
		join(etherType(0x0800), network(9, 1), equal(protocolVRRP), vrid(), dressed(adverts4), verdict(expr.VerdictAccept)),
		join(etherType(0x86dd), network(6, 1), equal(protocolVRRP), vrid(), dressed(adverts6), verdict(expr.VerdictAccept)),
		join(etherType(0x0806), network(6, 2), equal(0, 2), network(14, 4, regKey), known(four), verdict(expr.VerdictDrop)),
		join(etherType(0x86dd), network(6, 1), equal(unix.IPPROTO_ICMPV6), network(40, 1), equal(136), network(48, 16, regKey), known(six),
			verdict(expr.VerdictDrop)),
		join(etherType(0x0800), network(12, 4, regKey), dressed(four)),
		join(etherType(0x86dd), network(8, 16, regKey), dressed(six)),
	}
}

// deaf are the rules on the way into the interface of a virtual router.
func deaf(mute *nftables.Set) [][]anyExpr {
	return [][]anyExpr{join(device(expr.MetaKeyIIF), known(mute), verdict(expr.VerdictDrop))}
}

// dumb are the rules on the way out of it: adverts leave before anybody knows that the router is Active.
func dumb(mute *nftables.Set) [][]anyExpr {
	return [][]anyExpr{
		join(etherType(0x0800), network(9, 1), equal(protocolVRRP), verdict(expr.VerdictAccept)),
		join(etherType(0x86dd), network(6, 1), equal(protocolVRRP), verdict(expr.VerdictAccept)),
		join(device(expr.MetaKeyOIF), known(mute), verdict(expr.VerdictDrop)),
	}
}

func join(parts ...[]anyExpr) []anyExpr {
	var all []anyExpr
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

func etherType(n uint16) []anyExpr {
	return append([]anyExpr{&expr.Payload{DestRegister: regWord, Base: expr.PayloadBaseLLHeader, Offset: atType, Len: 2}}, equal(byte(n>>8), byte(n))...)
}

// network loads a part of the network header, into regWord unless another register is named.
func network(offset, length uint32, register ...uint32) []anyExpr {
	to := uint32(regWord)
	if len(register) > 0 {
		to = register[0]
	}
	return []anyExpr{&expr.Payload{DestRegister: to, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: length}}
}

func ethernetSource() []anyExpr {
	return []anyExpr{&expr.Payload{DestRegister: regKey, Base: expr.PayloadBaseLLHeader, Offset: atSource, Len: 6}}
}

// vrid loads that of an advert (RFC 9568 section 5.1).
func vrid() []anyExpr {
	return []anyExpr{&expr.Payload{DestRegister: regKey, Base: expr.PayloadBaseTransportHeader, Offset: 1, Len: 1}}
}

func equal(data ...byte) []anyExpr {
	return []anyExpr{&expr.Cmp{Op: expr.CmpOpEq, Register: regWord, Data: data}}
}

func device(key expr.MetaKey) []anyExpr { return []anyExpr{&expr.Meta{Key: key, Register: regKey}} }

func known(s *nftables.Set) []anyExpr {
	return []anyExpr{&expr.Lookup{SourceRegister: regKey, SetName: s.Name, SetID: s.ID}}
}

// dressed gives the frame the MAC that a map has for the key.
func dressed(s *nftables.Set) []anyExpr {
	return []anyExpr{
		&expr.Lookup{SourceRegister: regKey, DestRegister: regMAC, IsDestRegSet: true, SetName: s.Name, SetID: s.ID},
		&expr.Payload{OperationType: expr.PayloadWrite, SourceRegister: regMAC, Base: expr.PayloadBaseLLHeader, Offset: atSource, Len: 6},
	}
}

func verdict(kind expr.VerdictKind) []anyExpr { return []anyExpr{&expr.Verdict{Kind: kind}} }
