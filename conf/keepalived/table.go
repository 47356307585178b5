// SPDX-License-Identifier: Apache-2.0

package keepalived

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Reasons that several keywords share.
const (
	balancer    = "it is the load balancer's: keep `keepalived -C` for it"
	oneDaemon   = "Regent is one process"
	metrics     = "Regent has no SNMP agent: metrics and state are read from its status socket and its Prometheus endpoint"
	noBus       = "Regent is not on D-Bus: state is read from its status socket"
	kernelTells = "the kernel tells of links at once, also of those of old drivers"
	ownTables   = "Regent's nftables rules are in tables of its own"
	ownSizes    = "Regent asks for the socket buffers that it needs"
	ownTime     = "Regent's own way is realtime = true; it sees when it was late, and does not act on old news"
	asProcess   = "of the process: `regent keepalived` does it, a regent.toml has no key for it"
	oneAdvert   = "who wins is the same: the loser gives way at once, without a last advert"
	stoodStill  = "a node that stood still listens before it sends again"
	nftOnly     = "Regent filters with nftables, in tables of its own, and leaves iptables and ipsets alone"
	unbounded   = time.Duration(1<<31-1) * time.Second
)

// keywords is the one list of all keywords.
func (p *parser) keywords() []Keyword {
	return slices.Concat(p.rootKeywords(), p.globalKeywords(), p.globalProtocol(), p.globalProcess(), p.instanceKeywords(),
		p.instanceTransport(), p.instanceTimers(), p.hmacKeywords(), p.groupKeywords(), p.trackKeywords(), p.bfdKeywords(), p.garpKeywords())
}

// named is a block with a name that is read by the keywords of its own kind; begin is called before, end after it.
func (p *parser) named(kind string, begin func(name string, at Place), end func()) action {
	return action{needs: 1, limit: -1, block: true, do: func(n *node) {
		name, words := n.args()[0].Text, n.args()
		if len(words) > 1 {
			p.refuse(words[1].At, Mistake, "%s takes one name, not %d words: keepalived drops the block; quote a name with blanks", kind, len(words))
		}
		if at, again := p.seen[kind+" "+name]; again {
			p.refuse(words[0].At, Mistake, "%s %s is there already, at %s: give each its own name", kind, name, at)
		} else {
			p.seen[kind+" "+name] = words[0].At
		}
		begin(name, n.at())
		p.inside(kind, fmt.Sprintf("%s %s", kind, name), n)
		end()
	}}
}

// rootKeywords are those outside of every block.
func (p *parser) rootKeywords() []Keyword {
	d := &p.cfg.Daemon
	return in("",
		kw("global_defs", Everywhere, "{ … }", "{ router_id lb1 }", action{block: true, do: func(n *node) { p.inside("global_defs", "global_defs", n) }}),
		kw("vrrp_instance", Everywhere, "NAME { … }", "VI_2 { interface eth0\n virtual_router_id 52\n virtual_ipaddress { 10.0.0.52 } }",
			p.named("vrrp_instance", p.beginInstance, p.endInstance)),
		kw("vrrp_script", Everywhere, "NAME { … }", `chk { script "/usr/bin/true" }`, p.named("vrrp_script", p.beginScript, p.endScript)),
		kw("vrrp_sync_group", Common, "NAME { … }", "VG { group { VI_1 } }", p.named("vrrp_sync_group", p.beginGroup, p.endGroup)),
		kw("track_file", Common, "NAME { … }", "disk { file /run/disk }", p.named("track_file", p.beginFile, p.endFile)),
		kw("vrrp_track_file", Rare, "NAME { … }", "disk { file /run/disk }", p.named("track_file", p.beginFile, p.endFile), note("old name of track_file")),
		kw("vrrp_track_process", Rare, "NAME { … }", "proxy { process haproxy }", p.named("vrrp_track_process", p.beginProcess, p.endProcess)),
		kw("bfd_instance", Rare, "NAME { … }", "router { neighbor_ip 10.0.0.254 }", p.named("bfd_instance", p.beginBFD, p.endBFD)),
		kw("static_ipaddress", Rare, "{ ADDR … }", "{ 10.9.0.1/24 dev eth0 }", p.addresses(&p.cfg.StaticAddresses, true)),
		kw("static_routes", Rare, "{ ROUTE … }", "{ 10.9.0.0/16 via 10.0.0.1 dev eth0 }", p.routes(&p.cfg.StaticRoutes, true)),
		kw("static_rules", Rare, "{ RULE … }", "{ from 10.9.0.0/16 table 5 priority 100 }", p.rules(&p.cfg.StaticRules, true)),
		kw("track_group", Rare, "NAME { group { INST … } }", "TG { group { VI_1 } }", p.named("track_group",
			func(name string, at Place) { p.trackers = TrackGroup{Name: name, At: at} },
			func() { t := p.trackers; p.cfg.TrackGroups = append(p.cfg.TrackGroups, &t) }),
			warned("a static item that vanishes is put back, and the instances stay as they are")),
		kw("garp_group", Rare, "{ … }", "{ garp_interval 0.01\n interface eth0 }", action{block: true, do: p.garpBlock}, note("its pace is that of each of its interfaces")),
		kw("linkbeat_use_polling", Rare, "", "", p.bare(&d.LinkbeatPolling, true), accepted(kernelTells)),
		kw("linkbeat_interfaces", Rare, "{ IF [MII|ETHTOOL|IOCTL] … }", "{ eth0 ETHTOOL }", action{block: true, do: p.linkbeats}, accepted(kernelTells)),
		kw("interface_up_down_delays", Rare, "{ IF DOWN [UP] … }", "{ eth0 0.5 1 }", action{block: true, do: p.delays}),
		kw("net_namespace", Rare, "NAME", "blue", p.word(&d.Namespace), note("cannot change at a reload; "+asProcess)),
		kw("net_namespace_ipvs", Foreign, "[NAME]", "blue", p.maybe(&d.NamespaceOfIPVS, ""), accepted(balancer)),
		kw("namespace_with_ipsets", Rare, "", "", p.bare(&d.NamespaceIPsets, true), accepted(nftOnly)),
		kw("use_pid_dir", Rare, "", "", p.bare(&d.UsePIDDir, true), note(asProcess)),
		kw("instance", Rare, "NAME", "one", p.word(&d.Name), note("cannot change at a reload; "+asProcess)),
		kw("child_wait_time", Rare, "SECS", "5", p.wholeSeconds(&d.ChildWait, 0, 1<<31-1), note(asProcess)),
	)
}

func (p *parser) linkbeats(n *node) {
	p.each(n, func(line *node) {
		l := Linkbeat{Interface: Value[string]{line.words[0].Text, line.words[0].At}}
		if a := line.args(); len(a) > 0 {
			switch m := strings.ToUpper(a[0].Text); m {
			case "MII", "ETHTOOL", "IOCTL":
				l.Method = m
				p.rest(n.name(), a[1:])
			default:
				p.warn(a[0].At, "%s: want MII, ETHTOOL or IOCTL, not %q; it is ignored", n.name(), a[0].Text)
			}
		}
		p.cfg.Linkbeats = append(p.cfg.Linkbeats, l)
	})
}

func (p *parser) delays(n *node) {
	p.each(n, func(line *node) {
		a := line.args()
		if len(a) == 0 {
			p.warn(line.at(), "%s: want INTERFACE DOWN [UP], in seconds; the line is ignored", n.name())
			return
		}
		d := InterfaceDelay{Interface: Value[string]{line.words[0].Text, line.words[0].At}}
		var ok bool
		if d.Down, ok = p.duration(n.name(), a[0], time.Second, 0, 255*time.Second); !ok {
			return
		}
		d.Up = d.Down
		if len(a) > 1 {
			if d.Up, ok = p.duration(n.name(), a[1], time.Second, 0, 255*time.Second); !ok {
				d.Up = d.Down
			}
			p.rest(n.name(), a[2:])
		}
		p.cfg.InterfaceDelays = append(p.cfg.InterfaceDelays, d)
	})
}

func (p *parser) garpBlock(n *node) {
	p.garpGroup = GARPGroup{At: n.at()}
	p.inside("garp_group", "garp_group", n)
	g := p.garpGroup
	if len(g.Interfaces) == 0 || !g.GARPInterval.IsSet() && !g.GNAInterval.IsSet() {
		p.warn(n.at(), "garp_group needs an interface and garp_interval or gna_interval; the group is ignored")
		return
	}
	p.cfg.GARPGroups = append(p.cfg.GARPGroups, &g)
}

func (p *parser) garpKeywords() []Keyword {
	g := &p.garpGroup
	return slices.Concat(in("garp_group",
		kw("garp_interval", Rare, "SECS", "0.001", p.seconds(&g.GARPInterval, time.Microsecond, unbounded)),
		kw("gna_interval", Rare, "SECS", "0.001", p.seconds(&g.GNAInterval, time.Microsecond, unbounded)),
		kw("interface", Rare, "IF", "eth0", action{needs: 1, limit: 1, do: func(n *node) {
			g.Interfaces = append(g.Interfaces, Value[string]{n.args()[0].Text, n.args()[0].At})
		}}),
		kw("interfaces", Rare, "{ IF … }", "{ eth0 eth1 }", p.list(&g.Interfaces)),
	), in("track_group",
		kw("group", Rare, "{ INST … }", "{ VI_1 }", p.list(&p.trackers.Members), accepted("see track_group")),
	))
}
