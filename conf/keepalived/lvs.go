// SPDX-License-Identifier: Apache-2.0

package keepalived

import "strings"

// lvs reports whether a keyword outside of every block is the load balancer's.
func lvs(name string) bool {
	switch name {
	case "virtual_server", "virtual_server_group", "real_server", "SSL", "ssl", "virtualhost", "sorry_server":
		return true
	}
	return false
}

// virtual keeps the place of what is the load balancer's, and says so once for each. What is in its blocks is nobody's
// business here.
func (p *parser) virtual(n *node) {
	v := LVS{At: n.at()}
	for _, w := range n.words {
		v.Words = append(v.Words, w.Text)
	}
	p.cfg.LVS = append(p.cfg.LVS, v)
	p.note(n.at(), "%s is the load balancer's, which Regent is not: keep `keepalived -C` running for it", strings.Join(v.Words, " "))
	for _, inner := range n.block {
		p.lost(inner)
	}
}

// lost looks in a block that is not read for what cannot have been meant to be in it.
func (p *parser) lost(n *node) {
	switch {
	case n.braced && onlyAtRoot(n.name()) && n.name() != "virtual_server":
		p.refuse(n.at(), Structure, "%s in a block of the load balancer: is a } missing before it?", n.name())
		p.walk("", []*node{n})
	default:
		for _, inner := range n.block {
			p.lost(inner)
		}
	}
}
