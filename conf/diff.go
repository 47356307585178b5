// SPDX-License-Identifier: Apache-2.0

package conf

import "reflect"

// ChangeKind says how a running service comes to its new configuration.
type ChangeKind string

// The kinds of change.
const (
	Unchanged ChangeKind = "unchanged"
	InPlace   ChangeKind = "in-place" // the virtual router keeps running, no advert is missed
	Restart   ChangeKind = "restart"  // the virtual router is released and started anew
	Added     ChangeKind = "added"
	Removed   ChangeKind = "removed"
)

// ServiceChange is what a reload does to one service.
type ServiceChange struct {
	Name string
	Kind ChangeKind
	Was  string   // its name before, if that is another
	Keys []string // that changed, as the file calls them
	Old  *Service // nil when added
	New  *Service // nil when removed
}

// GlobalChange is a change outside of the services.
type GlobalChange struct {
	Key     string
	Restart bool   // the running daemon keeps the old value until it is restarted
	Reason  string // why, when it needs a restart
}

// Changes are all differences between two configurations.
type Changes struct {
	// Services has the removed ones first, so that their VRIDs and addresses are free again, then those of the new file
	// in its order, unchanged ones included.
	Services []ServiceChange
	Global   []GlobalChange
}

// Diff compares the running configuration with a new one. A service is the same if it has the same name; one with a priority by
// hand also if it is the same virtual router for its peers under a new name. The old configuration may be nil.
func Diff(old, new *Config) Changes {
	var c Changes
	if old == nil {
		old = &Config{}
	} else {
		c.Global = diffGlobal(old, new)
	}
	before := byName(old)
	after := byName(new)
	named := renamed(old, new, before, after)
	kept := map[string]bool{}
	for _, was := range named {
		kept[was] = true
	}
	for i := range old.Services {
		if s := &old.Services[i]; after[s.Name] == nil && !kept[s.Name] {
			c.Services = append(c.Services, ServiceChange{Name: s.Name, Kind: Removed, Old: s})
		}
	}
	for i := range new.Services {
		s := &new.Services[i]
		if was := before[named[s.Name]]; was != nil {
			change := diffService(old, new, was, s)
			change.Was, change.Kind, change.Keys = was.Name, InPlace, append([]string{"name"}, change.Keys...)
			c.Services = append(c.Services, change)
		} else if was := before[s.Name]; was == nil {
			c.Services = append(c.Services, ServiceChange{Name: s.Name, Kind: Added, New: s})
		} else {
			c.Services = append(c.Services, diffService(old, new, was, s))
		}
	}
	return c
}

func byName(c *Config) map[string]*Service {
	m := make(map[string]*Service, len(c.Services))
	for i := range c.Services {
		m[c.Services[i].Name] = &c.Services[i]
	}
	return m
}

// renamed finds services that are new by their name only: the old name of each.
func renamed(old, new *Config, before, after map[string]*Service) map[string]string {
	out, taken := map[string]string{}, map[string]bool{}
	for i := range new.Services {
		is := &new.Services[i]
		if before[is.Name] != nil || !is.Raw {
			continue
		}
		for j := range old.Services {
			was := &old.Services[j]
			if after[was.Name] == nil && was.Raw && !taken[was.Name] && diffService(old, new, was, is).Kind != Restart {
				out[is.Name], taken[was.Name] = was.Name, true
				break
			}
		}
	}
	return out
}

func diffService(old, new *Config, was, is *Service) ServiceChange {
	c := ServiceChange{Name: is.Name, Kind: Unchanged, Old: was, New: is}
	a, b := aspects(old, was), aspects(new, is)
	for i := range a {
		if reflect.DeepEqual(a[i].value, b[i].value) {
			continue
		}
		c.Keys = append(c.Keys, a[i].key)
		switch {
		case a[i].restart:
			c.Kind = Restart
		case c.Kind == Unchanged:
			c.Kind = InPlace
		}
	}
	return c
}

// aspect is a part of a configuration that a reload looks at.
type aspect struct {
	key     string
	value   any
	restart bool
}

// aspects are all parts of a service. What needs a restart is what names the virtual router to its peers, or what its
// sockets are bound to.
func aspects(c *Config, s *Service) []aspect {
	return []aspect{
		{"interface", s.Interface, true},
		{"virtual_router_id", s.VRID, true},
		{"version", s.Version, true},
		{"source", s.Source, true},
		{"unicast_peers", s.UnicastPeers, true},
		{"vmac", [4]any{s.VMAC, s.VMACName, s.VMACAddress, s.VMACBase}, true},
		{"multicast_group", s.Group, true},
		{"families", [2]bool{len(s.IPv4) > 0, len(s.IPv6) > 0}, true},

		{"addresses", s.Addresses, false},
		{"address options", s.AddressOptions, false},
		{"advertised_addresses", s.Advertised, false},
		{"excluded_addresses", s.Excluded, false},
		{"routes", s.Routes, false},
		{"rules", s.Rules, false},
		{"hmac", s.HMAC, false},
		{"unicast", s.Unicast, false},
		{"election", s.Election, false},
		{"track_interface", s.TrackInterface, false},
		{"accept", s.Accept, false},
		{"mail", s.Mail, false},
		{"on_fault", s.OnFault, false},
		{"link_local", [2]any{s.LinkLocalMode, s.LinkLocal}, false},
		{"ports", s.Ports, false},
		{"advert_interval", s.AdvertInterval, false},
		{"checksum", s.Checksum, false},
		{"accept_checksum", s.AcceptChecksum, false},
		{"authentication", s.Auth, false},
		{"garp", s.GARP, false},
		{"priority", s.Priority, false},
		{"preempt", s.Preempt, false},
		{"preempt_delay", s.PreemptDelay, false},
		{"refuse", s.Refuse, false},
		{"owner", s.Owner, false},
		{"standbys", s.Standbys, false},
		{"inheritors", s.Inheritors, false},
		{"takeover", s.Takeover, false},
		{"serve_at", s.ServeAt, false},
		{"demand", s.Demand, false},
		{"anti_affinity", s.AntiAffinity, false},
		{"failback", s.Failback, false},
		{"failback_delay", s.FailbackDelay, false},
		{"failure_threshold", s.FailureThreshold, false},
		{"failure_window", s.FailureWindow, false},
		{"on_no_candidate", s.OnNoCandidate, false},
		{"check", s.Checks, false},
		{"control", s.Control, false},
		{"respond", s.Respond, false},
		{"notify", s.Notify, false},
		// What [nodes] says may change this although the service's own keys did not change.
		{"part", TakesPart(c, s), false},
	}
}

func diffGlobal(old, new *Config) []GlobalChange {
	atStart := "it is set up once, before the first advert: restart the daemon"
	whole := func(c *Config) []struct {
		aspect
		reason string
	} {
		cluster := Cluster{}
		if c.Cluster != nil {
			cluster = *c.Cluster
		}
		return []struct {
			aspect
			reason string
		}{
			{aspect{"node", c.Node, true}, "everything that runs was planned for the old name: restart the daemon"},
			{aspect{"realtime", c.Realtime, true}, "the worker's scheduling is set before it is started: restart the daemon"},
			{aspect{"state_dir", c.StateDir, true}, atStart},
			{aspect{"run_dir", c.RunDir, true}, atStart},
			{aspect{"cluster", c.Cluster != nil, true}, atStart},
			{aspect{"cluster.name", cluster.Name, true}, "the node would have to leave one cluster and join another: restart the daemon"},
			{aspect{"cluster.bind_port", cluster.BindPort, true}, atStart},
			{aspect{"cluster.key_file", [2]any{cluster.Keys, cluster.KeyFile}, false}, ""},
			{aspect{"cluster.arbiter", cluster.Arbiter, true}, "leases of the old arbiter would be lost: restart the daemon"},
			{aspect{"cluster.etcd", cluster.Etcd, true}, "leases of the old arbiter would be lost: restart the daemon"},
			{aspect{"log", c.Log, false}, ""},
			{aspect{"status", c.Status, false}, ""},
			{aspect{"alerts", c.Alerts, false}, ""},
			{aspect{"notify", c.Notify, false}, ""},
			{aspect{"mail", c.Mail, false}, ""},
			{aspect{"sync_group", c.SyncGroups, false}, ""},
			{aspect{"bfd", c.Sessions, false}, ""},
			{aspect{"interface", c.Interfaces, false}, ""},
			{aspect{"static", [3]any{c.StaticAddresses, c.StaticRoutes, c.StaticRules}, false}, ""},
			{aspect{"start_delay", [2]any{c.StartDelay, c.BootDelay}, false}, ""},
			{aspect{"nodes", c.Nodes, false}, ""},
			{aspect{"policy", c.Policy, false}, ""},
		}
	}
	var out []GlobalChange
	a, b := whole(old), whole(new)
	for i := range a {
		if !reflect.DeepEqual(a[i].value, b[i].value) {
			out = append(out, GlobalChange{a[i].key, a[i].restart, a[i].reason})
		}
	}
	return out
}
