// SPDX-License-Identifier: Apache-2.0

package takeover

import (
	"encoding/binary"
	"net/netip"
)

// The parts of linux/sock_diag.h and linux/inet_diag.h that are needed here.
const (
	sockDiagByFamily = 20
	sockDestroy      = 21

	protocolTCP = 6
	protocolUDP = 17

	diagBytecode      = 1  // INET_DIAG_REQ_BYTECODE
	bytecodeSource    = 7  // INET_DIAG_BC_S_COND
	bytecodeJump      = 1  // INET_DIAG_BC_JMP
	lengthDiagID      = 48 // struct inet_diag_sockid
	lengthDiagRequest = 56 // struct inet_diag_req_v2
	lengthDiagMsg     = 72 // struct inet_diag_msg
	maxFiltered       = 64 // addresses that the kernel compares; beyond, every socket is fetched and looked up in a set
	lengthOp          = 4  // struct inet_diag_bc_op
	lengthHostCond    = 8  // struct inet_diag_hostcond without the address
	tcpEstablished    = 1  // enum in net/tcp_states.h
	anyPort           = ^uint32(0)
)

// connectedTCP are the states in which somebody may wait for an answer: SYN_SENT, SYN_RECV and NEW_SYN_RECV, ESTABLISHED,
// and all that close but TIME_WAIT, which owes nobody anything. Listeners are never touched: they hold no connection,
// and the service would not come back.
const connectedTCP = 1<<tcpEstablished | 1<<2 | 1<<3 | 1<<4 | 1<<5 | 1<<8 | 1<<9 | 1<<11 | 1<<12

// connectedUDP is the state of a UDP socket with a peer.
const connectedUDP = 1 << tcpEstablished

// diagRequest encodes struct inet_diag_req_v2.
func diagRequest(family, protocol byte, states uint32, id []byte) []byte {
	b := make([]byte, lengthDiagRequest)
	b[0], b[1] = family, protocol
	binary.NativeEndian.PutUint32(b[4:], states)
	copy(b[8:], id)
	return b
}

// diagFilter encodes the attribute with which the kernel picks sockets by local address; nil for more addresses than
// are worth comparing with each socket one by one.
//
// For each address there is a comparison and, if it holds, a jump to the end, which accepts. A comparison that fails
// skips the jump and goes on with the next address; the last one skips past the end, which rejects. An IPv4 address matches IPv6 sockets with
// the mapped address, too.
func diagFilter(addrs []netip.Addr) []byte {
	if len(addrs) > maxFiltered {
		return nil
	}
	total := 0
	for i, a := range addrs {
		total += lengthOp + lengthHostCond + a.BitLen()/8
		if i < len(addrs)-1 {
			total += lengthOp
		}
	}
	b := make([]byte, 4, 4+total)
	binary.NativeEndian.PutUint16(b, uint16(4+total))
	binary.NativeEndian.PutUint16(b[2:], diagBytecode)
	for i, a := range addrs {
		length := lengthOp + lengthHostCond + a.BitLen()/8
		family := byte(familyIPv4)
		if a.Is6() {
			family = familyIPv6
		}
		b = appendOp(b, bytecodeSource, length, length+lengthOp)
		b = append(b, family, byte(a.BitLen()), 0, 0)
		b = binary.NativeEndian.AppendUint32(b, anyPort)
		b = append(b, a.AsSlice()...)
		if i < len(addrs)-1 {
			rest := 4 + total - len(b)
			b = appendOp(b, bytecodeJump, lengthOp, rest)
		}
	}
	return b
}

func appendOp(b []byte, code byte, yes, no int) []byte {
	b = append(b, code, byte(yes))
	return binary.NativeEndian.AppendUint16(b, uint16(no))
}

// diagSocket is one socket of a dump.
type diagSocket struct {
	family byte
	state  byte
	local  netip.Addr // unmapped
	id     []byte     // struct inet_diag_sockid as it came: ports, addresses, interface, cookie
}

// parseSocket decodes struct inet_diag_msg.
func parseSocket(b []byte) (diagSocket, error) {
	if len(b) < lengthDiagMsg {
		return diagSocket{}, errShort
	}
	s := diagSocket{family: b[0], state: b[1], id: b[4 : 4+lengthDiagID]}
	if s.family == familyIPv4 {
		s.local = netip.AddrFrom4([4]byte(s.id[4:8]))
	} else {
		s.local = netip.AddrFrom16([16]byte(s.id[4:20])).Unmap()
	}
	return s, nil
}
