// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"

	"github.com/regent-ha/regent/conf"
	"github.com/regent-ha/regent/internal/event"
	"github.com/regent-ha/regent/policy"
	"github.com/regent-ha/regent/responder"
	"github.com/regent-ha/regent/responder/answer"
	"github.com/regent-ha/regent/responder/speaker"
)

// guard makes the refuse elements, and what is said at spoken ports, those of the configuration.
func (d *Daemon) guard() {
	var ts []responder.Target
	seen := map[netip.Addr]bool{} // a service that is restarted has two routers for a while
	for _, r := range d.routers {
		for _, t := range r.targets() {
			if !seen[t.Address] {
				seen[t.Address] = true
				ts = append(ts, t)
			}
		}
	}
	d.moved = true // services may have come or gone
	d.hasten(ts)
	d.lines() // first, so that nobody comes to a speaker that knows nothing of him
	if err := d.respond.SetRefused(ts); err != nil {
		d.report.Report(event.RefusalFailed, fmt.Sprintf("refuse: %v", err))
	}
}

// hasten sees to it that refused datagrams are answered one by one.
func (d *Daemon) hasten(ts []responder.Target) {
	datagrams := func(t responder.Target) bool {
		return t.Ports == nil || slices.ContainsFunc(t.Ports, func(p responder.Port) bool { return p.Proto == responder.UDP })
	}
	const key = "icmp"
	if d.restore[key] != nil || !slices.ContainsFunc(ts, datagrams) {
		return
	}
	restore, err := d.kernel.HastenErrors()
	if err != nil {
		d.o.Log.Warn("clients that send many datagrams are told of one a second that is refused", "error", err)
	}
	d.restore[key] = restore
}

// targets are the refuse elements of a router.
func (r *router) targets() []responder.Target {
	if !r.guarded && !r.refusing {
		return nil
	}
	var ports, spoken []responder.Port
	for _, p := range r.service.Ports {
		ports = append(ports, responder.Port(p))
	}
	for _, a := range r.service.Respond {
		if a.Kind != conf.AnswerReset {
			spoken = append(spoken, responder.Port(a.Port))
		}
	}
	var out []responder.Target
	for _, a := range r.everything() {
		out = append(out, responder.Target{Address: a, Ports: ports, Spoken: spoken})
	}
	return out
}

// openSpeaker opens what answers in the words of protocols. Without it every port is reset.
func (d *Daemon) openSpeaker() responder.Speaker {
	s, err := speaker.Open(speaker.Options{Logger: d.o.Log})
	if err != nil {
		d.report.Report(event.AnswersMissing, fmt.Sprintf("ports with an answer of their own are reset: %v", err))
		return responder.Speaker{}
	}
	d.speaker = s
	return responder.Speaker(s.Ports())
}

// lines tells the speaker what to say where.
func (d *Daemon) lines() {
	if d.speaker == nil {
		return
	}
	lines := map[speaker.Port]speaker.Line{}
	for _, r := range d.routers {
		for _, a := range r.service.Respond {
			l, ok := d.line(r, a)
			if !ok {
				continue
			}
			for _, p := range r.prefixes {
				lines[speaker.Port{Address: p.Addr(), Protocol: a.Port.Proto, Number: a.Port.Number}] = l
			}
		}
	}
	d.speaker.Set(lines)
}

// line is what is said at a port of a router; false if it is reset.
func (d *Daemon) line(r *router, a conf.Answer) (speaker.Line, bool) {
	stream, datagram, err := words(a)
	if err != nil { // the configuration was checked; what its checks let through is told, and reset
		d.report.Report(event.AnswersMissing, fmt.Sprintf("%s: %s is reset: %v", r.service.Name, a.Port, err), r.fields()...)
		return speaker.Line{}, false
	}
	if stream == nil && datagram == nil {
		return speaker.Line{}, false
	}
	l := speaker.Line{Stream: stream, Datagram: datagram, Service: r.service.Name, Next: a.Next, RetryAfter: a.RetryAfter, Reason: r.reason}
	if p, ok := d.mind.Report(r.service.Name); ok {
		l.Reason = p.Reason
	}
	if l.Next == "" && r.service.ServeAt == conf.ServeOwn {
		l.Next = d.elsewhere(r.service.Name, a.Port.Number)
	}
	return l, true
}

// elsewhere is where a service is performed at the own address of a node; "" if it is not, or nobody knows.
func (d *Daemon) elsewhere(service string, port uint16) string {
	v := d.mind.View()
	for s := range v.Cluster.Services {
		if v.Cluster.Services[s].Name != service {
			continue
		}
		if p := policy.Performer(v, s); p >= 0 {
			if at := d.cfg.Nodes[v.Cluster.Nodes[p].Name].Address; at.IsValid() {
				return net.JoinHostPort(at.String(), strconv.Itoa(int(port)))
			}
		}
	}
	return ""
}

// words are what an answer says; nothing for a reset.
func words(a conf.Answer) (answer.Stream, answer.Datagram, error) {
	switch a.Kind {
	case conf.AnswerReset:
		return nil, nil, nil
	case conf.AnswerPostgreSQL:
		return &answer.PostgreSQL{Message: a.Message}, nil, nil
	case conf.AnswerMySQL:
		return &answer.MySQL{Message: a.Message}, nil, nil
	case conf.AnswerHTTP:
		return &answer.HTTP{Status: a.Status, Location: a.Location, RetryAfter: a.RetryAfter}, nil, nil
	case conf.AnswerDNS:
		return &answer.DNS{}, &answer.DNS{}, nil
	case conf.AnswerSMTP:
		return &answer.SMTP{}, nil, nil
	case conf.AnswerMQTT:
		return &answer.MQTT{Refer: a.Next != ""}, nil, nil
	case conf.AnswerTNS:
		return &answer.TNS{}, nil, nil
	case conf.AnswerQUIC:
		return nil, &answer.QUIC{}, nil
	case conf.AnswerSIP:
		return &answer.SIP{RetryAfter: a.RetryAfter}, &answer.SIP{RetryAfter: a.RetryAfter}, nil
	case conf.AnswerCQL:
		return &answer.CQL{}, nil, nil
	case conf.AnswerLiteral:
		l, err := literal(a)
		return l, l, err
	}
	if s, ok := answer.Preset(string(a.Kind)); ok {
		return s, nil, nil
	}
	return nil, nil, fmt.Errorf("nobody knows how to answer %q", a.Kind)
}

func literal(a conf.Answer) (*answer.Literal, error) {
	steps := make([]answer.Step, len(a.Steps))
	for i, s := range a.Steps {
		steps[i] = answer.Step{Match: s.Match, Offset: s.Offset, Send: s.Send, Template: s.Template, Continue: s.Continue}
	}
	return answer.NewLiteral(steps, a.OnRequest, a.Reset)
}
