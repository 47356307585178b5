// SPDX-License-Identifier: Apache-2.0

package answer

import (
	"fmt"
	"net/netip"
	"strconv"
	"text/template/parse"
	"time"
)

// literalText is a template made ready: it is run from the first part to the last and never backwards, so that it ends, and
// says no more than it has places for.
type literalText []literalPart

// literalPart says a text, says a fact, or goes on elsewhere.
type literalPart struct {
	text string
	fact literalFact
	to   int // where to go on: if the fact is empty, or in any case without a fact; 0: at the next part
}

type literalFact uint8

const (
	literalNoFact literalFact = iota
	literalService
	literalLocal
	literalRemote
	literalNext
	literalReason
	literalRetryAfter
)

// literalFactOf returns the fact of that name.
func literalFactOf(name string) (literalFact, bool) {
	switch name {
	case "Service":
		return literalService, true
	case "Local":
		return literalLocal, true
	case "Remote":
		return literalRemote, true
	case "Next":
		return literalNext, true
	case "Reason":
		return literalReason, true
	case "RetryAfter":
		return literalRetryAfter, true
	}
	return literalNoFact, false
}

// literalParse reads a template.
func literalParse(text string) (literalText, error) {
	const name = "answer"
	trees, err := parse.Parse(name, text, "", "")
	if err != nil {
		return nil, err
	}
	tree := trees[name]
	if tree == nil || tree.Root == nil || len(trees) != 1 {
		return nil, fmt.Errorf("want one template, there are %d", len(trees))
	}
	return literalText(nil).add(tree.Root)
}

// add appends the parts of what was parsed.
func (t literalText) add(list *parse.ListNode) (literalText, error) {
	for _, node := range list.Nodes {
		switch n := node.(type) {
		case *parse.TextNode:
			t = append(t, literalPart{text: string(n.Text)})
		case *parse.ActionNode:
			fact, err := literalPlace(n.Pipe)
			if err != nil {
				return nil, err
			}
			t = append(t, literalPart{fact: fact})
		case *parse.IfNode:
			var err error
			if t, err = t.addIf(n); err != nil {
				return nil, err
			}
		default:
			return nil, fmt.Errorf("%s is not for answers: want {{.NAME}} or {{if .NAME}}", node)
		}
	}
	return t, nil
}

// addIf appends {{if .NAME}} … {{else}} … {{end}}.
func (t literalText) addIf(n *parse.IfNode) (literalText, error) {
	fact, err := literalPlace(n.Pipe)
	if err != nil {
		return nil, err
	}
	ask := len(t)
	if t, err = append(t, literalPart{fact: fact}).add(n.List); err != nil {
		return nil, err
	}
	if n.ElseList == nil {
		t[ask].to = len(t)
		return t, nil
	}
	over := len(t)
	t = append(t, literalPart{})
	t[ask].to = len(t)
	if t, err = t.add(n.ElseList); err != nil {
		return nil, err
	}
	t[over].to = len(t)
	return t, nil
}

// literalPlace returns the fact that a place asks for.
func literalPlace(p *parse.PipeNode) (literalFact, error) {
	if len(p.Decl) == 0 && len(p.Cmds) == 1 && len(p.Cmds[0].Args) == 1 {
		if n, ok := p.Cmds[0].Args[0].(*parse.FieldNode); ok && len(n.Ident) == 1 {
			if fact, ok := literalFactOf(n.Ident[0]); ok {
				return fact, nil
			}
		}
	}
	return 0, fmt.Errorf("{{%s}}: want one of .Service, .Local, .Remote, .Next, .Reason, .RetryAfter", p)
}

// say appends what the template comes to; not ok, and nothing appended, if that is too much.
func (t literalText) say(f *Facts, out []byte) ([]byte, bool) {
	start := len(out)
	for i := 0; i < len(t); {
		p := &t[i]
		i++
		switch {
		case p.to == 0:
			out = append(out, p.text...)
			out = p.fact.append(f, out)
		case !p.fact.known(f):
			i = p.to
		}
		if len(out)-start > literalSendMax {
			return out[:start], false
		}
	}
	return out, true
}

// known says whether there is something to say.
func (n literalFact) known(f *Facts) bool {
	switch n {
	case literalService:
		return f.Service != ""
	case literalLocal:
		return f.Local.IsValid()
	case literalRemote:
		return f.Remote.IsValid()
	case literalNext:
		return f.Next != ""
	case literalReason:
		return f.Reason != ""
	case literalRetryAfter:
		return f.RetryAfter > 0
	case literalNoFact:
	}
	return false
}

// append appends a fact, in one line.
func (n literalFact) append(f *Facts, out []byte) []byte {
	switch n {
	case literalService:
		return appendClean(out, f.Service)
	case literalLocal:
		return literalAddress(out, f.Local)
	case literalRemote:
		return literalAddress(out, f.Remote)
	case literalNext:
		return appendClean(out, f.Next)
	case literalReason:
		return appendClean(out, f.Reason)
	case literalRetryAfter:
		return strconv.AppendInt(out, int64((f.RetryAfter+time.Second-1)/time.Second), 10)
	case literalNoFact:
	}
	return out
}

// literalAddress appends address and port, if there are any.
func literalAddress(out []byte, a netip.AddrPort) []byte {
	if !a.IsValid() {
		return out
	}
	return a.AppendTo(out)
}
