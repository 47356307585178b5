// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"bytes"
	"encoding/binary"
)

// fileEvent is an event of inotify(7).
type fileEvent struct {
	id   int32 // watch descriptor; -1: of none
	mask uint32
	name string // in the directory; "": the directory itself
}

// fileEventHeader is the size of an event without its name.
const fileEventHeader = 16

// parseFileEvents appends the events that were read; what is cut off is left out.
func parseFileEvents(out []fileEvent, b []byte) []fileEvent {
	for len(b) >= fileEventHeader {
		e := fileEvent{id: int32(binary.NativeEndian.Uint32(b)), mask: binary.NativeEndian.Uint32(b[4:])} //nolint:gosec // as the kernel means it
		n := uint64(binary.NativeEndian.Uint32(b[12:]))
		if n > uint64(len(b)-fileEventHeader) {
			return out
		}
		name, _, _ := bytes.Cut(b[fileEventHeader:fileEventHeader+int(n)], []byte{0}) //nolint:gosec // within b
		e.name = string(name)
		out = append(out, e)
		b = b[fileEventHeader+int(n):] //nolint:gosec // within b
	}
	return out
}
