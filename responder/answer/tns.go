// SPDX-License-Identifier: Apache-2.0

package answer

import "encoding/binary"

// TNS answers an Oracle Net CONNECT with REFUSE, as a listener does whose instances take no new connections (ORA-12528).
// Clients go on to the next address of their list. All else is reset, TLS (TCPS) among it.
type TNS struct{}

// Packet types.
const (
	tnsConnect = 1
	tnsRefuse  = 4
)

// Bounds of a CONNECT, its header included.
const (
	tnsHeader     = 8
	tnsConnectMin = 34      // the fixed part, as the oldest clients send it
	tnsConnectMax = 8 << 10 // long connect data come in a packet of their own
)

const tnsText = "(DESCRIPTION=(TMP=)(VSNNUM=0)(ERR=12528)(ERROR_STACK=(ERROR=(CODE=12528)(EMFI=4))))"

// Hear implements [Stream].
func (*TNS) Hear(_ *Facts, heard, out []byte) ([]byte, int, Verdict) {
	if len(heard) < tnsHeader {
		return out, 0, Wait
	}
	length := int(binary.BigEndian.Uint16(heard))
	switch {
	case heard[4] != tnsConnect, heard[2]|heard[3] != 0: // nobody uses the checksum; TLS has a version there
		return out, 0, Reset
	case length < tnsConnectMin, length > tnsConnectMax:
		return out, 0, Reset
	case len(heard) < length:
		return out, 0, Wait
	}
	start := len(out)
	out = append(out, 0, 0, 0, 0, tnsRefuse, 0, 0, 0)
	out = append(out, 0x22, 0) // by the application; no system reason
	out = binary.BigEndian.AppendUint16(out, uint16(len(tnsText)))
	out = append(out, tnsText...)
	binary.BigEndian.PutUint16(out[start:], uint16(len(out)-start)) //nolint:gosec // fixed
	return out, length, Close
}
