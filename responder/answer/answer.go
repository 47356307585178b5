// SPDX-License-Identifier: Apache-2.0

package answer

import (
	"fmt"
	"net/netip"
	"time"
)

// Facts are what an answer may tell a client, and what it must not draw by itself: time and chance.
type Facts struct {
	Service    string         // its name
	Local      netip.AddrPort // the inherited address, as the client called it
	Remote     netip.AddrPort // the client
	Next       string         // host:port where the service may be had instead; "" if nobody knows
	Reason     string         // why the service is refused, in words, one line
	RetryAfter time.Duration  // what the client is told to wait; 0: nothing is said
	Now        time.Time
	Nonce      uint64 // random, new for each conversation and datagram
}

// Verdict is how a conversation goes on.
type Verdict uint8

const (
	// Wait sends the reply, if there is one, and hears more.
	Wait Verdict = iota
	// Close sends the reply and FIN, and lets the client read it.
	Close
	// Reset sends the reply, if there is one, and a reset.
	Reset
)

// String returns the verdict in words.
func (v Verdict) String() string {
	switch v {
	case Wait:
		return "wait"
	case Close:
		return "close"
	case Reset:
		return "reset"
	}
	return fmt.Sprintf("verdict(%d)", uint8(v))
}

// Stream answers over TCP. It holds no state: what it needs to know is in what the client said.
type Stream interface {
	// Hear is called when the client has connected, with nothing heard, and then whenever it says more: heard is all that
	// it said and that was not used yet. The reply is appended to out; used is how much of heard is done with. Heard may
	// be cut anywhere, and be anything. A client that says more than the caller keeps, or too slowly, is reset.
	Hear(f *Facts, heard, out []byte) (reply []byte, used int, v Verdict)
}

// Datagram answers over UDP.
type Datagram interface {
	// Answer appends the reply to one datagram to out. Without a reply (ok is false) the client gets "port unreachable":
	// for what is itself an answer, is not of the protocol, or is shorter than its reply would be.
	Answer(f *Facts, request, out []byte) (reply []byte, ok bool)
}
