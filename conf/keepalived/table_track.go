// SPDX-License-Identifier: Apache-2.0

package keepalived

import (
	"slices"
	"strings"
	"time"
)

// Bounds of weights: those of what is up or down, and those that multiply a number or count processes.
const (
	mostWeight  = 253
	mostCounted = 254
)

// tracking are the keywords of instances and groups about what they watch.
func (p *parser) tracking(block string, to *Tracks) []Keyword {
	return in(block,
		kw("track_interface", Everywhere, "{ IF [weight N [reverse]] … }", "{ eth1 weight -20 }", p.track(&to.Interfaces, mostWeight)),
		kw("track_script", Everywhere, "{ NAME [weight N [reverse|noreverse]] … }", "{ check weight 10 }", p.track(&to.Scripts, mostWeight)),
		kw("track_file", Common, "{ NAME [weight N [reverse|noreverse]] … }", "{ load weight -1 }", p.track(&to.Files, mostCounted)),
		kw("track_process", Rare, "{ NAME [weight N [reverse|noreverse]] … }", "{ web weight 10 }", p.track(&to.Processes, mostCounted)),
		kw("track_bfd", Rare, "{ NAME [weight N [reverse|noreverse]] … }", "{ gw weight 10 }", p.track(&to.BFDs, mostWeight)),
	)
}

// track reads a block of names with weights, one on each line.
func (p *parser) track(to *[]Track, most int) action {
	return action{block: true, do: func(n *node) {
		p.each(n, func(line *node) {
			t := Track{Name: line.words[0].Text, At: line.at()}
			a := line.args()
			if len(a) > 0 && a[0].Text == "weight" {
				if len(a) == 1 {
					p.warn(a[0].At, "%s: weight needs a number; it is ignored", n.name())
					a = nil
				} else {
					w, used, ok := p.weigh("weight", a[1:], most)
					if ok {
						t.Weight = Value[Weight]{w, a[1].At}
					}
					a = a[1+used:]
				}
			}
			if len(a) > 0 {
				p.warn(a[0].At, "%s: unknown option %q%s; one name stands on a line, with weight N and reverse; the rest of the line is ignored",
					n.name(), a[0].Text, meant(a[0].Text, []string{"weight"}))
			}
			*to = append(*to, t)
		})
	}}
}

// groupKeywords are those of vrrp_sync_group.
func (p *parser) groupKeywords() []Keyword {
	g := &p.group
	return slices.Concat(in("vrrp_sync_group",
		kw("group", Common, "{ INST … }", "{ VI_1 }", p.list(&g.Members)),
	), p.tracking("vrrp_sync_group", &g.Tracks), p.notifying("vrrp_sync_group", &g.Notify), in("vrrp_sync_group",
		kw("sync_group_tracking_weight", Rare, "", "", p.bare(&g.Weights, true)),
		kw("global_tracking", Foreign, "", "", nothing(), accepted("it is what keepalived does in any case")),
	))
}

func (p *parser) beginGroup(name string, at Place) {
	p.group = SyncGroup{Name: name, At: at, Comment: p.above(at)}
}

func (p *parser) endGroup() {
	g := p.group
	p.cfg.SyncGroups = append(p.cfg.SyncGroups, &g)
}

// trackKeywords are those of vrrp_script, track_file and vrrp_track_process.
func (p *parser) trackKeywords() []Keyword {
	s, f, r := &p.script, &p.file, &p.process
	return slices.Concat(in("vrrp_script",
		kw("script", Everywhere, `"CMD ARGS"|</PATH`, `"/usr/bin/check --port 80"`, action{needs: 1, limit: -1, do: p.scriptLine}),
		kw("interval", Everywhere, "SECS", "2", p.scriptTime(&s.Interval), note("decimals since 2.3.2")),
		kw("timeout", Common, "SECS", "3", p.scriptTime(&s.Timeout)),
		kw("weight", Everywhere, "-253..253 [reverse]", "-20", p.weight(&s.Weight, mostWeight)),
		kw("rise", Everywhere, "N", "2", p.repeats(&s.Rise, 1)),
		kw("fall", Everywhere, "N", "2", p.repeats(&s.Fall, 1)),
		kw("user", Common, "USER [GROUP]", "nobody nogroup", action{needs: 1, limit: 3, do: func(n *node) {
			u, used := user(n.args())
			s.Script.V.User = u
			p.rest(n.name(), n.args()[used:])
		}}),
		kw("init_fail", Rare, "", "", p.bare(&s.InitFail, true)),
	), in("track_file",
		kw("file", Common, "PATH", "/run/load", p.word(&f.File)),
		kw("weight", Common, "-254..254 [reverse]", "-1", p.weight(&f.Weight, mostCounted)),
		kw("init_file", Common, "[VALUE] [overwrite]", "5 overwrite", action{limit: 2, do: p.initFile}),
	), in("vrrp_track_process",
		kw("process", Common, "CMD [ARGS]", "/usr/sbin/haproxy -f", action{needs: 1, limit: -1, do: func(n *node) {
			var words []string
			for _, a := range n.args() {
				words = append(words, a.Text)
			}
			set(p, &r.Process, words, n.args()[0].At)
		}}),
		kw("param_match", Rare, "[initial|partial]", "partial", action{limit: 1, do: p.paramMatch}),
		kw("full_command", Rare, "", "", p.bare(&r.FullCommand, true)),
		kw("weight", Common, "-254..254 [reverse]", "20", p.weight(&r.Weight, mostCounted)),
		kw("quorum", Rare, "N", "1", p.number(&r.Quorum, 1, 65535)),
		kw("quorum_max", Rare, "N", "3", p.number(&r.QuorumMax, 0, 65535)),
		kw("delay", Rare, "SECS", "0.5", action{needs: 1, limit: 1, do: func(n *node) {
			if d, ok := p.duration(n.name(), n.args()[0], time.Second, time.Microsecond, time.Hour); ok {
				set(p, &r.ForkDelay, d, n.args()[0].At)
				set(p, &r.TerminateDelay, d, n.args()[0].At)
			}
		}}),
		kw("fork_delay", Rare, "SECS", "0.5", p.seconds(&r.ForkDelay, time.Microsecond, time.Hour)),
		kw("terminate_delay", Rare, "SECS", "0.5", p.seconds(&r.TerminateDelay, time.Microsecond, time.Hour)),
	))
}

// scriptTime is a time of a script: less than a millisecond becomes a second, which is what keepalived makes of 0.
func (p *parser) scriptTime(v *Value[time.Duration]) action {
	return action{needs: 1, limit: 1, do: func(n *node) {
		a := n.args()[0]
		d, ok := p.duration(n.name(), a, time.Second, 0, unbounded)
		if !ok {
			return
		}
		if d < time.Millisecond {
			p.warn(a.At, "%s: %s is less than a millisecond; 1 second is taken", n.name(), a.Text)
			d = time.Second
		}
		set(p, v, d.Round(time.Millisecond), a.At)
	}}
}

// scriptLine reads the command of a vrrp_script.
func (p *parser) scriptLine(n *node) {
	s, a := &p.script, n.args()
	if s.Script.IsSet() || s.Readable.IsSet() {
		p.note(a[0].At, "script is set again in %s, and this one counts", p.where)
		s.Script.V.Args, s.Readable = nil, Value[string]{}
	}
	if path, is := strings.CutPrefix(a[0].Text, "<"); is {
		s.Readable, s.Script.At = Value[string]{strings.Trim(path, blanks), a[0].At}, a[0].At
		return
	}
	words, ok := splitCommand(a[0].Text)
	if !ok || len(words) == 0 || words[0] == "" {
		p.warn(a[0].At, "script: cannot take the command apart: it is empty, or a quotation in it does not end; the line is ignored")
		return
	}
	if len(a) > 1 {
		if _, keyword := p.table["vrrp_script"][a[1].Text]; keyword {
			p.note(a[1].At, "%q is not read: a line holds one keyword, and this one is script", a[1].Text)
		} else {
			p.note(a[1].At, "script: %q and what follows is not read: quote a command that has arguments", a[1].Text)
		}
	}
	s.Script.V.Args, s.Script.At = words, a[0].At
}

func (p *parser) initFile(n *node) {
	f := &p.file
	set(p, &f.Init, true, n.at())
	for _, a := range n.args() {
		if a.Text == "overwrite" {
			f.Overwrite = true
		} else if i, ok := p.integer(n.name(), a, -1<<31, 1<<31-1); ok {
			f.InitValue = i
		}
	}
}

func (p *parser) paramMatch(n *node) {
	m := MatchExact
	if a := n.args(); len(a) > 0 {
		switch a[0].Text {
		case "initial":
			m = MatchInitial
		case "partial":
			m = MatchPartial
		default:
			p.warn(a[0].At, "param_match is initial or partial, not %q%s; the line is ignored", a[0].Text, meant(a[0].Text, []string{"initial", "partial"}))
			return
		}
	}
	set(p, &p.process.Match, m, n.at())
}

func (p *parser) beginScript(name string, at Place) {
	p.script = Script{Name: name, At: at, Comment: p.above(at)}
}

func (p *parser) endScript() {
	s := p.script
	if !s.Script.IsSet() {
		p.warn(s.At, "vrrp_script %s has no script; it is dropped", s.Name)
		return
	}
	fill(&s.Interval, time.Second)
	fill(&s.Timeout, s.Interval.V)
	fill(&s.Rise, 1)
	fill(&s.Fall, 1)
	p.cfg.Scripts = append(p.cfg.Scripts, &s)
}

func (p *parser) beginFile(name string, at Place) {
	p.file = TrackFile{Name: name, At: at, Comment: p.above(at)}
}

func (p *parser) endFile() {
	f := p.file
	if f.File.V == "" {
		p.warn(f.At, "track_file %s has no file; it is dropped", f.Name)
		return
	}
	fill(&f.Weight, Weight{N: 1})
	p.cfg.TrackFiles = append(p.cfg.TrackFiles, &f)
}

func (p *parser) beginProcess(name string, at Place) {
	p.process = TrackProcess{Name: name, At: at, Comment: p.above(at)}
}

func (p *parser) endProcess() {
	r := p.process
	if len(r.Process.V) == 0 {
		p.warn(r.At, "vrrp_track_process %s has no process; it is dropped", r.Name)
		return
	}
	if len(r.Process.V) > 1 && !r.Match.IsSet() {
		r.Match.V = MatchExact
	}
	fill(&r.Quorum, 1)
	fill(&r.QuorumMax, -1)
	if r.QuorumMax.V >= 0 && r.QuorumMax.V < r.Quorum.V && r.Quorum.IsSet() {
		p.warn(r.QuorumMax.At, "vrrp_track_process %s: quorum_max %d is less than quorum %d: it can never be met", r.Name, r.QuorumMax.V, r.Quorum.V)
	}
	p.cfg.TrackProcesses = append(p.cfg.TrackProcesses, &r)
}

// bfdKeywords are those of bfd_instance.
func (p *parser) bfdKeywords() []Keyword {
	b := &p.bfd
	ms := func(v *Value[time.Duration]) action {
		return p.times(v, time.Millisecond, time.Microsecond, 4294967295*time.Microsecond)
	}
	return in("bfd_instance",
		kw("neighbor_ip", Rare, "IP", "192.0.2.253", p.address(&b.Neighbor)),
		kw("neighbour_ip", Rare, "IP", "192.0.2.253", p.address(&b.Neighbor)),
		kw("source_ip", Rare, "IP", "192.0.2.1", p.address(&b.Source)),
		kw("min_rx", Rare, "MILLISECONDS", "100", ms(&b.MinRX)),
		kw("min_tx", Rare, "MILLISECONDS", "100", ms(&b.MinTX)),
		kw("idle_tx", Rare, "MILLISECONDS", "1000", ms(&b.IdleTX)),
		kw("multiplier", Rare, "N", "5", p.number(&b.Multiplier, 1, 255)),
		kw("passive", Rare, "", "", p.bare(&b.Passive, true)),
		kw("ttl", Rare, "1-255", "255", p.number(&b.TTL, 1, 255)),
		kw("hoplimit", Rare, "1-255", "64", p.number(&b.TTL, 1, 255)),
		kw("max_hops", Rare, "-1..255", "0", p.number(&b.MaxHops, -1, 255)),
		kw("multihop", Rare, "[BOOL]", "on", p.boolean(&b.Multihop), since("2.4.0")),
		kw("weight", Rare, "-253..253 [reverse]", "10", p.weight(&b.Weight, mostWeight)),
		kw("vrrp", Rare, "", "", action{do: func(n *node) { b.VRRP = Flag{true, n.at()} }}),
		kw("checker", Rare, "", "", action{do: func(n *node) {
			if !b.VRRP.IsSet() {
				b.VRRP = Flag{false, n.at()}
			}
		}}, accepted(balancer)),
	)
}

func (p *parser) beginBFD(name string, at Place) {
	p.bfd = BFD{Name: name, At: at, Comment: p.above(at)}
}

func (p *parser) endBFD() {
	b := p.bfd
	if !b.Neighbor.IsSet() {
		p.warn(b.At, "bfd_instance %s has no neighbor_ip; it is dropped", b.Name)
		return
	}
	if b.Source.IsSet() && b.Source.V.Is4() != b.Neighbor.V.Is4() {
		p.warn(b.Source.At, "bfd_instance %s: source_ip %s is not of the family of neighbor_ip %s; the instance is dropped", b.Name, b.Source.V, b.Neighbor.V)
		return
	}
	if i := slices.IndexFunc(p.cfg.BFDs, func(o *BFD) bool { return o.Neighbor.V == b.Neighbor.V }); i >= 0 {
		p.warn(b.Neighbor.At, "bfd_instance %s: neighbor_ip %s is that of bfd_instance %s; the instance is dropped", b.Name, b.Neighbor.V, p.cfg.BFDs[i].Name)
		return
	}
	fill(&b.MinRX, 10*time.Millisecond)
	fill(&b.MinTX, 10*time.Millisecond)
	fill(&b.IdleTX, time.Second)
	fill(&b.Multiplier, 5)
	if b.TTL.V == 0 {
		b.TTL.V = map[bool]int{true: 255, false: 64}[b.Neighbor.V.Is4()]
	}
	if !b.VRRP.IsSet() {
		b.VRRP.V = true
	}
	p.cfg.BFDs = append(p.cfg.BFDs, &b)
}
