// SPDX-License-Identifier: Apache-2.0

package answer

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// Step is one thing to say in a literal answer.
type Step struct {
	Match    []byte // that the client must have said; empty: anything
	Offset   int    // where Match begins in what was said
	Send     []byte // at most 4096 octets
	Template bool   // Send has places for facts, see [NewLiteral]
	Continue bool   // hear more afterwards, rather than end
}

// Literal says what the configuration has, whatever the protocol: on connecting, or step by step to what the client says. It
// is made by [NewLiteral]; one with no steps says nothing.
type Literal struct {
	steps     []literalStep
	greeting  int // the step that is said on connecting; -1: none
	otherwise int // the step that is said where none matches; -1: none
	reset     bool
}

type literalStep struct {
	Step
	text literalText // of a template
}

const (
	literalSendMax = 4096 // octets of a step, and of what a template comes to
	literalHearMax = 8192 // octets that a match may need; more are hardly heard by anyone
)

// NewLiteral makes a literal answer. Unless onRequest, its first step without Match is said on connecting, and no more.
//
// Whenever the client has said something, the first step whose Match is there is taken; if none is, the last one without
// Match. Nothing is taken while an earlier Match may still come: the client is heard on. Without anything to say to it, the
// client is reset. After Match what follows it is heard next, if the step says Continue; after a step without Match all is
// done with that was heard, so that Continue there is for clients that wait for an answer. A conversation ends with FIN, or
// with a reset.
//
// Templates have {{.Service}}, {{.Local}}, {{.Remote}}, {{.Next}}, {{.Reason}} and {{.RetryAfter}} (whole seconds), and
// {{if .Next}} … {{else}} … {{end}}; nothing else of package text/template, so that no template runs long or grows large.
// A template that comes to more than 4096 octets is not said: the client is reset.
//
// The error is about a step, which it names by its place, from 1.
func NewLiteral(steps []Step, onRequest, reset bool) (*Literal, error) {
	l := &Literal{greeting: -1, otherwise: -1, reset: reset}
	for i, s := range steps {
		step := literalStep{Step: s}
		if err := step.prepare(); err != nil {
			return nil, fmt.Errorf("step %d: %w", i+1, err)
		}
		switch {
		case len(s.Match) > 0:
		case !onRequest && l.greeting < 0:
			l.greeting = i
		default:
			l.otherwise = i
		}
		l.steps = append(l.steps, step)
	}
	return l, nil
}

// prepare checks a step and reads its template.
func (s *literalStep) prepare() error {
	switch {
	case s.Offset < 0 || s.Offset > literalHearMax || s.Offset+len(s.Match) > literalHearMax:
		return fmt.Errorf("offset %d and a match of %d octets: want 0 to %d together", s.Offset, len(s.Match), literalHearMax)
	case len(s.Send) > literalSendMax:
		return fmt.Errorf("says %d octets: want %d at most", len(s.Send), literalSendMax)
	case !s.Template:
		return nil
	}
	var err error
	if s.text, err = literalParse(string(s.Send)); err != nil {
		return fmt.Errorf("template: %w", err)
	}
	if _, ok := s.text.say(&Facts{}, nil); !ok {
		return errors.New("template: comes to too much")
	}
	return nil
}

// Hear implements [Stream].
func (l *Literal) Hear(f *Facts, heard, out []byte) ([]byte, int, Verdict) {
	if len(heard) == 0 {
		if len(l.steps) == 0 || l.greeting < 0 {
			return out, 0, Wait
		}
		return l.take(l.greeting, f, heard, out)
	}
	for i := range l.steps {
		switch s := &l.steps[i]; {
		case len(s.Match) == 0:
		case s.matches(heard):
			return l.take(i, f, heard, out)
		case s.mayMatch(heard):
			return out, 0, Wait
		}
	}
	if len(l.steps) == 0 || l.otherwise < 0 {
		return out, 0, Reset // nothing is to be said to this
	}
	return l.take(l.otherwise, f, heard, out)
}

// take says a step.
func (l *Literal) take(i int, f *Facts, heard, out []byte) ([]byte, int, Verdict) {
	s := &l.steps[i]
	out, ok := s.say(f, out)
	switch {
	case !ok, l.reset && !s.Continue:
		return out, len(heard), Reset
	case s.Continue && len(s.Match) > 0:
		return out, s.Offset + len(s.Match), Wait
	case s.Continue:
		return out, len(heard), Wait
	}
	return out, len(heard), Close
}

// Answer implements [Datagram]: the first step that matches, or the last one without Match, be it a greeting or not. It is
// not said if it is empty, is longer than the request, or is the very request: two that say the same to everything would go
// on for ever.
func (l *Literal) Answer(f *Facts, request, out []byte) ([]byte, bool) {
	var take *literalStep
	for i := range l.steps {
		s := &l.steps[i]
		if len(s.Match) == 0 {
			take = s
		} else if s.matches(request) {
			take = s
			break
		}
	}
	if take == nil {
		return out, false
	}
	start := len(out)
	out, ok := take.say(f, out)
	if said := out[start:]; !ok || len(said) == 0 || len(said) > len(request) || bytes.Equal(said, request) {
		return out[:start], false
	}
	return out, true
}

// matches says whether Match was said.
func (s *literalStep) matches(heard []byte) bool {
	return len(heard) >= s.Offset+len(s.Match) && bytes.Equal(heard[s.Offset:s.Offset+len(s.Match)], s.Match)
}

// mayMatch says whether Match would be there if the client went on.
func (s *literalStep) mayMatch(heard []byte) bool {
	if len(heard) >= s.Offset+len(s.Match) {
		return false
	}
	return len(heard) <= s.Offset || bytes.HasPrefix(s.Match, heard[s.Offset:])
}

// say appends what a step says; not ok, and nothing appended, if it is too much.
func (s *literalStep) say(f *Facts, out []byte) ([]byte, bool) {
	if s.Template {
		return s.text.say(f, out)
	}
	return append(out, s.Send...), true
}

// CheckTemplate reports what is wrong with a template of a literal answer.
func CheckTemplate(text string) error {
	if _, err := literalParse(text); err != nil {
		return errors.New(strings.TrimPrefix(err.Error(), "template: answer:"))
	}
	return nil
}
