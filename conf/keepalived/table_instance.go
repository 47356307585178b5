// SPDX-License-Identifier: Apache-2.0

package keepalived

import (
	"slices"
	"strings"
	"time"

	"github.com/regent-ha/regent/conf"
)

// instanceKeywords are those of vrrp_instance about what it is, what it holds and what it watches.
func (p *parser) instanceKeywords() []Keyword {
	i := &p.instance
	return slices.Concat(in("vrrp_instance",
		kw("state", Everywhere, "MASTER|BACKUP", "BACKUP", action{needs: 1, limit: 1, do: p.state},
			note("MASTER counts with priority 255 alone: others wait for an Active first, as in keepalived 2.2")),
		kw("interface", Everywhere, "IF", "eth0", p.word(&i.Interface)),
		kw("virtual_router_id", Everywhere, "1-255", "51", p.number(&i.VRID, 1, 255)),
		kw("priority", Everywhere, "1-255", "100", p.number(&i.Priority, 1, 255)),
		kw("advert_int", Everywhere, "SECS", "1", p.seconds(&i.Interval, 10*time.Millisecond, 255*time.Second)),
		kw("version", Common, "2|3", "3", p.number(&i.Version, 2, 3)),
		kw("virtual_ipaddress", Everywhere, "{ ADDR … }", "{ 192.0.2.10/24 dev eth0 label eth0:1 }", p.addresses(&i.Addresses, false)),
		kw("virtual_ipaddress_excluded", Common, "{ ADDR … }", "{ 2001:db8::10/64 }", p.addresses(&i.Excluded, false)),
		kw("no_virtual_ipaddress", Rare, "", "", p.bare(&i.NoAddresses, true), since("2.3.0"),
			accepted("it only says that no address is meant: an instance without any is refused, for a service of Regent has one at least")),
		kw("virtual_routes", Common, "{ ROUTE … }", "{ 198.51.100.0/24 via 192.0.2.1 dev eth0 }", p.routes(&i.Routes, false)),
		kw("virtual_rules", Rare, "{ RULE … }", "{ from 192.0.2.0/24 table 5 priority 100 }", p.rules(&i.Rules, false)),
		kw("promote_secondaries", Rare, "", "", p.bare(&i.Promote, true), accepted("it is set on each interface with addresses in any case")),
		kw("authentication", Everywhere, "{ … }", "{ auth_type PASS\n auth_pass secret }", action{block: true, do: p.authBlock},
			note("PASS of version 2; AH is refused")),
		kw("auth_hmac", Rare, "{ … }", "{ key 1 0123456789abcdef0123456789abcdef\n active_key 1 }", action{block: true, do: p.hmacBlock}, since("2.4.0"),
			note("the format of 2.4.2 and later; 2.4.0 and 2.4.1 each have another")),
		kw("nopreempt", Everywhere, "", "", p.bare(&i.NoPreempt, true)),
		kw("preempt", Rare, "", "", p.bare(&i.NoPreempt, false)),
		kw("preempt_delay", Common, "SECS", "30", p.seconds(&i.PreemptDelay, 0, 1000*time.Second)),
		kw("accept", Rare, "", "", p.bare(&i.Accept, true)),
		kw("no_accept", Rare, "", "", p.bare(&i.Accept, false)),
		kw("skip_check_adv_addr", Rare, "[BOOL]", "on", action{limit: 1, do: func(n *node) {
			if on, ok := p.onOff(n); ok {
				if !on {
					p.note(n.at(), "skip_check_adv_addr %s turns it on, as the keyword alone does: keepalived reads it so", n.args()[0].Text)
				}
				set(p, &i.SkipCheckAdvAddr, true, n.at())
			}
		}}, accepted("adverts with other addresses are taken and reported in any case")),
		kw("strict_mode", Rare, "[BOOL]", "on", p.boolean(&i.Strict)),
		kw("debug", Rare, "0-4", "1", nothing(), accepted("keepalived does nothing with it either")),
		kw("native_ipv6", Foreign, "", "", action{do: func(*node) { p.nativeIPv6 = true }}, accepted("the addresses tell the family")),
		kw("lvs_sync_daemon_interface", Foreign, "IF", "eth1", action{limit: -1, do: p.virtual}, accepted(balancer)),
		kw("lvs_sync_daemon_inteface", Foreign, "IF", "eth1", action{limit: -1, do: p.virtual}, accepted(balancer)),
		kw("dont_track_primary", Common, "", "", p.bare(&i.DontTrackPrimary, true)),
	), p.tracking("vrrp_instance", &i.Tracks), p.notifying("vrrp_instance", &i.Notify), in("vrrp_instance",
		kw("notify_deleted", Rare, "[CMD [USER [GROUP]]]", "/usr/bin/gone", action{limit: 4, do: func(n *node) {
			if len(n.args()) == 0 {
				once(p, &i.Notify.Deleted, Command{}, n.at(), n.name())
			} else if c, ok := p.program(n); ok {
				once(p, &i.Notify.Deleted, c, n.at(), n.name())
			}
		}}),
		kw("notify_master_rx_lower_pri", Rare, "CMD [USER [GROUP]]", "/usr/bin/again", p.command(&i.Notify.LowerPriority)),
	), in("authentication",
		kw("auth_type", Everywhere, "PASS|AH", "PASS", p.word(&p.auth.kind), note("AH is refused")),
		kw("auth_pass", Everywhere, "STR", "secret", action{needs: 1, limit: -1, do: func(n *node) {
			p.auth.pass = Value[string]{n.args()[0].Text, n.args()[0].At}
		}}),
	))
}

// notifying are the keywords of instances and groups about scripts and mail.
func (p *parser) notifying(block string, to *Notify) []Keyword {
	return in(block,
		kw("notify_master", Everywhere, "CMD [USER [GROUP]]", `"/usr/bin/up a 'b c'" root`, p.command(&to.Master)),
		kw("notify_backup", Everywhere, "CMD [USER [GROUP]]", "/usr/bin/down", p.command(&to.Backup)),
		kw("notify_fault", Everywhere, "CMD [USER [GROUP]]", "/usr/bin/down", p.command(&to.Fault)),
		kw("notify_stop", Common, "CMD [USER [GROUP]]", "/usr/bin/down", p.command(&to.Stop)),
		kw("notify", Everywhere, "CMD [USER [GROUP]]", "/usr/bin/any", p.command(&to.Any)),
		kw("notify_priority_changes", Rare, "[BOOL]", "on", p.boolean(&to.PriorityChanges)),
		kw("smtp_alert", Common, "[BOOL]", "on", p.boolean(&to.Mail)),
	)
}

// state reads what an instance wants to be: MASTER stays once it was said.
func (p *parser) state(n *node) {
	a := n.args()[0]
	s := Backup
	switch a.Text {
	case "MASTER":
		s = Master
	case "BACKUP":
	default:
		p.warn(a.At, "state is MASTER or BACKUP, not %q%s; BACKUP is taken", a.Text, meant(strings.ToUpper(a.Text), []string{"MASTER", "BACKUP"}))
	}
	if v := p.instance.State; v.IsSet() && v.V == Master && s == Backup {
		p.warn(a.At, "state is MASTER already, from line %d, which counts", v.At.Line)
		return
	}
	p.instance.State = Value[State]{s, a.At}
}

// authBlock reads authentication, whichever of its lines comes first.
func (p *parser) authBlock(n *node) {
	p.auth = authentication{}
	p.inside("authentication", "authentication", n)
	kind, pass := p.auth.kind, p.auth.pass
	switch kind.V {
	case "PASS":
		if pass.V == "" {
			p.warn(kind.At, "auth_type PASS needs auth_pass: the instance goes without")
			return
		}
		if len(pass.V) > 8 {
			p.warn(pass.At, "auth_pass has %d characters: only the first 8 are sent and compared", len(pass.V))
			pass.V = pass.V[:8]
		}
		p.instance.Password = Value[conf.Password]{conf.NewPassword(pass.V), pass.At}
	case "AH":
		p.refuse(kind.At, Unable, "auth_type AH: Regent does not speak IPsec AH, and without it peers that do would not hear it; "+
			"use auth_type PASS, or none, on all of them")
	case "":
		p.warn(n.at(), "authentication needs auth_type PASS and auth_pass: the instance goes without")
	default:
		p.warn(kind.At, "auth_type is PASS or AH, not %q%s; the instance goes without authentication", kind.V, meant(kind.V, []string{"PASS", "AH"}))
	}
}

// beginInstance starts an instance with what can be told apart from a value in the file only here.
func (p *parser) beginInstance(name string, at Place) {
	p.unicastWord, p.shortMAC, p.nativeIPv6 = Place{}, false, false
	p.instance = Instance{Name: name, At: at, Comment: p.above(at)}
	p.instance.UnicastTTL.V, p.instance.TimerExpiredBackup.V = -1, -1
}

func (p *parser) endInstance() {
	i := p.instance
	if p.shortMAC {
		i.VMAC.MAC[5] = byte(i.VRID.V) // wherever in the block that stands
	}
	p.cfg.Instances = append(p.cfg.Instances, &i)
	p.settleFamily(&i, p.unicastWord)
}
