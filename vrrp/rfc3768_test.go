// SPDX-License-Identifier: Apache-2.0

package vrrp

import (
	"bytes"
	"fmt"
	"net/netip"
	"testing"
	"time"
)

func TestRFC3768_5_3_MessageEndsWithAuthenticationData(t *testing.T) {
	t.Parallel()
	for _, auth := range []Auth{{}, {AuthPass, [8]byte{'s', 'e', 'c', 'r', 'e', 't'}}} {
		m := newRig(t, ipv4v2, 100, func(c *Config) { c.Auth = auth }).active().r.Message(1, 100, IPv4.Group())
		if got := sum(m); got != 0xffff {
			t.Errorf("the sum over a message is %#04x, want 0xffff", got)
		}
		want := append([]byte{0x21, 51, 100, 1, byte(auth.Type), 2, m[6], m[7], 10, 0, 1, 51}, auth.Data[:]...)
		if !bytes.Equal(m, want) {
			t.Errorf("message\n got %x\nwant %x", m, want)
		}
	}
}

func TestRFC3768_6_1_SkewTimeIsInSeconds(t *testing.T) {
	t.Parallel()
	for _, interval := range []time.Duration{1, 2, 10, 255} {
		g := newRig(t, ipv4v2, 100, func(c *Config) { c.Interval = interval * time.Second }).backup()
		g.waits(3*interval*time.Second + 609375*time.Microsecond)
		g.hear(ipv4v2.advert(Release, ipv4v2.higher, func(c *Config) { c.Interval = interval * time.Second }))
		g.waits(609375 * time.Microsecond)
	}
}

func TestRFC3768_7_1_DiscardsOtherIntervals(t *testing.T) {
	t.Parallel()
	for _, interval := range []time.Duration{0, 1, 3, 255} {
		for _, p := range []Priority{Release, 200, Owner} {
			everywhere(t, ipv4v2, func(g *rig) {
				g.refuses(ipv4v2.advert(p, ipv4v2.higher, func(c *Config) { c.Interval = interval * time.Second }), DiscardInterval)
			})
		}
	}
}

func TestRFC3768_7_1_DiscardsOtherAddressesUnlessFromTheOwner(t *testing.T) {
	t.Parallel()
	d := ipv4v2
	for _, list := range [][]netip.Addr{{d.lower}, {d.vips[0], d.lower}} {
		other := func(c *Config) { c.Addresses = list }
		for _, p := range []Priority{Release, 1, 200, 254} {
			everywhere(t, d, func(g *rig) { g.refuses(d.advert(p, d.higher, other), DiscardAddressList) })
		}
		newRig(t, d, 100).backup().accepts(d.advert(Owner, d.higher, other), NoteAddressList)
		g := newRig(t, d, 100).active()
		g.accepts(d.advert(Owner, d.higher, other), NoteAddressList)
		g.is(Backup)
	}
}

func TestRFC3768_7_1_DiscardsOtherAuthentication(t *testing.T) {
	t.Parallel()
	auth := func(kind AuthType, data string) func(*Config) {
		return func(c *Config) {
			c.Auth.Type = kind
			copy(c.Auth.Data[:], data)
		}
	}
	d := ipv4v2
	for _, tt := range []struct {
		ours, theirs func(*Config)
		want         Discard
	}{
		{auth(AuthNone, ""), auth(AuthPass, "secret12"), DiscardAuthType},
		{auth(AuthNone, ""), auth(2, ""), DiscardAuthType},
		{auth(AuthPass, "secret12"), auth(AuthNone, "secret12"), DiscardAuthType},
		{auth(AuthPass, "secret12"), auth(AuthPass, "secret13"), DiscardAuthData},
		{auth(AuthPass, "secret12"), auth(AuthPass, "secret1"), DiscardAuthData},
		{auth(AuthPass, "secret12"), auth(AuthPass, ""), DiscardAuthData},
		{auth(AuthPass, "secret12"), auth(AuthPass, "secret12"), DiscardNone},
		{auth(AuthNone, ""), auth(AuthNone, "ignored"), DiscardNone},
	} {
		t.Run(fmt.Sprint(tt.want), func(t *testing.T) {
			t.Parallel()
			if tt.want == DiscardNone {
				newRig(t, d, 100, tt.ours).backup().accepts(d.advert(200, d.higher, tt.theirs))
				return
			}
			everywhere(t, d, func(g *rig) { g.refuses(d.advert(200, d.higher, tt.theirs), tt.want) }, tt.ours)
		})
	}
}
