// SPDX-License-Identifier: Apache-2.0

package dump

import "io"

// Stats writes what USR2 asks for: the counters of every instance.
func Stats(w io.Writer, s Snapshot) error {
	p := &printer{w: w}
	for i := range s.Instances {
		p.stats(&s.Instances[i])
	}
	return p.err
}

func (p *printer) stats(v *Instance) {
	c := &v.Counters
	p.line("VRRP Instance: %s", v.Name)
	p.line("  Advertisements:")
	p.line("    Received: %d", c.AdvertsReceived)
	p.line("    Sent: %d", c.AdvertsSent)
	p.line("  Became master: %d", c.BecameMaster)
	p.line("  Released master: %d", c.ReleasedMaster)
	p.line("  Packet Errors:")
	p.line("    Length: %d", c.LengthErrors)
	p.line("    TTL: %d", c.TTLErrors)
	p.line("    Invalid Type: %d", c.TypeErrors)
	p.line("    Advertisement Interval: %d", c.IntervalErrors)
	p.line("    Address List: %d", c.ListErrors)
	p.line("  Authentication Errors:")
	p.line("    Invalid Type: %d", c.AuthTypeErrors)
	p.line("    Type Mismatch: %d", c.AuthMismatches)
	p.line("    Failure: %d", c.AuthFailures)
	p.line("  Authentication Extension Errors:")
	p.line("    Missing: %d", c.HMACMissing)
	p.line("    Malformed: %d", c.HMACMalformed)
	p.line("    Unknown Key: %d", c.HMACUnknownKey)
	p.line("    Invalid HMAC: %d", c.HMACInvalid)
	p.line("    Stale: %d", c.HMACOld)
	p.line("    Replay: %d", c.HMACReplayed)
	p.line("  Priority Zero:")
	p.line("    Received: %d", c.ZeroReceived)
	p.line("    Sent: %d", c.ZeroSent)
}
