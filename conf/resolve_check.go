// SPDX-License-Identifier: Apache-2.0

package conf

import (
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// resolveCheck resolves one [[service.check]].
func resolveCheck(t *table[rawCheck], byHand bool) HealthCheck {
	s, raw := t.scope, &t.V
	kinds := []struct {
		kind CheckKind
		v    scalar[string]
	}{
		{CheckTCP, raw.TCP}, {CheckHTTP, raw.HTTP}, {CheckExec, scalar[string]{given: raw.Exec.given}}, {CheckProcess, raw.Process},
		{CheckUnit, raw.Unit}, {CheckFile, raw.File}, {CheckInterface, raw.Interface},
	}
	var c HealthCheck
	for _, k := range kinds {
		switch {
		case k.v.absent():
		case c.Kind != "":
			s.errorf(k.v.off, "%s and %s are both given: write a [[service.check]] for each", c.Kind, k.kind)
		default:
			c.Kind, c.Target = k.kind, k.v.V
		}
	}
	switch c.Kind {
	case CheckTCP:
		hostPort(s, "tcp", raw.TCP, true)
	case CheckHTTP:
		webURL(s, "http", raw.HTTP)
	case CheckExec:
		c.Command = command(s, "exec", raw.Exec)
	case CheckProcess:
		filled(s, "process", raw.Process)
	case CheckUnit:
		unitName(s, raw.Unit)
	case CheckFile:
		absolute(s, "file", raw.File, "")
	case CheckInterface:
		interfaceName(s, "interface", raw.Interface)
	default:
		s.errorf(s.off, "nothing to check: write one of tcp, http, exec, process, unit, file, interface")
	}
	c.Interval = span(s, "interval", raw.Interval, time.Second, centisecond, time.Hour)
	c.Timeout = span(s, "timeout", raw.Timeout, time.Second, centisecond, time.Hour)
	c.Rise = whole(s, "rise", raw.Rise, 1, 1, 1000)
	c.Fall = whole(s, "fall", raw.Fall, 3, 1, 1000)
	c.Weight = whole(s, "weight", raw.Weight, 0, -254, 254)
	if !byHand && raw.Weight.Set && raw.Weight.V != 0 {
		s.errorf(raw.Weight.off, "weight is for a service without owner: policy sets the priority here, remove weight")
	}
	c.http(s, raw)
	return c
}

// http resolves the keys that go with an http check.
func (c *HealthCheck) http(s scope, raw *rawCheck) {
	c.Status = whole(s, "status", raw.Status, 0, 100, 599)
	c.Body = filled(s, "body", raw.Body)
	c.CAFile = absolute(s, "ca_file", raw.CAFile, "")
	c.Verify = boolean(raw.Verify, true)
	if _, err := regexp.Compile(c.Body); err != nil {
		s.errorf(raw.Body.off, "body is not a regular expression: %s", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	for _, k := range []struct {
		name string
		given
	}{{"status", raw.Status.given}, {"body", raw.Body.given}, {"ca_file", raw.CAFile.given}, {"verify", raw.Verify.given}} {
		if !k.absent() && c.Kind != CheckHTTP && c.Kind != "" {
			s.errorf(k.off, "%s goes with http, this check is %s: remove %s", k.name, c.Kind, k.name)
		}
	}
}

// unitName resolves the name of a systemd unit.
func unitName(s scope, v scalar[string]) string {
	if !v.Set {
		return ""
	}
	kinds := []string{".service", ".socket", ".target", ".mount", ".path", ".timer", ".slice", ".scope"}
	if i := strings.LastIndexByte(v.V, '.'); i < 1 || !slices.Contains(kinds, v.V[i:]) || strings.ContainsAny(v.V, "/ \t\n") {
		s.errorf(v.off, `unit %q: want a name with its kind, such as "postgresql.service"`, v.V)
	}
	return v.V
}

// control resolves [service.control].
func (r *serviceResolver) control() {
	t := r.raw.Control
	if !t.Set {
		return
	}
	s, raw := t.scope, &t.V
	c := &Control{
		Unit:         unitName(s, raw.Unit),
		Start:        command(s, "start", raw.Start),
		Stop:         command(s, "stop", raw.Stop),
		StartTimeout: span(s, "start_timeout", raw.StartTimeout, 30*time.Second, 100*time.Millisecond, time.Hour),
		StopTimeout:  span(s, "stop_timeout", raw.StopTimeout, 30*time.Second, 100*time.Millisecond, time.Hour),
	}
	switch {
	case !raw.Unit.absent() && !(raw.Start.absent() && raw.Stop.absent()):
		s.errorf(s.off, "unit and commands are both given: keep one")
	case raw.Unit.absent() && raw.Start.absent() && raw.Stop.absent():
		s.errorf(s.off, "nothing to start: write unit, or start and stop")
	case raw.Unit.absent() && raw.Start.absent():
		s.errorf(s.off, "start is missing: write the command that starts the service")
	case raw.Unit.absent() && raw.Stop.absent():
		s.errorf(s.off, "stop is missing: a service that cannot be stopped cannot be given back")
	}
	r.out.Control = c
}

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
	a.Kind = enum(s, "answer", raw.Answer, AnswerReset, AnswerPostgreSQL, AnswerMySQL, AnswerHTTP, AnswerDNS, AnswerSMTP,
		AnswerMQTT, AnswerTNS, AnswerQUIC, AnswerSIP, AnswerCQL, AnswerLiteral)
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
		{"retry_after", raw.RetryAfter.given, []AnswerKind{AnswerHTTP, AnswerSIP}},
		{"location", raw.Location.given, []AnswerKind{AnswerHTTP}},
		{"on", raw.On.given, []AnswerKind{AnswerLiteral}},
		{"send", raw.Send.given, []AnswerKind{AnswerLiteral}},
		{"close", raw.Close.given, []AnswerKind{AnswerLiteral}},
	} {
		if !k.absent() && !slices.Contains(k.kinds, a.Kind) && raw.Answer.Set {
			s.errorf(k.off, "%s does not go with %s: remove it", k.name, a.Kind)
		}
	}
	a.RetryAfter = span(s, "retry_after", raw.RetryAfter, 0, 0, 24*time.Hour)
	if a.Kind == AnswerHTTP {
		a.http(s, raw)
	}
	if a.Kind == AnswerLiteral {
		a.literal(s, raw)
	}
	return a
}

func (a *Answer) http(s scope, raw *rawAnswer) {
	a.Status = whole(s, "status", raw.Status, 503, 300, 599)
	a.Location = filled(s, "location", raw.Location)
	if strings.ContainsAny(a.Location, "\r\n") {
		s.errorf(raw.Location.off, "location has a line end in it: it is one header line")
	}
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
	if raw.Send.absent() {
		s.errorf(s.off, "send is missing: write the text to send, or hex:…")
		return
	}
	digits, isHex := strings.CutPrefix(raw.Send.V, "hex:")
	if !isHex {
		a.Send = []byte(raw.Send.V)
	} else {
		b, err := hex.DecodeString(strings.Join(strings.Fields(digits), ""))
		if err != nil {
			s.errorf(raw.Send.off, "send: %s", hexTrouble(err))
			return
		}
		a.Send = b
	}
	if n := len(a.Send); n > 4096 {
		s.errorf(raw.Send.off, "send has %d bytes: 4096 at most", n)
	} else if n == 0 && raw.Send.Set {
		s.errorf(raw.Send.off, `send is empty: write something, or answer = "reset"`)
	}
}

func hexTrouble(err error) string {
	if bad, ok := errors.AsType[hex.InvalidByteError](err); ok {
		return fmt.Sprintf("%q is not a hexadecimal digit", rune(bad))
	}
	return "hex: wants two digits for each byte"
}
