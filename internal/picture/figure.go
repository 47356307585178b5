// SPDX-License-Identifier: Apache-2.0

package picture

import "time"

// Kind of a phase or an event: it decides the colour.
type Kind uint8

// The kinds.
const (
	// Idle: nothing to report (a backup, a client at rest).
	Idle Kind = iota
	// Serve: the service answers.
	Serve
	// Refuse: an error answers.
	Refuse
	// Silent: nobody answers.
	Silent
	// Down: not there (a daemon that was killed, a link that is cut).
	Down
	// Note: something else that deserves an eye.
	Note

	kinds int = iota
)

// String names the kind as the legend does.
func (k Kind) String() string {
	switch k {
	case Idle:
		return "idle"
	case Serve:
		return "service answers"
	case Refuse:
		return "error answers"
	case Silent:
		return "silence"
	case Down:
		return "down"
	case Note:
		return "note"
	}
	return "unknown"
}

// class is the name of the kind in the style sheet.
func (k Kind) class() string {
	names := [...]string{"idle", "serve", "refuse", "silent", "down", "note"}
	if int(k) < len(names) {
		return names[k]
	}
	return "idle"
}

// Figure is one picture.
type Figure struct {
	Title    string
	Subtitle string
	Panels   []Panel
}

// Panel is one timeline with its own axis.
type Panel struct {
	Title string
	// Origin says what happened at time 0; absent: no line is drawn there.
	Origin string
	Lanes  []Lane
	// From and To limit the axis; both 0: what the lanes need.
	From, To time.Duration
	// Break, if positive, is the longest stretch without phase or event limits
	// that is drawn in full; what is longer is shortened to it.
	Break time.Duration
}

// Lane is one row: a node, an address, a client.
type Lane struct {
	Name string
	// Detail stands under the name in small letters.
	Detail string
	Phases []Phase
	Events []Event
}

// Phase is a coloured stretch of a lane.
type Phase struct {
	From, To time.Duration
	Kind     Kind
	// Label stands in the stretch if it fits, and is its tooltip.
	Label string
}

// Event is an instant of a lane. Its label stands under the lane with its time.
type Event struct {
	At    time.Duration
	Kind  Kind
	Label string
}
