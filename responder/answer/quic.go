// SPDX-License-Identifier: Apache-2.0

package answer

import "encoding/binary"

// QUIC answers the first datagram of a connection with Version Negotiation (RFC 9000 §6.1, §17.2.1) that offers no version
// that a client has: it gives up in a millisecond, where it would not heed an ICMP error for seconds. It holds no state.
type QUIC struct{}

const (
	quicLong     = 0x80
	quicFixed    = 0x40
	quicInitial  = 1200 // the least that a client's first datagram has (RFC 9000 §14.1)
	quicReserved = 0x0a0a0a0a
	quicMask     = 0xf0f0f0f0
)

// Answer implements [Datagram].
func (*QUIC) Answer(f *Facts, request, out []byte) ([]byte, bool) {
	if len(request) < quicInitial || request[0]&quicLong == 0 {
		return out, false
	}
	version := binary.BigEndian.Uint32(request[1:])
	if version == 0 { // itself Version Negotiation
		return out, false
	}
	// RFC 8999 §5.1: connection ids of any version have up to 255 octets.
	to, rest, ok := quicID(request[5:])
	if !ok {
		return out, false
	}
	from, _, ok := quicID(rest)
	if !ok {
		return out, false
	}
	offer := uint32(f.Nonce)&quicMask | quicReserved // reserved: nobody ever speaks it (§15)
	if offer == version {
		offer ^= 0x10000000
	}
	out = append(out, quicLong|quicFixed|byte(f.Nonce>>32)&0x3f, 0, 0, 0, 0)
	out = append(append(out, byte(len(from))), from...) //nolint:gosec // its length was one octet
	out = append(append(out, byte(len(to))), to...)     //nolint:gosec // likewise
	return binary.BigEndian.AppendUint32(out, offer), true
}

func quicID(b []byte) (id, rest []byte, ok bool) {
	if len(b) == 0 || len(b) < 1+int(b[0]) {
		return nil, nil, false
	}
	n := 1 + int(b[0])
	return b[1:n], b[n:], true
}
