// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/regent-ha/regent/conf/keepalived"
	"github.com/regent-ha/regent/internal/keepalived/dump"
	"github.com/regent-ha/regent/internal/status"
)

// sessionState is the session of a bfd_instance, and whether it counts as up. There is one for each neighbor.
func sessionState(b *keepalived.BFD, now []status.Session) (dump.Session, bool) {
	s := dump.Session{Neighbor: b.Neighbor.V, Source: b.Source.V, MinRX: b.MinRX.V, MinTX: b.MinTX.V, IdleTX: b.IdleTX.V,
		Multiplier: b.Multiplier.V, TTL: b.TTL.V, MaxHops: b.MaxHops.V, Passive: b.Passive.V}
	for _, v := range now {
		if v.Neighbor != b.Neighbor.V.String() {
			continue
		}
		s.State, s.RemoteState, s.Diagnostic, s.RemoteDiagnostic = v.State, v.RemoteState, v.Diagnostic, v.RemoteDiagnostic
		s.Discriminator, s.RemoteDiscriminator = v.Discriminator, v.RemoteDiscriminator
		s.Interval, s.DetectionTime = seconds(v.Interval), seconds(v.DetectionTime)
		return s, v.Counts
	}
	return s, false
}
