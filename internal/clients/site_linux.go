// SPDX-License-Identifier: Apache-2.0

package clients

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/regent-ha/regent/internal/netlab"
)

// Addresses of the site. Clients sort the addresses of a name by how much they have in common with their own: those that are
// inherited have more than the second one.
const (
	clientAddress = "10.99.0.128"
	Second        = "10.99.0.144"
)

// firsts are the addresses that n1 owns and n2 inherits, one for each round of answers.
func firsts() []string { return []string{"10.99.0.129", "10.99.0.130", "10.99.0.131"} }

const (
	firstVRID = 51
	patience  = 15 * time.Second // with a daemon, or an election
)

const serviceText = `
[[service]]
name              = "service-%d"
interface         = "eth0"
virtual_router_id = %d
addresses         = ["%s/24"]
advert_interval   = "300ms"
priority          = %d
refuse            = %t
`

// Rounds are what n2 answers at ports of the inherited addresses: for each address a map from ports to values of
// [service.respond]. Ports that are not named refuse.
type Rounds []map[string]string

// Plan gives every answer of the clients to a round, such that a client finds its n-th answer in round n. The first round,
// number 0, is that of the default.
func Plan(list []Client) (Rounds, error) {
	plan := make(Rounds, len(firsts()))
	for i := range plan {
		plan[i] = map[string]string{}
	}
	for _, c := range list {
		for i, answer := range c.Answers {
			if i+1 >= len(plan) {
				return nil, fmt.Errorf("%s has %d answers: there are addresses for %d", c.Name, len(c.Answers), len(plan)-1)
			}
			if had := plan[i+1][c.Port]; had != "" && had != answer {
				return nil, fmt.Errorf("%s wants %s at %s in round %d, another client %s", c.Name, answer, c.Port, i+1, had)
			}
			plan[i+1][c.Port] = answer
		}
	}
	return plan, nil
}

// text is the configuration of a node.
func (r Rounds) text(node string, priority int, heir bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "node = %q\n", node)
	for i, answers := range r {
		fmt.Fprintf(&b, serviceText, i, firstVRID+i, firsts()[i], priority, heir)
		if !heir || len(answers) == 0 {
			continue
		}
		var lines []string
		for port, answer := range answers {
			lines = append(lines, fmt.Sprintf("%q = %s\n", port, answer))
		}
		slices.Sort(lines)
		b.WriteString("[service.respond]\n" + strings.Join(lines, ""))
	}
	return b.String()
}

// Site is the network in which clients are measured.
type Site struct {
	lab    *netlab.Lab
	wire   *netlab.Capture
	dir    string
	owner  *netlab.Node // n1
	heir   *netlab.Node // n2
	other  *netlab.Node // n3
	client *netlab.Node

	strayed  atomic.Int64 // how often the wrong server was reached
	replayed []error
}

// Open builds the network in a laboratory, starts regent (the program) on n1 and n2, and waits until n1 has the addresses. Wrong
// servers are at the ports of all clients in the list.
func Open(ctx context.Context, lab *netlab.Lab, program string, list []Client) (*Site, error) {
	s := &Site{lab: lab, dir: lab.Dir()}
	plan, err := Plan(list)
	if err != nil {
		return nil, err
	}
	for _, n := range []struct {
		node      **netlab.Node
		name      string
		addresses []string
	}{
		{&s.owner, "n1", []string{"10.99.0.1/24"}},
		{&s.heir, "n2", []string{"10.99.0.2/24"}},
		{&s.other, "n3", []string{"10.99.0.3/24", Second + "/24"}},
		{&s.client, "client", []string{clientAddress + "/24"}},
	} {
		if *n.node, err = lab.Node(n.name, n.addresses...); err != nil {
			return nil, err
		}
	}
	if s.wire, err = lab.Capture("clients", ""); err != nil {
		return nil, err
	}
	if err := errors.Join(s.names(), s.guard(ctx, list)); err != nil {
		return nil, err
	}
	if err := s.daemon(ctx, s.owner, program, plan.text("n1", 200, false)); err != nil {
		return nil, err
	}
	if err := poll(ctx, "n1 has the addresses", func() bool { return s.holds(s.owner, true) }); err != nil {
		return nil, err
	}
	if err := s.daemon(ctx, s.heir, program, plan.text("n2", 100, true)); err != nil {
		return nil, err
	}
	return s, poll(ctx, "n2 has not the addresses", func() bool { return s.holds(s.heir, false) })
}

// holds tells whether a node has all inherited addresses, or none.
func (s *Site) holds(n *netlab.Node, all bool) bool {
	for _, a := range firsts() {
		if n.Holds(netip.MustParseAddr(a)) != all {
			return false
		}
	}
	return true
}

// daemon starts regent on a node.
func (s *Site) daemon(ctx context.Context, n *netlab.Node, program, text string) error {
	dir := filepath.Join(s.dir, n.Name())
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("configure %s: %w", n.Name(), err)
	}
	file := filepath.Join(dir, "regent.toml")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		return fmt.Errorf("configure %s: %w", n.Name(), err)
	}
	if out, err := n.Run(ctx, program, "check", "-c", file); err != nil {
		return fmt.Errorf("configure %s: %w: %s", n.Name(), err, out)
	}
	_, err := n.Start(ctx, program, "run", "-c", file, "--state-dir", filepath.Join(dir, "state"), "--run-dir", filepath.Join(dir, "run"))
	return err
}

// names writes the files by which a client knows two addresses (of each round), and those by which it knows the second alone.
func (s *Site) names() error {
	for _, first := range append(firsts(), Second) {
		hosts, servers := "127.0.0.1 localhost\n", ""
		for _, a := range slices.Compact([]string{first, Second}) {
			hosts += a + " " + Host + "\n"
			servers += "nameserver " + a + "\n"
		}
		for file, text := range map[string]string{s.hostsFile(first): hosts, s.resolvFile(first): servers} {
			if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
				return fmt.Errorf("write names: %w", err)
			}
		}
	}
	return nil
}

func (s *Site) hostsFile(first string) string  { return filepath.Join(s.dir, "hosts."+first) }
func (s *Site) resolvFile(first string) string { return filepath.Join(s.dir, "resolv."+first) }

// guard lets a wrong server listen at the clients' ports on n2, on the wildcard address, until ctx ends.
func (s *Site) guard(ctx context.Context, list []Client) error {
	done := map[string]bool{}
	for _, c := range list {
		if done[c.Port] {
			continue
		}
		done[c.Port] = true
		proto, number, _ := strings.Cut(c.Port, "/")
		if proto == "udp" {
			conn, err := s.heir.ListenPacket("udp", ":"+number)
			if err != nil {
				return fmt.Errorf("wrong server: %w", err)
			}
			context.AfterFunc(ctx, func() { conn.Close() })
			go s.strayDatagrams(conn)
			continue
		}
		l, err := s.heir.Listen("tcp", ":"+number)
		if err != nil {
			return fmt.Errorf("wrong server: %w", err)
		}
		context.AfterFunc(ctx, func() { l.Close() })
		go s.strayConnections(l)
	}
	return nil
}

// strayConnections accepts what should have been refused.
func (s *Site) strayConnections(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		s.strayed.Add(1)
		c.Close() //nolint:errcheck // counted is enough
	}
}

// strayDatagrams receives what should have been refused.
func (s *Site) strayDatagrams(c net.PacketConn) {
	for {
		if _, _, err := c.ReadFrom(make([]byte, 1)); err != nil {
			return
		}
		s.strayed.Add(1)
	}
}

// poll waits until a condition holds.
func poll(ctx context.Context, what string, condition func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("not within %v: %s", patience, what)
		case <-tick.C:
		}
	}
	return nil
}
