// SPDX-License-Identifier: Apache-2.0

package keepalived

import (
	"slices"

	"github.com/regent-ha/regent/conf"
)

// node is a line and the block that follows it.
type node struct {
	words  []Token // never empty but for a block without a line before it
	block  []*node
	braced bool
	broken Place // of a word that was lost, as its quotation does not end
	open   Place
	end    Place
}

func (n *node) at() Place {
	if len(n.words) > 0 {
		return n.words[0].At
	}
	return n.open
}

// name returns the keyword.
func (n *node) name() string {
	if len(n.words) > 0 {
		return n.words[0].Text
	}
	return ""
}

// args returns the words after the keyword.
func (n *node) args() []Token {
	if len(n.words) > 0 {
		return n.words[1:]
	}
	return nil
}

// tree makes blocks of lines. Braces match whatever they enclose: a block of an unknown keyword ends at its own brace.
type tree struct {
	*log
	root  node
	stack []*node // open blocks, the innermost last
	last  *node   // the line that a brace may follow
	deep  int     // blocks below the bound, which are dropped
}

func newTree(l *log) *tree {
	t := &tree{log: l}
	t.stack = []*node{&t.root}
	return t
}

// line takes the next line.
func (t *tree) line(l text) {
	for _, p := range t.pieces(l) {
		switch {
		case p.brace == '{':
			t.openBlock(p.at)
		case p.brace == '}':
			t.closeBlock(p.at)
		case t.deep == 0:
			t.last = &node{words: p.words}
			if last := len(p.words) - 1; p.words[last].open {
				t.last.words, t.last.broken = p.words[:last], p.words[last].At
			}
			in := t.stack[len(t.stack)-1]
			in.block = append(in.block, t.last)
		}
	}
}

func (t *tree) openBlock(at Place) {
	if t.deep > 0 || len(t.stack) > maxDepth {
		if t.deep == 0 {
			t.refuse(at, Structure, "blocks more than %d deep", maxDepth)
		}
		t.deep++
		return
	}
	n := t.last
	if n == nil {
		t.refuse(at, Structure, "a block needs a keyword before its {")
		n = &node{} // read to its end and forgotten
	}
	n.braced, n.open = true, at
	t.stack = append(t.stack, n)
	t.last = nil
}

func (t *tree) closeBlock(at Place) {
	t.last = nil
	if t.deep > 0 {
		t.deep--
		return
	}
	if len(t.stack) == 1 {
		t.add(at, Structure, conf.Warning, "this } closes nothing: is there one too many above?")
		return
	}
	t.stack[len(t.stack)-1].end = at
	t.stack = t.stack[:len(t.stack)-1]
}

// finish closes what is open at the end and returns the lines at the root. A block that was not closed gives back the
// blocks that can only stand at the root, so that they are judged for what they are.
func (t *tree) finish() []*node {
	for len(t.stack) > 1 {
		n := t.stack[len(t.stack)-1]
		t.stack = t.stack[:len(t.stack)-1]
		stray := slices.IndexFunc(n.block, func(k *node) bool { return k.braced && onlyAtRoot(k.name()) && len(k.args()) > 0 })
		if stray < 0 {
			t.add(n.open, Structure, conf.Warning, "this block of %s is not closed at the end of the file", n.name())
			continue
		}
		t.refuse(n.open, Structure, "this block of %s is not closed: the } is probably missing before %s in line %d",
			n.name(), n.block[stray].name(), n.block[stray].at().Line)
		out := t.stack[len(t.stack)-1]
		out.block = append(out.block, n.block[stray:]...)
		n.block = n.block[:stray]
	}
	return t.root.block
}

// onlyAtRoot reports whether a block of that name stands in no other.
func onlyAtRoot(name string) bool {
	switch name {
	case "vrrp_instance", "vrrp_script", "vrrp_sync_group", "vrrp_track_process", "vrrp_track_file", "bfd_instance",
		"virtual_server", "virtual_server_group", "global_defs":
		return true
	}
	return false
}
