// SPDX-License-Identifier: Apache-2.0

package flags

import (
	"errors"
	"fmt"
	"strings"
)

// Parse reads the words after the program's name. Flags are answered in their order: -v, -h, --signum and -T end the
// reading, and an error says only what was wrong before them. keepalived answers a [Version] in spite of such an error,
// exits with 1 at any other, and goes on after what is in Warnings.
func Parse(args []string) (Options, error) {
	p := parser{table: table(), o: Options{File: DefaultFile, Facility: daemonFacility}}
	p.words(args)
	return p.o, errors.Join(p.errs...)
}

// parser reads one command line.
type parser struct {
	table []flag
	o     Options
	errs  []error
}

func (p *parser) fail(format string, args ...any) {
	p.errs = append(p.errs, fmt.Errorf(format, args...))
}

func (p *parser) words(args []string) {
	var rest []string
	for i := 0; i < len(args); {
		w := args[i]
		i++
		var took, stop bool
		switch next := args[i:]; {
		case w == "--":
			rest = append(rest, next...)
			i = len(args)
		case strings.HasPrefix(w, "--"):
			took, stop = p.long(w[2:], next)
		case len(w) > 1 && w[0] == '-':
			took, stop = p.shorts(w[1:], next)
		default:
			rest = append(rest, w)
		}
		if stop {
			return
		}
		if took {
			i++
		}
	}
	if len(rest) > 0 {
		p.o.Warnings = append(p.o.Warnings, "Unexpected argument(s): "+strings.Join(rest, " "))
	}
}

// long reads a flag by its long name or what is left of it: took says that its value was the next word, stop that nothing
// after it counts.
func (p *parser) long(word string, next []string) (took, stop bool) {
	name, value, given := strings.Cut(word, "=")
	f := p.named(name)
	switch {
	case f == nil, given && f.arity == none:
		p.fail("Unknown option --%s", word)
		return false, false
	case given && value == "" && f.arity == required:
		p.fail("Missing parameter for option --%s", f.long)
		return false, false
	case !given && f.arity == required:
		if len(next) == 0 {
			p.fail("Missing parameter for option --%s", f.long)
			return false, false
		}
		value, took = next[0], true
	}
	return took, p.take(f, value)
}

// named finds a long flag by its name, or by the beginning of a single one.
func (p *parser) named(name string) *flag {
	var found *flag
	for i := range p.table {
		switch f := &p.table[i]; {
		case f.long == name:
			return f
		case !strings.HasPrefix(f.long, name):
		case found != nil:
			return nil
		default:
			found = f
		}
	}
	return found
}

// shorts reads a bundle of short flags.
func (p *parser) shorts(bundle string, next []string) (took, stop bool) {
	for i := 0; i < len(bundle); i++ {
		f := p.letter(bundle[i])
		if f == nil {
			p.fail("Unknown option -%c", bundle[i])
			continue
		}
		rest := bundle[i+1:]
		switch {
		case f.arity == none:
			if p.take(f, "") {
				return false, true
			}
			continue
		case rest != "" || f.arity == optional:
			return false, p.take(f, rest)
		case len(next) == 0:
			p.fail("Missing parameter for option -%c", f.short)
			return false, false
		}
		return true, p.take(f, next[0])
	}
	return false, false
}

func (p *parser) letter(c byte) *flag {
	for i := range p.table {
		if f := &p.table[i]; f.short == c && c != 0 {
			return f
		}
	}
	return nil
}

// take puts one flag into effect.
func (p *parser) take(f *flag, value string) (stop bool) {
	if f.long == "signum" {
		n, ok := SignalNumber(value)
		if !ok {
			p.fail("Unknown sigfunc %s", value)
		}
		p.o.Action, p.o.Signal = Signum, n
		return true
	}
	if f.set != nil {
		f.set(&p.o, value)
	}
	return f.stop
}
