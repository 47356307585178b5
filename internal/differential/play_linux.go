// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/regent-ha/regent/internal/netlab"
)

// Play runs a case with a program on every node of a fresh lab and returns what was observed.
func Play(ctx context.Context, lab *netlab.Lab, c *Case, program Program) (*Record, error) {
	wire, err := lab.Capture("wire", captureFilter)
	if err != nil {
		return nil, err
	}
	p := &play{c: c, hosts: map[string]*Host{}, names: map[string]bool{}}
	if c.Chance != "" {
		if p.chance, err = regexp.Compile(c.Chance); err != nil {
			return nil, fmt.Errorf("%s: %w", c.Name, err)
		}
	}
	networks := map[string]*netlab.Network{"": lab.LAN()}
	for i := range c.Nodes {
		name := string(rune('a' + i))
		h, err := newHost(ctx, lab, networks, &c.Nodes[i], program, name, i+1)
		if err != nil {
			return nil, err
		}
		p.hosts[name], p.order = h, append(p.order, name)
		for _, n := range instances(c.Nodes[i].Conf) {
			p.names[n] = true
		}
	}
	r := &Record{Program: program.Name}
	var ends []time.Time
	begin := time.Now()
	for _, s := range c.Steps {
		step, err := p.step(ctx, s)
		if err != nil {
			return nil, fmt.Errorf("%s: %s: step %q: %w", c.Name, program.Name, s.Name, err)
		}
		r.Steps, ends = append(r.Steps, step), append(ends, time.Now())
	}
	path, err := wire.Stop()
	if err != nil {
		return nil, err
	}
	list, err := sights(ctx, path)
	if err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(list, p.own)
	from, last := begin, map[string]string{}
	for i, to := range ends {
		for kind, about := range seen(list, from, to, c.Counted, last) {
			for about, lines := range about {
				r.Steps[i].Nodes[""].add(kind, about, p.certain(lines)...)
			}
		}
		from = to
	}
	for _, h := range p.hosts {
		for _, f := range h.fifos {
			err = errors.Join(err, f.file.Close())
		}
	}
	return r, err
}

// instances lists the names of instances and groups of a configuration.
func instances(conf string) []string {
	var names []string
	words := strings.Fields(conf)
	for i, w := range words[:max(0, len(words)-1)] {
		if w == "vrrp_instance" || w == "vrrp_sync_group" {
			names = append(names, strings.TrimSuffix(words[i+1], "{"))
		}
	}
	return names
}

// own tells announcements of a node's own addresses: those are the lab's.
func (p *play) own(s sight) bool {
	for _, h := range p.hosts {
		for prefix := range h.before {
			if a, err := netip.ParsePrefix(prefix); s.announce && err == nil && strings.HasPrefix(s.text, "proto_ipv4 "+a.Addr().String()+" ") {
				return true
			}
		}
	}
	return false
}

// play is a case in progress.
type play struct {
	c      *Case
	hosts  map[string]*Host
	order  []string
	names  map[string]bool
	chance *regexp.Regexp
}

// step does one step and observes.
func (p *play) step(ctx context.Context, s Step) (StepRecord, error) {
	r := StepRecord{Name: s.Name, Nodes: map[string]Observation{"": {}}}
	if err := s.Do(ctx, p.hosts); err != nil {
		return r, err
	}
	missed, err := p.wait(ctx, s.Until)
	if err != nil {
		return r, err
	}
	if len(missed) > 0 {
		r.Nodes[""].add(Progress, "", missed...)
	}
	owners := map[netip.Addr][]string{}
	for _, name := range p.order {
		h := p.hosts[name]
		if h.dead {
			continue
		}
		o, err := h.observe(ctx, p)
		if err != nil {
			return r, err
		}
		r.Nodes[name] = o
		held, err := h.virtual()
		if err != nil {
			return r, err
		}
		for _, prefix := range held {
			if !slices.Contains(owners[prefix.Addr()], name) {
				owners[prefix.Addr()] = append(owners[prefix.Addr()], name)
			}
		}
	}
	for addr, nodes := range owners {
		r.Nodes[""].add(Owner, addr.String(), strings.Join(nodes, " "))
	}
	return r, ctx.Err()
}

// wait waits for the conditions, and then for quiet. It returns the conditions that did not come true.
func (p *play) wait(ctx context.Context, until Until) (missed []string, err error) {
	for _, condition := range until {
		if err := p.checkWords(condition); err != nil {
			return nil, err
		}
	}
	poll(ctx, p.c.limit(), func() bool { //nolint:errcheck // what it did not reach is looked at below
		return !slices.ContainsFunc(until, func(u string) bool { return !p.holds(u) && p.may(u) })
	})
	for _, u := range until {
		if !p.holds(u) {
			missed = append(missed, "not reached: "+u)
		}
	}
	last, since := "", time.Now()
	err = poll(ctx, p.c.limit()+p.c.quiet(), func() bool {
		if now := p.fingerprint(); now != last {
			last, since = now, time.Now()
		}
		return time.Since(since) >= p.c.quiet()
	})
	if err != nil {
		missed, err = append(missed, "never quiet"), ctx.Err()
	}
	return missed, err
}

// checkWords finds conditions that make no sense.
func (p *play) checkWords(condition string) error {
	words := strings.Fields(condition)
	if len(words) < 2 || p.hosts[words[0]] == nil {
		return fmt.Errorf("condition %q names no node", condition)
	}
	if len(words) == 2 && words[1] != "settled" && words[1] != "ended" {
		return fmt.Errorf("condition %q: unknown word", condition)
	}
	return nil
}

// may tells whether a condition can still come true: not when its program has ended.
func (p *play) may(condition string) bool {
	name, _, _ := strings.Cut(condition, " ")
	return p.hosts[name].running()
}

// holds tells whether a condition is true; see [Until].
func (p *play) holds(condition string) bool {
	name, rest, _ := strings.Cut(condition, " ")
	verb, object, _ := strings.Cut(rest, " ")
	h := p.hosts[name]
	switch verb {
	case "says":
		log := h.log()
		return slices.ContainsFunc(log[min(h.seen.log, len(log)):], func(l string) bool { return strings.Contains(l, object) })
	case "holds", "lacks":
		addr, err := netip.ParseAddr(object)
		return err == nil && h.Holds(addr) == (verb == "holds")
	case "called":
		program, number, _ := strings.Cut(object, " ")
		want, err := strconv.Atoi(number)
		if err != nil {
			return false
		}
		for _, line := range h.calls()[h.seen.calls:] {
			if c, err := parseCall(line); err == nil && c.program == "/run/bin/"+program {
				want--
			}
		}
		return want <= 0
	case "ended":
		return !h.running()
	case "settled":
		now := states(h.current())
		for _, name := range instances(h.spec.Conf) {
			if s := now[name]; s != "MASTER" && s != "FAULT" && !isGroup(h.spec.Conf, name) {
				return false
			}
		}
		return true
	}
	return states(h.current())[verb] == object
}

// isGroup tells whether a name is a sync group's.
func isGroup(conf, name string) bool {
	words := strings.Fields(conf)
	for i, w := range words[:max(0, len(words)-1)] {
		if w == "vrrp_sync_group" && strings.TrimSuffix(words[i+1], "{") == name {
			return true
		}
	}
	return false
}

// fingerprint changes when anything that is observed does.
func (p *play) fingerprint() string {
	var b strings.Builder
	for _, name := range p.order {
		h := p.hosts[name]
		told := 0
		for _, list := range sorted(h.log()) {
			told += len(list)
		}
		held, err := h.Addresses("")
		slices.SortFunc(held, func(a, b netip.Prefix) int { return strings.Compare(a.String(), b.String()) })
		calls := h.calls()
		if p.c.Repeats {
			slices.Sort(calls)
			calls = slices.Compact(calls)
		}
		fmt.Fprintln(&b, told, len(calls), len(h.read()), held, err, h.running())
		for _, fifo := range h.spec.FIFOs {
			fmt.Fprintln(&b, len(h.fifos[fifo].lines()))
		}
	}
	return b.String()
}
