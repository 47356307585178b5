// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"net/netip"
	"slices"
	"time"

	"github.com/regent-ha/regent/conf"
	"github.com/regent-ha/regent/vrrp"
)

// afterCrash is how long a worker that was restarted after a crash pre-empts nobody.
const afterCrash = time.Minute

// duty is what an Active node does with the address.
type duty string

// The duties as status writes them.
const (
	dutyNone   duty = "none"
	dutyRefuse duty = "refuse"
	dutyServe  duty = "serve"
)

// spec is one virtual router as the configuration wants it on this node: a service has one for each of its families.
type spec struct {
	service  *conf.Service
	vrrp     vrrp.Config // without Leader, which needs an id
	prefixes []netip.Prefix
	lines    []line // with places of their own
	paths    []path // routes and rules; those of a service belong to the first of its routers
	duty     duty   // when Active
	guarded  bool   // refuse elements stand ready for its addresses
	ttl      uint8  // of unicast adverts
}

// specs returns the virtual routers of a service, the IPv4 one first; nil where this node takes no part in it.
func specs(cfg *conf.Config, s *conf.Service, p preference, hold time.Duration) []spec {
	if !conf.TakesPart(cfg, s) {
		return nil
	}
	var out []spec
	for _, family := range []vrrp.Family{vrrp.IPv4, vrrp.IPv6} {
		prefixes := s.Prefixes(family == vrrp.IPv6)
		if len(prefixes) == 0 {
			continue
		}
		c := vrrp.Config{
			Family:         family,
			VRID:           vrrp.VRID(s.VRID),
			Version:        s.Version,
			Priority:       vrrp.Priority(max(1, p.priority)),
			Interval:       s.AdvertInterval,
			Checksum:       checksum(s.Checksum),
			AcceptChecksum: checksum(s.AcceptChecksum),
			PreemptBelow:   vrrp.Priority(p.preemptBelow),
			PreemptDelay:   s.PreemptDelay,
			Hold:           hold,
			Suspect:        hasChannel(cfg),

			StartActive:        s.Election.StartActive,
			DownAdverts:        s.Election.DownTimerAdverts,
			LowerPrioNoAdvert:  s.Election.LowerPrioNoAdvert,
			OwnerIgnoreAdverts: s.Election.OwnerIgnoreAdverts,
			AnyAddresses:       !s.Election.CheckAddresses,
			MinTTL:             s.Unicast.MinTTL,
			MaxTTL:             s.Unicast.MaxTTL,
			CheckPeers:         s.Unicast.CheckSource,
			Group:              s.Group,
			OldChecksum:        oldChecksum(s.Unicast.Checksum),
			HMAC:               trailer(s.HMAC),
			Rivals:             len(cfg.Notify.FIFOs) > 0 || s.Notify != nil && s.Notify.LowerPriority != nil,
		}
		for _, a := range s.Advertised {
			if a.Is6() == (family == vrrp.IPv6) {
				c.Addresses = append(c.Addresses, a)
			}
		}
		for _, prefix := range prefixes {
			if len(s.Advertised) == 0 {
				c.Addresses = append(c.Addresses, prefix.Addr())
			}
		}
		for _, peer := range s.UnicastPeers {
			if peer.Is6() == (family == vrrp.IPv6) {
				c.Peers = append(c.Peers, peer)
			}
		}
		if s.Auth.Type == conf.AuthPass {
			c.Auth.Type = vrrp.AuthPass
			copy(c.Auth.Data[:], s.Auth.Password.Reveal())
		}
		d := p.duty
		if d == "" {
			d = dutyRefuse
		}
		sp := spec{service: s, vrrp: c, prefixes: prefixes, lines: linesOf(s, prefixes, first(s, family)), duty: d, guarded: guarded(cfg, s), ttl: s.Unicast.TTL}
		if first(s, family) {
			sp.paths = servicePaths(s)
		}
		out = append(out, sp)
	}
	return out
}

// guarded reports whether a service may ever refuse here. One that may not is left alone by the refusing rules.
func guarded(cfg *conf.Config, s *conf.Service) bool {
	return !s.Raw || s.Refuse || s.OnFault != conf.FaultRelease && slices.ContainsFunc(checksFor(cfg, s), func(c conf.HealthCheck) bool { return c.Weight == 0 })
}

// trailer is the keyed trailer of adverts as the core wants it.
func trailer(h *conf.HMAC) *vrrp.HMAC {
	if h == nil {
		return nil
	}
	out := &vrrp.HMAC{Keys: map[uint8][]byte{}, Active: h.Active, Window: h.Window, Monotonic: h.AntiReplay == "monotonic"}
	for id, key := range h.Keys {
		out.Keys[id] = []byte(key.Reveal())
	}
	switch h.Mode {
	case "permissive":
		out.Mode = vrrp.HMACPermissive
	case "receive-only":
		out.Mode = vrrp.HMACReceiveOnly
	}
	return out
}

func checksum(mode string) vrrp.Checksum {
	switch mode {
	case "rfc9568":
		return vrrp.MessageOnly
	case "either":
		return vrrp.Either
	}
	return vrrp.PseudoHeader
}

// oldChecksum is what a service does about peers with the checksum of old keepaliveds.
func oldChecksum(mode string) vrrp.OldChecksum {
	switch mode {
	case "auto":
		return vrrp.OldDetect
	case "old":
		return vrrp.OldAlways
	}
	return vrrp.OldNever
}

// lease is how long the kernel keeps an address that nobody renews: longer than peers need to take over, whole seconds,
// 5 at least (the kernel may end a shorter one early).
func (s *spec) lease() time.Duration {
	down := time.Duration(max(3, s.vrrp.DownAdverts)+1) * s.vrrp.Interval // Active_Down_Interval is below this whatever the priority
	return max(5*time.Second, down.Truncate(time.Second)+time.Second)
}
