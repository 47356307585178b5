// SPDX-License-Identifier: Apache-2.0

package flow

import (
	"encoding/binary"
	"errors"
	"net/netip"

	"github.com/cilium/ebpf/asm"
)

// A record is what the program writes for a connection. Addresses are in the 16 bytes of IPv6, IPv4 mapped; numbers are in the
// byte order of the machine but for the remote port, which is in that of the network.
const (
	iterLocal      = 0
	iterRemote     = 16
	iterLocalPort  = 32
	iterRemotePort = 34
	iterSend       = 36
	iterReceive    = 40
	iterState      = 44
	iterRecord     = 48
)

var errIterRecord = errors.New("a record of the TCP iterator that makes no sense")

// iterOffsets say where this kernel keeps what the program reads, in bytes.
type iterOffsets struct {
	meta, sock            int16 // in struct bpf_iter__tcp
	seq                   int16 // in struct bpf_iter_meta
	family, state         int16 // in struct sock_common, as all up to remote6
	localPort, remotePort int16
	local4, remote4       int16
	local6, remote6       int16
	ipv6                  bool  // a kernel built without IPv6 lacks the two
	sendNext, receiveNext int16 // in struct tcp_sock
}

// iterProgram is the program that the kernel runs for each TCP socket of a namespace: it picks those in sampleStates whose
// local address is a key of the hash map with this file descriptor, and writes a record of each.
//
// R6 is the context, R7 the struct sock_common, R8 the family and then the struct tcp_sock. The record is at the top of the
// stack.
func iterProgram(o iterOffsets, addresses int) asm.Instructions {
	const record = -iterRecord
	mapped := int64(int32(binary.NativeEndian.Uint32([]byte{0, 0, 0xff, 0xff})))
	p := asm.Instructions{
		asm.Mov.Reg(asm.R6, asm.R1),
		asm.LoadMem(asm.R7, asm.R6, o.sock, asm.DWord),
		asm.JEq.Imm(asm.R7, 0, "end"), // the call after the last socket

		asm.LoadMem(asm.R1, asm.R7, o.state, asm.Byte),
		asm.And.Imm(asm.R1, 31),
		asm.Mov.Imm(asm.R2, 1),
		asm.LSh.Reg(asm.R2, asm.R1),
		asm.And.Imm(asm.R2, sampleStates),
		asm.JEq.Imm(asm.R2, 0, "end"),
		asm.StoreMem(asm.R10, record+iterState, asm.R1, asm.Word),

		asm.LoadMem(asm.R8, asm.R7, o.family, asm.Half),
	}
	if o.ipv6 {
		p = append(p, asm.JEq.Imm(asm.R8, sampleIPv6, "ipv6"))
	}
	p = append(p, asm.JNE.Imm(asm.R8, sampleIPv4, "end"))
	for _, a := range []struct{ at, from int16 }{{record + iterLocal, o.local4}, {record + iterRemote, o.remote4}} {
		p = append(p,
			asm.StoreImm(asm.R10, a.at, 0, asm.Word),
			asm.StoreImm(asm.R10, a.at+4, 0, asm.Word),
			asm.StoreImm(asm.R10, a.at+8, mapped, asm.Word),
			asm.LoadMem(asm.R1, asm.R7, a.from, asm.Word),
			asm.StoreMem(asm.R10, a.at+12, asm.R1, asm.Word))
	}
	if o.ipv6 {
		p = append(p, asm.Ja.Label("local"))
		first := len(p)
		for _, a := range []struct{ at, from int16 }{{record + iterLocal, o.local6}, {record + iterRemote, o.remote6}} {
			for i := int16(0); i < 16; i += 4 { // the verifier knows these bytes as an array of words
				p = append(p,
					asm.LoadMem(asm.R1, asm.R7, a.from+i, asm.Word),
					asm.StoreMem(asm.R10, a.at+i, asm.R1, asm.Word))
			}
		}
		p[first] = p[first].WithSymbol("ipv6")
	}
	return append(p,
		asm.LoadMapPtr(asm.R1, addresses).WithSymbol("local"),
		asm.Mov.Reg(asm.R2, asm.R10),
		asm.Add.Imm(asm.R2, record+iterLocal),
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, "end"),

		asm.Mov.Reg(asm.R1, asm.R7),
		asm.FnSkcToTcpSock.Call(),
		asm.JEq.Imm(asm.R0, 0, "end"),
		asm.Mov.Reg(asm.R8, asm.R0),

		asm.LoadMem(asm.R1, asm.R7, o.localPort, asm.Half),
		asm.StoreMem(asm.R10, record+iterLocalPort, asm.R1, asm.Half),
		asm.LoadMem(asm.R1, asm.R7, o.remotePort, asm.Half),
		asm.StoreMem(asm.R10, record+iterRemotePort, asm.R1, asm.Half),
		asm.LoadMem(asm.R1, asm.R8, o.sendNext, asm.Word),
		asm.StoreMem(asm.R10, record+iterSend, asm.R1, asm.Word),
		asm.LoadMem(asm.R1, asm.R8, o.receiveNext, asm.Word),
		asm.StoreMem(asm.R10, record+iterReceive, asm.R1, asm.Word),

		asm.LoadMem(asm.R1, asm.R6, o.meta, asm.DWord),
		asm.LoadMem(asm.R1, asm.R1, o.seq, asm.DWord),
		asm.Mov.Reg(asm.R2, asm.R10),
		asm.Add.Imm(asm.R2, record),
		asm.Mov.Imm(asm.R3, iterRecord),
		asm.FnSeqWrite.Call(), // what does not fit any more comes again with the next read

		asm.Mov.Imm(asm.R0, 0).WithSymbol("end"),
		asm.Return(),
	)
}

// iterFlow decodes a record.
func iterFlow(b []byte) (Flow, error) {
	if len(b) != iterRecord || !sampleWaits(binary.NativeEndian.Uint32(b[iterState:])) {
		return Flow{}, errIterRecord
	}
	local := netip.AddrFrom16([16]byte(b[iterLocal:])).Unmap()
	remote := netip.AddrFrom16([16]byte(b[iterRemote:])).Unmap()
	return Flow{
		Local:   netip.AddrPortFrom(local, binary.NativeEndian.Uint16(b[iterLocalPort:])),
		Remote:  netip.AddrPortFrom(remote, binary.BigEndian.Uint16(b[iterRemotePort:])),
		Exact:   true,
		Send:    binary.NativeEndian.Uint32(b[iterSend:]),
		Receive: binary.NativeEndian.Uint32(b[iterReceive:]),
	}, nil
}

// iterTake adds the records of b to list, and returns what remains of b: the head of a record of which the rest comes
// with the next read.
func iterTake(b []byte, index *sampleIndex, list []Flow, base int) ([]Flow, []byte, error) {
	for len(b) >= iterRecord {
		f, err := iterFlow(b[:iterRecord])
		if err != nil {
			return list, nil, err
		}
		list = index.add(list, base, &f)
		b = b[iterRecord:]
	}
	return list, b, nil
}

// iterKey is how the map of the program knows an address.
func iterKey(a netip.Addr) [16]byte { return a.As16() }
