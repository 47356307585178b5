// SPDX-License-Identifier: Apache-2.0

package demo

// Result is the document of `regent demo --json`.
type Result struct {
	OK        bool       `json:"ok"`
	Scenarios []Scenario `json:"scenarios"`
	Capture   string     `json:"capture"`
	Picture   string     `json:"picture"`
}

// Scenario is one way of losing the owner.
type Scenario struct {
	Name  string `json:"name"` // cut | killed | stopped
	Steps []Step `json:"steps"`

	silent bool // nobody answered between the fault and the first error
}

// Step is one thing that must be observed after the fault.
type Step struct {
	Name   string  `json:"name"`
	AtMS   float64 `json:"at_ms"` // since the fault
	OK     bool    `json:"ok"`
	Detail string  `json:"detail"`
}

// The steps of every scenario, in their usual order.
const (
	OwnerLost     = "owner_lost"     // the fault is made
	Inherited     = "inherited"      // another node's first advert for the address
	FirstError    = "first_error"    // the client's first error on the inherited address
	SecondAddress = "second_address" // the client is served on its second address
	IdleReset     = "idle_reset"     // the client's silent connection is gone, and it knows
	OwnerReturned = "owner_returned" // the owner serves the address again
)

// StepNames returns the steps in their usual order.
func StepNames() []string {
	return []string{OwnerLost, Inherited, FirstError, SecondAddress, IdleReset, OwnerReturned}
}

// ok reports whether every step was observed.
func (s Scenario) ok() bool {
	seen := map[string]bool{}
	for _, st := range s.Steps {
		seen[st.Name] = st.OK
	}
	for _, name := range StepNames() {
		if !seen[name] {
			return false
		}
	}
	return true
}
