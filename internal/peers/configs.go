// SPDX-License-Identifier: Apache-2.0

package peers

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// keepalivedConf is the router in the words of keepalived.conf, with further lines of global_defs.
func keepalivedConf(global []string, routers ...Router) string {
	var b strings.Builder
	line := func(indent int, format string, args ...any) {
		fmt.Fprintf(&b, strings.Repeat("    ", indent)+format+"\n", args...)
	}
	line(0, "global_defs {")
	line(1, "dynamic_interfaces")
	for _, l := range global {
		line(1, "%s", l)
	}
	line(0, "}")
	for i, r := range routers {
		line(0, "vrrp_instance peer%d {", i+1)
		line(1, "version %d", r.Version)
		line(1, "interface %s", r.Interface)
		line(1, "state BACKUP")
		line(1, "virtual_router_id %d", r.VRID)
		line(1, "priority %d", r.Priority)
		line(1, "advert_int %s", strconv.FormatFloat(r.Interval.Seconds(), 'f', -1, 64))
		if r.NoPreempt {
			line(1, "nopreempt")
		}
		if r.Password != "" {
			line(1, "authentication {")
			line(2, "auth_type PASS")
			line(2, "auth_pass %s", r.Password)
			line(1, "}")
		}
		if len(r.Peers) > 0 {
			line(1, "unicast_src_ip %s", r.Source)
			line(1, "unicast_peer {")
			for _, p := range r.Peers {
				line(2, "%s", p)
			}
			line(1, "}")
		}
		line(1, "virtual_ipaddress {")
		for _, a := range r.Addresses {
			line(2, "%s", a)
		}
		line(1, "}")
		if len(r.Excluded) > 0 {
			line(1, "virtual_ipaddress_excluded {")
			for _, a := range r.Excluded {
				line(2, "%s", a)
			}
			line(1, "}")
		}
		line(0, "}")
	}
	return b.String()
}

// frrConf is the router in the words of vrrpd.conf. Unicast and authentication are unknown there.
func frrConf(r Router) string {
	var b strings.Builder
	fmt.Fprintf(&b, "hostname peer\nlog stdout\ninterface %s\n", r.Interface)
	for _, c := range frrCommands(r) {
		fmt.Fprintf(&b, " %s\n", c)
	}
	return b.String()
}

// frrCommands are the commands that make up the router below its interface. The interval is in milliseconds.
func frrCommands(r Router) []string {
	vrrp := fmt.Sprintf("vrrp %d ", r.VRID)
	list := []string{
		vrrp + fmt.Sprintf("version %d", r.Version),
		vrrp + fmt.Sprintf("priority %d", r.Priority),
		vrrp + fmt.Sprintf("advertisement-interval %d", r.Interval.Milliseconds()),
	}
	if r.NoPreempt {
		list = append(list, "no "+vrrp+"preempt")
	}
	for _, a := range r.Addresses {
		family := "ip"
		if a.Addr().Is6() {
			family = "ipv6"
		}
		list = append(list, vrrp+family+" "+a.Addr().String())
	}
	return list
}

// regentConf is the routers as raw services of regent.toml: a service that neither has an owner nor refuses.
func regentConf(node string, realtime bool, routers ...Router) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("node = %q", node)
	if realtime {
		line("realtime = true")
	}
	for i, r := range routers {
		line("\n[[service]]")
		line("name = \"peer%d\"", i+1)
		line("interface = %q", r.Interface)
		line("virtual_router_id = %d", r.VRID)
		line("addresses = [%s]", quoted(r.Addresses))
		if len(r.Excluded) > 0 {
			line("excluded_addresses = [%s]", quoted(r.Excluded))
		}
		if r.IPv6() {
			line("link_local = \"none\"") // the list is the peer's, as it is
		}
		line("version = %d", r.Version)
		line("advert_interval = %q", shortest(r.Interval))
		if r.Version == 3 && !r.IPv6() {
			line("checksum = \"pseudo-header\"")
		}
		line("priority = %d", r.Priority)
		line("preempt = %t", !r.NoPreempt)
		if r.Refuse {
			line("refuse = true")
		}
		if r.Password != "" {
			line("authentication = { type = \"PASS\", password = %q }", r.Password)
		}
		if len(r.Peers) > 0 {
			line("source = %q", r.Source)
			line("unicast_peers = [%s]", quoted(r.Peers))
		}
	}
	return b.String()
}

// shortest writes whole seconds as such.
func shortest(d time.Duration) string {
	if d%time.Second == 0 {
		return fmt.Sprintf("%ds", d/time.Second)
	}
	return fmt.Sprintf("%dms", d.Milliseconds())
}

// quoted writes addresses as the members of a TOML array.
func quoted[T netip.Addr | netip.Prefix](list []T) string {
	texts := make([]string, len(list))
	for i, a := range list {
		texts[i] = fmt.Sprintf("%q", fmt.Sprint(a))
	}
	return strings.Join(texts, ", ")
}
