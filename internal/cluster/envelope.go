// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// kind is what an envelope is.
type kind uint8

const (
	kindRecord  kind = 1 // the record of its sender
	kindMessage kind = 2
	kindBeat    kind = 3 // a sign of life; names the edition of the record that holds
	kindWant    kind = 4 // asks for the record
	kindGoodbye kind = 5 // its sender leaves
)

// envelope is what nodes send each other.
type envelope struct {
	kind        kind
	from        string
	to          string
	incarnation uint64 // of the sender
	toLife      uint64 // incarnation of the receiver, as the sender knows it; 0: not at all
	sequence    uint64 // grows with every envelope of the sender
	edition     uint64 // of the sender's record: grows whenever that changes
	payload     []byte
}

// envelopeMagic begins every envelope; the last byte is the version.
var envelopeMagic = [4]byte{'R', 'G', 'T', 2}

// payloadLimit bounds what is carried.
const payloadLimit = 1 << 20

// nameLimit bounds a node's name: its length is one byte.
const nameLimit = 255

// append encodes the envelope: magic, kind, names with their lengths, numbers, payload.
func (e *envelope) append(b []byte) []byte {
	b = append(b, envelopeMagic[:]...)
	b = append(b, byte(e.kind), byte(len(e.from))) //nolint:gosec // at most nameLimit
	b = append(b, e.from...)
	b = append(b, byte(len(e.to))) //nolint:gosec // at most nameLimit
	b = append(b, e.to...)
	for _, n := range []uint64{e.incarnation, e.toLife, e.sequence, e.edition} {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	return append(b, e.payload...)
}

var errShort = errors.New("envelope is cut short")

// parseEnvelope decodes an envelope; its payload is part of b.
func parseEnvelope(b []byte) (envelope, error) {
	var e envelope
	if len(b) < len(envelopeMagic)+2 {
		return e, errShort
	}
	if [4]byte(b[:4]) != envelopeMagic {
		return e, fmt.Errorf("no envelope of this version: % x", b[:4])
	}
	if e.kind = kind(b[4]); e.kind < kindRecord || e.kind > kindGoodbye {
		return envelope{}, fmt.Errorf("envelope of unknown kind %d", b[4])
	}
	b = b[5:]
	var ok bool
	if e.from, b, ok = cutName(b); !ok {
		return envelope{}, errShort
	}
	if e.to, b, ok = cutName(b); !ok || len(b) < 32 {
		return envelope{}, errShort
	}
	for _, n := range []*uint64{&e.incarnation, &e.toLife, &e.sequence, &e.edition} {
		*n, b = binary.BigEndian.Uint64(b), b[8:]
	}
	e.payload = b
	switch carries := e.kind == kindRecord || e.kind == kindMessage; {
	case e.from == "" || e.to == "":
		return envelope{}, errors.New("envelope without a name")
	case !carries && len(b) > 0:
		return envelope{}, fmt.Errorf("envelope of kind %d with a payload", e.kind)
	case len(b) > payloadLimit:
		return envelope{}, fmt.Errorf("payload of %d bytes", len(b))
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

// passedLimit bounds the records that are passed on at once.
const passedLimit = 4 << 20

// appendPassed adds a record, as it was received, to those that are passed on.
func appendPassed(b, record []byte) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(record))), record...) //nolint:gosec // bounded
}

// parsePassed decodes records that are passed on.
func parsePassed(b []byte) ([]envelope, error) {
	var out []envelope
	if len(b) > passedLimit+2*envelopeLimit {
		return nil, fmt.Errorf("%d bytes of records", len(b))
	}
	for len(b) > 0 {
		if len(b) < 4 || uint64(len(b)-4) < uint64(binary.BigEndian.Uint32(b)) {
			return nil, errShort
		}
		n := 4 + int(binary.BigEndian.Uint32(b))
		e, err := parseEnvelope(b[4:n])
		if err != nil {
			return nil, err
		}
		if e.kind != kindRecord {
			return nil, fmt.Errorf("envelope of kind %d passed on", e.kind)
		}
		out, b = append(out, e), b[n:]
	}
	return out, nil
}
