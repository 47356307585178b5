// SPDX-License-Identifier: Apache-2.0

package answer

import (
	"bytes"
	"fmt"
	"text/template"
)

// Step is one thing to say in a literal answer.
type Step struct {
	Match    []byte // that the client must have said; nil: anything
	Offset   int    // where Match begins in what was said
	Send     []byte
	Template bool // Send is a template (package text/template) over [Facts]
	Continue bool // hear more afterwards, rather than end
}

// Literal says what the configuration has, whatever the protocol: on connecting, or step by step to what the client says.
type Literal struct {
	steps     []literalStep
	onRequest bool
	reset     bool
}

type literalStep struct {
	Step
	text *template.Template
}

// literalLimit bounds what a template may come to.
const literalLimit = 4096

// NewLiteral makes a literal answer. Its first step is said on connecting, unless onRequest. Whenever the client has said
// something, the first step that matches is taken. It ends with FIN, or with a reset. The error is about a template.
func NewLiteral(steps []Step, onRequest, reset bool) (*Literal, error) {
	l := &Literal{onRequest: onRequest, reset: reset}
	for i, s := range steps {
		step := literalStep{Step: s}
		if s.Template {
			var err error
			if step.text, err = template.New("").Option("missingkey=error").Parse(string(s.Send)); err != nil {
				return nil, fmt.Errorf("step %d: %w", i+1, err)
			}
			if _, ok := step.say(&Facts{}, nil); !ok {
				return nil, fmt.Errorf("step %d: the template asks for what is not known, or says too much", i+1)
			}
		}
		l.steps = append(l.steps, step)
	}
	return l, nil
}

// end is the verdict after the last word.
func (l *Literal) end() Verdict {
	if l.reset {
		return Reset
	}
	return Close
}

// Hear implements [Stream].
func (l *Literal) Hear(f *Facts, heard, out []byte) ([]byte, int, Verdict) {
	steps := l.steps
	if len(heard) == 0 {
		if l.onRequest || len(steps) == 0 {
			return out, 0, Wait
		}
		return l.take(&steps[0], f, heard, out)
	}
	if !l.onRequest {
		steps = steps[1:] // the first was said on connecting
	}
	for i := range steps {
		s := &steps[i]
		switch {
		case s.Match == nil, s.matches(heard):
			return l.take(s, f, heard, out)
		case s.mayMatch(heard):
			return out, 0, Wait
		}
	}
	return out, 0, Reset // nothing is to be said to this
}

// take says a step.
func (l *Literal) take(s *literalStep, f *Facts, heard, out []byte) ([]byte, int, Verdict) {
	out, ok := s.say(f, out)
	switch {
	case !ok:
		return out, len(heard), Reset
	case s.Continue && s.Match != nil:
		return out, s.Offset + len(s.Match), Wait
	case s.Continue:
		return out, len(heard), Wait
	}
	return out, len(heard), l.end()
}

// Answer implements [Datagram]: the first step that matches, if it is no longer than what was asked.
func (l *Literal) Answer(f *Facts, request, out []byte) ([]byte, bool) {
	for i := range l.steps {
		if s := &l.steps[i]; s.Match == nil || s.matches(request) {
			start := len(out)
			out, ok := s.say(f, out)
			return out, ok && len(out)-start <= len(request)
		}
	}
	return out, false
}

func (s *literalStep) matches(heard []byte) bool {
	return len(heard) >= s.Offset+len(s.Match) && bytes.Equal(heard[s.Offset:s.Offset+len(s.Match)], s.Match)
}

// mayMatch says whether it would match if the client went on.
func (s *literalStep) mayMatch(heard []byte) bool {
	if len(heard) >= s.Offset+len(s.Match) {
		return false
	}
	return len(heard) <= s.Offset || bytes.HasPrefix(s.Match, heard[s.Offset:])
}

// say appends what a step says; not ok if its template fails.
func (s *literalStep) say(f *Facts, out []byte) ([]byte, bool) {
	if s.text == nil {
		return append(out, s.Send...), true
	}
	w := bounded{out: out, room: literalLimit}
	if err := s.text.Execute(&w, f); err != nil {
		return out, false
	}
	return w.out, true
}

// bounded is a writer that refuses to write too much.
type bounded struct {
	out  []byte
	room int
}

func (w *bounded) Write(p []byte) (int, error) {
	if len(p) > w.room {
		return 0, fmt.Errorf("more than %d octets", literalLimit)
	}
	w.room -= len(p)
	w.out = append(w.out, p...)
	return len(p), nil
}
