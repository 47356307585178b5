// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// tunables are the sysctls of interfaces that a VRRP daemon may change.
const tunables = `for f in /proc/sys/net/ipv4/conf/*/arp_ignore /proc/sys/net/ipv4/conf/*/arp_filter /proc/sys/net/ipv4/conf/*/accept_local \
	/proc/sys/net/ipv4/conf/*/rp_filter /proc/sys/net/ipv4/conf/*/promote_secondaries /proc/sys/net/ipv6/conf/*/disable_ipv6 \
	/proc/sys/net/ipv6/conf/*/addr_gen_mode; do echo "${f#/proc/sys/net/} $(cat $f)"; done`

// observe takes an observation of a node, and remembers how far it has read.
func (h *Host) observe(ctx context.Context, p *play) (Observation, error) {
	text, err := h.Run(ctx, "sh", "-c", look)
	if err != nil {
		return nil, err
	}
	o, _, err := kernelState(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", h.Name(), err)
	}
	if !h.running() {
		o.add(Progress, "", "no program runs")
	}
	if p.c.Kernel {
		text, err := h.Run(ctx, "sh", "-c", tunables)
		if err != nil {
			return nil, err
		}
		o.add(Kernel, "", strings.Split(strings.TrimRight(text, "\n"), "\n")...)
	}
	log := h.log()
	for about, lines := range sorted(log[min(h.seen.log, len(log)):]) {
		o.add(Log, about, p.certain(lines)...)
	}
	h.seen.log = len(log)
	if err := h.observeCalls(o, p); err != nil {
		return nil, err
	}
	h.observeFIFOs(o, p)
	if h.running() {
		text, err := h.dump(ctx)
		if err != nil {
			o.add(JSON, "", err.Error())
			return o, nil
		}
		about, err := jsonLines(text)
		if err != nil {
			o.add(JSON, "", err.Error())
		}
		for name, lines := range about {
			o.add(JSON, name, p.certain(lines)...)
		}
	}
	return o, nil
}

// certain leaves out what is up to chance.
func (p *play) certain(lines []string) []string {
	if p.chance == nil {
		return lines
	}
	return slices.DeleteFunc(lines, p.chance.MatchString)
}

// observeCalls adds the calls since the last step.
func (h *Host) observeCalls(o Observation, p *play) error {
	all := h.calls()
	now := states(h.current())
	for _, line := range all[h.seen.calls:] {
		c, err := parseCall(strings.TrimRight(line, "\n"))
		if err != nil {
			return err
		}
		// What was held is of interest for the state that lasted: a program may be slower than the next change.
		about, state := c.about(p.names), c.state()
		lasts := p.c.Holds && (state == "STOP" || state == now[about[strings.LastIndex(about, " ")+1:]])
		o.add(Notify, about, c.text(lasts, h.before))
		if p.c.Repeats {
			o[Notify][about] = slices.Compact(o[Notify][about])
		}
	}
	h.seen.calls = len(all)
	return nil
}

// fifoName finds whom a line is about.
var fifoName = regexp.MustCompile(`^(?:INSTANCE|GROUP) "([^"]*)"`)

// observeFIFOs adds the lines since the last step. What a reader that is ended saw may be up to chance.
func (h *Host) observeFIFOs(o Observation, p *play) {
	if h.seen.fifo == nil {
		h.seen.fifo = map[string]int{}
	}
	add := func(file string, lines []string) {
		for _, line := range lines {
			about := file
			if m := fifoName.FindStringSubmatch(line); m != nil && !p.c.Ordered {
				about += " " + m[1]
			}
			o.add(FIFO, about, strings.TrimRight(line, "\n"))
		}
	}
	for name, f := range h.fifos {
		all := f.lines()
		add(name, all[h.seen.fifo[name]:])
		h.seen.fifo[name] = len(all)
	}
	all := h.read()
	add("read", p.certain(all[h.seen.read:]))
	h.seen.read = len(all)
}
