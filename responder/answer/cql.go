// SPDX-License-Identifier: Apache-2.0

package answer

import "encoding/binary"

// CQL answers the first frame of a client of Cassandra's native protocol, versions 3 to 5, with the error "is
// bootstrapping" (0x1002): drivers try another host. (Version 5 frames its messages only after STARTUP was answered, so its
// first exchange looks like that of version 4.)
type CQL struct{}

const (
	cqlHeader        = 9
	cqlError         = 0
	cqlBootstrapping = 0x1002
	cqlFrameLimit    = 8 << 10 // a first frame is a few hundred octets
)

// Hear implements [Stream].
func (*CQL) Hear(f *Facts, heard, out []byte) ([]byte, int, Verdict) {
	if len(heard) == 0 {
		return out, 0, Wait
	}
	version := heard[0]
	if version&0x80 != 0 || version < 1 || version > 6 { // a response, or no CQL
		return out, 0, Reset
	}
	if version < 3 {
		return out, 0, Reset // their header is another one
	}
	if len(heard) < cqlHeader {
		return out, 0, Wait
	}
	length := binary.BigEndian.Uint32(heard[5:])
	if length > cqlFrameLimit {
		return out, 0, Reset
	}
	if len(heard) < cqlHeader+int(length) {
		return out, 0, Wait
	}
	start := len(out)
	out = append(out, version|0x80, 0, heard[2], heard[3], cqlError, 0, 0, 0, 0)
	out = binary.BigEndian.AppendUint32(out, cqlBootstrapping)
	out = append(out, 0, 0)
	out = appendClean(out, f.words(""))
	binary.BigEndian.PutUint16(out[start+13:], uint16(len(out)-start-15)) //nolint:gosec // bounded by the words
	binary.BigEndian.PutUint32(out[start+5:], uint32(len(out)-start-9))   //nolint:gosec // likewise
	return out, cqlHeader + int(length), Close
}
