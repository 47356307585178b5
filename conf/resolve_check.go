// SPDX-License-Identifier: Apache-2.0

package conf

import (
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
		{CheckUnit, raw.Unit}, {CheckFile, raw.File}, {CheckInterface, raw.Interface}, {CheckReadable, raw.Readable},
		{CheckNumber, raw.Number}, {CheckBFD, raw.BFD},
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
	case CheckReadable:
		absolute(s, "readable", raw.Readable, "")
	case CheckNumber:
		absolute(s, "number", raw.Number, "")
	case CheckBFD:
		hostAddress(s, "bfd", raw.BFD)
	default:
		s.errorf(s.off, "nothing to check: write one of tcp, http, exec, process, unit, file, interface, readable, number, bfd")
	}
	c.Interval = span(s, "interval", raw.Interval, time.Second, centisecond, time.Hour)
	c.Timeout = span(s, "timeout", raw.Timeout, time.Second, centisecond, time.Hour)
	c.Rise = whole(s, "rise", raw.Rise, 1, 1, 1000)
	c.Fall = whole(s, "fall", raw.Fall, 3, 1, 1000)
	c.Weight = whole(s, "weight", raw.Weight, 0, -254, 254)
	if !byHand && raw.Weight.Set && raw.Weight.V != 0 {
		s.errorf(raw.Weight.off, "weight is for a service without owner: policy sets the priority here, remove weight")
	}
	c.Name = filled(s, "name", raw.Name)
	c.User = filled(s, "user", raw.User)
	c.Reverse = boolean(raw.Reverse, false)
	c.StartBad = boolean(raw.StartBad, false)
	if c.Kind == CheckNumber && !raw.Weight.Set {
		c.Weight = 1
	}
	if !byHand && (c.Kind == CheckNumber || c.Reverse) {
		s.errorf(s.off, "number and reverse are for a service without owner: policy sets the priority here")
	}
	c.http(s, raw)
	c.process(s, raw)
	c.bfd(s, raw)
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
