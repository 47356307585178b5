// SPDX-License-Identifier: Apache-2.0

package flow

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
)

// Messages, all numbers big-endian. Both kinds begin with
//
//	version 1 · kind 1 · service length 1, name · epoch 8
//
// An update, from the node that performs a service to one that may inherit it:
//
//	base 4 · target 4 · from 4 · to 4 · last 1
//	local addresses 2, each: family 1 (4 or 6), address 4 or 16
//	changes 2, each: flags 1 (1 exact, 2 gone) · local, as a place in the list 2 · local port 2
//	                 remote address 4 or 16 · remote port 2 · if exact: send 4 · receive 4
//
// It is one part of what happened after generation base up to target: what is at the places from ≤ p < to. Base 0 is the
// beginning: such parts have all that there is, and what they do not have is no more. The first part has from 0, the last
// one says so. If base = target nothing happened, and the message only confirms that. An IPv4 connection with numbers takes
// 19 bytes, an IPv6 connection 31.
//
// An ask, the other way round, tells what has arrived:
//
//	base 4 · target 4 · place 4
//
// All up to generation base, and if target is not 0, the parts before place of an update to that.
const version = 1

// Kind is the kind of a message.
type Kind uint8

// Kinds of messages.
const (
	KindUpdate Kind = 1 // for [Mirror.Receive]
	KindAsk    Kind = 2 // for [Source.Receive]
)

// Bounds of messages.
const (
	// MessageLimit is the greatest length of a message in bytes.
	MessageLimit = 64 << 10
	nameLimit    = 255
	headerRest   = 4*4 + 1 + 2 + 2 // of an update, without addresses
	changeLimit  = 1 + 2 + 2 + 16 + 2 + 8
)

const (
	changeExact = 1
	changeGone  = 2
)

var errMessage = errors.New("malformed message about connections")

func malformed(what string) error { return fmt.Errorf("%w: %s", errMessage, what) }

// header is how each message begins.
type header struct {
	kind    Kind
	service string
	epoch   uint64
}

func (h *header) append(b []byte) []byte {
	b = append(b, version, byte(h.kind), byte(len(h.service)))
	b = append(b, h.service...)
	return binary.BigEndian.AppendUint64(b, h.epoch)
}

func decodeHeader(b []byte) (h header, rest []byte, err error) {
	switch {
	case len(b) < 3:
		return h, nil, malformed("too short")
	case b[0] != version:
		return h, nil, fmt.Errorf("%w: version %d, only %d is known", errMessage, b[0], version)
	case Kind(b[1]) != KindUpdate && Kind(b[1]) != KindAsk:
		return h, nil, fmt.Errorf("%w: kind %d is not known", errMessage, b[1])
	case len(b) > MessageLimit:
		return h, nil, malformed("too long")
	}
	n := int(b[2])
	if n == 0 || len(b) < 3+n+8 {
		return h, nil, malformed("too short for the name and epoch")
	}
	h = header{Kind(b[1]), string(b[3 : 3+n]), binary.BigEndian.Uint64(b[3+n:])}
	return h, b[3+n+8:], nil
}

// Peek says what kind of message it is and which service it is about, for whoever hands it to the Source of that service or
// the Mirror.
func Peek(message []byte) (kind Kind, service string, err error) {
	h, _, err := decodeHeader(message)
	return h.kind, h.service, err
}

// ask is a message that tells what has arrived.
type ask struct {
	header
	base, target, place uint32
}

func (a *ask) encode() []byte {
	b := a.append(make([]byte, 0, 3+len(a.service)+8+12))
	b = binary.BigEndian.AppendUint32(b, a.base)
	b = binary.BigEndian.AppendUint32(b, a.target)
	return binary.BigEndian.AppendUint32(b, a.place)
}

func decodeAsk(b []byte) (a ask, err error) {
	if a.header, b, err = decodeHeader(b); err != nil {
		return a, err
	}
	if a.kind != KindAsk || len(b) != 12 {
		return a, malformed("no ask, or of another length")
	}
	a.base, a.target, a.place = binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:]), binary.BigEndian.Uint32(b[8:])
	if a.target == 0 && a.place != 0 || a.target != 0 && a.target <= a.base || a.place >= placeEnd {
		return a, malformed("an ask for what cannot be")
	}
	return a, nil
}

// update is a message that tells of changes.
type update struct {
	header
	base, target, from, to uint32
	last                   bool
	locals                 []netip.Addr
	count                  int
	changes                []byte
}

func (u *update) encode() []byte {
	b := u.append(make([]byte, 0, 3+len(u.service)+8+headerRest+len(u.locals)*17+len(u.changes)))
	b = binary.BigEndian.AppendUint32(b, u.base)
	b = binary.BigEndian.AppendUint32(b, u.target)
	b = binary.BigEndian.AppendUint32(b, u.from)
	b = binary.BigEndian.AppendUint32(b, u.to)
	if u.last {
		b = append(b, 1)
	} else {
		b = append(b, 0)
	}
	b = binary.BigEndian.AppendUint16(b, uint16(len(u.locals)))
	for _, a := range u.locals {
		if a.Is4() {
			b = append(b, 4)
		} else {
			b = append(b, 6)
		}
		b = append(b, a.AsSlice()...)
	}
	b = binary.BigEndian.AppendUint16(b, uint16(u.count))
	return append(b, u.changes...)
}

// appendChange appends a record as a change; local is the place of its local address in the message.
func appendChange[A address](b []byte, r *record[A], local uint16) []byte {
	flags := byte(0)
	switch {
	case r.flags&flagGone != 0:
		flags = changeGone
	case r.flags&flagExact != 0:
		flags = changeExact
	}
	b = append(b, flags)
	b = binary.BigEndian.AppendUint16(b, local)
	b = binary.BigEndian.AppendUint16(b, r.localPort)
	switch remote := any(r.remote).(type) {
	case [4]byte:
		b = append(b, remote[:]...)
	case [16]byte:
		b = append(b, remote[:]...)
	}
	b = binary.BigEndian.AppendUint16(b, r.remotePort)
	if flags == changeExact {
		b = binary.BigEndian.AppendUint32(b, r.send)
		b = binary.BigEndian.AppendUint32(b, r.receive)
	}
	return b
}

// decodeUpdate decodes an update and looks at every change, so that [update.each] cannot fail.
func decodeUpdate(b []byte) (u update, err error) {
	if u.header, b, err = decodeHeader(b); err != nil {
		return u, err
	}
	if u.kind != KindUpdate || len(b) < headerRest {
		return u, malformed("no update, or too short for one")
	}
	u.base, u.target = binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])
	u.from, u.to = binary.BigEndian.Uint32(b[8:]), binary.BigEndian.Uint32(b[12:])
	u.last = b[16] == 1
	switch {
	case b[16] > 1:
		return u, malformed("neither last nor not")
	case u.target == 0 || u.base > u.target:
		return u, malformed("generations out of order")
	case u.base == u.target && (u.from != 0 || u.to != 0 || !u.last):
		return u, malformed("a part of nothing")
	case u.from > u.to || u.to > placeEnd || u.last != (u.to == placeEnd) && u.base != u.target:
		return u, malformed("places out of order")
	}
	if b, err = u.decodeLocals(b[17:]); err != nil {
		return u, err
	}
	u.count, u.changes = int(binary.BigEndian.Uint16(b)), b[2:]
	if u.base == u.target && (u.count != 0 || len(u.locals) != 0) {
		return u, malformed("a confirmation with changes")
	}
	rest := u.changes
	for range u.count {
		if _, rest, err = u.next(rest); err != nil {
			return u, err
		}
	}
	if len(rest) != 0 {
		return u, malformed("more than the changes it counts")
	}
	return u, nil
}

func (u *update) decodeLocals(b []byte) ([]byte, error) {
	n := int(binary.BigEndian.Uint16(b))
	b = b[2:]
	if len(b) < 5*n+2 {
		return nil, malformed("too short for its addresses")
	}
	u.locals = make([]netip.Addr, 0, n)
	for range n {
		size := 4
		if b[0] == 6 {
			size = 16
		}
		if b[0] != 4 && b[0] != 6 || len(b) < 1+size+2 {
			return nil, malformed("an address of no family, or cut off")
		}
		a, _ := netip.AddrFromSlice(b[1 : 1+size])
		if !tellableAddr(a) {
			return nil, malformed("no host's address")
		}
		u.locals = append(u.locals, a)
		b = b[1+size:]
	}
	if len(b) < 2 {
		return nil, malformed("too short for the number of changes")
	}
	return b, nil
}

// change is one connection that began, changed or ended.
type change struct {
	flow  Flow
	gone  bool
	local uint16 // place of the local address in the message
}

// next decodes the first change of b.
func (u *update) next(b []byte) (c change, rest []byte, err error) {
	const head = 1 + 2 + 2
	if len(b) < head {
		return c, nil, malformed("a change is cut off")
	}
	flags, local := b[0], binary.BigEndian.Uint16(b[1:])
	if flags > changeGone || int(local) >= len(u.locals) {
		return c, nil, malformed("a change of a kind or address that is not known")
	}
	addr := u.locals[local]
	size := addr.BitLen() / 8
	length := head + size + 2
	if flags == changeExact {
		length += 8
	}
	if len(b) < length {
		return c, nil, malformed("a change is cut off")
	}
	remote, _ := netip.AddrFromSlice(b[head : head+size])
	c = change{gone: flags == changeGone, local: local, flow: Flow{
		Local:  netip.AddrPortFrom(addr, binary.BigEndian.Uint16(b[3:])),
		Remote: netip.AddrPortFrom(remote, binary.BigEndian.Uint16(b[head+size:])),
	}}
	if !tellable(c.flow.Local, c.flow.Remote) {
		return c, nil, malformed("a connection between other than two hosts")
	}
	if flags == changeExact {
		c.flow.Exact = true
		c.flow.Send, c.flow.Receive = binary.BigEndian.Uint32(b[length-8:]), binary.BigEndian.Uint32(b[length-4:])
	}
	return c, b[length:], nil
}

// each goes through the changes of a decoded update.
func (u *update) each(do func(c *change)) {
	rest := u.changes
	for range u.count {
		c, next, err := u.next(rest)
		if err != nil {
			return // decodeUpdate has looked
		}
		do(&c)
		rest = next
	}
}
