// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"encoding/binary"
	"errors"
)

// Sizes and numbers of linux/netlink.h, linux/connector.h and linux/cn_proc.h.
const (
	netlinkHeader   = 16
	connectorHeader = 20
	eventHeader     = 16
	eventAt         = netlinkHeader + connectorHeader

	connectorProcess = 1 // CN_IDX_PROC and CN_VAL_PROC

	processAck  = 0x00000000
	processFork = 0x00000001
	processExec = 0x00000002
	processName = 0x00000200
	processExit = 0x80000000
)

// procEvent is what the kernel tells of a process.
type procEvent struct {
	what        uint32
	pid, thread int // the process, and its thread that it is about; of a fork, those of the child
	parent      int // of a fork
	refused     uint32
}

var errProcEvent = errors.New("no process event")

// parseProcEvents appends the events of a netlink datagram. What is about other things is left out.
func parseProcEvents(out []procEvent, b []byte) ([]procEvent, error) {
	for len(b) >= netlinkHeader {
		size := int(min(uint64(binary.NativeEndian.Uint32(b)), uint64(len(b)+1)))
		if size < netlinkHeader || size > len(b) {
			return out, errProcEvent
		}
		if e, ok := parseProcEvent(b[:size]); ok {
			out = append(out, e)
		}
		b = b[min(len(b), (size+3)&^3):]
	}
	if len(b) > 0 {
		return out, errProcEvent
	}
	return out, nil
}

// parseProcEvent reads one netlink message.
func parseProcEvent(b []byte) (e procEvent, ok bool) {
	if len(b) < eventAt+eventHeader || binary.NativeEndian.Uint32(b[netlinkHeader:]) != connectorProcess || binary.NativeEndian.Uint32(b[netlinkHeader+4:]) != connectorProcess {
		return e, false
	}
	length := int(binary.NativeEndian.Uint16(b[netlinkHeader+16:]))
	b = b[eventAt:]
	if length < eventHeader || length > len(b) {
		return e, false
	}
	data := b[eventHeader:length]
	e.what = binary.NativeEndian.Uint32(b)
	word := func(i int) int { return int(int32(binary.NativeEndian.Uint32(data[4*i:]))) } //nolint:gosec // a pid_t
	switch {
	case e.what == processAck && len(data) >= 4:
		e.refused = binary.NativeEndian.Uint32(data)
	case e.what == processFork && len(data) >= 16:
		e.parent, e.thread, e.pid = word(1), word(2), word(3)
	case (e.what == processExec || e.what == processName || e.what == processExit) && len(data) >= 8:
		e.thread, e.pid = word(0), word(1)
	default:
		return e, false
	}
	return e, true
}

// askProcEvents is the message that turns events on or off.
func askProcEvents(on bool) []byte {
	op := uint32(2)
	if on {
		op = 1
	}
	b := make([]byte, eventAt+4)
	binary.NativeEndian.PutUint32(b, uint32(len(b)))
	binary.NativeEndian.PutUint16(b[4:], 3) // NLMSG_DONE
	binary.NativeEndian.PutUint32(b[netlinkHeader:], connectorProcess)
	binary.NativeEndian.PutUint32(b[netlinkHeader+4:], connectorProcess)
	binary.NativeEndian.PutUint16(b[netlinkHeader+16:], 4)
	binary.NativeEndian.PutUint32(b[eventAt:], op)
	return b
}
