// SPDX-License-Identifier: Apache-2.0

package clients

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/regent-ha/regent/internal/netlab"
)

func TestMain(m *testing.M) { os.Exit(netlab.Main(m)) }

// Addresses. Clients sort the addresses of a name by how near they are: the first ones are nearer than the second.
const (
	clientAddress = "10.99.0.128"
	plain         = "10.99.0.129" // inherited, with the default answer
	spoken        = "10.99.0.130" // inherited, with the answers of protocols
	second        = "10.99.0.144" // where a client is served
)

// configuration is the daemon's on both nodes, but for the priority: the owner's is the higher one.
const configuration = `
[[service]]
name = "plain"
interface = "eth0"
virtual_router_id = 51
addresses = ["10.99.0.129/24"]
advert_interval = "100ms"
priority = @PRIORITY@
refuse = true

[[service]]
name = "spoken"
interface = "eth0"
virtual_router_id = 52
addresses = ["10.99.0.130/24"]
advert_interval = "100ms"
priority = @PRIORITY@
refuse = true
[service.respond]
"tcp/5432" = "postgresql"
"tcp/3306" = "mysql"
"tcp/80" = "http"
"tcp/8080" = { answer = "http", location = "http://10.99.0.144" }
"tcp/6379" = "redis"
"tcp/1883" = "mqtt"
"tcp/389" = "ldap"
"tcp/25" = "smtp"
"tcp/22" = "ssh"
"tcp/53" = "dns"
"udp/53" = "dns"
"udp/443" = "quic"
`

// site is two nodes with Regent, one with servers, and one with clients.
type site struct {
	t                          *testing.T
	lab                        *netlab.Lab
	owner, heir, other, client *netlab.Node
	wire                       *netlab.Capture
	dir                        string
	goclients                  string // the program
}

func newSite(t *testing.T) *site {
	t.Helper()
	netlab.Require(t, "unshare")
	lab := netlab.Test(t)
	s := &site{t: t, lab: lab, dir: lab.Dir()}
	s.owner, s.heir, s.other = s.node("owner", "10.99.0.1/24"), s.node("heir", "10.99.0.2/24"), s.node("other", "10.99.0.3/24", second+"/24")
	s.client = s.node("client", clientAddress+"/24")
	s.must(s.listen())
	s.goclients = s.build("goclients", "goclients", ".")
	s.start(s.other, s.goclients, "serve", second)
	var err error
	s.wire, err = lab.Capture("takeovers", "proto 112")
	s.must(err)
	regent := s.build("regent", ".", "github.com/regent-ha/regent/cmd/regent")
	for node, priority := range map[*netlab.Node]string{s.owner: "200", s.heir: "100"} {
		dir := filepath.Join(s.dir, node.Name())
		s.must(os.MkdirAll(dir, 0o700))
		file := filepath.Join(dir, "regent.toml")
		s.must(os.WriteFile(file, []byte(strings.ReplaceAll(configuration, "@PRIORITY@", priority)), 0o600))
		s.start(node, regent, "run", "-c", file, "--state-dir", dir, "--run-dir", dir)
	}
	s.until("the owner answers", func() bool {
		return s.owner.Holds(netip.MustParseAddr(plain)) && s.owner.Holds(netip.MustParseAddr(spoken))
	})
	return s
}

func (s *site) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) node(name string, prefixes ...string) *netlab.Node {
	s.t.Helper()
	n, err := s.lab.Node(name, prefixes...)
	s.must(err)
	return n
}

// build builds a program of a module.
func (s *site) build(name, dir, pkg string) string {
	s.t.Helper()
	program := filepath.Join(s.dir, name)
	cmd := exec.Command("go", "build", "-o", program, pkg)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		s.t.Fatalf("build %s: %v\n%s", pkg, err, out)
	}
	return program
}

func (s *site) start(n *netlab.Node, name string, args ...string) {
	s.t.Helper()
	cmd, err := n.Start(context.Background(), name, args...)
	s.must(err)
	s.t.Cleanup(func() { cmd.Stop(10 * time.Second) })
}

func (s *site) until(what string, ok func() bool) {
	s.t.Helper()
	for end := time.Now().Add(15 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatalf("not within 15 s: %s", what)
		}
	}
}

// takeover cuts the owner off, and returns when the heir spoke for an address first.
func (s *site) takeover(vrid uint8) time.Time {
	s.t.Helper()
	cut := time.Now()
	s.must(s.owner.Cut())
	ctx, cancel := context.WithTimeout(s.t.Context(), 5*time.Second)
	defer cancel()
	f, err := s.wire.Wait(ctx, cut, func(f netlab.Frame) bool {
		id, priority, ok := f.VRRP()
		return ok && id == vrid && priority == 100
	})
	s.must(err)
	return f.Time
}

// restore lets the owner have its addresses back.
func (s *site) restore() {
	s.t.Helper()
	s.must(s.owner.Heal())
	s.until("the owner is back", func() bool {
		return !s.heir.Holds(netip.MustParseAddr(plain)) && !s.heir.Holds(netip.MustParseAddr(spoken)) &&
			s.owner.Holds(netip.MustParseAddr(plain)) && s.owner.Holds(netip.MustParseAddr(spoken))
	})
}

// run lets a client look for its service, at a first address and the second one.
func (s *site) run(c *client, first string) result {
	s.t.Helper()
	hosts, resolv := filepath.Join(s.dir, "hosts"), filepath.Join(s.dir, "resolv.conf")
	s.must(os.WriteFile(hosts, []byte(fmt.Sprintf("127.0.0.1 localhost\n%s svc.test\n%s svc.test\n", first, second)), 0o644))
	s.must(os.WriteFile(resolv, []byte(fmt.Sprintf("nameserver %s\nnameserver %s\n", first, second)), 0o644))
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	args := c.command(s, first)
	// The files of a name service are the client's own, in a mount namespace.
	script := `mount --bind "$1" /etc/hosts && mount --bind "$2" /etc/resolv.conf && shift 2 && exec "$@"`
	cmd := s.client.Command(ctx, "unshare", append([]string{"-m", "sh", "-c", script, "sh", hosts, resolv}, args...)...)
	cmd.Env = append(os.Environ(), "HOME="+s.dir, "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	r := result{output: tell(string(out), c.says)}
	switch {
	case ctx.Err() != nil:
		r.outcome = "hangs"
	case err == nil && strings.Contains(string(out), c.wants):
		r.outcome = "moves on"
	default:
		r.outcome = "stops"
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			s.t.Fatalf("%s: %v", c.name, err)
		}
	}
	return r
}

// patience is how long a client may take.
const patience = 12 * time.Second

// result is what became of a client.
type result struct {
	outcome string // "moves on", "stops", "hangs"
	output  string // its last line
}

// tell is the line with the words, or the last one.
func tell(s, words string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	told := lines[len(lines)-1]
	for _, l := range lines {
		if words != "" && strings.Contains(l, words) {
			told = l
		}
	}
	return strings.Trim(told, " ;\t")
}
