// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// kind is what an envelope holds.
type kind uint8

const (
	kindRecord  kind = 1
	kindMessage kind = 2
)

// envelope is what nodes send each other.
type envelope struct {
	kind        kind
	from        string
	incarnation uint64 // of the sender
	sequence    uint64 // of the sender, one for records and one for messages
	to          string // of a message
	toLife      uint64 // incarnation of the receiver, as the sender knows it
	payload     []byte
}

// magic begins every envelope; the last byte is the version.
var magic = [4]byte{'R', 'G', 'T', 1}

// payloadLimit bounds what is carried.
const payloadLimit = 1 << 20

// append encodes the envelope: magic, kind, names with their lengths, numbers, payload.
func (e *envelope) append(b []byte) []byte {
	b = append(b, magic[:]...)
	b = append(b, byte(e.kind), byte(len(e.from)))
	b = append(b, e.from...)
	b = binary.BigEndian.AppendUint64(b, e.incarnation)
	b = binary.BigEndian.AppendUint64(b, e.sequence)
	b = append(b, byte(len(e.to)))
	b = append(b, e.to...)
	b = binary.BigEndian.AppendUint64(b, e.toLife)
	return append(b, e.payload...)
}

var errShort = errors.New("envelope is cut short")

// parseEnvelope decodes an envelope; its payload is part of b.
func parseEnvelope(b []byte) (envelope, error) {
	var e envelope
	if len(b) < len(magic)+2 {
		return e, errShort
	}
	if [4]byte(b[:4]) != magic {
		return e, fmt.Errorf("no envelope of this version: % x", b[:4])
	}
	e.kind = kind(b[4])
	if e.kind != kindRecord && e.kind != kindMessage {
		return e, fmt.Errorf("envelope of unknown kind %d", b[4])
	}
	b = b[5:]
	var ok bool
	if e.from, b, ok = cutName(b); !ok || len(b) < 16 {
		return envelope{}, errShort
	}
	e.incarnation, e.sequence, b = binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:]), b[16:]
	if e.to, b, ok = cutName(b); !ok || len(b) < 8 {
		return envelope{}, errShort
	}
	e.toLife, e.payload = binary.BigEndian.Uint64(b), b[8:]
	if e.from == "" || (e.kind == kindMessage) == (e.to == "") {
		return envelope{}, errors.New("envelope without a name")
	}
	if len(e.payload) > payloadLimit {
		return envelope{}, fmt.Errorf("payload of %d bytes", len(e.payload))
	}
	return e, nil
}

func cutName(b []byte) (string, []byte, bool) {
	if len(b) == 0 || len(b) < 1+int(b[0]) {
		return "", nil, false
	}
	n := 1 + int(b[0])
	return string(b[1:n]), b[n:], true
}
