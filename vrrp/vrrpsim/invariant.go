// SPDX-License-Identifier: Apache-2.0

package vrrpsim

import (
	"fmt"
	"time"

	"github.com/regent-ha/regent/vrrp"
)

// Invariant is one thing that the protocol promises.
type Invariant uint8

// The invariants.
const (
	// OneActive: in a quiet stretch, two of the largest Active_Down_Interval after its beginning, exactly one node among
	// those that hear each other is Active for a virtual router, it is one that nobody pre-empts, and none is added later.
	// A service with both families is Active with both on the same node.
	OneActive Invariant = iota + 1
	// ListensFirst: a node that slept longer than its Active_Down_Interval listens before it speaks.
	ListensFirst
	// Steady: while nothing fails nothing changes.
	Steady
	// HandsOver: a release is over within the best heir's Skew_Time, and somebody answers throughout.
	HandsOver
	// IgnoresBad: what must be discarded changes nothing.
	IgnoresBad
	// NoSilence: nobody answers for an Active_Down_Interval at most.
	NoSilence
	// NoDrift: adverts leave at multiples of the interval.
	NoDrift
	// AllOrNothing: a node is Active for all members of a sync group or for none.
	AllOrNothing
)

// String is the invariant in words.
func (i Invariant) String() string {
	switch i {
	case OneActive:
		return "one active node"
	case ListensFirst:
		return "who slept listens before it speaks"
	case Steady:
		return "nothing changes while nothing fails"
	case HandsOver:
		return "a release hands over"
	case IgnoresBad:
		return "bad packets change nothing"
	case NoSilence:
		return "no silence"
	case NoDrift:
		return "adverts do not drift"
	case AllOrNothing:
		return "a sync group is active as a whole"
	}
	return fmt.Sprintf("invariant(%d)", uint8(i))
}

// Failure is an invariant that did not hold.
type Failure struct {
	Seed      uint64
	Invariant Invariant
	At        vrrp.Time
	Text      string
	Tail      string // what happened before
}

// Error tells what failed, what happened before, and how it is played again.
func (f *Failure) Error() string {
	return fmt.Sprintf("seed %d at %.3fms: %s: %s\n%splay it again: REGENT_SIM_SEED=%d go test ./vrrp/vrrpsim -run TestSchedules -v",
		f.Seed, float64(f.At)/float64(time.Millisecond), f.Invariant, f.Text, f.Tail, f.Seed)
}
