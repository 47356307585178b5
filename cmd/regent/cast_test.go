// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/internal/netlab"
	"github.com/regent-ha/regent/internal/status"
)

// cast is a cluster whose nodes tell each other about themselves, with a client, and with a service that can be started on
// each node: it greets with the node's name.
type cast struct {
	t      *testing.T
	lab    *netlab.Lab
	dir    string // scripts, and files that make them misbehave
	text   string // the configuration
	hosts  map[string]*host
	client *netlab.Node
	wire   *netlab.Capture
}

const (
	startScript = `#!/bin/sh
here=$(dirname "$0"); node=$(cat "$here/$(readlink /proc/self/ns/net)")
echo "start $REGENT_SERVICE" >>"$here/$node.calls"
if [ -e "$here/$node.fails" ]; then echo "cannot start here" >&2; exit 1; fi
if [ -e "$here/$node.hangs" ]; then exec sleep 60; fi
if [ -e "$here/$node.mute" ]; then exit 0; fi
port=${1:-5432}
REGENT_TEST_AS_COMMAND=1 setsid "@PROGRAM@" demo-service --node "$node" --port $port </dev/null >/dev/null 2>&1 &
echo $! >"$here/$node.$port.pid"
`
	stopScript = `#!/bin/sh
here=$(dirname "$0"); node=$(cat "$here/$(readlink /proc/self/ns/net)")
echo "stop $REGENT_SERVICE" >>"$here/$node.calls"
port=${1:-5432}
pid=$(cat "$here/$node.$port.pid" 2>/dev/null) || exit 0
rm -f "$here/$node.$port.pid"
kill -9 "$pid" 2>/dev/null
while kill -0 "$pid" 2>/dev/null; do sleep 0.01; done
exit 0
`
)

// clusterHead is the part of the file that is the same in all tests.
const clusterHead = `
[cluster]
name = "shop"
key_file = "@DIR@/cluster.key"
@ARBITER@
[policy]
@POLICY@
`

// newCast makes the nodes; none is started. In the text, @DIR@ is the directory of the scripts.
func newCast(t *testing.T, nodes int, text string) *cast {
	t.Helper()
	lab := netlab.Test(t)
	c := &cast{t: t, lab: lab, dir: filepath.Join(lab.Dir(), "service"), hosts: map[string]*host{}}
	if err := os.MkdirAll(c.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	c.write("cluster.key", "MDEyMzQ1Njc4OWFiY2RlZg==\n", 0o600)
	c.scripts(startScript, stopScript)
	text = clusterHead + text
	if !strings.Contains(text, "[nodes.") {
		for i := 1; i <= nodes; i++ {
			text += fmt.Sprintf("[nodes.db%d]\naddress = \"10.99.0.%d\"\n", i, i)
		}
	}
	c.text = strings.ReplaceAll(text, "@DIR@", c.dir)
	for i := 1; i <= nodes; i++ {
		name := fmt.Sprintf("db%d", i)
		h := newHost(t, lab, name, fmt.Sprintf("10.99.0.%d/24", i))
		c.hosts[name] = h
		err := h.Do(func() error {
			ns, err := os.Readlink("/proc/thread-self/ns/net")
			if err == nil {
				c.write(ns, name, 0o644)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	var err error
	if c.client, err = lab.Node("client", "10.99.0.100/24"); err != nil {
		t.Fatal(err)
	}
	if c.wire, err = lab.Capture("wire", ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.endServices)
	t.Cleanup(c.judgeDuties)
	return c
}

// with fills in parts of the head.
func (c *cast) with(arbiter, policy string) *cast {
	c.text = strings.NewReplacer("@ARBITER@", arbiter, "@POLICY@", policy).Replace(c.text)
	return c
}

// start starts the daemons of nodes, all if none are named: the first one alone until it is Active, so that no standby steps
// in before it. It waits until all hear each other.
func (c *cast) start(names ...string) *cast {
	c.t.Helper()
	c.with("", "")
	if len(names) == 0 {
		names = slices.Sorted(maps.Keys(c.hosts))
	}
	for i, name := range names {
		h := c.hosts[name]
		h.configure(c.text)
		h.start()
		if i == 0 {
			h.until("active", 10*time.Second, func() bool {
				s, err := h.status()
				return err == nil && slices.ContainsFunc(s.Services, func(v status.Service) bool { return v.State == "active" })
			})
		}
	}
	for _, name := range names {
		h := c.hosts[name]
		h.until("hearing the others", 20*time.Second, func() bool {
			s, err := h.status()
			alive := 0
			for _, n := range s.Nodes {
				if n.Alive {
					alive++
				}
			}
			// Whoever has not heard the Active yet has a timer of its own, and would not inherit in order.
			return err == nil && alive == len(names) && !slices.ContainsFunc(s.Services, func(v status.Service) bool { return v.ActiveAddress == "" })
		})
	}
	return c
}

func (c *cast) write(name, text string, mode os.FileMode) {
	c.t.Helper()
	if err := os.WriteFile(filepath.Join(c.dir, name), []byte(text), mode); err != nil {
		c.t.Fatal(err)
	}
}

// scripts are how the service is started and stopped.
func (c *cast) scripts(start, stop string) {
	c.t.Helper()
	program, err := filepath.Abs(os.Args[0])
	if err != nil {
		c.t.Fatal(err)
	}
	c.write("start", strings.ReplaceAll(start, "@PROGRAM@", program), 0o755)
	c.write("stop", stop, 0o755)
}

const loadScript = `#!/bin/sh
here=$(dirname "$0"); node=$(cat "$here/$(readlink /proc/self/ns/net)")
cat "$here/$node.load" 2>/dev/null || echo 0
`

// overloaded makes nodes overloaded, by a number that a command prints.
func (c *cast) overloaded(names ...string) *cast {
	c.t.Helper()
	for _, n := range names {
		c.write(n+".load", "9\n", 0o644)
	}
	c.write("load", loadScript, 0o755)
	return c.with("", fmt.Sprintf(`overload = { exec = { command = ["%s/load"], high = 5, low = 3 }, dwell = "100ms", interval = "100ms" }`, c.dir))
}

// listeners lets the service run on every node from the beginning, on all addresses: it is refused by the rules alone.
func (c *cast) listeners() *cast {
	c.t.Helper()
	for _, h := range c.hosts {
		cmd := h.Command(context.Background(), os.Args[0], "demo-service", "--node", h.Name(), "--port", "5432")
		cmd.Env = append(os.Environ(), asRegent+"=1")
		if err := cmd.Start(); err != nil {
			c.t.Fatal(err)
		}
	}
	return c
}

// restart stops a daemon as planned and starts it again.
func (c *cast) restart(name string) {
	c.t.Helper()
	h := c.hosts[name]
	if err := h.cmd.Stop(20 * time.Second); err != nil {
		c.t.Fatalf("stop %s: %v%s", name, err, c.logs())
	}
	h.start()
	h.until("hearing another node", 10*time.Second, func() bool {
		s, err := h.status()
		alive := 0
		for _, n := range s.Nodes {
			if n.Alive {
				alive++
			}
		}
		return err == nil && alive > 1
	})
}

// misbehave makes the start script of a node fail, hang, or do nothing (mute).
func (c *cast) misbehave(node, how string) { c.write(node+"."+how, "", 0o644) }

// calls is what the scripts of a node were called for.
func (c *cast) calls(node string) string {
	b, err := os.ReadFile(filepath.Join(c.dir, node+".calls"))
	if err != nil {
		return ""
	}
	return string(b)
}

// servicePID is the process of the service on a node, 0 if there is none.
func (c *cast) servicePID(node string) int {
	b, err := os.ReadFile(filepath.Join(c.dir, node+".5432.pid"))
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		return 0
	}
	return pid
}

// endServices ends what the scripts started.
func (c *cast) endServices() {
	for _, h := range c.hosts {
		if h.cmd != nil {
			h.cmd.Stop(15 * time.Second) //nolint:errcheck // most are dead by now
		}
	}
	files, _ := filepath.Glob(filepath.Join(c.dir, "*.pid")) // the pattern is well-formed
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			continue
		}
		if pid, err := strconv.Atoi(strings.TrimSpace(string(b))); err == nil && c.ours(pid) {
			unix.Kill(pid, unix.SIGKILL) //nolint:errcheck // it has ended
		}
	}
}

// ours tells whether a process is a service of this test.
func (c *cast) ours(pid int) bool {
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return err == nil && strings.Contains(string(line), "demo-service")
}

// ask connects from a node and says who answers: the greeting, "refused", or what else happened.
func ask1(from *netlab.Node, address string) string {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	conn, err := from.Dial(ctx, "tcp", address)
	switch {
	case errors.Is(err, unix.ECONNREFUSED):
		return "refused"
	case err != nil:
		return silence(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(time.Second)) //nolint:errcheck // a TCP connection has deadlines
	line, err := bufio.NewReader(conn).ReadString('\n')
	switch {
	case errors.Is(err, unix.ECONNRESET):
		return "refused"
	case err != nil: // the node can go between the handshake and its word
		return silence(err)
	}
	return strings.TrimSpace(line)
}

// silence names an error in which nobody answered.
func silence(err error) string {
	var n net.Error
	if errors.As(err, &n) && n.Timeout() {
		return "silence"
	}
	return err.Error()
}

// answers waits until the client gets an answer at the service's address.
func (c *cast) answers(want string) {
	c.t.Helper()
	c.answersAt(virtual, want, 15*time.Second)
}

func (c *cast) answersAt(addr, want string, limit time.Duration) {
	c.t.Helper()
	deadline := time.Now().Add(limit)
	for {
		got := ask1(c.client, addr+":5432")
		if got == want {
			return
		}
		if time.Now().After(deadline) {
			c.t.Fatalf("%s answers %q, want %q%s", addr, got, want, c.logs())
		}
		time.Sleep(10 * time.Millisecond) // polls other processes
	}
}

// answersOneOf is answers for several that are as good.
func (c *cast) answersOneOf(want ...string) {
	c.t.Helper()
	got := ""
	for end := time.Now().Add(15 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if got = ask1(c.client, virtual+":5432"); slices.Contains(want, got) {
			return
		}
	}
	c.t.Fatalf("%s answers %q, want one of %q%s", virtual, got, want, c.logs())
}

// keepsAnswering holds that the client gets nothing but one answer for a while.
func (c *cast) keepsAnswering(want string, d time.Duration) {
	c.t.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if got := ask1(c.client, virtual+":5432"); got != want {
			c.t.Fatalf("%s answers %q, want %q all the time%s", virtual, got, want, c.logs())
		}
	}
}

func (c *cast) logs() string {
	var b strings.Builder
	for name, h := range c.hosts {
		if h.cmd != nil {
			fmt.Fprintf(&b, "\n--- %s\n%s", name, h.log())
		}
	}
	return b.String()
}

// poll is a client that asks again and again and notes the answers, in the order in which they changed.
type poll struct {
	stop, done chan struct{}
	mu         sync.Mutex
	seen       []string
	at         []time.Time
	longest    time.Duration // between two answers
}

func (c *cast) poll(from *netlab.Node) *poll {
	p := &poll{stop: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(p.done)
		last := time.Now()
		for {
			got := ask1(from, virtual+":5432")
			now := time.Now()
			if got != "silence" {
				p.longest, last = max(p.longest, now.Sub(last)), now
			}
			p.mu.Lock()
			if len(p.seen) == 0 || p.seen[len(p.seen)-1] != got {
				p.seen, p.at = append(p.seen, got), append(p.at, now)
			}
			p.mu.Unlock()
			select {
			case <-p.stop:
				return
			case <-time.After(2 * time.Millisecond):
			}
		}
	}()
	return p
}

// sees waits until an answer is the last one seen.
func (p *poll) sees(answer string) {
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		p.mu.Lock()
		is := len(p.seen) > 0 && p.seen[len(p.seen)-1] == answer
		p.mu.Unlock()
		if is {
			return
		}
	}
}

// end ends it when it has seen an answer last, and returns the answers as they changed.
func (p *poll) end(last string) []string {
	p.sees(last)
	close(p.stop)
	<-p.done
	return p.seen
}

// kill ends all processes of a node's daemon, and what its service script started: the machine is gone.
func (c *cast) kill(name string) {
	c.t.Helper()
	h := c.hosts[name]
	worker := h.worker()
	if err := h.Cut(); err != nil { // first: nothing that dies may say a word
		c.t.Fatal(err)
	}
	h.kill(h.cmd.Pid(), unix.SIGKILL)
	h.kill(worker, unix.SIGKILL)
	if pid := c.servicePID(name); pid != 0 && c.ours(pid) {
		h.kill(pid, unix.SIGKILL)
		os.Remove(filepath.Join(c.dir, name+".5432.pid")) //nolint:errcheck // a machine that is gone has no files
	}
}

// power brings a killed node back.
func (c *cast) power(name string) {
	c.t.Helper()
	h := c.hosts[name]
	if _, err := h.Run(context.Background(), "ip", "addr", "flush", "dev", "eth0", "to", virtual+"/32"); err != nil {
		c.t.Fatal(err)
	}
	if err := h.Heal(); err != nil {
		c.t.Fatal(err)
	}
	h.configure(c.text)
	h.start()
}

// regent runs a command of regent about a node's daemon.
func (c *cast) regent(node string, args ...string) (string, error) {
	cmd := exec.Command(os.Args[0], append(args, "--run-dir", filepath.Join(c.hosts[node].dir, "run"))...)
	cmd.Env = append(os.Environ(), asRegent+"=1")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// must is regent, which has to succeed.
func (c *cast) must(node string, args ...string) string {
	c.t.Helper()
	out, err := c.regent(node, args...)
	if err != nil {
		c.t.Fatalf("regent %s on %s: %v\n%s%s", strings.Join(args, " "), node, err, out, c.logs())
	}
	return out
}

var dutyRecord = regexp.MustCompile(`event=RG1303 .*service=(\S+) from=(\S+) duty=(\S+) reason=("[^"]+"|\S+)`)

// judgeDuties holds for every daemon's log that each change of duty has exactly one record, which begins where the one
// before ended and says why.
func (c *cast) judgeDuties() {
	for name, h := range c.hosts {
		if h.cmd == nil {
			continue
		}
		duty := map[string]string{}
		for line := range strings.Lines(h.log()) {
			if strings.Contains(line, "event=RG1001 ") {
				duty = map[string]string{} // a new worker
			}
			if !strings.Contains(line, "event=RG1303 ") {
				continue
			}
			m := dutyRecord.FindStringSubmatch(line)
			if m == nil {
				c.t.Errorf("%s: a change of duty without its reason: %s", name, line)
				continue
			}
			was := duty[m[1]]
			if was == "" {
				was = "none"
			}
			if m[2] != was || m[3] == was {
				c.t.Errorf("%s: duty of %s from %s to %s, it was %s: %s", name, m[1], m[2], m[3], was, line)
			}
			duty[m[1]] = m[3]
		}
	}
}
