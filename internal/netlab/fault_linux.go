// SPDX-License-Identifier: Apache-2.0

package netlab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
)

// Loss says which frames a network loses.
type Loss struct {
	// From and To limit it to frames that one node sends or that one node would
	// receive. Without To, frames are lost on arrival at the bridge and captures of the
	// network do not have them; with it, they are lost on the way out.
	From, To *Node
	// Match is an nft expression, such as "ip protocol 112", "ip6 nexthdr 112" or
	// "ether type arp". Absent: every frame.
	Match string
	// Percent of the frames that are lost, at random; 0 means all.
	Percent int
}

// Fault is a Loss or a duplication in force.
type Fault struct {
	network *Network
	text    string
	table   string // family and name
	chain   string
}

// Drop starts losing frames. It uses nft in the network's own namespace.
func (w *Network) Drop(l Loss) (*Fault, error) {
	rule, hook, err := w.rule(l)
	if err != nil {
		return nil, fmt.Errorf("drop on network %s: %w", w.name, err)
	}
	return w.install("bridge lab", "filter hook "+hook, rule+" counter drop", l)
}

// Duplicate sends the frames of From that match a second time to To, both of which
// are needed. Captures of the network see the frame once, To receives it twice.
func (w *Network) Duplicate(l Loss) (*Fault, error) {
	if l.From == nil || l.To == nil {
		return nil, fmt.Errorf("duplicate on network %s: sender and receiver are needed", w.name)
	}
	from, to := w.portOf(l.From), w.portOf(l.To)
	if from == nil || to == nil {
		return nil, fmt.Errorf("duplicate on network %s: %w", w.name, errNoPort)
	}
	rule := strings.Join([]string{l.Match, chance(l.Percent), "counter dup to", strconv.Quote(to.name)}, " ")
	return w.install("netdev lab", "filter hook ingress device "+strconv.Quote(from.name), rule, l)
}

// rule translates a loss to an nft rule and to the hook it belongs to.
func (w *Network) rule(l Loss) (rule, hook string, err error) {
	hook = "prerouting"
	var parts []string
	if l.From != nil {
		p := w.portOf(l.From)
		if p == nil {
			return "", "", fmt.Errorf("node %s: %w", l.From.name, errNoPort)
		}
		parts = append(parts, "iifname "+strconv.Quote(p.name))
	}
	if l.To != nil {
		p := w.portOf(l.To)
		if p == nil {
			return "", "", fmt.Errorf("node %s: %w", l.To.name, errNoPort)
		}
		parts = append(parts, "oifname "+strconv.Quote(p.name))
		hook = "forward"
	}
	parts = append(parts, l.Match, chance(l.Percent))
	return strings.Join(parts, " "), hook, nil
}

// chance is the part of a rule that holds for a share of the frames.
func chance(percent int) string {
	if percent <= 0 || percent >= 100 {
		return ""
	}
	return fmt.Sprintf("numgen random mod 100 < %d", percent)
}

// portOf finds a node's port on the network.
func (w *Network) portOf(n *Node) *Port {
	w.lab.mu.Lock()
	defer w.lab.mu.Unlock()
	for _, p := range n.ports {
		if p.network == w {
			return p
		}
	}
	return nil
}

// install puts the rule into a chain of its own: it can be taken out alone.
func (w *Network) install(table, hook, rule string, l Loss) (*Fault, error) {
	w.lab.mu.Lock()
	w.chains++
	number := w.chains
	w.lab.mu.Unlock()
	f := &Fault{network: w, table: table, chain: fmt.Sprintf("fault%d", number), text: rule}
	script := fmt.Sprintf("add table %s\nadd chain %s %s { type %s priority %d; policy accept; }\nadd rule %s %s %s\n",
		table, table, f.chain, hook, number, table, f.chain, rule)
	if _, err := w.nft(script); err != nil {
		return nil, err
	}
	w.lab.log("network %s: fault: %s", w.name, rule)
	return f, nil
}

// Stop ends the fault.
func (f *Fault) Stop() error {
	if _, err := f.network.nft(fmt.Sprintf("flush chain %s %s\ndelete chain %s %s\n",
		f.table, f.chain, f.table, f.chain)); err != nil {
		return err
	}
	f.network.lab.log("network %s: fault over: %s", f.network.name, f.text)
	return nil
}

// Count is the number of frames that the fault has hit.
func (f *Fault) Count() (int, error) {
	text, err := f.network.nft(fmt.Sprintf("list chain %s %s\n", f.table, f.chain))
	if err != nil {
		return 0, err
	}
	found := regexp.MustCompile(`counter packets (\d+)`).FindStringSubmatch(text)
	if found == nil {
		return 0, errors.New("nft shows no counter: " + text)
	}
	return strconv.Atoi(found[1])
}

// nft runs a script inside the network's namespace.
func (w *Network) nft(script string) (string, error) {
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(context.Background(), "nft", "-f", "-")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(script), &stdout, &stderr
	err := w.space.onThread(cmd.Start)
	if err == nil {
		err = cmd.Wait()
	}
	if err != nil {
		return "", fmt.Errorf("network %s: nft: %w: %s", w.name, err, strings.TrimSpace(stderr.String()))
	}
	return stdout.String(), nil
}
