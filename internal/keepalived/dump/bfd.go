// SPDX-License-Identifier: Apache-2.0

package dump

import (
	"io"
	"strings"
	"time"
)

// BFDs writes what keepalived's BFD process writes: its sessions, as far as they are known here.
func BFDs(w io.Writer, s Snapshot) error {
	p := &printer{w: w}
	p.global(&s.Global)
	p.line("------< BFD Topology >------")
	for i := range s.BFDs {
		p.session(s.BFDs[i].Name, &s.BFDs[i].Session)
	}
	return p.err
}

func (p *printer) session(name string, s *Session) {
	micros := func(d time.Duration) int64 { return d.Microseconds() }
	p.line(" BFD Instance = %s", name)
	p.line("   Neighbor IP = %s", s.Neighbor)
	if s.Source.IsValid() {
		p.line("   Source IP = %s", s.Source)
	}
	p.line("   Required min RX interval = %d us", micros(s.MinRX))
	p.line("   Desired min TX interval = %d us", micros(s.MinTX))
	p.line("   Desired idle TX interval = %d us", micros(s.IdleTX))
	p.line("   Detection multiplier = %d", s.Multiplier)
	p.line("   %s = %d", map[bool]string{true: "TTL", false: "hoplimit"}[s.Neighbor.Is4()], s.TTL)
	p.line("   max_hops = %d", s.MaxHops)
	p.line("   passive = %t", s.Passive)
	p.line("   local state = %s", titled(s.State))
	p.line("   remote state = %s", titled(s.RemoteState))
	p.line("   local discriminator = 0x%x", s.Discriminator)
	p.line("   remote discriminator = 0x%x", s.RemoteDiscriminator)
	p.line("   local diag = %s", titled(s.Diagnostic))
	p.line("   remote diag = %s", titled(s.RemoteDiagnostic))
	p.line("   local tx intv = %d us", micros(s.Interval))
	p.line("   local detection time = %d us", micros(s.DetectionTime))
}

// titled is text as keepalived writes it: each word with a capital letter, and AdminDown as one.
func titled(text string) string {
	words := strings.Fields(text)
	for i, w := range words {
		words[i] = strings.ToUpper(w[:1]) + w[1:]
	}
	if text == "admin down" {
		return strings.Join(words, "")
	}
	return strings.Join(words, " ")
}
