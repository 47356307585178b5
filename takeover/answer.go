// SPDX-License-Identifier: Apache-2.0

package takeover

import (
	"encoding/binary"
	"fmt"
	"strings"
	"syscall"

	"github.com/mdlayher/netlink"
)

// The parts of linux/netlink.h that are needed here.
const (
	nlmsgError       = 2
	nlmsgDone        = 3
	nlmsgHeader      = 16
	nlmsgInterrupted = 0x10
	nlmsgCapped      = 0x100
	nlmsgTLVs        = 0x200
	nlmsgerrText     = 1
	lengthErrorCode  = 4
)

// eachMessage calls f for every message of a datagram.
func eachMessage(b []byte, f func(kind, flags uint16, seq uint32, data []byte)) error {
	for len(b) >= nlmsgHeader {
		length := int(binary.NativeEndian.Uint32(b))
		if length < nlmsgHeader || length > len(b) {
			return errShort
		}
		f(binary.NativeEndian.Uint16(b[4:]), binary.NativeEndian.Uint16(b[6:]), binary.NativeEndian.Uint32(b[8:]),
			b[nlmsgHeader:length])
		b = b[min((length+3)&^3, len(b)):]
	}
	return nil
}

// answerError decodes an NLMSG_ERROR: nil for an acknowledgement, else the error number with the kernel's own words,
// where it has some.
func answerError(flags uint16, data []byte) error {
	if len(data) < lengthErrorCode {
		return errShort
	}
	code := int32(binary.NativeEndian.Uint32(data))
	if code == 0 {
		return nil
	}
	errno := syscall.Errno(-code)
	if text := answerText(flags, data[lengthErrorCode:]); text != "" {
		return fmt.Errorf("%w (%s)", errno, text)
	}
	return errno
}

// answerText finds the kernel's words behind the request that it quotes.
func answerText(flags uint16, data []byte) string {
	if flags&nlmsgTLVs == 0 || len(data) < nlmsgHeader {
		return ""
	}
	quoted := nlmsgHeader
	if flags&nlmsgCapped == 0 {
		quoted = (int(binary.NativeEndian.Uint32(data)) + 3) &^ 3
	}
	if quoted < nlmsgHeader || quoted > len(data) {
		return ""
	}
	d, err := netlink.NewAttributeDecoder(data[quoted:])
	if err != nil {
		return "" // words are optional
	}
	for d.Next() {
		if d.Type() == nlmsgerrText {
			return strings.TrimRight(d.String(), "\x00")
		}
	}
	return ""
}
