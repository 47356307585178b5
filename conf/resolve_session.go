// SPDX-License-Identifier: Apache-2.0

package conf

import "time"

// resolveSessions resolves each [[bfd]].
func resolveSessions(raw *rawConfig, cfg *Config) {
	for i := range raw.Sessions.V {
		t := &raw.Sessions.V[i]
		if !t.Set {
			continue
		}
		s, v := t.scope, &t.V
		if v.Neighbor.absent() {
			s.errorf(s.off, "neighbor is missing: write the address of the other end")
		}
		c := HealthCheck{Kind: CheckBFD, Target: v.Neighbor.V, Name: filled(s, "name", v.Name), Rise: 1, Fall: 1,
			Interval: time.Second, Timeout: time.Second}
		if a := hostAddress(s, "neighbor", v.Neighbor); a.Is6() && a.IsLinkLocalUnicast() {
			s.errorf(v.Neighbor.off, "neighbor %s is link-local, and no service says on which interface: write a check with bfd", a)
		}
		c.bfd(s, &rawCheck{Source: v.Source, MinRX: v.MinRX, MinTX: v.MinTX, IdleTX: v.IdleTX, Multiplier: v.Multiplier, Passive: v.Passive,
			TTL: v.TTL, MaxHops: v.MaxHops, Multihop: v.Multihop})
		cfg.Sessions = append(cfg.Sessions, c)
	}
}
