// SPDX-License-Identifier: Apache-2.0

package conf

import (
	"encoding/hex"
	"net"
	"net/netip"
	"strings"
	"time"
)

// election resolves what departs from the election of RFC 9568, and from adverts to the standard group.
func (r *serviceResolver) election() {
	raw, out := r.raw, &r.out
	out.Election = Election{
		StartActive:        enum(r.scope, "initial_state", raw.InitialState, "backup", "active") == "active",
		DownTimerAdverts:   whole(r.scope, "down_timer_adverts", raw.DownTimerAdverts, 3, 1, 100),
		LowerPrioNoAdvert:  boolean(raw.LowerPrioNoAdvert, false),
		OwnerIgnoreAdverts: boolean(raw.OwnerIgnoreAdverts, false),
		CheckAddresses:     boolean(raw.CheckAddresses, true),
	}
	out.Unicast = Unicast{
		TTL:         uint8(whole(r.scope, "ttl", raw.TTL, 255, 1, 255)),
		MinTTL:      uint8(whole(r.scope, "min_ttl", raw.MinTTL, 255, 0, 255)),
		MaxTTL:      uint8(whole(r.scope, "max_ttl", raw.MaxTTL, 255, 0, 255)),
		CheckSource: boolean(raw.CheckUnicastSource, false),
		Checksum:    enum(r.scope, "unicast_checksum", raw.UnicastChecksum, "auto", "never", "old"),
	}
	if out.Unicast.MinTTL > out.Unicast.MaxTTL {
		r.errorf(raw.MinTTL.off, "min_ttl %d is above max_ttl %d: no advert could be heard", out.Unicast.MinTTL, out.Unicast.MaxTTL)
	}
	out.TrackInterface = boolean(raw.TrackInterface, true)
	if out.Accept = boolean(raw.Accept, true); !out.Accept && !raw.Owner.absent() {
		r.errorf(raw.Accept.off, "accept = false is for the addresses of routers, which forward: a service with an owner is reached at its address, remove it")
	}
	out.Mail = boolean(raw.Mail, false)
	r.group()
	r.vmac()
	r.hmac()
}

func (r *serviceResolver) group() {
	v := r.raw.Group
	if !v.Set {
		return
	}
	a, err := netip.ParseAddr(v.V)
	switch {
	case err != nil || !a.IsMulticast() || a.Zone() != "":
		r.errorf(v.off, "multicast_group %q: want a multicast address", v.V)
	case len(r.family(a)) == 0 || len(r.out.Prefixes(!a.Is6())) > 0:
		r.errorf(v.off, "multicast_group %s is %s: all addresses of the service must be, too", a, familyOf(a))
	case a != netip.AddrFrom4([4]byte{224, 0, 0, 18}) && a != netip.AddrFrom16([16]byte{0: 0xff, 1: 0x02, 15: 0x12}):
		r.out.Group = a // written out, the usual one is none
	}
}

func (r *serviceResolver) vmac() {
	raw, out := r.raw, &r.out
	out.VMACName = interfaceName(r.scope, "vmac_name", raw.VMACName)
	out.VMACBase = boolean(raw.VMACBase, false)
	if v := raw.VMACAddress; v.Set {
		m, err := net.ParseMAC(v.V)
		if err != nil || len(m) != 6 || m[0]&1 != 0 {
			r.errorf(v.off, "vmac_address %q: want six pairs of hexadecimal digits, not a multicast address", v.V)
		}
		out.VMACAddress = m.String()
	}
	for _, k := range []struct {
		name string
		given
	}{{"vmac_name", raw.VMACName.given}, {"vmac_address", raw.VMACAddress.given}, {"vmac_transmit_base", raw.VMACBase.given}} {
		if !k.absent() && !out.VMAC {
			r.errorf(k.off, "%s goes with vmac = true", k.name)
		}
	}
}

// hmac resolves [service.hmac].
func (r *serviceResolver) hmac() {
	t := r.raw.HMAC
	if !t.Set {
		return
	}
	s, raw := t.scope, &t.V
	out := &HMAC{
		Keys:       map[uint8]Password{},
		Active:     uint8(whole(s, "active_key", raw.Active, 0, 1, 255)),
		Window:     span(s, "time_window", raw.Window, max(5*time.Second, 3*r.out.AdvertInterval), time.Second, 5*time.Minute),
		AntiReplay: enum(s, "anti_replay", raw.AntiReplay, "time", "monotonic"),
		Mode:       enum(s, "mode", raw.Mode, "enforce", "permissive", "receive-only"),
	}
	for i := range raw.Keys.V {
		if k := &raw.Keys.V[i]; k.Set {
			id := uint8(whole(k.scope, "id", k.V.ID, 0, 1, 255))
			switch {
			case k.V.ID.absent():
				k.scope.errorf(k.off, "id is missing: write a number from 1 to 255, the same on each node")
			case !out.Keys[id].IsZero():
				k.scope.errorf(k.V.ID.off, "key %d is there twice: remove one", id)
			default:
				out.Keys[id] = hmacKey(k)
			}
		}
	}
	switch {
	case raw.Keys.absent() || len(raw.Keys.V) == 0:
		s.errorf(t.off, "there is no key: write one or more [[service.hmac.key]]")
	case raw.Active.absent():
		s.errorf(t.off, "active_key is missing: write the id of the key that adverts are sent with")
	case raw.Active.Set && out.Keys[out.Active].IsZero():
		s.errorf(raw.Active.off, "active_key %d is not among the keys", out.Active)
	}
	r.out.HMAC = out
}

// hmacKey resolves a key: its text, or hex: and digits; 32 to 64 bytes.
func hmacKey(t *table[rawHMACKey]) Password {
	s, text, off := t.scope, t.V.Key.V, t.V.Key.off
	switch {
	case t.V.Key.Set && t.V.KeyFile.Set:
		s.errorf(t.V.KeyFile.off, "key and key_file are both given: keep one, best the file")
	case t.V.KeyFile.Set:
		data, ok := secretFile(s, "key_file", t.V.KeyFile)
		if !ok {
			return Password{}
		}
		text, off = strings.TrimRight(string(data), "\r\n"), t.V.KeyFile.off
	case !t.V.Key.Set:
		s.errorf(s.off, "the key is missing: write key_file, or key")
		return Password{}
	}
	if digits, ok := strings.CutPrefix(text, "hex:"); ok {
		b, err := hex.DecodeString(digits)
		if err != nil {
			s.errorf(off, "the key is not hexadecimal after hex:")
			return Password{}
		}
		text = string(b)
	}
	if n := len(text); n < 32 || n > 64 {
		s.errorf(off, "the key has %d bytes: want 32 to 64", n)
	}
	return NewPassword(text)
}
