// SPDX-License-Identifier: Apache-2.0

package flow

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"syscall"
)

// The parts of linux/netlink.h, linux/sock_diag.h and linux/inet_diag.h that are needed here.
const (
	diagByFamily = 20 // SOCK_DIAG_BY_FAMILY
	diagTCP      = 6  // IPPROTO_TCP

	diagNoop  = 1 // NLMSG_NOOP
	diagError = 2 // NLMSG_ERROR
	diagDone  = 3 // NLMSG_DONE

	diagFlagRequest     = 0x1   // NLM_F_REQUEST
	diagFlagInterrupted = 0x10  // NLM_F_DUMP_INTR
	diagFlagDump        = 0x300 // NLM_F_DUMP

	diagHeader  = 16 // struct nlmsghdr
	diagRequest = 56 // struct inet_diag_req_v2
	diagMessage = 72 // struct inet_diag_msg

	diagBytecode  = 1  // INET_DIAG_REQ_BYTECODE
	diagCondition = 7  // INET_DIAG_BC_S_COND
	diagJump      = 1  // INET_DIAG_BC_JMP
	diagOp        = 4  // struct inet_diag_bc_op
	diagHost      = 8  // struct inet_diag_hostcond without the address
	diagCompared  = 32 // addresses that the kernel compares with each socket; more are looked up here instead
)

var (
	errDiagShort       = errors.New("truncated netlink message")
	errDiagInterrupted = errors.New("the list of sockets changed each time while it was read")
)

// diagAppendRequest appends the whole message that asks for the TCP connections of one family. With more addresses than
// diagCompared it asks for those of all addresses.
func diagAppendRequest(b []byte, family byte, sequence uint32, addrs []netip.Addr) []byte {
	start := len(b)
	b = append(b, make([]byte, diagHeader+diagRequest)...)
	if n := len(addrs); n > 0 && n <= diagCompared {
		b = diagAppendFilter(b, addrs)
	}
	m := b[start:]
	binary.NativeEndian.PutUint32(m, uint32(len(m)))
	binary.NativeEndian.PutUint16(m[4:], diagByFamily)
	binary.NativeEndian.PutUint16(m[6:], diagFlagRequest|diagFlagDump)
	binary.NativeEndian.PutUint32(m[8:], sequence)
	m[diagHeader], m[diagHeader+1] = family, diagTCP
	binary.NativeEndian.PutUint32(m[diagHeader+4:], sampleStates)
	return b
}

// diagAppendFilter appends the program with which the kernel picks sockets by local address. The machine has no "or":
// each comparison that holds goes on to a jump to the end of the program, which accepts; one that fails skips that jump,
// and the last has the end of the program in its place and lands behind it, which rejects. Reading it is simplest from
// the end, so the distances are counted from there. A comparison with an IPv4 address holds for IPv6 sockets with the mapped
// one as well.
func diagAppendFilter(b []byte, addrs []netip.Addr) []byte {
	start := len(b)
	rest := 0 // bytes of program from here to its end
	for _, a := range addrs {
		rest += diagOp + diagHost + a.BitLen()/8 + diagOp
	}
	rest -= diagOp
	b = binary.NativeEndian.AppendUint16(b, 0)
	b = binary.NativeEndian.AppendUint16(b, diagBytecode)
	for _, a := range addrs {
		family := byte(sampleIPv4)
		if a.Is6() {
			family = sampleIPv6
		}
		length := diagOp + diagHost + a.BitLen()/8
		b = append(b, diagCondition, byte(length))
		b = binary.NativeEndian.AppendUint16(b, uint16(length+diagOp))
		b = append(b, family, byte(a.BitLen()), 0, 0, 0xff, 0xff, 0xff, 0xff) // any port
		b = append(b, a.AsSlice()...)
		if rest -= length; rest > 0 {
			b = append(b, diagJump, diagOp)
			b = binary.NativeEndian.AppendUint16(b, uint16(rest))
			rest -= diagOp
		}
	}
	binary.NativeEndian.PutUint16(b[start:], uint16(len(b)-start))
	return b
}

// diagNext takes the first netlink message off b.
func diagNext(b []byte) (kind, flags uint16, sequence uint32, body, rest []byte, err error) {
	if len(b) < diagHeader {
		return 0, 0, 0, nil, nil, errDiagShort
	}
	length := binary.NativeEndian.Uint32(b)
	if length < diagHeader || uint64(length) > uint64(len(b)) {
		return 0, 0, 0, nil, nil, errDiagShort
	}
	kind, flags = binary.NativeEndian.Uint16(b[4:]), binary.NativeEndian.Uint16(b[6:])
	body = b[diagHeader:length]
	aligned := min((int(length)+3)&^3, len(b))
	return kind, flags, binary.NativeEndian.Uint32(b[8:]), body, b[aligned:], nil
}

// diagStatus decodes the number at the head of an error message, and of the one that ends a dump.
func diagStatus(body []byte) error {
	if len(body) < 4 {
		return errDiagShort
	}
	if n := int32(binary.NativeEndian.Uint32(body)); n != 0 {
		return syscall.Errno(-n)
	}
	return nil
}

// diagFlow decodes struct inet_diag_msg. It reports false for a socket that is not to be listed.
func diagFlow(b []byte) (Flow, bool, error) {
	if len(b) < diagMessage {
		return Flow{}, false, errDiagShort
	}
	if !sampleWaits(uint32(b[1])) {
		return Flow{}, false, nil
	}
	// struct inet_diag_sockid is at 4: ports in network order, then both addresses in 16 bytes each.
	var local, remote netip.Addr
	switch b[0] {
	case sampleIPv4:
		local, remote = netip.AddrFrom4([4]byte(b[8:12])), netip.AddrFrom4([4]byte(b[24:28]))
	case sampleIPv6:
		local = netip.AddrFrom16([16]byte(b[8:24])).Unmap()
		remote = netip.AddrFrom16([16]byte(b[24:40])).Unmap()
	default:
		return Flow{}, false, fmt.Errorf("a TCP socket of address family %d", b[0])
	}
	return Flow{
		Local:  netip.AddrPortFrom(local, binary.BigEndian.Uint16(b[4:])),
		Remote: netip.AddrPortFrom(remote, binary.BigEndian.Uint16(b[6:])),
	}, true, nil
}

// diagBatch is what one read of a dump brought.
type diagBatch struct {
	done        bool
	interrupted bool
	err         error // what the kernel said, or what could not be read
}

// diagTake reads the messages of one read of the dump with this sequence number, and adds to list what is on the addresses in
// wanted; nil takes all.
func diagTake(b []byte, sequence uint32, wanted map[netip.Addr]bool, index *sampleIndex, list []Flow, base int,
) ([]Flow, diagBatch) {
	var batch diagBatch
	for len(b) > 0 {
		kind, flags, s, body, rest, err := diagNext(b)
		if err != nil {
			batch.err = err
			return list, batch
		}
		b = rest
		if s != sequence {
			continue // of a dump that was given up
		}
		batch.interrupted = batch.interrupted || flags&diagFlagInterrupted != 0
		switch kind {
		case diagNoop:
		case diagError, diagDone:
			batch.done = true
			batch.err = diagStatus(body)
			return list, batch
		case diagByFamily:
			f, ok, err := diagFlow(body)
			if err != nil {
				batch.err = err
			} else if ok && (wanted == nil || wanted[f.Local.Addr()]) {
				list = index.add(list, base, &f)
			}
		}
	}
	return list, batch
}
