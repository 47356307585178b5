// SPDX-License-Identifier: Apache-2.0

package answer

import "encoding/binary"

// QUIC answers the first datagram of a connection with Version Negotiation (RFC 9000 §6.1, §17.2.1) that offers no version
// that a client has: it gives up in a millisecond, where it would not heed an ICMP error for seconds. It holds no state. A
// client whose connection is older than the takeover ignores it (RFC 9000 §6.2): nobody can end that one from here.
type QUIC struct{}

const (
	quicLong     = 0x80
	quicFixed    = 0x40       // so that nobody takes it for another protocol of the port (RFC 9000 §17.2.1, RFC 7983)
	quicInitial  = 1200       // the least that a client's first datagram has (RFC 9000 §14.1)
	quicVersion1 = 1          // RFC 9000
	quicVersion2 = 0x6b3343cf // RFC 9369
	quicIDLimit  = 20         // of a connection id of these (RFC 9000 §17.2); of others: 255 (RFC 8999 §5.1)
	quicReserved = 0x0a0a0a0a // versions of this pattern are never spoken (RFC 9000 §15)
	quicMask     = 0x0f0f0f0f
)

// Answer implements [Datagram].
func (*QUIC) Answer(f *Facts, request, out []byte) ([]byte, bool) {
	if len(request) < quicInitial || request[0]&quicLong == 0 {
		return out, false
	}
	version := binary.BigEndian.Uint32(request[1:])
	to, rest, ok := quicID(request[5:])
	if !ok || version == 0 { // 0 is itself Version Negotiation
		return out, false
	}
	from, _, ok := quicID(rest)
	if !ok {
		return out, false
	}
	if known := version == quicVersion1 || version == quicVersion2; known && max(len(to), len(from)) > quicIDLimit {
		return out, false
	}
	offer := uint32(f.Nonce)&^quicMask | quicReserved
	if offer == version { // a client that tries whether versions are negotiated
		offer ^= 0x10000000
	}
	out = append(out, quicLong|quicFixed|byte(f.Nonce>>32)&0x3f, 0, 0, 0, 0)
	out = append(append(out, byte(len(from))), from...) //nolint:gosec // its length was one octet
	out = append(append(out, byte(len(to))), to...)     //nolint:gosec // likewise
	return binary.BigEndian.AppendUint32(out, offer), true
}

// quicID cuts off a connection id with its length before it.
func quicID(b []byte) (id, rest []byte, ok bool) {
	if len(b) == 0 || len(b) < 1+int(b[0]) {
		return nil, nil, false
	}
	n := 1 + int(b[0])
	return b[1:n], b[n:], true
}
