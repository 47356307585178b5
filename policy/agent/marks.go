// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/regent-ha/regent/policy"
)

// verdict is what the forecast says of a service.
type verdict uint8

const (
	unclear verdict = iota // nothing: leave what is
	safe
	unsafe
)

// judgement is a verdict that waits to be old enough.
type judgement struct {
	verdict verdict
	since   time.Duration
	waits   bool // it differs from the mark in force
}

func (j *judgement) deadline(t Timing) time.Duration {
	switch {
	case !j.waits:
		return Never
	case j.verdict == unsafe:
		return j.since + t.ForbidAfter
	}
	return j.since + t.ReleaseAfter
}

// judge writes marks for the services that this node is Active for.
func (a *Agent) judge() {
	var active []*service
	for _, s := range a.services {
		if s.state == Active {
			active = append(active, s)
			continue
		}
		s.alarm = judgement{}
	}
	if len(active) == 0 || a.me < 0 || a.o.Cluster.Tolerate == 0 || !a.o.Cluster.Channel || a.stopping {
		return
	}
	falls := a.falls(active)
	for _, s := range active {
		v, group, why := weigh(s, falls)
		marked := s.mark != nil && s.mark.Forbid
		if v != s.alarm.verdict {
			s.alarm = judgement{verdict: v, since: a.now}
		}
		s.alarm.waits = v == unsafe && !marked || v == safe && marked
		if !s.alarm.waits || a.now < s.alarm.deadline(a.t) {
			continue
		}
		s.alarm.waits = false
		m := policy.Mark{Epoch: 1, Node: a.o.Node, Forbid: v == unsafe, Group: group}
		if s.mark != nil {
			m.Epoch = s.mark.Epoch + 1
		}
		s.mark, a.unsaved, a.dirty = &m, true, true
		topic := Protected
		if m.Forbid {
			topic = Unprotected
		}
		a.tell(Note{Topic: topic, Service: s.conf.Name, Reason: why})
	}
}

// falls are the forecasts that concern some services.
func (a *Agent) falls(active []*service) []policy.Fall {
	var out []policy.Fall
	seen := map[int]bool{}
	fallen := false
	for _, s := range active {
		i := policy.Performer(&a.view, s.index)
		if i < 0 {
			fallen = fallen || s.mark != nil && s.mark.Forbid
			continue
		}
		if !seen[i] {
			seen[i] = true
			out = append(out, policy.ForecastFall(&a.view, i))
		}
	}
	if fallen {
		for _, f := range policy.Forecast(&a.view) {
			if f.Fallen {
				out = append(out, f)
			}
		}
	}
	return out
}

// weigh finds what the forecasts say of a service, the node whose failure it is about, and the reason in words.
func weigh(s *service, falls []policy.Fall) (v verdict, group, why string) {
	for i := range falls {
		f := &falls[i]
		if !slices.Contains(f.Services, s.conf.Name) {
			continue
		}
		switch {
		case f.Suspended != "":
			return unclear, "", ""
		case slices.Contains(f.Unprotected, s.conf.Name):
			return unsafe, f.Node, fmt.Sprintf("if %s fails there is no room for %s", f.Node, strings.Join(f.Services, ", "))
		case f.Fallen:
			return safe, "", fmt.Sprintf("there is room for %s again", strings.Join(f.Services, ", "))
		}
		return safe, "", fmt.Sprintf("if %s fails, %s can take over", f.Node, f.Placed[s.conf.Name])
	}
	return safe, "", "the forecast has nothing against it"
}

// takeMark takes in what another node knows of a service's mark.
func (a *Agent) takeMark(s *service, m *policy.Mark) {
	if m == nil || policy.NewerMark(s.mark, m) == s.mark {
		return
	}
	c := *m
	s.mark, a.unsaved, a.dirty = &c, true, true
}
