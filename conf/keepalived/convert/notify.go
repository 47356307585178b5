// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/regent-ha/regent/conf/keepalived"
)

// scriptUser returns who runs programs of which nothing else is said.
func (v *converter) scriptUser() string {
	if u := v.cfg.Global.ScriptUser; u.IsSet() {
		return account(u.V)
	}
	return v.ScriptUser
}

// runs reports whether the file has any program to run.
func (v *converter) runs() bool {
	g := &v.cfg.Global
	some := len(v.cfg.Scripts) > 0
	for _, c := range []keepalived.Value[keepalived.Command]{g.FIFO.Script, g.VRRPFIFO.Script, g.Startup, g.Shutdown} {
		some = some || c.IsSet()
	}
	each := func(n *keepalived.Notify) {
		for _, p := range listed(n) {
			some = some || p.IsSet()
		}
	}
	for _, i := range v.cfg.Instances {
		each(&i.Notify)
	}
	for _, s := range v.cfg.SyncGroups {
		each(&s.Notify)
	}
	return some
}

// notifications writes [notify].
func (v *converter) notifications() {
	g := &v.cfg.Global
	begun := false
	set := func(at keepalived.Place, key string, value any) {
		if !begun {
			v.table(keepalived.Place{}, "[notify]", "")
			begun = true
		}
		v.set(at, key, value)
	}
	pipes := slices.DeleteFunc([]keepalived.FIFO{g.FIFO, g.VRRPFIFO}, func(f keepalived.FIFO) bool { return !f.Path.IsSet() })
	if len(pipes) > 0 {
		v.fifo(pipes[0], set)
		if g.StatesOnReload.V {
			set(g.StatesOnReload.At, "states_on_reload", true)
		}
	}
	if g.PriorityChanges.V {
		set(g.PriorityChanges.At, "priority_changes", true)
	}
	if v.runs() {
		if u := v.scriptUser(); u != "" {
			set(g.ScriptUser.At, "user", u)
			v.text(g.ScriptUser.At, "script_user", u)
		} else if g.ScriptSecurity.V {
			v.note(g.ScriptSecurity.At, "there is no script_user, and no user keepalived_script: keepalived then drops scripts that name no user, and Regent runs them as its own user")
		}
		if !g.ScriptSecurity.V {
			set(g.ScriptSecurity.At, "script_security", false)
		}
	}
	if s := g.Startup; s.IsSet() {
		set(s.At, "start", s.V.Args)
		v.texts(s.At, s.V.Args)
		v.otherUser(s)
		if g.StartupTimeout.V != 10*time.Second {
			set(g.StartupTimeout.At, "start_timeout", g.StartupTimeout.V)
		}
	}
	if s := g.Shutdown; s.IsSet() {
		set(s.At, "stop", s.V.Args)
		v.texts(s.At, s.V.Args)
		v.otherUser(s)
		if g.ShutdownTimeout.V != 10*time.Second {
			set(g.ShutdownTimeout.At, "stop_timeout", g.ShutdownTimeout.V)
		}
	}
	for _, f := range pipes[min(1, len(pipes)):] {
		v.table(f.Path.At, "[[notify.more]]", "")
		v.fifo(f, v.set)
	}
	v.home = keepalived.Place{}
}

// fifo writes one pipe.
func (v *converter) fifo(f keepalived.FIFO, set func(at keepalived.Place, key string, value any)) {
	set(f.Path.At, "fifo", f.Path.V)
	v.text(f.Path.At, "the path", f.Path.V)
	if u := account(f.User); u != "" {
		set(f.Path.At, "fifo_user", u)
		v.text(f.Path.At, "the user", u)
	}
	if s := f.Script; s.IsSet() {
		set(s.At, "fifo_script", s.V.Args)
		v.texts(s.At, s.V.Args)
		v.otherUser(s)
	}
}

// otherUser says where a program would run as somebody else.
func (v *converter) otherUser(c keepalived.Value[keepalived.Command]) {
	if u := account(c.V.User); u != "" && u != v.scriptUser() {
		v.warn(c.At, "%s runs as script_user, not as %s: Regent has one user for programs of the daemon itself", c.V.Args[0], u)
	}
}

// program is one of those of an instance or group.
type program struct {
	key string
	keepalived.Value[keepalived.Command]
}

func listed(n *keepalived.Notify) []program {
	return []program{{"active", n.Master}, {"backup", n.Backup}, {"fault", n.Fault}, {"stop", n.Stop}, {"any", n.Any},
		{"deleted", n.Deleted}, {"lower_priority", n.LowerPriority}}
}

// programs writes [service.notify] or that of a group.
func (v *converter) programs(of string, n *keepalived.Notify) {
	all := slices.DeleteFunc(listed(n), func(p program) bool { return !p.IsSet() })
	changes := n.PriorityChanges.V && !v.cfg.Global.PriorityChanges.V
	if n.PriorityChanges.IsSet() && !n.PriorityChanges.V && v.cfg.Global.PriorityChanges.V {
		v.warn(n.PriorityChanges.At, "notify_priority_changes off has no effect beside vrrp_notify_priority_changes: Regent tells all services' changes or those that are named")
	}
	if len(all) == 0 && !changes {
		return
	}
	at := n.PriorityChanges.At
	if len(all) > 0 {
		at = all[0].At
	}
	v.table(at, "["+of+".notify]", "")
	var users []program
	for _, p := range all {
		if len(p.V.Args) == 0 {
			// notify_deleted without a command: DELETED is told, rather than FAULT, and nothing of its own is run.
			p.V.Args = []string{"/bin/true"}
		}
		v.command(p.At, p.key, p.V.Args)
		if u := account(p.V.User); u != "" && u != v.scriptUser() {
			users = append(users, p)
		}
	}
	if changes {
		v.set(n.PriorityChanges.At, "priority_changes", true)
	}
	for _, p := range users {
		u := account(p.V.User)
		v.set(p.At, "users."+p.key, u)
		v.text(p.At, "the user", u)
	}
}

// command writes a command and its arguments.
func (v *converter) command(at keepalived.Place, key string, words []string) {
	v.set(at, key, append([]string{}, words...))
	v.texts(at, words)
}

// text refuses what no TOML file can hold.
func (v *converter) text(at keepalived.Place, what, s string) {
	if !utf8.ValidString(s) {
		v.refuse(at, "%s is no UTF-8 text, which a regent.toml is: write it in ASCII or UTF-8", what)
	}
}

func (v *converter) texts(at keepalived.Place, words []string) {
	v.text(at, "the command", strings.Join(words, " "))
}

// mails reports whether mail can be sent at all.
func (v *converter) mails() bool {
	m := &v.cfg.Global.Mail
	return m.Server.IsSet() && len(m.To) > 0
}

// mailed writes mail = true for what tells its changes of state by mail.
func (v *converter) mailed(n *keepalived.Notify) {
	switch {
	case n.Mail.V && v.mails():
		v.set(n.Mail.At, "mail", true)
	case n.Mail.V && n.Mail.IsSet():
		v.note(n.Mail.At, "smtp_alert: no mail is sent without smtp_server and notification_email")
	}
}

// mail writes [mail].
func (v *converter) mail() {
	g, m := &v.cfg.Global, &v.cfg.Global.Mail
	if !v.mails() {
		return
	}
	v.table(m.Server.At, "[mail]", "")
	v.set(m.Server.At, "server", m.Server.V)
	v.set(m.From.At, "from", m.From.V)
	var to []element
	for _, a := range m.To {
		to = append(to, element{a.V, a.At})
		v.text(a.At, "the address", a.V)
	}
	v.list("to", to)
	v.set(g.RouterID.At, "router_id", g.RouterID.V)
	v.text(g.RouterID.At, "router_id", g.RouterID.V)
	if m.Helo.IsSet() {
		v.set(m.Helo.At, "helo", m.Helo.V)
	}
	if d := within(v, m.Timeout, "smtp_connect_timeout", time.Second, time.Hour); d != 30*time.Second {
		v.set(m.Timeout.At, "timeout", d)
	}
	if m.NoFaults.V {
		v.set(m.NoFaults.At, "faults", false)
	}
}
