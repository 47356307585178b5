// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"bytes"
	"net/netip"
	"time"
)

// peer is what is known of another node. It decides; it neither sends nor tells.
type peer struct {
	name string
	at   netip.AddrPort

	member  bool      // memberlist says so
	present bool      // told to the reader
	proven  time.Time // when it last showed that it lives now

	life    uint64 // its newest incarnation
	seen    window // of its datagrams
	told    uint64 // sequence of the last envelope that was told as Heard
	strange int    // envelopes of this life that named another life of ours, before the first that named this one
	goodbye uint64 // the incarnation that said it
	record  record

	sent    uint64 // envelopes to it
	waiting [][]byte
	due     bool // the record is to go by stream
	busy    bool // a goroutine sends streams
}

// record is the newest one of a node.
type record struct {
	incarnation uint64
	edition     uint64 // 0: none was heard
	payload     []byte
	raw         []byte // the envelope it came in, to pass on
}

// silence is how long a node that memberlist has given up must not have been heard before it counts as gone.
const silence = 1500 * time.Millisecond

// patience is how many envelopes that name an earlier life of ours are taken for a node's not knowing better.
const patience = 5

// reply is what an envelope calls for: a set of these.
type reply uint8

const (
	sendBeat   reply = 1 << iota // it does not know which life of ours this is
	sendRecord                   // it has none of ours, or an old one
	sendWant                     // it has a record that we have not
)

// verdict is what an envelope comes to.
type verdict struct {
	why    refusal
	events []any
	reply  reply
}

// take judges an envelope that came from the peer's own address. me is this life of this node. Only an envelope that
// names me is a proof that its sender lives now: nobody could write it before this life began.
func (p *peer) take(now time.Time, me uint64, e *envelope, raw []byte, stream bool) (v verdict) {
	if e.incarnation < p.life || !stream && !p.seen.take(e.incarnation, e.sequence) {
		return verdict{why: replayed}
	}
	if e.incarnation > p.life {
		p.life, p.strange, p.told = e.incarnation, 0, 0
	}
	if e.incarnation <= p.goodbye {
		return verdict{} // overtaken by its own goodbye
	}
	if e.toLife != me {
		switch {
		case e.kind == kindMessage || p.strange >= patience:
			v.why = replayed
		case e.toLife != 0:
			p.strange++
		}
		v.reply = sendBeat
		return v
	}
	p.strange = patience // from now on it knows
	p.proven = now
	if e.kind == kindGoodbye {
		p.goodbye = e.incarnation
		return verdict{events: p.absent()}
	}
	if !p.present {
		p.present = true
		v.events = append(v.events, Presence{Node: p.name, Alive: true})
		v.reply = sendRecord
	}
	switch e.kind {
	case kindMessage:
		v.events = append(v.events, Message{From: p.name, Payload: bytes.Clone(e.payload)})
	case kindWant:
		v.reply |= sendRecord
	case kindRecord:
		p.hold(e, raw)
		v.events = append(v.events, p.heard(e)...)
	case kindBeat:
		v.events = append(v.events, p.heard(e)...)
		if newer(e.incarnation, e.edition, p.record.incarnation, p.record.edition) && e.edition > 0 {
			v.reply |= sendWant
		}
	case kindGoodbye:
	}
	return v
}

// heard is the record as the envelope confirms it: nothing, if the envelope speaks of another edition, or is late.
func (p *peer) heard(e *envelope) []any {
	if p.record.incarnation != e.incarnation || p.record.edition != e.edition || e.edition == 0 || e.sequence <= p.told {
		return nil
	}
	p.told = e.sequence
	return []any{Heard{Node: p.name, Incarnation: e.incarnation, Sequence: e.sequence, Payload: p.record.payload}}
}

// hold keeps a record if it is the newest.
func (p *peer) hold(e *envelope, raw []byte) bool {
	if e.edition == 0 || !newer(e.incarnation, e.edition, p.record.incarnation, p.record.edition) {
		return false
	}
	p.record = record{incarnation: e.incarnation, edition: e.edition, payload: bytes.Clone(e.payload), raw: bytes.Clone(raw)}
	return true
}

// passed takes in the peer's record as another node passes it on. It is no sign of life, and of a node that speaks for itself
// nobody else's word is taken.
func (p *peer) passed(e *envelope, raw []byte) []any {
	if p.present || e.incarnation < p.life || !p.hold(e, raw) {
		return nil
	}
	return []any{Passed{Node: p.name, Incarnation: e.incarnation, Sequence: e.sequence, Payload: p.record.payload}}
}

// absent notes that the peer is gone.
func (p *peer) absent() []any {
	if !p.present {
		return nil
	}
	p.present = false
	return []any{Presence{Node: p.name}}
}

// fade notes that a peer is gone which memberlist has given up and which is not heard either.
func (p *peer) fade(now time.Time) []any {
	if p.member || now.Sub(p.proven) < silence {
		return nil
	}
	return p.absent()
}
