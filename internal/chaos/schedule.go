// SPDX-License-Identifier: Apache-2.0

package chaos

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// Kind of a fault.
type Kind string

// The kinds.
const (
	KillWorker  Kind = "kill -9 of the worker"
	KillAll     Kind = "kill -9 of all processes"
	Terminate   Kind = "SIGTERM"
	Pause       Kind = "SIGSTOP of the worker"
	CutOff      Kind = "cut off"
	Deaf        Kind = "hears nothing"
	Mute        Kind = "is not heard"
	FilterVRRP  Kind = "protocol 112 filtered one way"
	Lossy       Kind = "loses frames"
	Twice       Kind = "frames are doubled"
	Flap        Kind = "the link flaps"
	Reload      Kind = "reload"
	DiskFull    Kind = "the state directory is full"
	FlushRules  Kind = "somebody flushes the rules"
	DropAddress Kind = "somebody removes the address"
)

// Kinds lists all.
func Kinds() []Kind {
	return []Kind{KillWorker, KillAll, Terminate, Pause, CutOff, Deaf, Mute, FilterVRRP, Lossy, Twice, Flap, Reload, DiskFull,
		FlushRules, DropAddress}
}

// Round is one fault.
type Round struct {
	Number int
	Kind   Kind
	// Active: it happens to the node that is Active; else to the one that would be next.
	Active bool
	Lasts  time.Duration
	// Percent of the frames that are lost.
	Percent int
}

// String names the round.
func (r Round) String() string {
	who := "the next"
	if r.Active {
		who = "the active"
	}
	return fmt.Sprintf("round %d: %s (%s node, %s)", r.Number, r.Kind, who, r.Lasts)
}

// Schedule makes rounds without end: each kind comes once before one comes again.
func Schedule(seed uint64) func() Round {
	rnd := rand.New(rand.NewPCG(seed, 0x6368616f73))
	var deck []Kind
	n := 0
	return func() Round {
		if len(deck) == 0 {
			deck = Kinds()
			rnd.Shuffle(len(deck), func(i, j int) { deck[i], deck[j] = deck[j], deck[i] })
		}
		n++
		r := Round{Number: n, Kind: deck[0], Active: rnd.IntN(4) > 0, Lasts: time.Duration(200+rnd.IntN(1300)) * time.Millisecond,
			Percent: 5 + rnd.IntN(20)}
		deck = deck[1:]
		return r
	}
}
