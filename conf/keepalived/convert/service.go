// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/regent-ha/regent/conf/keepalived"
)

// service writes a [[service]] for an instance.
func (v *converter) service(i *keepalived.Instance) {
	v.table(i.At, "[[service]]", i.Comment)
	v.set(i.At, "name", v.services[i.Name])
	v.link(i)
	if i.VRID.IsSet() {
		v.set(i.VRID.At, "virtual_router_id", i.VRID.V)
	}
	v.set(i.Priority.At, "priority", i.Priority.V)
	if i.Version.V == 2 {
		v.set(i.Version.At, "version", 2)
	}
	if usual := (map[int]time.Duration{2: time.Second, 3: 100 * time.Millisecond})[i.Version.V]; i.Interval.V != usual {
		v.set(i.Interval.At, "advert_interval", i.Interval.V)
	}
	v.holdings(i)
	v.election(i)
	v.transport(i)
	v.vmac(i)
	v.announcements(i)
	if !i.Password.V.IsZero() {
		v.line(i.Password.At, `authentication = { type = "PASS", password = `+quote(i.Password.V.Reveal())+` }`)
		v.text(i.Password.At, "auth_pass", i.Password.V.Reveal())
	}
	v.mailed(&i.Notify)
	v.hmac(i.HMAC)
	v.programs("service", &i.Notify)
	v.checks("service", &i.Tracks)
}

// link writes the interface. Unicast goes without, when the source tells it.
func (v *converter) link(i *keepalived.Instance) {
	name := i.Interface.V
	if !i.Interface.IsSet() && i.Source.IsSet() {
		if v.InterfaceOf != nil {
			name = v.InterfaceOf(i.Source.V)
		}
		if name == "" {
			v.refuse(i.Source.At, "vrrp_instance %s has no interface, and none here has its unicast_src_ip %s: write interface NAME", i.Name, i.Source.V)
		}
	}
	if name != "" {
		v.set(i.Interface.At, "interface", name)
	}
}

// holdings writes what the service has while it is Active.
func (v *converter) holdings(i *keepalived.Instance) {
	v.list("addresses", v.addressLines(i.Addresses, i))
	if len(i.Addresses) == 0 {
		v.refuse(i.At, "vrrp_instance %s has no address in virtual_ipaddress: a service of Regent has one at least", i.Name)
	}
	if i.IPv6 && len(i.Addresses) > 0 && !(linkLocal(i.Addresses[0]) && !slices.ContainsFunc(i.Addresses[1:], linkLocal)) {
		v.set(i.Addresses[0].At, "link_local", "none")
	}
	v.list("advertised_addresses", repeated(i.Addresses))
	v.list("excluded_addresses", v.addressLines(i.Excluded, i))
	v.list("routes", v.good(routeLines(i.Routes), v.Route))
	v.list("rules", v.good(ruleLines(i.Rules), v.Rule))
}

// repeated is the list of adverts where an address is there twice: keepalived repeats it, and older versions discard adverts with
// another count. nil: none is.
func repeated(list []keepalived.Address) (out []element) {
	seen := map[netip.Addr]bool{}
	twice := false
	for _, a := range list {
		twice = twice || seen[a.Prefix.Addr()]
		seen[a.Prefix.Addr()] = true
		out = append(out, element{a.Prefix.Addr().String(), a.At})
	}
	if !twice {
		return nil
	}
	return out
}

func linkLocal(a keepalived.Address) bool { return a.Prefix.Addr().IsLinkLocalUnicast() }

// election writes who takes over from whom, and when.
func (v *converter) election(i *keepalived.Instance) {
	// state MASTER is not written: below priority 255 it changes nothing, keepalived 2.2.7 waits for other masters all the same.
	if i.NoPreempt.V {
		v.set(i.NoPreempt.At, "preempt", false)
	}
	if i.PreemptDelay.V > 0 {
		v.set(i.PreemptDelay.At, "preempt_delay", i.PreemptDelay.V)
	}
	if i.DownTimerAdverts.V != 3 {
		v.set(i.DownTimerAdverts.At, "down_timer_adverts", i.DownTimerAdverts.V)
	}
	if i.LowerPrioNoAdvert.V {
		v.set(i.LowerPrioNoAdvert.At, "lower_prio_no_advert", true)
	}
	if i.OwnerIgnoreAdverts.V && i.Priority.V == 255 {
		v.set(i.OwnerIgnoreAdverts.At, "owner_ignore_adverts", true)
	}
	v.set(keepalived.Place{}, "on_fault", "release")
	if i.DontTrackPrimary.V {
		v.set(i.DontTrackPrimary.At, "track_interface", false)
	}
	if !i.Accept.V && i.Priority.V != 255 {
		v.set(i.Accept.At, "accept", false)
	}
	if i.Version.V == 2 {
		v.set(i.SkipCheckAdvAddr.At, "check_addresses", false)
	}
}

// transport writes how adverts travel.
func (v *converter) transport(i *keepalived.Instance) {
	if i.Source.IsSet() {
		v.set(i.Source.At, "source", i.Source.V)
	}
	if i.V3ChecksumAsV2.V && i.Version.V == 3 && !i.IPv6 {
		v.set(i.V3ChecksumAsV2.At, "checksum", "rfc9568")
	}
	if !i.Unicast {
		standard := "224.0.0.18"
		if i.IPv6 {
			standard = "ff02::12"
		}
		if g := i.Group.V; g.IsValid() && g.String() != standard {
			at := i.Group.At
			if !at.IsSet() {
				at = v.cfg.Global.Group4.At
				if i.IPv6 {
					at = v.cfg.Global.Group6.At
				}
			}
			v.set(at, "multicast_group", g)
		}
		return
	}
	v.peers(i)
	if n := i.UnicastTTL; n.IsSet() && n.V == 0 {
		v.warn(n.At, "unicast_ttl 0: no advert would leave this machine; 255 is taken")
	} else if n.IsSet() && n.V != 255 {
		v.set(n.At, "ttl", n.V)
	}
	if i.CheckSource.V {
		v.set(i.CheckSource.At, "check_unicast_source", true)
	}
	if i.Version.V == 3 && !i.IPv6 {
		switch i.OldChecksum.V {
		case keepalived.DetectOldChecksum:
		case keepalived.UseOldChecksum:
			v.set(i.OldChecksum.At, "unicast_checksum", "old")
		case keepalived.NeverOldChecksum:
			v.set(i.OldChecksum.At, "unicast_checksum", "never")
		}
	}
}

// peers writes unicast_peers, and the TTL that is taken from them: one range for all.
func (v *converter) peers(i *keepalived.Instance) {
	var list []element
	seen := map[netip.Addr]bool{i.Source.V: i.Source.IsSet()}
	low, high := 255, 0
	for _, p := range i.Peers {
		if p.MinTTL != i.Peers[0].MinTTL || p.MaxTTL != i.Peers[0].MaxTTL {
			v.warn(p.At, "unicast_peer %s: Regent has one min_ttl and max_ttl for all peers of a service; the widest range is taken", p.Addr)
		}
		low, high = min(low, p.MinTTL), max(high, p.MaxTTL)
		if seen[p.Addr] {
			v.note(p.At, "unicast_peer %s is there already, or is the instance's own address; it is left out", p.Addr)
			continue
		}
		seen[p.Addr] = true
		list = append(list, element{p.Addr.String(), p.At})
	}
	if len(list) == 0 {
		v.refuse(i.At, "vrrp_instance %s has no unicast_peer: keepalived keeps it in FAULT, where it never has an address; name its peers", i.Name)
		return
	}
	v.list("unicast_peers", list)
	if low < 255 {
		v.set(i.Peers[0].At, "min_ttl", low)
	}
	if high < 255 {
		v.set(i.Peers[0].At, "max_ttl", high)
	}
}

// vmac writes use_vmac.
func (v *converter) vmac(i *keepalived.Instance) {
	m := i.VMAC
	if m == nil {
		return
	}
	v.set(m.At, "vmac", true)
	name := m.Name
	if name == "" && v.cfg.Global.VMACPrefix.V != "vrrp" {
		name = v.cfg.VMACNames()[i]
	}
	if name != "" {
		v.set(m.At, "vmac_name", name)
	}
	if m.Own {
		v.set(m.At, "vmac_address", net.HardwareAddr(m.MAC[:]).String())
	}
	if i.TransmitBase.V {
		v.set(i.TransmitBase.At, "vmac_transmit_base", true)
	}
	if m.Group >= 0 {
		v.warn(m.At, "use_vmac: group %d is not set on the interface: Regent leaves interface groups alone", m.Group)
	}
}

// hmac writes [service.hmac].
func (v *converter) hmac(h *keepalived.HMAC) {
	if h == nil {
		return
	}
	v.table(h.At, "[service.hmac]", "")
	if h.Active.IsSet() {
		v.set(h.Active.At, "active_key", h.Active.V)
	}
	if h.Window.IsSet() {
		v.set(h.Window.At, "time_window", h.Window.V)
	}
	if h.Replay.V == keepalived.ReplayMonotonic {
		v.set(h.Replay.At, "anti_replay", "monotonic")
	}
	switch h.Mode.V {
	case keepalived.HMACEnforce:
	case keepalived.HMACPermissive:
		v.set(h.Mode.At, "mode", "permissive")
	case keepalived.HMACReceiveOnly:
		v.set(h.Mode.At, "mode", "receive-only")
	}
	for _, k := range h.Keys {
		v.table(k.At, "[[service.hmac.key]]", "")
		v.set(k.At, "id", k.ID)
		if k.File != "" {
			v.set(k.At, "key_file", k.File)
			v.text(k.At, "file:", k.File)
		} else {
			v.set(k.At, "key", keyText(k.Key.Reveal()))
		}
	}
}

// keyText writes a key as it is, if it can be typed, else in hexadecimal.
func keyText(key string) string {
	typed := !slices.ContainsFunc([]byte(key), func(c byte) bool { return c <= ' ' || c > '~' })
	if typed && (len(key) < 4 || key[:4] != "hex:") {
		return key
	}
	return fmt.Sprintf("hex:%x", key)
}
