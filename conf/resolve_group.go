// SPDX-License-Identifier: Apache-2.0

package conf

import (
	"slices"
	"time"
)

// resolveGroups resolves each [[sync_group]]; the services are known by then.
func resolveGroups(raw *rawConfig, cfg *Config) {
	names, of := map[string]bool{}, map[string]string{}
	for i := range raw.SyncGroups.V {
		t := &raw.SyncGroups.V[i]
		if !t.Set {
			continue
		}
		s := t.scope
		g := SyncGroup{
			Name:     nameOf(s, "name", t.V.Name),
			Services: t.V.Services.texts(),
			Weights:  boolean(t.V.Weights, false),
			Mail:     boolean(t.V.Mail, false),
			Notify:   resolvePrograms(t.V.Notify),
		}
		switch {
		case t.V.Name.absent():
			s.errorf(t.off, "name is missing: every group has a name of its own")
		case names[g.Name] && g.Name != "":
			s.errorf(t.V.Name.off, "the name is taken by another group")
		}
		names[g.Name] = true
		if t.V.Services.absent() || t.V.Services.Set && len(t.V.Services.V) == 0 {
			s.errorf(t.off, "services is missing: write those that are Active together")
		}
		for _, e := range t.V.Services.V {
			if e.Set {
				groupMember(s, e, g.Name, cfg, of)
			}
		}
		for j := range t.V.Checks.V {
			if c := &t.V.Checks.V[j]; c.Set {
				g.Checks = append(g.Checks, resolveCheck(c, true))
			}
		}
		cfg.SyncGroups = append(cfg.SyncGroups, g)
	}
}

func groupMember(s scope, e scalar[string], group string, cfg *Config, of map[string]string) {
	i := slices.IndexFunc(cfg.Services, func(v Service) bool { return v.Name == e.V })
	switch {
	case i < 0:
		names := make([]string, len(cfg.Services))
		for j := range cfg.Services {
			names[j] = cfg.Services[j].Name
		}
		hint := ""
		if near := nearest(e.V, names); near != "" {
			hint = ", did you mean \"" + near + "\"?"
		}
		s.errorf(e.off, "there is no service %q%s", e.V, hint)
	case !cfg.Services[i].Raw:
		s.errorf(e.off, "service %q has an owner, and policy decides on it alone: a group is of services with a priority", e.V)
	case of[e.V] != "":
		s.errorf(e.off, "service %q is in group %q already", e.V, of[e.V])
	default:
		of[e.V] = group
	}
}

// resolveMail resolves [mail].
func resolveMail(t table[rawMail]) *Mail {
	if !t.Set {
		return nil
	}
	s, raw := t.scope, &t.V
	m := &Mail{
		Server:   hostPort(s, "server", raw.Server, true),
		From:     filled(s, "from", raw.From),
		To:       raw.To.texts(),
		RouterID: filled(s, "router_id", raw.RouterID),
		Helo:     filled(s, "helo", raw.Helo),
		Timeout:  span(s, "timeout", raw.Timeout, 30*time.Second, time.Second, time.Hour),
		Faults:   boolean(raw.Faults, true),
	}
	for _, k := range []struct {
		name   string
		absent bool
	}{{"server", raw.Server.absent()}, {"from", raw.From.absent()}, {"to", raw.To.absent() || raw.To.Set && len(raw.To.V) == 0}} {
		if k.absent {
			s.errorf(s.off, "%s is missing: mail needs server, from and to", k.name)
		}
	}
	return m
}
