// SPDX-License-Identifier: Apache-2.0

package answer

import "encoding/binary"

// TNS answers an Oracle Net CONNECT with REFUSE, as a listener does whose instances take no new connections (ORA-12528).
// Clients go on to the next address of their list.
type TNS struct{}

// Packet types, and the length of the header.
const (
	tnsConnect = 1
	tnsRefuse  = 4
	tnsHeader  = 8
)

const tnsText = "(DESCRIPTION=(TMP=)(VSNNUM=0)(ERR=12528)(ERROR_STACK=(ERROR=(CODE=12528)(EMFI=4))))"

// Hear implements [Stream].
func (*TNS) Hear(_ *Facts, heard, out []byte) ([]byte, int, Verdict) {
	if len(heard) < tnsHeader {
		return out, 0, Wait
	}
	length := int(binary.BigEndian.Uint16(heard))
	switch {
	case heard[4] != tnsConnect || length < 58: // the least that a CONNECT has
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
