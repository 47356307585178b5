// SPDX-License-Identifier: Apache-2.0

package vrrpsim

import (
	"net/netip"

	"github.com/regent-ha/regent/vrrp"
)

// garble makes a frame out of a good one that everybody has to discard. It speaks with the strongest voices, priority 0
// and 255, and all but the mark of one fault are in order, so that a check that is left out shows.
func (c *Cluster) garble(good *Frame) *Frame {
	rng := c.LAN.rng
	f := *good
	f.Bad = true
	cfg, ok := c.configOf(good)
	if !ok {
		return &f
	}
	p := []vrrp.Priority{vrrp.Release, vrrp.Owner, vrrp.Priority(1 + rng.IntN(254))}[rng.IntN(3)]
	source := netip.AddrFrom4([4]byte{10, 0, 0, 250})
	if f.Family == vrrp.IPv6 {
		source = netip.MustParseAddr("fe80::fa")
	}
	f.Source = source
	switch rng.IntN(9) {
	case 0:
		f.TTL = []uint8{0, 1, 64, 254}[rng.IntN(4)]
		f.Message = vrrp.AppendMessage(nil, &cfg, p, f.Source, f.Destination)
	case 1:
		f.Message = vrrp.AppendMessage(nil, &cfg, p, f.Source, f.Destination)
		f.Message[rng.IntN(len(f.Message))] ^= 1 << rng.IntN(8) // no single bit can change unnoticed
	case 2:
		f.Message = vrrp.AppendMessage(nil, &cfg, p, f.Source, f.Destination)
		f.Message = f.Message[:rng.IntN(len(f.Message))]
	case 3:
		cfg.Addresses = nil
		f.Message = vrrp.AppendMessage(nil, &cfg, p, f.Source, f.Destination)
	case 4:
		cfg.Interval = 0
		f.Message = vrrp.AppendMessage(nil, &cfg, p, f.Source, f.Destination)
	case 5:
		cfg.VRID = 250 // nobody's
		f.Message = vrrp.AppendMessage(nil, &cfg, p, f.Source, f.Destination)
	case 6:
		f.Source = netip.IPv6Unspecified()
		if f.Family == vrrp.IPv4 {
			f.Source = netip.AddrFrom4([4]byte{127, 0, 0, 1})
		}
		f.Message = vrrp.AppendMessage(nil, &cfg, p, f.Source, f.Destination)
	case 7:
		switch {
		case cfg.Version == 2 && rng.IntN(2) == 0:
			cfg.Auth = vrrp.Auth{Type: vrrp.AuthPass, Data: [8]byte{'w', 'r', 'o', 'n', 'g'}}
		case cfg.Version == 2:
			cfg.Version = 3
		case f.Family == vrrp.IPv4:
			cfg.Version = 2
		default:
			cfg.Version = 7
		}
		f.Message = vrrp.AppendMessage(nil, &cfg, p, f.Source, f.Destination)
	case 8:
		f.Message = make([]byte, rng.IntN(64))
		for i := range f.Message {
			f.Message[i] = byte(rng.Uint32())
		}
		if len(f.Message) >= 8 { // chance must not find a good checksum
			f.TTL = 254
		}
	}
	return &f
}

// configOf is the configuration that a frame was sent under.
func (c *Cluster) configOf(f *Frame) (vrrp.Config, bool) {
	if len(f.Message) < 2 {
		return vrrp.Config{}, false
	}
	for i, v := range c.routers {
		if v.Family == f.Family && byte(v.VRID) == f.Message[1] {
			cfg := c.Nodes[f.From].configs[i]
			return cfg, cfg.Priority != 0
		}
	}
	return vrrp.Config{}, false
}
