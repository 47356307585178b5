// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"time"

	"github.com/regent-ha/regent/policy"
)

// Report is how a service stands on this node, for people.
type Report struct {
	Phase     Phase
	Duty      policy.Duty
	Reason    string // of the duty, or of not serving
	Decision  policy.Decision
	Forbidden policy.Origin
	Protected bool // no forecast says that nobody could take over, and some node could
	Until     time.Duration
	Failures  int
}

// Report returns how a service stands; false for one without policy.
func (a *Agent) Report(name string) (Report, bool) {
	s := a.service(name)
	if s == nil {
		return Report{}, false
	}
	r := Report{Phase: s.phase, Duty: s.duty(), Reason: a.reason(s), Decision: s.decision, Forbidden: s.decision.Forbidden,
		Failures: len(s.failures)}
	if s.leased {
		r.Until = s.until
	}
	marked := s.mark != nil && s.mark.Forbid
	if marked && r.Forbidden == policy.Free {
		r.Forbidden = policy.ByForecast
	}
	performer := policy.Performer(&a.view, s.index)
	for _, c := range s.decision.Candidates {
		if i := a.o.Cluster.Node(c); i >= 0 && i != performer {
			r.Protected = !marked
		}
	}
	return r, true
}

// View is what the agent knows. It is only valid until the next call, and not to be changed.
func (a *Agent) View() *policy.View { return &a.view }

// Me is the index of this node in the cluster, −1 if the file does not name it.
func (a *Agent) Me() int { return a.me }

// IsDrained reports whether an operator has drained this node.
func (a *Agent) IsDrained() bool { return a.drained }
