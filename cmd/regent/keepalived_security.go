// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os/user"

	"github.com/regent-ha/regent/conf"
	"github.com/regent-ha/regent/conf/keepalived"
	"github.com/regent-ha/regent/internal/notify"
)

// namedCommand is a script of the file.
type namedCommand struct {
	keepalived.Command
	at keepalived.Place
}

// commandsOf are all scripts that the file names.
func commandsOf(c *keepalived.Config) []namedCommand {
	var out []namedCommand
	add := func(vs ...keepalived.Value[keepalived.Command]) {
		for _, v := range vs {
			if len(v.V.Args) > 0 {
				out = append(out, namedCommand{v.V, v.At})
			}
		}
	}
	tells := func(n *keepalived.Notify) {
		add(n.Master, n.Backup, n.Fault, n.Stop, n.Deleted, n.LowerPriority, n.Any)
	}
	for _, s := range c.Scripts {
		add(s.Script)
	}
	for _, v := range c.Instances {
		tells(&v.Notify)
	}
	for _, g := range c.SyncGroups {
		tells(&g.Notify)
	}
	g := &c.Global
	add(g.FIFO.Script, g.VRRPFIFO.Script, g.Startup, g.Shutdown)
	return out
}

// scriptProblems looks at the scripts of the file on this machine: whether they are there, whether their users exist, and
// whether others could change what root runs.
func scriptProblems(c *keepalived.Config) keepalived.Problems {
	var out keepalived.Problems
	say := func(at keepalived.Place, kind keepalived.Kind, format string, args ...any) {
		out = append(out, keepalived.Problem{Kind: kind, Diagnostic: conf.Diagnostic{File: at.File, Line: at.Line, Column: at.Column,
			Severity: conf.Warning, Text: fmt.Sprintf(format, args...)}})
	}
	insecure := ""
	commands := commandsOf(c)
	for _, s := range commands {
		path, err := notify.Find(s.Args[0])
		if err == nil {
			var as *notify.User
			if as, err = scriptUser(c, s.User); err != nil {
				say(s.at, keepalived.Mistake, "%v", err)
				continue
			}
			err = notify.Inspect(path, as)
		}
		switch {
		case err == nil:
		case !errors.Is(err, notify.ErrUntrusted):
			say(s.at, keepalived.Note, "%v", err)
		case c.Global.ScriptSecurity.V:
			say(s.at, keepalived.Security, "Unsafe permissions found for script '%s' - disabling: %v", s.Args[0], err)
		default:
			insecure = " There are insecure scripts."
			say(s.at, keepalived.Security, "%v", err)
		}
	}
	for _, s := range c.Scripts {
		if why := unusable(c, s); why != "" {
			out = append(out, disabling(s, why))
		}
	}
	if len(commands) > 0 && !c.Global.ScriptSecurity.V {
		say(keepalived.Place{}, keepalived.Security, "SECURITY VIOLATION - scripts are being executed but script_security not enabled.%s", insecure)
	}
	return out
}

// scriptUser is whom a script runs as; nil is this process's user.
func scriptUser(c *keepalived.Config, u keepalived.User) (*notify.User, error) {
	if u.Name == "" {
		u = c.Global.ScriptUser.V
	}
	if u.Name == "" {
		if _, err := user.Lookup(defaultScriptUser); err != nil {
			return nil, nil
		}
		u.Name = defaultScriptUser
	}
	name := u.Name
	if u.Group != "" {
		name += ":" + u.Group
	}
	return notify.LookUp(name)
}
