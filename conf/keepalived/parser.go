// SPDX-License-Identifier: Apache-2.0

package keepalived

import (
	"fmt"
	"slices"
	"strings"

	"github.com/regent-ha/regent/conf"
)

// Parse reads the configuration that begins with the named file. The configuration is never nil and always usable as far
// as it goes; whether it should be used is said by the problems: one that is an error refuses it.
func Parse(name string, o Options) (*Config, Problems) {
	return parse(name, o, budget{files: maxFiles, lines: maxLines, text: maxText})
}

func parse(name string, o Options, b budget) (*Config, Problems) {
	l := &log{}
	p := newParser(l, o)
	t := newTree(l)
	r := newReader(o, l, b, t.line)
	r.read(name, r.absolute(name), Place{File: name, Line: 1, Column: 1})
	p.walk("", t.finish())
	p.finish()
	p.cfg.Files = l.files
	return p.cfg, l.found.Sorted(l.files)
}

// parser turns blocks into the model. What a block sets is collected in the value of its kind below, which the block's
// end appends to the configuration.
type parser struct {
	*log
	Options
	cfg   *Config
	table map[string]map[string]*Keyword
	where string // the block being read, as messages name it

	instance  Instance
	auth      authentication
	hmac      HMAC
	group     SyncGroup
	script    Script
	file      TrackFile
	process   TrackProcess
	bfd       BFD
	trackers  TrackGroup
	garpGroup GARPGroup

	unicastWord Place // the first unicast_ keyword of the instance
	nativeIPv6  bool  // the instance says so
	shortMAC    bool  // the instance's use_vmac has an address of 5 bytes
	seen        map[string]Place
	preference  uint32 // the next rule's without one

	weights   [4]map[string]Weight // of scripts, files, processes, BFDs by name
	instances map[string]*Instance
}

// authentication is the block of that name: the order of its lines does not matter.
type authentication struct {
	kind Value[string]
	pass Value[string]
}

func newParser(l *log, o Options) *parser {
	p := &parser{log: l, Options: o, cfg: &Config{}, seen: map[string]Place{}, preference: 16384}
	p.defaults()
	p.table = map[string]map[string]*Keyword{}
	table := p.keywords()
	for i := range table {
		k := &table[i]
		if p.table[k.Block] == nil {
			p.table[k.Block] = map[string]*Keyword{}
		}
		p.table[k.Block][k.Name] = k
	}
	return p
}

// walk reads the lines of a block by the keywords of its kind.
func (p *parser) walk(block string, lines []*node) {
	for _, n := range lines {
		k := p.table[block][n.name()]
		if k == nil {
			p.unknown(block, n)
			continue
		}
		if k.needs > len(n.args()) && n.broken.IsSet() {
			continue // nothing is left of it, which has been said
		}
		if k.needs > len(n.args()) {
			p.refuse(n.at(), Missing, "%s needs an argument: %s %s", k.Name, k.Name, k.Args)
			continue
		}
		if k.block && !n.braced {
			p.refuse(n.at(), Structure, "%s needs a block: %s { … }", k.Name, strings.TrimSpace(k.Name+" "+strings.Trim(k.Args, "{ }…")))
			continue
		}
		if !k.block && n.braced && !k.loose {
			p.refuse(n.open, Structure, "%s takes no block: what is between these braces is not read", k.Name)
		}
		if k.limit >= 0 && len(n.args()) > k.limit {
			p.surplus(k, n)
		}
		switch k.Support {
		case Supported, Accepted:
		case Warned:
			p.add(n.at(), Unable, conf.Warning, "%s has no effect: %s", k.Name, k.Note)
		case Refused:
			p.refuse(n.at(), Unable, "%s: %s", k.Name, k.Note)
		}
		if k.do != nil {
			k.do(n)
		}
	}
}

// surplus names words that keepalived passes over in silence.
func (p *parser) surplus(k *Keyword, n *node) {
	w := n.args()[k.limit]
	if k.limit == 0 && slices.Contains([]string{"false", "off", "no"}, w.Text) {
		p.note(w.At, "%s takes no argument: it is on although %q follows; remove the line to turn it off", k.Name, w.Text)
		return
	}
	if _, known := p.table[k.Block][w.Text]; known {
		p.note(w.At, "%q is not read: a line holds one keyword, and this one is %s", w.Text, k.Name)
		return
	}
	p.note(w.At, "%q is not read: %s takes %s", w.Text, k.Name, arguments(k.limit))
}

func arguments(n int) string {
	switch n {
	case 0:
		return "no argument"
	case 1:
		return "one argument"
	}
	return fmt.Sprintf("at most %d arguments", n)
}

// unknown names a keyword that a block does not have: an error where braces are out of place, else what keepalived says
// too before it goes on.
func (p *parser) unknown(block string, n *node) {
	name := n.name()
	if name == "" {
		return
	}
	if block == "" && lvs(name) || block == "lvs" {
		p.virtual(n)
		return
	}
	if block != "" && onlyAtRoot(name) && n.braced {
		p.refuse(n.at(), Structure, "%s in %s: is a } missing before it?", name, p.where)
		p.walk("", []*node{n})
		return
	}
	if block == "" {
		if k := p.table["vrrp_instance"][name]; k != nil && k.block == n.braced && len(n.args()) >= k.needs && p.table["global_defs"][name] == nil {
			p.refuse(n.at(), Structure, "%s belongs in vrrp_instance: is there a } too many before it?", name)
			return
		}
	}
	if p.full {
		return // what follows searches for words to say
	}
	place := "at the top of the file"
	if block != "" {
		place = "in " + p.where
	}
	skipped := ""
	if n.braced {
		skipped = "; its block is skipped"
	}
	if home := p.homes(name, block); home != "" {
		p.warn(n.at(), "unknown keyword %q %s: it belongs in %s%s", name, place, home, skipped)
		return
	}
	hint := meant(name, p.names(block))
	if hint == "" && block == "vrrp_sync_group" && !n.braced {
		hint = ": instances stand in group { … }"
	}
	p.warn(n.at(), "unknown keyword %q %s%s%s", name, place, hint, skipped)
}

// names returns the keywords of a block.
func (p *parser) names(block string) []string {
	var out []string
	for name := range p.table[block] {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// homes returns the blocks that have the keyword.
func (p *parser) homes(name, not string) string {
	var out []string
	for block, names := range p.table {
		if names[name] != nil && block != not {
			if block == "" {
				block = "no block"
			}
			out = append(out, block)
		}
	}
	slices.Sort(out)
	if len(out) > 3 {
		return ""
	}
	return strings.Join(out, ", ")
}

// inside reads a block under a name for messages.
func (p *parser) inside(block, where string, n *node) {
	outer := p.where
	p.where = where
	p.walk(block, n.block)
	p.where = outer
}
