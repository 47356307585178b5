// SPDX-License-Identifier: Apache-2.0

package keepalived

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// settleTracks looks up what an instance watches, and drops what cannot be.
func (p *parser) settleTracks(i *Instance) {
	who := "vrrp_instance " + i.Name
	p.lookUp(&i.Tracks, who)
	i.Tracks.Interfaces = slices.DeleteFunc(i.Tracks.Interfaces, func(t Track) bool {
		if t.Name == i.Interface.V {
			p.warn(t.At, "%s: track_interface %s is its own interface, which is tracked anyway; it is ignored", who, t.Name)
			return true
		}
		return false
	})
	if i.Priority.V == 255 {
		// The owner's priority never changes, so a tracker can only mean FAULT.
		for _, list := range i.Tracks.all() {
			*list = slices.DeleteFunc(*list, func(t Track) bool {
				if t.Weight.V.N != 0 {
					p.warn(t.At, "%s: %s has a weight, and the priority of the owner, 255, does not change; it is ignored", who, t.Name)
				}
				return t.Weight.V.N != 0
			})
		}
	}
	if i.GARP.ExtraInterval.V > 0 && !i.GARP.ExtraAll && i.VMAC == nil && i.GARP.ExtraInterval.IsSet() {
		p.note(i.GARP.ExtraInterval.At, "%s: garp_extra_if without all is about VMACs, and the instance has none", who)
	}
}

// all returns the lists, for what is the same for each.
func (t *Tracks) all() []*[]Track {
	return []*[]Track{&t.Interfaces, &t.Scripts, &t.Files, &t.Processes, &t.BFDs}
}

// lookUp gives each tracker the weight of what it names, and drops those that name nothing or name it twice.
func (p *parser) lookUp(t *Tracks, who string) {
	look := func(list *[]Track, keyword, block string, weights map[string]Weight) {
		seen := map[string]bool{}
		*list = slices.DeleteFunc(*list, func(t Track) bool {
			if _, known := weights[t.Name]; !known && weights != nil {
				p.warn(t.At, "%s: %s %s: there is no such %s%s; it is ignored: nothing watches for the instance", who, keyword, t.Name, block,
					meant(t.Name, slices.Sorted(maps.Keys(weights))))
				return true
			}
			if seen[t.Name] {
				p.warn(t.At, "%s: %s %s is there already; the second is ignored", who, keyword, t.Name)
				return true
			}
			seen[t.Name] = true
			return false
		})
		for k := range *list {
			fill(&(*list)[k].Weight, weights[(*list)[k].Name])
		}
	}
	look(&t.Interfaces, "track_interface", "interface", nil)
	look(&t.Scripts, "track_script", "vrrp_script", p.weights[0])
	look(&t.Files, "track_file", "track_file", p.weights[1])
	look(&t.Processes, "track_process", "vrrp_track_process", p.weights[2])
	look(&t.BFDs, "track_bfd", "bfd_instance", p.weights[3])
}

// index makes the names that the rest of the file refers to.
func (p *parser) index() {
	c := p.cfg
	p.weights = [4]map[string]Weight{
		weightsOf(c.Scripts, func(s *Script) (string, Weight) { return s.Name, s.Weight.V }),
		weightsOf(c.TrackFiles, func(f *TrackFile) (string, Weight) { return f.Name, f.Weight.V }),
		weightsOf(c.TrackProcesses, func(r *TrackProcess) (string, Weight) { return r.Name, r.Weight.V }),
		weightsOf(c.BFDs, func(b *BFD) (string, Weight) { return b.Name, b.Weight.V }),
	}
	p.instances = map[string]*Instance{}
	for _, i := range slices.Backward(c.Instances) { // of two of one name the first counts
		p.instances[i.Name] = i
	}
}

func weightsOf[T any](list []T, f func(T) (string, Weight)) map[string]Weight {
	out := map[string]Weight{}
	for _, e := range list {
		name, w := f(e)
		out[name] = w
	}
	return out
}

// settleGroups looks up the members of sync groups and what those watch.
func (p *parser) settleGroups() {
	c := p.cfg
	in := map[string]string{}
	c.SyncGroups = slices.DeleteFunc(c.SyncGroups, func(g *SyncGroup) bool {
		fill(&g.Notify.PriorityChanges, c.Global.PriorityChanges.V)
		fill(&g.Notify.Mail, c.Global.Mail.VRRP.V)
		p.lookUp(&g.Tracks, "vrrp_sync_group "+g.Name)
		g.Members = p.members(g.Members, "vrrp_sync_group "+g.Name)
		g.Members = slices.DeleteFunc(g.Members, func(m Value[string]) bool {
			if other, twice := in[m.V]; twice {
				p.warn(m.At, "vrrp_sync_group %s: %s is in %s already; it is ignored here", g.Name, m.V, other)
				return true
			}
			in[m.V] = g.Name
			return false
		})
		switch len(g.Members) {
		case 0:
			p.warn(g.At, "vrrp_sync_group %s has no members: write group { INSTANCE … }; the group is dropped", g.Name)
			return true
		case 1:
			p.warn(g.At, "vrrp_sync_group %s has one member, which is probably not what was meant", g.Name)
		}
		return false
	})
}

// members drops names of no instance.
func (p *parser) members(list []Value[string], who string) []Value[string] {
	return slices.DeleteFunc(list, func(m Value[string]) bool {
		if p.instances[m.V] == nil {
			p.warn(m.At, "%s: there is no vrrp_instance %s%s; it is ignored", who, m.V, meant(m.V, slices.Sorted(maps.Keys(p.instances))))
			return true
		}
		return false
	})
}

// settleMembers drops the weights of what members of a sync group watch: the group changes state as one, and priorities
// that change one by one would tear it apart. It starts as one too: MASTER if each member is an owner that wants to be.
func (p *parser) settleMembers() {
	for _, g := range p.cfg.SyncGroups {
		wait := slices.ContainsFunc(g.Members, func(m Value[string]) bool {
			i := p.instances[m.V]
			return i.Priority.V != 255 || i.State.V != Master
		})
		for _, m := range g.Members {
			if wait {
				p.instances[m.V].State.V = Backup
			}
		}
		if g.Weights.V {
			continue
		}
		p.unweigh(&g.Tracks, "vrrp_sync_group "+g.Name, g.Name)
		for _, m := range g.Members {
			p.unweigh(&p.instances[m.V].Tracks, "vrrp_instance "+m.V, g.Name)
		}
	}
}

func (p *parser) unweigh(t *Tracks, who, group string) {
	zero := func(list []Track, what string) {
		for k := range list {
			if list[k].Weight.V.N != 0 {
				p.warn(list[k].At, "%s: the weight of %s %s is ignored in sync group %s, and its failure means FAULT; see sync_group_tracking_weight",
					who, what, list[k].Name, group)
				list[k].Weight.V.N = 0
			}
		}
	}
	zero(t.Interfaces, "track_interface")
	zero(t.Files, "track_file")
	for _, list := range []*[]Track{&t.Scripts, &t.Processes, &t.BFDs} {
		*list = slices.DeleteFunc(*list, func(t Track) bool {
			if t.Weight.V.N != 0 {
				p.warn(t.At, "%s: %s has a weight and is ignored in sync group %s: nothing watches for the instance; give it weight 0, or see sync_group_tracking_weight",
					who, t.Name, group)
			}
			return t.Weight.V.N != 0
		})
	}
}

// settleStatic looks up the groups that static items name.
func (p *parser) settleStatic() {
	c := p.cfg
	var names []string
	for _, g := range c.TrackGroups {
		g.Members = p.members(g.Members, "track_group "+g.Name)
		names = append(names, g.Name)
	}
	known := func(name *string, at Place) {
		if *name != "" && !slices.Contains(names, *name) {
			p.warn(at, "there is no track_group %s%s; it is ignored", *name, meant(*name, names))
			*name = ""
		}
	}
	p.fillDev(c.StaticAddresses, c.Global.DefaultInterface.V)
	for k := range c.StaticAddresses {
		known(&c.StaticAddresses[k].TrackGroup, c.StaticAddresses[k].At)
	}
	p.untracked(c.StaticRoutes, c.StaticRules)
	for k := range c.StaticRoutes {
		known(&c.StaticRoutes[k].TrackGroup, c.StaticRoutes[k].At)
	}
	for k := range c.StaticRules {
		known(&c.StaticRules[k].TrackGroup, c.StaticRules[k].At)
	}
}

// settleClashes finds virtual routers that could not tell each other's adverts from their own.
func (p *parser) settleClashes() {
	type key struct {
		dev     string
		vrid    int
		six     bool
		unicast bool
		group   string
	}
	seen := map[key][]*Instance{}
	for _, i := range p.cfg.Instances {
		if i.Interface.V == "" || !i.VRID.IsSet() {
			continue
		}
		k := key{i.Interface.V, i.VRID.V, i.IPv6, i.Unicast, ""}
		if !i.Unicast {
			k.group = i.Group.V.String()
		}
		for _, o := range seen[k] {
			if !i.Unicast || shared(i.Peers, o.Peers) {
				p.refuse(i.VRID.At, Mistake, "%s and %s both use virtual_router_id %d with IPv%s on %s", o.Name, i.Name, k.vrid,
					map[bool]string{true: "6", false: "4"}[k.six], k.dev)
				break
			}
		}
		seen[k] = append(seen[k], i)
	}
}

func shared(a, b []Peer) bool {
	return slices.ContainsFunc(a, func(x Peer) bool {
		return slices.ContainsFunc(b, func(y Peer) bool { return x.Addr == y.Addr })
	})
}

// settlePaces lets each interface be in one garp_group.
func (p *parser) settlePaces() {
	in := map[string]Place{}
	for _, g := range p.cfg.GARPGroups {
		g.Interfaces = slices.DeleteFunc(g.Interfaces, func(v Value[string]) bool {
			if at, twice := in[v.V]; twice {
				p.warn(v.At, "garp_group: %s is in a group already, in line %d; it is ignored here", v.V, at.Line)
				return true
			}
			in[v.V] = v.At
			return false
		})
	}
}

// settleDelays names delays that would outlast a master's silence, and drops them.
func (p *parser) settleDelays() {
	p.cfg.InterfaceDelays = slices.DeleteFunc(p.cfg.InterfaceDelays, func(d InterfaceDelay) bool {
		for _, i := range p.cfg.Instances {
			limit := time.Duration(i.DownTimerAdverts.V-1) * i.Interval.V
			if i.Interface.V == d.Interface.V && max(d.Down, d.Up) >= limit {
				p.warn(d.Interface.At, "interface_up_down_delays: the delays of %s must be less than %v, after which peers of %s take over; they are ignored",
					d.Interface.V, limit, i.Name)
				return true
			}
		}
		return false
	})
}

// unused names what nobody tracks.
func (p *parser) unused() {
	used := map[string]bool{}
	mark := func(t *Tracks) {
		for k, list := range t.all() {
			for _, e := range *list {
				used[string(rune('0'+k))+e.Name] = true
			}
		}
	}
	for _, i := range p.cfg.Instances {
		mark(&i.Tracks)
	}
	for _, g := range p.cfg.SyncGroups {
		mark(&g.Tracks)
	}
	for _, s := range p.cfg.Scripts {
		if !used["1"+s.Name] {
			p.note(s.At, "vrrp_script %s is not tracked by anything: it does not run", s.Name)
		}
	}
	for _, f := range p.cfg.TrackFiles {
		if !used["2"+f.Name] && len(p.cfg.LVS) == 0 {
			p.note(f.At, "track_file %s is not tracked by anything", f.Name)
		}
	}
	for _, f := range p.cfg.TrackProcesses {
		if !used["3"+f.Name] {
			p.note(f.At, "vrrp_track_process %s is not tracked by anything", f.Name)
		}
	}
	for _, b := range p.cfg.BFDs {
		if !used["4"+b.Name] {
			p.note(b.At, "bfd_instance %s is not tracked by anything: its session is there for the other end", strings.TrimSpace(b.Name))
		}
	}
}
