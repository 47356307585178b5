// SPDX-License-Identifier: Apache-2.0

package responder

import "fmt"

// Kind says what an Event is about.
type Kind uint8

// The kinds of events.
const (
	Restored      Kind = iota // somebody changed or removed the table or the program; it was put back
	RestoreFailed             // it was changed or removed and could not be put back yet; it is tried again
	WildcardFound             // mechanism kernel: processes would answer in place of a refused address
	WildcardGone              // mechanism kernel: these processes no longer do
	CheckFailed               // mechanism kernel: the listeners of this host cannot be read
)

// String returns the kind in words.
func (k Kind) String() string {
	switch k {
	case Restored:
		return "rules restored"
	case RestoreFailed:
		return "rules not restored"
	case WildcardFound:
		return "wildcard listener found"
	case WildcardGone:
		return "wildcard listener gone"
	case CheckFailed:
		return "listeners not readable"
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// Event is something that happened without being asked for.
type Event struct {
	Kind      Kind
	Text      string     // what happened, in words
	Err       error      // of RestoreFailed and CheckFailed
	Listeners []Listener // of WildcardFound and WildcardGone
}
