// SPDX-License-Identifier: Apache-2.0

package conf

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"
)

// respond resolves [service.respond], in the order of protocol and port.
func (r *serviceResolver) respond() {
	for _, e := range r.raw.Respond.V {
		port, ok := parsePort(e.port)
		switch {
		case !ok:
			e.scope.errorf(e.place.key, `the key wants to be a port in quotes, "tcp/NUMBER" or "udp/NUMBER"`)
			continue
		case r.out.Ports != nil && !slices.Contains(r.out.Ports, port):
			e.scope.errorf(e.place.key, "the port is not among the service's ports: add it there, or remove the answer")
		}
		r.out.Respond = append(r.out.Respond, resolveAnswer(e, port))
	}
	slices.SortFunc(r.out.Respond, func(a, b Answer) int {
		return (int(a.Port.Proto)<<16 | int(a.Port.Number)) - (int(b.Port.Proto)<<16 | int(b.Port.Number))
	})
}

// resolveAnswer resolves what one port answers.
func resolveAnswer(e answerEntry, port Port) Answer {
	s, raw := e.scope, &e.V
	a := Answer{Port: port}
	if raw.Answer.absent() {
		s.errorf(s.off, `answer is missing: write one, such as answer = "http"`)
		return a
	}
	a.Kind = enum(s, "answer", raw.Answer, append([]AnswerKind{AnswerReset, AnswerPostgreSQL, AnswerMySQL, AnswerHTTP, AnswerDNS,
		AnswerSMTP, AnswerMQTT, AnswerTNS, AnswerQUIC, AnswerSIP, AnswerCQL, AnswerLiteral}, Presets...)...)
	switch a.Kind {
	case AnswerReset, AnswerDNS, AnswerSIP, AnswerLiteral: // either
	case AnswerQUIC:
		if port.Proto != UDP {
			s.errorf(raw.Answer.off, "%s is spoken over udp: this port is %s", a.Kind, port)
		}
	default:
		if port.Proto != TCP {
			s.errorf(raw.Answer.off, "%s is spoken over tcp: this port is %s", a.Kind, port)
		}
	}
	for _, k := range []struct {
		name string
		given
		kinds []AnswerKind
	}{
		{"status", raw.Status.given, []AnswerKind{AnswerHTTP}},
		{"retry_after", raw.RetryAfter.given, []AnswerKind{AnswerHTTP, AnswerSIP, AnswerLiteral}},
		{"location", raw.Location.given, []AnswerKind{AnswerHTTP}},
		{"message", raw.Message.given, []AnswerKind{AnswerPostgreSQL, AnswerMySQL}},
		{"next", raw.Next.given, []AnswerKind{AnswerPostgreSQL, AnswerMySQL, AnswerHTTP, AnswerMQTT, AnswerLiteral}},
		{"on", raw.On.given, []AnswerKind{AnswerLiteral}},
		{"send", raw.Send.given, []AnswerKind{AnswerLiteral}},
		{"template", raw.Template.given, []AnswerKind{AnswerLiteral}},
		{"step", raw.Steps.given, []AnswerKind{AnswerLiteral}},
		{"close", raw.Close.given, []AnswerKind{AnswerLiteral}},
	} {
		if !k.absent() && !slices.Contains(k.kinds, a.Kind) && raw.Answer.Set {
			s.errorf(k.off, "%s does not go with %s: remove it", k.name, a.Kind)
		}
	}
	a.RetryAfter = span(s, "retry_after", raw.RetryAfter, 0, 0, 24*time.Hour)
	a.Message = oneLine(s, "message", raw.Message)
	a.Next = oneLine(s, "next", raw.Next)
	if host, number, err := net.SplitHostPort(a.Next); raw.Next.Set && (err != nil || host == "" || number == "") {
		s.errorf(raw.Next.off, "next %q: want host:port", a.Next)
	}
	if a.Kind == AnswerHTTP {
		a.http(s, raw)
	}
	if a.Kind == AnswerLiteral {
		a.literal(s, raw)
	}
	return a
}

// oneLine resolves a text that is not to break the line, or the protocol, that it becomes part of.
func oneLine(s scope, name string, v scalar[string]) string {
	text := filled(s, name, v)
	if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		s.errorf(v.off, "%s has a control character in it: it is one line of text", name)
	}
	if n := len(text); n > 500 {
		s.errorf(v.off, "%s has %d bytes: 500 at most", name, n)
	}
	return text
}

func (a *Answer) http(s scope, raw *rawAnswer) {
	a.Status = whole(s, "status", raw.Status, 503, 300, 599)
	a.Location = oneLine(s, "location", raw.Location)
	redirects := a.Status >= 300 && a.Status < 400
	switch {
	case raw.Location.Set && raw.Status.absent():
		a.Status = 307
	case redirects && raw.Location.absent():
		s.errorf(raw.Status.off, "status %d redirects: write location, the other address's URL", a.Status)
	case !redirects && raw.Location.Set:
		s.errorf(raw.Location.off, "location goes with a status from 300 to 399: status is %d", a.Status)
	}
}

func (a *Answer) literal(s scope, raw *rawAnswer) {
	a.OnRequest = enum(s, "on", raw.On, "connect", "request") == "request"
	a.Reset = enum(s, "close", raw.Close, "fin", "reset") == "reset"
	if a.Port.Proto == UDP {
		if raw.On.Set && !a.OnRequest {
			s.errorf(raw.On.off, `udp has no connection: write on = "request"`)
		}
		a.OnRequest = true
	}
	if raw.Steps.absent() {
		step := Step{}
		step.say(s, raw.Send, raw.Template)
		a.Steps = []Step{step}
		return
	}
	for _, k := range []struct {
		name string
		given
	}{{"send", raw.Send.given}, {"template", raw.Template.given}} {
		if !k.absent() {
			s.errorf(k.off, "%s and step are both given: keep one", k.name)
		}
	}
	if n := len(raw.Steps.V); n == 0 || n > stepLimit {
		s.errorf(raw.Steps.off, "step: want 1 to %d of them", stepLimit)
	}
	for i := range raw.Steps.V {
		t := &raw.Steps.V[i]
		if !t.Set {
			continue
		}
		step := resolveStep(t)
		if step.Match == nil && i < len(raw.Steps.V)-1 && (i > 0 || a.OnRequest) {
			t.scope.errorf(t.scope.off, "without match it answers everything: the steps after it are never reached")
		}
		if step.Match != nil && i == 0 && !a.OnRequest && raw.On.Set {
			s.errorf(raw.On.off, `nothing is said on connecting, since the first step has a match: write on = "request"`)
		}
		a.Steps = append(a.Steps, step)
	}
	if len(a.Steps) > 0 && a.Steps[0].Match != nil {
		a.OnRequest = true
	}
}

// stepLimit bounds the steps of an answer, sayLimit what one says.
const (
	stepLimit = 16
	sayLimit  = 4096
)

func resolveStep(t *table[rawStep]) Step {
	s, raw := t.scope, &t.V
	var step Step
	if !raw.Match.absent() {
		step.Match = octets(s, "match", raw.Match)
		if n := len(step.Match); n > sayLimit {
			s.errorf(raw.Match.off, "match has %d bytes: %d at most", n, sayLimit)
		} else if n == 0 && step.Match != nil {
			s.errorf(raw.Match.off, "match is empty: write something, or leave it out")
		} else if n == 0 {
			step.Match = []byte{0} // it has one, if a wrong one
		}
	}
	step.Offset = whole(s, "offset", raw.Offset, 0, 0, sayLimit)
	if raw.Offset.Set && raw.Match.absent() {
		s.errorf(raw.Offset.off, "offset goes with match: write it, or remove offset")
	}
	step.Continue = boolean(raw.Continue, false)
	step.say(s, raw.Send, raw.Template)
	return step
}

// say resolves what a step says.
func (step *Step) say(s scope, send, tmpl scalar[string]) {
	switch {
	case !send.absent() && !tmpl.absent():
		s.errorf(tmpl.off, "send and template are both given: keep one")
		return
	case !tmpl.absent():
		step.Template, step.Send = true, []byte(tmpl.V)
		if check := s.d.options.Template; check != nil {
			if err := check(tmpl.V); err != nil {
				s.errorf(tmpl.off, "template: %v", err)
			}
		}
		send = tmpl
	case send.absent():
		s.errorf(s.off, "send is missing: write the text to send, or hex:…")
		return
	default:
		if step.Send = octets(s, "send", send); step.Send == nil {
			return
		}
	}
	switch n := len(step.Send); {
	case n > sayLimit:
		s.errorf(send.off, "send has %d bytes: %d at most", n, sayLimit)
	case n == 0 && send.Set:
		s.errorf(send.off, `send is empty: write something, or answer = "reset"`)
	}
}

// octets resolves a text, or hex: and hexadecimal digits; nil after an error.
func octets(s scope, name string, v scalar[string]) []byte {
	digits, isHex := strings.CutPrefix(v.V, "hex:")
	if !isHex {
		return []byte(v.V)
	}
	b, err := hex.DecodeString(strings.Join(strings.Fields(digits), ""))
	if err != nil {
		s.errorf(v.off, "%s: %s", name, hexTrouble(err))
		return nil
	}
	return b
}

func hexTrouble(err error) string {
	if bad, ok := errors.AsType[hex.InvalidByteError](err); ok {
		return fmt.Sprintf("%q is not a hexadecimal digit", rune(bad))
	}
	return "hex: wants two digits for each byte"
}
