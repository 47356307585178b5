// SPDX-License-Identifier: Apache-2.0

package answer

import (
	"encoding/binary"
	"strconv"
)

// CQL answers the first frame of a client of Cassandra's native protocol, OPTIONS or STARTUP, with the error "is
// bootstrapping" (0x1002), in the client's own version: drivers try another host. All else is reset.
//
// In the client's own version, since a protocol error makes drivers come back to the same host with a lower one. Error frames
// have been the same since version 1; version 5 wraps its frames only after STARTUP was answered; the two versions of
// DataStax Enterprise, which its drivers try first, are built on version 4. A version that nobody knows yet gets the protocol
// error that is asked for there, in version 5.
type CQL struct{}

const (
	cqlError         = 0x00 // opcodes
	cqlStartup       = 0x01
	cqlOptions       = 0x05
	cqlBootstrapping = 0x1002 // errors
	cqlProtocolError = 0x000a
	cqlResponse      = 0x80    // the bit of the version that says so
	cqlFrameMax      = 8 << 10 // a first frame is a few hundred octets
	cqlNewest        = 6       // the newest version; 5 is the newest that is not in beta
	cqlDSE1, cqlDSE2 = 65, 66  // DataStax Enterprise
)

// Hear implements [Stream].
func (*CQL) Hear(f *Facts, heard, out []byte) ([]byte, int, Verdict) {
	if len(heard) == 0 {
		return out, 0, Wait
	}
	version := heard[0]
	if version == 0 || version&cqlResponse != 0 {
		return out, 0, Reset
	}
	header := 9 // version, flags, stream of two octets, opcode, length
	if version < 3 {
		header = 8 // a stream of one
	}
	if len(heard) < header {
		return out, 0, Wait
	}
	stream, opcode, length := heard[2:header-5], heard[header-5], binary.BigEndian.Uint32(heard[header-4:])
	switch {
	case opcode != cqlOptions && opcode != cqlStartup, length > cqlFrameMax:
		return out, 0, Reset
	case len(heard) < header+int(length):
		return out, 0, Wait
	}
	code, words := uint32(cqlBootstrapping), ""
	if version > cqlNewest && version != cqlDSE1 && version != cqlDSE2 {
		code, words = cqlProtocolError, "Invalid or unsupported protocol version ("+strconv.Itoa(int(version))+"); the lowest supported version is 1 and the greatest is 5"
		version = 5
	}
	out = append(out, version|cqlResponse, 0)
	out = append(out, stream...)
	out = append(out, cqlError, 0, 0, 0, 0)
	body := len(out)
	out = binary.BigEndian.AppendUint32(out, code)
	out = append(out, 0, 0)
	text := len(out)
	out = appendClean(out, f.words(words))
	binary.BigEndian.PutUint16(out[text-2:], uint16(len(out)-text)) //nolint:gosec // bounded by the words
	binary.BigEndian.PutUint32(out[body-4:], uint32(len(out)-body)) //nolint:gosec // likewise
	return out, header + int(length), Close
}
