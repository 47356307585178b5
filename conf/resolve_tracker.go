// SPDX-License-Identifier: Apache-2.0

package conf

import "time"

// keyed is a key with whether the file gives it.
type keyed struct {
	name string
	given
}

// belong complains of keys that go with one kind of check only.
func (c *HealthCheck) belong(s scope, kind CheckKind, keys ...keyed) {
	for _, k := range keys {
		if !k.absent() && c.Kind != kind && c.Kind != "" {
			s.errorf(k.off, "%s goes with %s, this check is %s: remove %s", k.name, kind, c.Kind, k.name)
		}
	}
}

// process resolves the keys that go with a process check.
func (c *HealthCheck) process(s scope, raw *rawCheck) {
	c.belong(s, CheckProcess, keyed{"arguments", raw.Arguments.given}, keyed{"match", raw.Match.given}, keyed{"full_command", raw.FullCommand.given},
		keyed{"quorum", raw.Quorum.given}, keyed{"quorum_max", raw.QuorumMax.given}, keyed{"fork_delay", raw.ForkDelay.given},
		keyed{"terminate_delay", raw.TerminateDelay.given})
	if c.Kind != CheckProcess {
		return
	}
	p := &ProcessCheck{
		Arguments:      raw.Arguments.texts(),
		FullCommand:    boolean(raw.FullCommand, false),
		Quorum:         whole(s, "quorum", raw.Quorum, 1, 1, 65535),
		QuorumMax:      whole(s, "quorum_max", raw.QuorumMax, 0, 1, 65535),
		ForkDelay:      span(s, "fork_delay", raw.ForkDelay, 0, 0, time.Hour),
		TerminateDelay: span(s, "terminate_delay", raw.TerminateDelay, 0, 0, time.Hour),
	}
	if raw.Match.Set {
		p.Match = enum(s, "match", raw.Match, "exact", "partial", "initial")
	} else if raw.Arguments.Set {
		p.Match = "exact"
	}
	if p.QuorumMax > 0 && p.QuorumMax < p.Quorum {
		s.errorf(raw.QuorumMax.off, "quorum_max %d is below quorum %d: no number of processes is good", p.QuorumMax, p.Quorum)
	}
	c.Process = p
}

// bfd resolves the keys that go with a BFD session.
func (c *HealthCheck) bfd(s scope, raw *rawCheck) {
	c.belong(s, CheckBFD, keyed{"source", raw.Source.given}, keyed{"min_rx", raw.MinRX.given}, keyed{"min_tx", raw.MinTX.given},
		keyed{"idle_tx", raw.IdleTX.given}, keyed{"multiplier", raw.Multiplier.given}, keyed{"passive", raw.Passive.given},
		keyed{"ttl", raw.TTL.given}, keyed{"max_hops", raw.MaxHops.given}, keyed{"multihop", raw.Multihop.given})
	if c.Kind != CheckBFD {
		return
	}
	for _, k := range []keyed{{"interval", raw.Interval.given}, {"timeout", raw.Timeout.given}, {"rise", raw.Rise.given}, {"fall", raw.Fall.given},
		{"start_bad", raw.StartBad.given}, {"user", raw.User.given}} {
		if !k.absent() {
			s.errorf(k.off, "%s does not go with bfd, whose session tells at once: remove %s, see min_rx, min_tx and multiplier", k.name, k.name)
		}
	}
	c.Rise, c.Fall = 1, 1
	const least, most = time.Millisecond, 1000 * time.Second
	c.BFD = &BFD{
		Source:     hostAddress(s, "source", raw.Source),
		MinRX:      span(s, "min_rx", raw.MinRX, 10*time.Millisecond, least, most),
		MinTX:      span(s, "min_tx", raw.MinTX, 10*time.Millisecond, least, most),
		IdleTX:     span(s, "idle_tx", raw.IdleTX, time.Second, time.Second, most),
		Multiplier: whole(s, "multiplier", raw.Multiplier, 5, 1, 255),
		Passive:    boolean(raw.Passive, false),
		TTL:        whole(s, "ttl", raw.TTL, 255, 1, 255),
		MaxHops:    whole(s, "max_hops", raw.MaxHops, 0, 0, 255),
		Multihop:   boolean(raw.Multihop, false),
	}
}
