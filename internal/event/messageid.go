// SPDX-License-Identifier: Apache-2.0

package event

import (
	"crypto/sha256"
	"encoding/hex"
)

// MessageID returns the journal's MESSAGE_ID of an event, 32 hexadecimal digits:
//
//	journalctl MESSAGE_ID=a7c9acb4e09485aba8cd07539214c0c9
//
// It is made of the first 16 bytes of SHA-256("regent event RG1301"), with the bits of a UUID of version 8 set, as
// RFC 9562 has it for such. It never changes; a test holds the committed table.
func (id ID) MessageID() string {
	sum := sha256.Sum256([]byte("regent event " + id.String()))
	sum[6] = sum[6]&0x0f | 0x80
	sum[8] = sum[8]&0x3f | 0x80
	return hex.EncodeToString(sum[:16])
}
