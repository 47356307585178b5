// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/vrrp"
)

// tap hears the VRRP packets of every interface, those that this host sends too. It joins no group: the other daemon has.
type tap struct{ fd int }

// heard is a packet, with whether this host sent it.
type heard struct {
	vrrp.Packet
	outgoing bool
}

// protocolVRRP is IP protocol 112.
const protocolVRRP = 112

// vrrpOnly passes packets of protocol 112, seen from their IP header: IPv4, and IPv6 without extension headers.
var vrrpOnly = []bpf.Instruction{
	bpf.LoadAbsolute{Off: 0, Size: 1},
	bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: 0xf0},
	bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0x60, SkipTrue: 3},
	bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: 0x40, SkipTrue: 4},
	bpf.LoadAbsolute{Off: 9, Size: 1},
	bpf.JumpIf{Cond: bpf.JumpEqual, Val: protocolVRRP, SkipTrue: 3, SkipFalse: 2},
	bpf.LoadAbsolute{Off: 6, Size: 1},
	bpf.JumpIf{Cond: bpf.JumpEqual, Val: protocolVRRP, SkipTrue: 1},
	bpf.RetConstant{Val: 0},
	bpf.RetConstant{Val: 0xffff},
}

// openTap opens the packet socket, filter first.
func openTap() (*tap, error) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		hint := ""
		if errors.Is(err, unix.EPERM) {
			hint = " (needs CAP_NET_RAW)"
		}
		return nil, fmt.Errorf("open packet socket: %w%s", err, hint)
	}
	t := &tap{fd}
	raw, err := bpf.Assemble(vrrpOnly)
	if err == nil {
		filter := make([]unix.SockFilter, len(raw))
		for i, r := range raw {
			filter[i] = unix.SockFilter{Code: r.Op, Jt: r.Jt, Jf: r.Jf, K: r.K}
		}
		err = unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]})
	}
	if err == nil { // the protocol in network byte order; only a socket for all hears what is sent
		err = unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: unix.ETH_P_ALL>>8 | unix.ETH_P_ALL<<8&0xff00})
	}
	if err == nil {
		err = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 100_000})
	}
	if err != nil {
		t.close()
		return nil, fmt.Errorf("packet socket: %w", err)
	}
	return t, nil
}

func (t *tap) close() { unix.Close(t.fd) } //nolint:errcheck // nothing was written

// read hands over what arrives until ctx ends.
func (t *tap) read(ctx context.Context, out chan<- heard) {
	defer close(out)
	for ctx.Err() == nil {
		buf := make([]byte, 2048) // a message keeps its buffer
		n, from, err := unix.Recvfrom(t.fd, buf, 0)
		if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) || errors.Is(err, unix.ENETDOWN) {
			continue
		}
		if err != nil {
			return
		}
		ll, ok := from.(*unix.SockaddrLinklayer)
		if !ok {
			continue
		}
		p, ok := dissect(buf[:n])
		if !ok {
			continue
		}
		p.Interface = ll.Ifindex
		select {
		case out <- heard{p, ll.Pkttype == unix.PACKET_OUTGOING}:
		case <-ctx.Done():
			return
		}
	}
}

// dissect finds the VRRP message in an IP packet; false if there is none.
func dissect(b []byte) (p vrrp.Packet, ok bool) {
	switch {
	case len(b) >= 20 && b[0]>>4 == 4:
		header, total := int(b[0]&15)*4, int(binary.BigEndian.Uint16(b[2:]))
		fragment := binary.BigEndian.Uint16(b[6:]) & 0x3fff // more to come, or not the first
		if header < 20 || total < header || total > len(b) || b[9] != protocolVRRP || fragment != 0 {
			return p, false
		}
		return vrrp.Packet{Family: vrrp.IPv4, Source: netip.AddrFrom4([4]byte(b[12:])), Destination: netip.AddrFrom4([4]byte(b[16:])), TTL: b[8], Message: b[header:total]}, true
	case len(b) >= 40 && b[0]>>4 == 6:
		size := int(binary.BigEndian.Uint16(b[4:]))
		if 40+size > len(b) || b[6] != protocolVRRP {
			return p, false
		}
		return vrrp.Packet{Family: vrrp.IPv6, Source: netip.AddrFrom16([16]byte(b[8:])), Destination: netip.AddrFrom16([16]byte(b[24:])), TTL: b[7], Message: b[40 : 40+size]}, true
	}
	return p, false
}
