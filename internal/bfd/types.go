// SPDX-License-Identifier: Apache-2.0

package bfd

import (
	"fmt"
	"math"
	"time"
)

// Time is an instant in nanoseconds on a clock that never goes back and counts suspend (CLOCK_BOOTTIME).
type Time int64

// Never is later than every instant: the deadline of a session that waits for nothing.
const Never Time = math.MaxInt64

// Add returns the instant d later.
func (t Time) Add(d time.Duration) Time { return t + Time(d) }

// Sub returns how much later t is than u.
func (t Time) Sub(u Time) time.Duration { return time.Duration(t - u) }

// State is a session's state as it stands in packets (RFC 5880 §4.1).
type State uint8

// The four states.
const (
	AdminDown State = iota
	Down
	Init
	Up
)

// String returns the state in lower case: "admin down", "down", "init", "up".
func (s State) String() string {
	switch s {
	case AdminDown:
		return "admin down"
	case Down:
		return "down"
	case Init:
		return "init"
	case Up:
		return "up"
	}
	return fmt.Sprintf("state(%d)", uint8(s))
}

// Diagnostic says why a session changed its state last (RFC 5880 §4.1). Values from 9 to 31 are reserved.
type Diagnostic uint8

// The diagnostics of RFC 5880.
const (
	NoDiagnostic Diagnostic = iota
	DetectionTimeExpired
	EchoFailed
	NeighborSignaledDown
	ForwardingPlaneReset
	PathDown
	ConcatenatedPathDown
	AdministrativelyDown
	ReverseConcatenatedPathDown
)

// String returns the diagnostic in the words of RFC 5880, in lower case.
func (d Diagnostic) String() string {
	switch d {
	case NoDiagnostic:
		return "no diagnostic"
	case DetectionTimeExpired:
		return "control detection time expired"
	case EchoFailed:
		return "echo function failed"
	case NeighborSignaledDown:
		return "neighbor signaled session down"
	case ForwardingPlaneReset:
		return "forwarding plane reset"
	case PathDown:
		return "path down"
	case ConcatenatedPathDown:
		return "concatenated path down"
	case AdministrativelyDown:
		return "administratively down"
	case ReverseConcatenatedPathDown:
		return "reverse concatenated path down"
	}
	return fmt.Sprintf("diagnostic(%d)", uint8(d))
}

// Discard says why a packet was not taken. The zero value says that it was.
type Discard uint8

// The reasons, in the order of RFC 5880 §6.8.6; TooFar is that of RFC 5881 §5.
const (
	Taken               Discard = iota
	BadVersion                  // not version 1
	BadLength                   // shorter than a packet is, or longer than what came
	ZeroMultiplier              // a detection multiplier of 0
	Multipoint                  // the multipoint bit is set
	ZeroDiscriminator           // My Discriminator is 0
	UnknownSession              // Your Discriminator is no session's
	NoDiscriminator             // Your Discriminator is 0 in state Init or Up
	UnknownNeighbor             // Your Discriminator is 0, and no session has such a neighbour
	TooFar                      // TTL or hop limit too low
	Authenticated               // carries authentication, and none is in use
	AdministrativeState         // the own session is AdminDown
	discards                    // their number
)

// String returns the reason in lower case.
func (d Discard) String() string {
	switch d {
	case Taken:
		return "taken"
	case BadVersion:
		return "bad version"
	case BadLength:
		return "bad length"
	case ZeroMultiplier:
		return "zero multiplier"
	case Multipoint:
		return "multipoint"
	case ZeroDiscriminator:
		return "zero discriminator"
	case UnknownSession:
		return "unknown session"
	case NoDiscriminator:
		return "no discriminator"
	case UnknownNeighbor:
		return "unknown neighbor"
	case TooFar:
		return "too far"
	case Authenticated:
		return "authenticated"
	case AdministrativeState:
		return "administratively down"
	}
	return fmt.Sprintf("discard(%d)", uint8(d))
}
