// SPDX-License-Identifier: Apache-2.0

package conf

import (
	"slices"
	"strings"
	"time"
)

// lint warns of what is allowed and hardly meant.
func lint(s scope, raw *rawConfig, cfg *Config, readable bool) {
	all := pairs(raw, cfg)
	lintSegments(s, all)
	lintCapacity(raw, cfg, all)
	if readable {
		lintSecrets(raw)
	}
	for _, p := range all {
		if p.s.Raw {
			lintWeights(p)
			lintByHand(p)
		} else {
			lintPolicy(p)
		}
		lintInterval(p, cfg.Realtime)
	}
}

// shaky is the interval below which the three adverts that peers wait for take less time than a busy node with ordinary
// scheduling may stand still.
const shaky = 50 * time.Millisecond

func lintInterval(p pair, realtime bool) {
	if v := p.raw.V.AdvertInterval; v.Set && !realtime && p.s.AdvertInterval < shaky && p.s.AdvertInterval == v.V {
		p.raw.scope.warnf(v.off, "advert_interval %s: a busy node cannot hold it by ordinary scheduling and loses its addresses after %s of delay, set realtime = true", v.text, brief(3*v.V))
	}
}

// lintSegments finds one VRID on two interfaces that share a network.
func lintSegments(s scope, all []pair) {
	byVRID := map[uint8][]pair{}
	for _, p := range all {
		for _, other := range byVRID[p.s.VRID] {
			if p.s.VRID != 0 && other.iface != p.iface && sameSegment(other.s, p.s) {
				p.raw.scope.warnf(p.raw.V.VRID.off, "virtual_router_id %d is that of %s on line %d too, whose addresses are of the same network: if %s and %s are on one segment, give each its own",
					p.s.VRID, label(other), s.line(other.raw.off), other.iface, p.iface)
				break
			}
		}
		byVRID[p.s.VRID] = append(byVRID[p.s.VRID], p)
	}
}

// lintWeights finds check weights that can never change who is Active.
func lintWeights(p pair) {
	priority := p.raw.V.Priority
	if !priority.Set {
		return
	}
	for i := range p.raw.V.Checks.V {
		t := &p.raw.V.Checks.V[i]
		w := t.V.Weight
		if !w.Set || w.V == 0 {
			continue
		}
		switch {
		case priority.V == 255:
			t.scope.warnf(w.off, "weight %d can never flip the election: priority 255 is the address owner's and does not change", w.V)
		case w.V > 0 && priority.V == 254:
			t.scope.warnf(w.off, "weight %d can never flip the election: priority 254 is the highest that a weight can make", w.V)
		case w.V < 0 && priority.V == 1:
			t.scope.warnf(w.off, "weight %d can never flip the election: priority 1 is the lowest there is", w.V)
		case !p.s.Preempt:
			t.scope.warnf(w.off, "weight %d can never flip the election: with preempt = false no node takes over from one that lives, whatever its priority", w.V)
		}
	}
}

func lintByHand(p pair) {
	raw, s := &p.raw.V, p.raw.scope
	switch {
	case raw.Priority.V == 255 && raw.Preempt.Set && !raw.Preempt.V:
		s.warnf(raw.Preempt.off, "preempt = false has no effect: priority 255 is the address owner's, who always takes over")
	case raw.Priority.V == 255 && raw.PreemptDelay.Set && raw.PreemptDelay.V > 0:
		s.warnf(raw.PreemptDelay.off, "preempt_delay has no effect: priority 255 is the address owner's, who takes over at once")
	case raw.Preempt.Set && !raw.Preempt.V && raw.PreemptDelay.Set && raw.PreemptDelay.V > 0:
		s.warnf(raw.PreemptDelay.off, "preempt_delay has no effect with preempt = false")
	}
	if p.s.Refuse && raw.Control.Set {
		s.warnf(raw.Control.off, "control has no effect with refuse = true: the service is never performed here")
	}
	if !p.s.Refuse && raw.Respond.Set && len(raw.Respond.V) > 0 {
		s.warnf(raw.Respond.off, "respond has no effect: this service never refuses, set refuse = true or give it an owner")
	}
}

func lintPolicy(p pair) {
	raw, s := &p.raw.V, p.raw.scope
	if raw.FailbackDelay.Set && (raw.Failback.absent() || raw.Failback.V == string(FailbackAutomatic) || raw.Failback.V == string(FailbackManual)) {
		s.warnf(raw.FailbackDelay.off, `failback_delay has no effect with failback = %q: write failback = "delay"`, p.s.Failback)
	}
	if raw.Takeover.V == string(TakeoverAllow) && len(p.s.Standbys) == 0 {
		s.warnf(raw.Takeover.off, "takeover is allowed, but no node is listed to take over: add standbys")
	}
	if raw.Inheritors.Set && !slices.ContainsFunc(p.s.Inheritors, func(n string) bool { return n != p.s.Owner }) {
		s.warnf(raw.Inheritors.off, "inheritors names nobody but the owner: when the owner is gone the address is silent")
	}
}

// lintCapacity finds standbys that would take anything because the file forgot to say how much they can bear, and
// demands that nobody can meet.
func lintCapacity(raw *rawConfig, cfg *Config, all []pair) {
	limited := func(n string) bool { return cfg.Nodes[n].Capacity > 0 }
	some := slices.ContainsFunc(raw.Nodes.V, func(e entry[rawNode]) bool { return limited(e.name) })
	told := map[string]bool{}
	for _, p := range all {
		var known, tooSmall []string
		for _, n := range p.s.Standbys {
			if _, ok := cfg.Nodes[n]; !ok {
				continue
			}
			known = append(known, n)
			if limited(n) && p.s.Demand > cfg.Nodes[n].Capacity {
				tooSmall = append(tooSmall, n)
			}
			if i := slices.IndexFunc(raw.Nodes.V, func(e entry[rawNode]) bool { return e.name == n }); some && !limited(n) && !told[n] && i >= 0 && raw.Nodes.V[i].V.Capacity.absent() {
				told[n] = true
				raw.Nodes.V[i].scope.warnf(raw.Nodes.V[i].off, "no capacity, while other nodes have one: as standby of %s this node counts as unlimited", label(p))
			}
		}
		if len(known) > 0 && len(tooSmall) == len(known) {
			p.raw.scope.warnf(p.raw.V.Demand.off, "demand %d is above the capacity of every standby (%s): none can ever take over", p.s.Demand, strings.Join(tooSmall, ", "))
		}
		if p.s.Demand > 0 && !some {
			p.raw.scope.warnf(p.raw.V.Demand.off, "demand has no effect: no node has a capacity, add capacity in [nodes.NAME]")
		}
	}
}

// lintSecrets finds passwords in a file that others can read.
func lintSecrets(raw *rawConfig) {
	const text = "the password is in a file that others can read: chmod 600 the file, or use password_file"
	for i := range raw.Services.V {
		if a := &raw.Services.V[i].V.Authentication; a.V.Password.Set {
			a.scope.warnf(a.V.Password.off, text)
		}
	}
	if m := &raw.Alerts.V.SMTP; m.V.Password.Set {
		m.scope.warnf(m.V.Password.off, text)
	}
	if e := &raw.Cluster.V.Etcd; e.V.Password.Set {
		e.scope.warnf(e.V.Password.off, text)
	}
}
