// SPDX-License-Identifier: Apache-2.0

package keepalived

import (
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// put sets a value from the file; one that was set before gives way, as in keepalived.
func set[T any](p *parser, v *Value[T], to T, at Place) {
	if v.IsSet() {
		p.note(v.At, "line %d sets this again, and counts", at.Line)
	}
	*v = Value[T]{to, at}
}

// once sets a value unless the file has set it before.
func once[T any](p *parser, v *Value[T], to T, at Place, name string) {
	if v.IsSet() {
		p.warn(at, "%s is set already, in line %d, which counts", name, v.At.Line)
		return
	}
	*v = Value[T]{to, at}
}

// nothing reads whatever follows a keyword that has no effect.
func nothing() action { return action{limit: -1, loose: true} }

// bare is a keyword without arguments.
func (p *parser) bare(v *Flag, on bool) action {
	return action{do: func(n *node) { set(p, v, on, n.at()) }}
}

// boolean is a keyword with an optional on or off.
func (p *parser) boolean(v *Flag) action {
	return action{limit: 1, do: func(n *node) {
		if on, ok := p.onOff(n); ok {
			set(p, v, on, n.at())
		}
	}}
}

// lateBoolean is a keyword that took no argument once: keepalived before 2.3 turns it on whatever follows.
func (p *parser) lateBoolean(v *Flag) action {
	return action{limit: 1, do: func(n *node) {
		on, ok := p.onOff(n)
		if ok {
			set(p, v, on, n.at())
		}
		if !on {
			p.note(n.args()[0].At, "%s %s: keepalived 2.2 turns it on whatever follows, later versions and Regent do not; remove the line to have it off everywhere",
				n.name(), n.args()[0].Text)
		}
	}}
}

func (p *parser) onOff(n *node) (on, ok bool) {
	if len(n.args()) == 0 {
		return true, true
	}
	switch a := n.args()[0]; a.Text {
	case "on", "true", "yes":
		return true, true
	case "off", "false", "no":
		return false, true
	default:
		p.warn(a.At, "%s: want on, off, true, false, yes or no, in small letters, not %q; the line is ignored", n.name(), a.Text)
		return false, false
	}
}

// word is a keyword with one word of any kind.
func (p *parser) word(v *Value[string]) action {
	return action{needs: 1, limit: 1, do: func(n *node) { set(p, v, n.args()[0].Text, n.args()[0].At) }}
}

// maybe is a keyword with a word or without; flag says that it was there.
func (p *parser) maybe(v *Value[string], without string) action {
	return action{limit: 1, do: func(n *node) {
		if len(n.args()) > 0 {
			set(p, v, n.args()[0].Text, n.args()[0].At)
		} else {
			set(p, v, without, n.at())
		}
	}}
}

// number is a keyword with a whole number.
func (p *parser) number(v *Value[int], low, high int) action {
	return action{needs: 1, limit: 1, do: func(n *node) {
		a := n.args()[0]
		if i, ok := p.integer(n.name(), a, low, high); ok {
			set(p, v, i, a.At)
		}
	}}
}

// integer reads a whole number. Of what only begins as one the beginning is taken, which is keepalived's way.
func (p *parser) integer(name string, a Token, low, high int) (int, bool) {
	i, err := strconv.Atoi(a.Text)
	if err != nil {
		digits := leading(a.Text)
		if i, err = strconv.Atoi(digits); err != nil {
			p.warn(a.At, "%s: want a whole number from %d to %d, not %q; the line is ignored", name, low, high, a.Text)
			return 0, false
		}
		p.warn(a.At, "%s: %q is no whole number; %d is taken", name, a.Text, i)
	}
	if i < low || i > high {
		p.warn(a.At, "%s: %d is out of the range %d to %d; the line is ignored", name, i, low, high)
		return 0, false
	}
	return i, true
}

// leading returns the sign and digits at the start.
func leading(s string) string {
	i := 0
	if strings.HasPrefix(s, "-") || strings.HasPrefix(s, "+") {
		i = 1
	}
	for i < len(s) && s[i] >= '0' && s[i] <= '9' {
		i++
	}
	return s[:i]
}

// seconds is a keyword with a time in seconds, decimals allowed, to the microsecond.
func (p *parser) seconds(v *Value[time.Duration], low, high time.Duration) action {
	return p.times(v, time.Second, low, high)
}

// wholeSeconds is a keyword with a number of seconds.
func (p *parser) wholeSeconds(v *Value[time.Duration], low, high int) action {
	return action{needs: 1, limit: 1, do: func(n *node) {
		a := n.args()[0]
		if i, ok := p.integer(n.name(), a, low, high); ok {
			set(p, v, time.Duration(i)*time.Second, a.At)
		}
	}}
}

// times is a keyword with a decimal number of units.
func (p *parser) times(v *Value[time.Duration], unit, low, high time.Duration) action {
	return action{needs: 1, limit: 1, do: func(n *node) {
		a := n.args()[0]
		if d, ok := p.duration(n.name(), a, unit, low, high); ok {
			set(p, v, d, a.At)
		}
	}}
}

// duration reads a decimal number of units, rounded to the microsecond.
func (p *parser) duration(name string, a Token, unit, low, high time.Duration) (time.Duration, bool) {
	unitName := map[time.Duration]string{time.Second: "seconds", time.Millisecond: "milliseconds", time.Microsecond: "microseconds"}[unit]
	f, err := strconv.ParseFloat(a.Text, 64)
	if err != nil || strings.Trim(a.Text, "0123456789.+-") != "" {
		p.warn(a.At, "%s: want a number of %s, not %q; the line is ignored", name, unitName, a.Text)
		return 0, false
	}
	f = math.Round(f * float64(unit/time.Microsecond))
	if f < float64(low/time.Microsecond) || f > float64(high/time.Microsecond) {
		p.warn(a.At, "%s: %s is out of the range %v to %v %s; the line is ignored", name, a.Text,
			float64(low)/float64(unit), float64(high)/float64(unit), unitName)
		return 0, false
	}
	return time.Duration(f) * time.Microsecond, true
}

// address is a keyword with an IP address.
func (p *parser) address(v *Value[netip.Addr]) action {
	return action{needs: 1, limit: 1, do: func(n *node) {
		a := n.args()[0]
		if ip, ok := p.ip(n.name(), a); ok {
			set(p, v, ip, a.At)
		}
	}}
}

// ip reads an address without a length.
func (p *parser) ip(name string, a Token) (netip.Addr, bool) {
	ip, err := netip.ParseAddr(a.Text)
	if err != nil || ip.Zone() != "" {
		p.warn(a.At, "%s: %q is no IP address; it is ignored", name, a.Text)
		return netip.Addr{}, false
	}
	return ip.Unmap(), true
}

// list is a block of words, however they are spread over lines.
func (p *parser) list(v *[]Value[string]) action {
	return action{block: true, do: func(n *node) {
		p.each(n, func(line *node) {
			for _, w := range line.words {
				*v = append(*v, Value[string]{w.Text, w.At})
			}
		})
	}}
}

// each calls f for each line of a block that holds no blocks.
func (p *parser) each(n *node, f func(line *node)) {
	for _, line := range n.block {
		if line.broken.IsSet() {
			p.refuse(line.broken, Structure, "a line of %s ends in a quotation that does not end: keepalived loses the line", n.name())
			continue
		}
		if line.braced {
			p.refuse(line.open, Structure, "no block belongs in %s: is a } missing before it?", n.name())
			if onlyAtRoot(line.name()) {
				p.walk("", []*node{line})
				continue
			}
		}
		if len(line.words) > 0 {
			f(line)
		}
	}
}

// weight reads N [reverse] in the range -most to most; what is larger is cut to it.
func (p *parser) weight(v *Value[Weight], most int) action {
	return action{needs: 1, limit: 2, do: func(n *node) {
		w, used, ok := p.weigh(n.name(), n.args(), most)
		if ok {
			set(p, v, w, n.args()[0].At)
			p.rest(n.name(), n.args()[used:])
		}
	}}
}

// weigh reads N [reverse|noreverse] from the front of words and returns how many it took.
func (p *parser) weigh(name string, words []Token, most int) (w Weight, used int, ok bool) {
	if w.N, ok = p.integer(name, words[0], math.MinInt32, math.MaxInt32); !ok {
		return w, 1, false
	}
	if w.N < -most || w.N > most {
		cut := max(-most, min(w.N, most))
		p.warn(words[0].At, "%s: %d is out of the range -%d to %d; %d is taken", name, w.N, most, most, cut)
		w.N = cut
	}
	used = 1
	if len(words) > 1 && (words[1].Text == "reverse" || words[1].Text == "noreverse") {
		w.Reverse, used = words[1].Text == "reverse", 2
	}
	return w, used, true
}

// rest names words that a line has no use for.
func (p *parser) rest(name string, words []Token) {
	if len(words) > 0 {
		p.warn(words[0].At, "%s: unknown option %q; it is ignored", name, words[0].Text)
	}
}

// user reads NAME [[:] GROUP], and NAME:GROUP.
func user(words []Token) (u User, used int) {
	if len(words) == 0 {
		return User{}, 0
	}
	name, group, _ := strings.Cut(words[0].Text, ":")
	u, used = User{name, group}, 1
	if group == "" && used < len(words) && strings.HasPrefix(words[used].Text, ":") {
		u.Group, used = strings.TrimPrefix(words[used].Text, ":"), used+1
		if u.Group != "" {
			return u, used
		}
	}
	if u.Group == "" && used < len(words) {
		u.Group, used = words[used].Text, used+1
	}
	return u, used
}

// command is a keyword with a program: one word, quoted if it has arguments, then whom it runs as. The first of several
// counts.
func (p *parser) command(v *Value[Command]) action {
	return action{needs: 1, limit: 4, do: func(n *node) {
		if c, ok := p.program(n); ok {
			once(p, v, c, n.args()[0].At, n.name())
		}
	}}
}

// program reads the command after a keyword.
func (p *parser) program(n *node) (Command, bool) {
	words, ok := splitCommand(n.args()[0].Text)
	if !ok || len(words) == 0 || words[0] == "" {
		p.warn(n.args()[0].At, "%s: cannot take the command apart: it is empty, or a quotation in it does not end; the line is ignored", n.name())
		return Command{}, false
	}
	u, used := user(n.args()[1:])
	p.rest(n.name(), n.args()[1+used:])
	return Command{Args: words, User: u}, true
}
