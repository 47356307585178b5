// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"slices"
	"time"

	"github.com/regent-ha/regent/conf/keepalived"
)

// checks writes a check for each thing that an instance or a group tracks.
func (v *converter) checks(of string, t *keepalived.Tracks) {
	header := "[[" + of + ".check]]"
	for _, track := range t.Interfaces {
		v.table(track.At, header, "")
		v.set(track.At, "interface", track.Name)
		v.set(keepalived.Place{}, "fall", 1)
		v.weight(track, 0)
	}
	for _, track := range t.Scripts {
		if s := find(v.cfg.Scripts, track.Name, func(s *keepalived.Script) string { return s.Name }); s != nil {
			v.table(track.At, header, s.Comment)
			v.script(s)
			v.weight(track, 0)
		}
	}
	for _, track := range t.Files {
		if f := find(v.cfg.TrackFiles, track.Name, func(f *keepalived.TrackFile) string { return f.Name }); f != nil {
			v.table(track.At, header, f.Comment)
			v.set(f.File.At, "number", f.File.V)
			v.text(f.File.At, "file", f.File.V)
			v.set(f.At, "name", v.called(f.At, f.Name))
			v.weight(track, 1)
		}
	}
	for _, track := range t.Processes {
		if p := find(v.cfg.TrackProcesses, track.Name, func(p *keepalived.TrackProcess) string { return p.Name }); p != nil {
			v.table(track.At, header, p.Comment)
			v.processes(p)
			v.weight(track, 0)
		}
	}
	for _, track := range t.BFDs {
		if b := find(v.cfg.BFDs, track.Name, func(b *keepalived.BFD) string { return b.Name }); b != nil {
			v.table(track.At, header, b.Comment)
			v.bfd(b, "bfd")
			v.weight(track, 0)
		}
	}
}

// find returns the last thing of that name, which is the one whose weight a track line gets.
func find[T any](list []*T, name string, of func(*T) string) *T {
	for i := len(list) - 1; i >= 0; i-- {
		if of(list[i]) == name {
			return list[i]
		}
	}
	return nil
}

// called returns a name for people.
func (v *converter) called(at keepalived.Place, name string) string {
	v.text(at, "the name", name)
	if name == "" {
		return "unnamed"
	}
	return name
}

func (v *converter) weight(t keepalived.Track, usual int) {
	if w := t.Weight.V; w.N != usual {
		v.set(t.Weight.At, "weight", w.N)
	}
	if t.Weight.V.Reverse {
		v.set(t.Weight.At, "reverse", true)
	}
}

// Bounds of checks.
const (
	leastTime = 10 * time.Millisecond
	mostTime  = time.Hour
	mostCount = 1000
)

// script writes a vrrp_script, or the question whether a file can be read.
func (v *converter) script(s *keepalived.Script) {
	if s.Readable.IsSet() {
		v.set(s.Readable.At, "readable", s.Readable.V)
		v.text(s.Readable.At, "script", s.Readable.V)
	} else {
		v.command(s.Script.At, "exec", s.Script.V.Args)
	}
	v.set(s.At, "name", v.called(s.At, s.Name))
	if u := account(s.Script.V.User); u != "" && !s.Readable.IsSet() && u != v.scriptUser() {
		v.set(s.Script.At, "user", u)
		v.text(s.Script.At, "user", u)
	}
	if d := within(v, s.Interval, "vrrp_script "+s.Name+": interval", leastTime, mostTime); d != time.Second {
		v.set(s.Interval.At, "interval", d)
	}
	if d := within(v, s.Timeout, "vrrp_script "+s.Name+": timeout", leastTime, mostTime); d != time.Second {
		v.set(s.Timeout.At, "timeout", d)
	}
	if n := within(v, s.Rise, "vrrp_script "+s.Name+": rise", 1, mostCount); n != 1 {
		v.set(s.Rise.At, "rise", n)
	}
	if n := within(v, s.Fall, "vrrp_script "+s.Name+": fall", 1, mostCount); n != 3 {
		v.set(s.Fall.At, "fall", n)
	}
	if s.InitFail.V {
		v.set(s.InitFail.At, "start_bad", true)
	}
}

// within cuts a value to what Regent takes, and says so.
func within[T int | time.Duration](v *converter, value keepalived.Value[T], what string, least, most T) T {
	cut := max(least, min(value.V, most))
	if cut != value.V {
		v.note(value.At, "%s %v: Regent takes %v to %v; %v is taken", what, value.V, least, most, cut)
	}
	return cut
}

// processes writes a vrrp_track_process.
func (v *converter) processes(p *keepalived.TrackProcess) {
	name, args := p.Process.V[0], p.Process.V[1:]
	v.set(p.Process.At, "process", name)
	v.text(p.Process.At, "process", name)
	v.set(p.At, "name", v.called(p.At, p.Name))
	if p.Match.V != keepalived.MatchName {
		v.command(p.Process.At, "arguments", args)
		v.set(p.Match.At, "match", map[keepalived.ParamMatch]string{
			keepalived.MatchExact: "exact", keepalived.MatchPartial: "partial", keepalived.MatchInitial: "initial"}[p.Match.V])
	}
	if p.FullCommand.V {
		v.set(p.FullCommand.At, "full_command", true)
	}
	if p.Quorum.V != 1 {
		v.set(p.Quorum.At, "quorum", p.Quorum.V)
	}
	if p.QuorumMax.IsSet() {
		v.set(p.QuorumMax.At, "quorum_max", p.QuorumMax.V)
	}
	if p.ForkDelay.V > 0 {
		v.set(p.ForkDelay.At, "fork_delay", p.ForkDelay.V)
	}
	if p.TerminateDelay.V > 0 {
		v.set(p.TerminateDelay.At, "terminate_delay", p.TerminateDelay.V)
	}
	v.set(keepalived.Place{}, "fall", 1)
}

// delays writes an [[interface]] for each line of interface_up_down_delays; the last one of an interface counts.
func (v *converter) delays() {
	for i, d := range v.cfg.InterfaceDelays {
		again := slices.ContainsFunc(v.cfg.InterfaceDelays[i+1:], func(o keepalived.InterfaceDelay) bool { return o.Interface.V == d.Interface.V })
		if again || d.Down == 0 && d.Up == 0 {
			continue
		}
		v.table(d.Interface.At, "[[interface]]", "")
		v.text(d.Interface.At, "interface", d.Interface.V)
		v.set(d.Interface.At, "name", d.Interface.V)
		v.set(d.Interface.At, "down_delay", d.Down)
		if d.Up != d.Down {
			v.set(d.Interface.At, "up_delay", d.Up)
		}
	}
}

// sessions writes a [[bfd]] for each bfd_instance that nothing tracks: keepalived runs its session all the same, which the other end may
// track.
func (v *converter) sessions() {
	tracked := map[string]bool{}
	for _, i := range v.cfg.Instances {
		for _, t := range i.Tracks.BFDs {
			tracked[t.Name] = true
		}
	}
	for _, g := range v.cfg.SyncGroups {
		for _, t := range g.Tracks.BFDs {
			tracked[t.Name] = true
		}
	}
	for _, b := range v.cfg.BFDs {
		if !tracked[b.Name] {
			v.table(b.At, "[[bfd]]", b.Comment)
			v.bfd(b, "neighbor")
		}
	}
}

// bfd writes a bfd_instance.
func (v *converter) bfd(b *keepalived.BFD, key string) {
	const most = 1000 * time.Second
	who := "bfd_instance " + b.Name + ": "
	v.set(b.Neighbor.At, key, b.Neighbor.V)
	v.set(b.At, "name", v.called(b.At, b.Name))
	if b.Source.IsSet() {
		v.set(b.Source.At, "source", b.Source.V)
	}
	if d := within(v, b.MinRX, who+"min_rx", time.Millisecond, most); d != 10*time.Millisecond {
		v.set(b.MinRX.At, "min_rx", d)
	}
	if d := within(v, b.MinTX, who+"min_tx", time.Millisecond, most); d != 10*time.Millisecond {
		v.set(b.MinTX.At, "min_tx", d)
	}
	if d := within(v, b.IdleTX, who+"idle_tx", time.Second, most); d != time.Second {
		v.set(b.IdleTX.At, "idle_tx", d)
	}
	if b.Multiplier.V != 5 {
		v.set(b.Multiplier.At, "multiplier", b.Multiplier.V)
	}
	if b.Passive.V {
		v.set(b.Passive.At, "passive", true)
	}
	if b.TTL.V != 255 {
		v.set(b.TTL.At, "ttl", b.TTL.V)
	}
	if b.MaxHops.V != 0 {
		v.set(b.MaxHops.At, "max_hops", map[bool]int{true: 255, false: b.MaxHops.V}[b.MaxHops.V < 0])
	}
	if b.Multihop.V {
		v.set(b.Multihop.At, "multihop", true)
	}
}
