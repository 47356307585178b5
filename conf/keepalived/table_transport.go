// SPDX-License-Identifier: Apache-2.0

package keepalived

import (
	"encoding/hex"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/regent-ha/regent/conf"
)

// instanceTransport are the keywords of vrrp_instance about how adverts travel.
func (p *parser) instanceTransport() []Keyword {
	i := &p.instance
	// A unicast keyword without peers is a mistake that is told where it stands.
	unicast := func(a action) action {
		do := a.do
		a.do = func(n *node) {
			if !p.unicastWord.IsSet() {
				p.unicastWord = n.at()
			}
			do(n)
		}
		return a
	}
	return in("vrrp_instance",
		kw("unicast_src_ip", Everywhere, "IP", "192.0.2.1", unicast(p.address(&i.Source))),
		kw("unicast_peer", Everywhere, "{ IP [min_ttl N] [max_ttl N] … }", "{ 192.0.2.2\n 192.0.2.3 min_ttl 250 }", unicast(action{block: true, do: p.peers})),
		kw("unicast_fault_no_peer", Rare, "", "", p.bare(&i.FaultNoPeer, true)),
		kw("unicast_ttl", Rare, "0-255", "64", unicast(p.number(&i.UnicastTTL, 0, 255))),
		kw("check_unicast_src", Rare, "", "", unicast(p.bare(&i.CheckSource, true))),
		kw("old_unicast_checksum", Rare, "[never]", "never", unicast(action{limit: 1, do: func(n *node) {
			v := UseOldChecksum
			if a := n.args(); len(a) > 0 && a[0].Text == "never" {
				v = NeverOldChecksum
			} else {
				p.rest(n.name(), a)
			}
			set(p, &i.OldChecksum, v, n.at())
		}})),
		kw("v3_checksum_as_v2", Rare, "[BOOL]", "on", p.boolean(&i.V3ChecksumAsV2), since("2.3.0")),
		kw("mcast_src_ip", Common, "IP", "192.0.2.1", p.address(&i.Source)),
		kw("mcast_dst_ip", Rare, "IP", "224.0.0.19", p.address(&i.Group)),
		kw("track_src_ip", Rare, "", "", p.bare(&i.TrackSource, true), accepted("a service whose source address is gone is in fault in any case")),
		kw("vrf", Rare, "IF", "blue", p.word(&i.VRF), accepted("sockets are bound to the interface, and so are in its VRF")),
		kw("use_vmac", Common, "[[name] IFNAME] [MAC] [netlink_notify_msg] [group G]", "vrrp51", action{limit: -1, do: p.vmac}),
		kw("use_vmac_addr", Rare, "", "", p.bare(&i.VMACAddresses, true)),
		kw("vmac_xmit_base", Common, "", "", p.bare(&i.TransmitBase, true)),
		kw("use_ipvlan", Rare, "[[name] IFNAME] [IP] [bridge|private|vepa] [group G]", "", nothing(),
			refused("Regent does not put addresses on an ipvlan: use use_vmac, or plain addresses")),
		kw("kernel_rx_buf_size", Rare, "BYTES", "65536", p.number(&i.ReceiveBuffer, 1, 1<<31-1), accepted(ownSizes)),
		kw("linkbeat_use_polling", Foreign, "", "", p.bare(&i.Linkbeat, true), accepted(kernelTells)),
	)
}

// peers reads unicast_peer, a peer on each line.
func (p *parser) peers(n *node) {
	p.each(n, func(line *node) {
		ip, ok := p.ip(n.name(), line.words[0])
		if !ok {
			return
		}
		peer := Peer{Addr: ip, MaxTTL: 255, At: line.at()}
		for a := line.args(); len(a) > 0; {
			name := a[0].Text
			if name != "min_ttl" && name != "max_ttl" {
				p.warn(a[0].At, "unicast_peer: unknown option %q; one peer stands on a line, with min_ttl N and max_ttl N; the rest of the line is ignored", name)
				break
			}
			if len(a) < 2 {
				p.warn(a[0].At, "unicast_peer: %s needs a number; it is ignored", name)
				break
			}
			if ttl, ok := p.integer(name, a[1], 0, 255); ok {
				p.instance.CheckSource = Flag{true, a[0].At}
				if name == "min_ttl" {
					peer.MinTTL = ttl
				} else {
					peer.MaxTTL = ttl
				}
			}
			a = a[2:]
		}
		p.instance.Peers = append(p.instance.Peers, peer)
	})
}

// vmac reads use_vmac.
func (p *parser) vmac(n *node) {
	v := &VMAC{Group: -1, At: n.at()}
	for a := n.args(); len(a) > 0; a = a[1:] {
		mac, short, ok := ownMAC(a[0].Text)
		switch {
		case a[0].Text == "netlink_notify_msg":
			v.Tell = true
		case ok:
			if mac[0]&1 != 0 {
				p.warn(a[0].At, "use_vmac: %s is a multicast address; it is ignored", a[0].Text)
				continue
			}
			v.MAC, v.Own, p.shortMAC = mac, true, short
		case (a[0].Text == "group" || a[0].Text == "name") && len(a) < 2:
			p.warn(a[0].At, "use_vmac: %s needs a value; it is ignored", a[0].Text)
		case a[0].Text == "group":
			a = a[1:]
			if g, err := strconv.ParseUint(a[0].Text, 0, 31); err == nil {
				v.Group = int(g)
			} else {
				p.warn(a[0].At, "use_vmac: group %q is no number; it is ignored: names of groups are not looked up", a[0].Text)
			}
		default:
			if a[0].Text == "name" {
				a = a[1:]
			}
			switch {
			case v.Name != "":
				p.rest("use_vmac", a[:1])
			case len(a[0].Text) > 15 || strings.ContainsAny(a[0].Text, "/ "):
				p.warn(a[0].At, "use_vmac: %q is no name for an interface: at most 15 characters, no slash; the name is made from the VRID", a[0].Text)
			default:
				v.Name = a[0].Text
			}
		}
	}
	if p.instance.VMAC != nil {
		p.note(p.instance.VMAC.At, "line %d sets use_vmac again, and counts", n.at().Line)
	}
	p.instance.VMAC = v
}

// ownMAC reads an address of 6 bytes, or of 5, which are short of the VRID.
func ownMAC(s string) (mac [6]byte, short, ok bool) {
	if hw, err := net.ParseMAC(s); err == nil && len(hw) == 6 {
		return [6]byte(hw), false, true
	}
	if hw, err := net.ParseMAC(s + ":00"); err == nil && len(hw) == 6 && strings.Count(s, ":") == 4 {
		mac = [6]byte(hw)
		return mac, true, true
	}
	return mac, false, false
}

// instanceTimers are the keywords of vrrp_instance about timers and announcements.
func (p *parser) instanceTimers() []Keyword {
	i := &p.instance
	return in("vrrp_instance",
		kw("garp_master_delay", Common, "SECS", "5", p.wholeSeconds(&i.GARP.Delay, 0, 1<<31-1)),
		kw("garp_master_repeat", Common, "N", "5", p.repeats(&i.GARP.Repeat, 1)),
		kw("garp_master_refresh", Common, "SECS", "60", p.wholeSeconds(&i.GARP.Refresh, 0, 1<<31-1)),
		kw("garp_master_refresh_repeat", Common, "N", "2", p.repeats(&i.GARP.RefreshRepeat, 1)),
		kw("garp_lower_prio_delay", Rare, "SECS", "5", p.wholeSeconds(&i.GARP.LowerPrioDelay, 0, 1<<31-1)),
		kw("garp_lower_prio_repeat", Rare, "N", "0", p.repeats(&i.GARP.LowerPrioRepeat, 0)),
		kw("garp_extra_if", Rare, "[all] SECS", "all 60", p.extraGARP(&i.GARP, 0)),
		kw("vmac_garp_intvl", Rare, "[all] SECS", "60", p.extraGARP(&i.GARP, 0), note("old name of garp_extra_if")),
		kw("down_timer_adverts", Rare, "N", "3", p.number(&i.DownTimerAdverts, 1, 100)),
		kw("timer_expired_backup", Rare, "[PRIO]", "100", p.expired(), since("2.4.0"), accepted(stoodStill)),
		kw("thread_timer_expired", Rare, "[PRIO]", "100", p.expired(), since("2.4.0"), accepted("old name of timer_expired_backup: "+stoodStill)),
		kw("lower_prio_no_advert", Rare, "[BOOL]", "on", p.boolean(&i.LowerPrioNoAdvert)),
		kw("higher_prio_send_advert", Rare, "[BOOL]", "on", p.boolean(&i.HigherPrioSendAdvert), accepted(oneAdvert)),
		kw("owner_ignore_adverts", Rare, "[BOOL]", "on", p.boolean(&i.OwnerIgnoreAdverts), since("2.3.0")),
	)
}

func (p *parser) expired() action {
	return action{limit: 1, do: func(n *node) {
		if a := n.args(); len(a) > 0 {
			if prio, ok := p.integer(n.name(), a[0], 1, 254); ok {
				set(p, &p.instance.TimerExpiredBackup, prio, a[0].At)
			}
			return
		}
		set(p, &p.instance.TimerExpiredBackup, 0, n.at())
	}}
}

func (p *parser) hmacBlock(n *node) {
	p.hmac = HMAC{At: n.at()}
	p.inside("auth_hmac", "auth_hmac", n)
	h := p.hmac
	known := false
	for _, k := range h.Keys {
		known = known || k.ID == h.Active.V
	}
	switch {
	case len(h.Keys) == 0:
		p.refuse(n.at(), Mistake, "auth_hmac needs a key: key ID VALUE")
	case !h.Active.IsSet():
		p.refuse(n.at(), Mistake, "auth_hmac needs active_key: the number of the key to send with; keepalived goes without trailers")
	case !known:
		p.refuse(h.Active.At, Mistake, "active_key %d: there is no such key in this block", h.Active.V)
	}
	p.instance.HMAC = &h
}

// hmacKeywords are those of auth_hmac.
func (p *parser) hmacKeywords() []Keyword {
	h := &p.hmac
	return in("auth_hmac",
		kw("key", Rare, "ID VALUE", "1 hex:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", action{needs: 2, limit: -1, do: p.hmacKey}, since("2.4.0")),
		kw("active_key", Rare, "ID", "9", p.number(&h.Active, 1, 255), since("2.4.0")),
		kw("time_window", Rare, "SECS", "5", p.wholeSeconds(&h.Window, 1, 300), since("2.4.0")),
		kw("anti_replay", Rare, "time|monotonic", "time", action{needs: 1, limit: 1, do: func(n *node) {
			switch a := n.args()[0]; a.Text {
			case "time":
				set(p, &h.Replay, ReplayTime, a.At)
			case "monotonic":
				set(p, &h.Replay, ReplayMonotonic, a.At)
			default:
				p.refuse(a.At, Mistake, "anti_replay is time or monotonic, not %q%s", a.Text, meant(a.Text, []string{"time", "monotonic"}))
			}
		}}, since("2.4.0")),
		kw("mode", Rare, "enforce|permissive|receive-only", "enforce", action{needs: 1, limit: 1, do: func(n *node) {
			modes := []string{"enforce", "permissive", "receive-only"}
			a := n.args()[0]
			for m, name := range modes {
				if a.Text == name {
					set(p, &h.Mode, HMACMode(m), a.At)
					return
				}
			}
			p.refuse(a.At, Mistake, "mode is enforce, permissive or receive-only, not %q%s", a.Text, meant(a.Text, modes))
		}}, since("2.4.0")),
	)
}

// hmacKey reads key ID VALUE. No message repeats the value.
func (p *parser) hmacKey(n *node) {
	id, value := n.args()[0], n.args()[1]
	k := HMACKey{At: value.At}
	var ok bool
	if k.ID, ok = p.integer("key", id, 1, 255); !ok {
		return
	}
	for _, other := range p.hmac.Keys {
		if other.ID == k.ID {
			p.refuse(id.At, Mistake, "key %d is there already, in line %d", k.ID, other.At.Line)
			return
		}
	}
	secret := value.Text
	if file, is := strings.CutPrefix(value.Text, "file:"); is {
		k.File = file
	} else {
		if digits, is := strings.CutPrefix(value.Text, "hex:"); is {
			raw, err := hex.DecodeString(digits)
			if err != nil {
				p.refuse(value.At, Mistake, "key %d: hex: is followed by something else than pairs of hexadecimal digits", k.ID)
				return
			}
			secret = string(raw)
		}
		if len(secret) < 32 || len(secret) > 64 {
			p.refuse(value.At, Mistake, "key %d has %d bytes: want 32 to 64, as text, hex: or file:", k.ID, len(secret))
			return
		}
		k.Key = conf.NewPassword(secret)
	}
	p.hmac.Keys = append(p.hmac.Keys, k)
}

// window returns the time that an advert's trailer is good for.
func window(interval time.Duration) time.Duration { return max(3*interval, 5*time.Second) }
