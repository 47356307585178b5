// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"time"

	"github.com/regent-ha/regent/policy"
)

// State is the state of a service's virtual router.
type State string

// The states, as records and status write them.
const (
	Initialize State = "initialize"
	Backup     State = "backup"
	Active     State = "active"
)

// Phase is how far this node is with performing a service.
type Phase uint8

// The phases.
const (
	Idle     Phase = iota
	Kept           // a run before this one performed it; whether this one does is not clear yet
	Waiting        // another node still performs it
	Leasing        // the arbiter has not granted it yet
	Starting       // its start is under way
	Proving        // it was started and its check has not passed yet
	Serving        // it is performed
	Stopping       // its stop is under way, or failed and is tried again
)

// String returns the phase in a word.
func (p Phase) String() string {
	return [...]string{"idle", "kept", "waiting", "leasing", "starting", "proving", "serving", "stopping"}[p]
}

// Timing holds the agent's times. Zero values stand for the defaults.
type Timing struct {
	Stale        time.Duration // without a record for so long, nothing is known of a node: 3 s
	ForbidAfter  time.Duration // a forecast must hold for so long before it forbids: 2 s
	ReleaseAfter time.Duration // likewise before it releases: 5 s
	Renew        time.Duration // between repetitions of an instruction: 1 s
	Lease        time.Duration // how long one holds: 4 s
	Declined     time.Duration // how long a node that declined is not asked again: 15 s
	Kept         time.Duration // how long a service that an earlier run performed is left alone: 3 s
	Retry        time.Duration // until a failed stop is tried again, and between two handovers: 5 s
	Prove        time.Duration // how long a started service may take to pass its check: 30 s
}

func (t Timing) withDefaults() Timing {
	for _, d := range []struct {
		at *time.Duration
		is time.Duration
	}{
		{&t.Stale, 3 * time.Second}, {&t.ForbidAfter, 2 * time.Second}, {&t.ReleaseAfter, 5 * time.Second}, {&t.Renew, time.Second},
		{&t.Lease, 4 * time.Second}, {&t.Declined, 15 * time.Second}, {&t.Kept, 3 * time.Second}, {&t.Retry, 5 * time.Second},
		{&t.Prove, 30 * time.Second},
	} {
		if *d.at == 0 {
			*d.at = d.is
		}
	}
	return t
}

// Options is what an agent is made of.
type Options struct {
	Node    string
	Cluster *policy.Cluster
	Digest  string // of the part of the configuration that is to be the same everywhere
	Arbiter bool   // a lease is needed before serving
	Prove   map[string]time.Duration
	Saved   Saved
	Timing  Timing
}

// Saved is what survives the process.
type Saved struct {
	Drained    bool                    `json:"drained,omitempty"`
	Terms      map[string]policy.Terms `json:"terms,omitempty"`
	Marks      map[string]policy.Mark  `json:"marks,omitempty"`
	Performing []string                `json:"performing,omitempty"` // services that were started and not yet stopped
}

// Kind says what an [Action] asks for.
type Kind uint8

// Kinds of action.
const (
	// Prefer: use Priority and PreemptBelow in the elections of Service from now on.
	Prefer Kind = iota + 1
	// TakePart: take part in the elections of Service, or (Yes false) be silent.
	TakePart
	// HandOver: release Service as on a planned stop, then come back as Backup.
	HandOver
	// SetDuty: do Duty with the addresses of Service while Active; serve not beyond Until, unless it is 0.
	SetDuty
	// Start and Stop: the service itself. Stop ends a start that is under way.
	Start
	Stop
	// Want and Drop: the arbiter's lease.
	Want
	Drop
	// Hurry: check Service now.
	Hurry
	// Publish: tell the other nodes Record.
	Publish
	// Send: Message to the node To.
	Send
	// Save: write Saved to disk, then call [Agent.Durable] with Number.
	Save
	// Tell: report Note.
	Tell
)

// Action is one thing that has to be done. Slices and maps in it are not changed afterwards.
type Action struct {
	Kind         Kind
	Service      string
	Priority     uint8
	PreemptBelow uint8
	Yes          bool
	Duty         policy.Duty
	Until        time.Duration
	To           string
	Message      Message
	Record       policy.Record
	Saved        Saved
	Number       uint64
	Note         Note
}

// Topic is what a [Note] is about.
type Topic uint8

// The topics.
const (
	DutyChanged Topic = iota + 1
	StartFailed
	StopFailed
	NoCandidate
	CandidateFound
	Unprotected
	Protected
	TermsChanged
	Drained
	Undrained
	Overloaded
	Relieved
	Instructed
	Declined
	LeaseDenied
	LeaseGranted
	NodeAlive
	NodeDead
	ConfigDiffers
	ConfigAgrees
	CheckFailed
	CheckPassed
	FailbackDue
)

// Note is something to report.
type Note struct {
	Topic    Topic
	Service  string
	Node     string // the other node that it is about
	From, To policy.Duty
	Reason   string
}
