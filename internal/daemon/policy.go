// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/regent-ha/regent/conf"
	"github.com/regent-ha/regent/policy"
	"github.com/regent-ha/regent/policy/agent"
)

// policyCluster is the part of the configuration that policy decides by.
func policyCluster(cfg *conf.Config) *policy.Cluster {
	c := &policy.Cluster{MostFree: cfg.Policy.Selection == conf.SelectMostFree, Tolerate: cfg.Policy.FailuresToTolerate, Channel: hasChannel(cfg)}
	for name, n := range cfg.Nodes {
		c.Nodes = append(c.Nodes, policy.Node{Name: name, Capacity: n.Capacity, MaxServices: n.MaxServices, Maintenance: n.Maintenance})
	}
	if cfg.Nodes == nil { // a file that names no nodes is about those that its services name
		for _, name := range namedNodes(cfg) {
			c.Nodes = append(c.Nodes, policy.Node{Name: name})
		}
	}
	slices.SortFunc(c.Nodes, func(a, b policy.Node) int { return strings.Compare(a.Name, b.Name) })
	for i := range cfg.Services {
		s := &cfg.Services[i]
		if s.Raw {
			continue
		}
		c.Services = append(c.Services, policy.Service{
			Name: s.Name, Owner: s.Owner, Standbys: s.Standbys, Inheritors: s.Inheritors, Takeover: policy.Takeover(s.Takeover),
			ServeAt: policy.ServeAt(s.ServeAt), Demand: s.Demand, AntiAffinity: s.AntiAffinity, Failback: policy.Failback(s.Failback),
			FailbackDelay: s.FailbackDelay, FailureThreshold: s.FailureThreshold, FailureWindow: s.FailureWindow,
			Silent: s.OnNoCandidate == conf.NoCandidateSilent, Control: s.Control != nil,
		})
	}
	slices.SortFunc(c.Services, func(a, b policy.Service) int { return strings.Compare(a.Name, b.Name) })
	return c
}

// namedNodes are this node and all that services name.
func namedNodes(cfg *conf.Config) []string {
	names := []string{cfg.Node}
	for _, s := range cfg.Services {
		if !s.Raw {
			names = append(append(append(names, s.Owner), s.Standbys...), s.Inheritors...)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// hasChannel reports whether nodes of this configuration tell each other about themselves.
func hasChannel(cfg *conf.Config) bool {
	return cfg.Cluster != nil && cfg.Nodes[cfg.Node].Address.IsValid()
}

// digest names what is meant to be the same in every node's file. The takeover setting and the standbys are left out:
// they live with the owner, who tells the others.
func digest(cfg *conf.Config, c *policy.Cluster) string {
	type segment struct {
		Name      string
		VRID      uint8
		Addresses []string
		Ports     []conf.Port
		Version   uint8
		Interval  time.Duration
		Checks    []conf.HealthCheck
		Control   *conf.Control
		Raw       bool
	}
	same := struct {
		Policy   policy.Cluster
		Segments []segment
		Arbiter  conf.Arbiter
	}{Policy: *c}
	same.Policy.Services = slices.Clone(c.Services)
	for i := range same.Policy.Services {
		same.Policy.Services[i].Takeover, same.Policy.Services[i].Standbys = "", nil
	}
	if cfg.Cluster != nil {
		same.Arbiter = cfg.Cluster.Arbiter
	}
	for _, s := range cfg.Services {
		var checks []conf.HealthCheck
		for _, c := range s.Checks {
			if c.Kind != conf.CheckBFD { // a path is each node's own: to the others, or from an address of its own
				checks = append(checks, c)
			}
		}
		g := segment{Name: s.Name, VRID: s.VRID, Ports: s.Ports, Version: s.Version, Interval: s.AdvertInterval, Checks: checks, Control: s.Control, Raw: s.Raw}
		for _, a := range s.Addresses {
			g.Addresses = append(g.Addresses, a.String())
		}
		same.Segments = append(same.Segments, g)
	}
	text, err := json.Marshal(same)
	if err != nil {
		return "" // nothing in it can fail; an empty digest is compared with none
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

// agentOptions are what the agent of this node is made of.
func agentOptions(cfg *conf.Config, saved agent.Saved) agent.Options {
	c := policyCluster(cfg)
	o := agent.Options{Node: cfg.Node, Cluster: c, Digest: digest(cfg, c), Saved: saved, Prove: map[string]time.Duration{},
		Arbiter: cfg.Cluster != nil && cfg.Cluster.Arbiter == conf.ArbiterEtcd}
	for i := range cfg.Services {
		if k := cfg.Services[i].Control; k != nil {
			o.Prove[cfg.Services[i].Name] = k.StartTimeout
		}
	}
	return o
}

// preference is how a service takes part in elections here.
type preference struct {
	takes        bool
	priority     uint8
	preemptBelow uint8
	duty         duty // while Active
	why          string
	waits        bool // for the first results of its checks
}

// byHand is the preference of a service whose priority is given by hand, after its checks.
func byHand(s *conf.Service, results []policy.HandCheck) preference {
	h := policy.Hand{Priority: s.Priority, Preempt: s.Preempt, Refuse: s.Refuse, Release: s.OnFault == conf.FaultRelease, Checks: results}
	d := policy.ByHand(h)
	return preference{takes: d.Takes, priority: d.Priority, preemptBelow: d.PreemptBelow, duty: duty(d.Duty), why: strings.Join(d.Reasons, "; "), waits: h.Waits()}
}
