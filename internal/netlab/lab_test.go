// SPDX-License-Identifier: Apache-2.0

package netlab

import (
	"context"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// pair is a lab of two nodes.
func pair(t *testing.T) (lab *Lab, a, b *Node) {
	t.Helper()
	lab = Test(t)
	return lab, node(t, lab, "a", "10.99.0.1/24", "fd99::1/64"), node(t, lab, "b", "10.99.0.2/24", "fd99::2/64")
}

func node(t *testing.T, lab *Lab, name string, prefixes ...string) *Node {
	t.Helper()
	n, err := lab.Node(name, prefixes...)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// must fails the test on an error.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// greet serves one word to every connection.
func greet(t *testing.T, n *Node, address string) {
	t.Helper()
	l, err := n.Listen("tcp", address)
	must(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			io.WriteString(c, n.Name())
			c.Close()
		}
	}()
}

// read dials from a node and returns what it is told.
func read(t *testing.T, n *Node, address string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	c, err := n.Dial(ctx, "tcp", address)
	must(t, err)
	defer c.Close()
	text, err := io.ReadAll(c)
	must(t, err)
	return string(text)
}

func TestNodesReachEachOtherAtOnce(t *testing.T) {
	t.Parallel()
	_, a, b := pair(t)
	greet(t, b, ":80")
	for _, address := range []string{"10.99.0.2:80", "[fd99::2]:80", "[fe80::ff:fe00:2%eth0]:80"} {
		if got := read(t, a, address); got != "b" {
			t.Errorf("%s answers %q, want b", address, got)
		}
	}
	if got := a.Port("eth0").MAC().String(); got != "02:00:00:00:00:01" {
		t.Errorf("hardware address %s", got)
	}
	if a.Index("eth0") == 0 || a.Index("eth7") != 0 {
		t.Errorf("Index: eth0 %d, eth7 %d", a.Index("eth0"), a.Index("eth7"))
	}
	for _, addr := range []string{"10.99.0.1", "fd99::1", "fe80::ff:fe00:1"} {
		if !a.Holds(netip.MustParseAddr(addr)) || b.Holds(netip.MustParseAddr(addr)) {
			t.Errorf("%s is not held by a alone", addr)
		}
	}
}

func TestDuplicateAddressDetectionIsBackAfterSetUp(t *testing.T) {
	t.Parallel()
	_, a, _ := pair(t)
	got, err := a.Sysctl("net.ipv6.conf.eth0.accept_dad")
	must(t, err)
	if got != "1" {
		t.Errorf("accept_dad %s, want the kernel's 1", got)
	}
}

func TestDoReturnsToTheOwnNamespace(t *testing.T) {
	t.Parallel()
	_, a, _ := pair(t)
	own, err := os.Readlink("/proc/thread-self/ns/net")
	must(t, err)
	var inside string
	must(t, a.Do(func() error {
		inside, err = os.Readlink("/proc/thread-self/ns/net")
		return err
	}))
	after, err := os.Readlink("/proc/thread-self/ns/net")
	must(t, err)
	if inside == own || after != own {
		t.Errorf("own %s, inside %s, after %s", own, inside, after)
	}
	link, err := os.Readlink("/proc/self/fd/" + a.Path()[strings.LastIndex(a.Path(), "/")+1:])
	must(t, err)
	if link != inside {
		t.Errorf("Path leads to %s, want %s", link, inside)
	}
}

func TestNothingIsLeftBehind(t *testing.T) {
	t.Parallel()
	Require(t)
	lab, err := Open(Options{})
	must(t, err)
	n := node(t, lab, "a", "10.99.0.1/24")
	// A daemon that leaves its process group and its parent behind.
	script := `setsid sleep 1000 & echo $!; wait`
	c := n.Command(t.Context(), "sh", "-c", script)
	out := &lockedBuffer{}
	c.Stdout = out
	must(t, c.Start())
	eventually(t, "the daemon is running", func() bool { return strings.Contains(out.String(), "\n") })
	if got := len(n.space.inhabitants()); got != 2 {
		t.Errorf("%d processes inside, want 2", got)
	}
	must(t, lab.Close())
	if pids := n.space.inhabitants(); len(pids) != 0 {
		t.Errorf("processes left: %v", pids)
	}
	if _, err := os.Stat(lab.Dir()); !os.IsNotExist(err) {
		t.Errorf("directory left: %v", err)
	}
	must(t, lab.Close())
}

func TestCommandsRunInsideAndLogToTheLab(t *testing.T) {
	t.Parallel()
	_, a, _ := pair(t)
	c, err := a.Start(t.Context(), "sh", "-c", "cat /proc/net/dev; echo oops >&2; exit 3")
	must(t, err)
	if err := c.Wait(); err == nil || c.ProcessState.ExitCode() != 3 {
		t.Errorf("ended with %v, want exit status 3", err)
	}
	text, err := os.ReadFile(c.Log)
	must(t, err)
	if !strings.Contains(string(text), "eth0") || !strings.Contains(string(text), "oops") {
		t.Errorf("log is %q", text)
	}
	if _, err := a.Run(t.Context(), "sh", "-c", "echo this went wrong; false"); err == nil ||
		!strings.Contains(err.Error(), "this went wrong") {
		t.Errorf("error %v does not say what was printed", err)
	}
	if _, err := a.Start(t.Context(), "no-such-program"); err == nil {
		t.Error("a program that is not there was started")
	}
}

func TestStopGivesTimeThenKills(t *testing.T) {
	t.Parallel()
	_, a, _ := pair(t)
	polite, err := a.Start(t.Context(), "sh", "-c", `trap "exit 0" TERM; echo up; while :; do sleep 0.02; done`)
	must(t, err)
	deaf, err := a.Start(t.Context(), "sh", "-c", `trap "" TERM; echo up; while :; do sleep 0.02; done`)
	must(t, err)
	for _, c := range []*Cmd{polite, deaf} {
		eventually(t, "the script is up", func() bool {
			text, _ := os.ReadFile(c.Log)
			return len(text) > 0
		})
	}
	if err := polite.Stop(10 * time.Second); err != nil {
		t.Errorf("polite: %v", err)
	}
	if err := deaf.Stop(50 * time.Millisecond); err == nil {
		t.Error("deaf ended by SIGTERM")
	}
	ws, _ := deaf.ProcessState.Sys().(syscall.WaitStatus)
	if ws.Signal() != syscall.SIGKILL {
		t.Errorf("deaf ended by %v", deaf.ProcessState)
	}
}

func TestForwardingBetweenTwoNetworks(t *testing.T) {
	t.Parallel()
	lab, a, b := pair(t)
	far, err := lab.Network("far", NetworkOptions{MTU: 1400})
	must(t, err)
	must(t, second(b.Attach(far, "eth1", "10.98.0.2/24", "fd98::2/64")))
	c, err := lab.Island("c")
	must(t, err)
	port, err := c.Attach(far, "eth0", "10.98.0.3/24", "fd98::3/64")
	must(t, err)
	if got := port.MAC().String(); got != "02:00:00:00:01:03" {
		t.Errorf("hardware address %s", got)
	}
	must(t, b.Forward())
	must(t, a.Route("default", "10.99.0.2"))
	must(t, a.Route("fd98::/64", "fd99::2"))
	must(t, c.Route("10.99.0.0/24", "10.98.0.2"))
	must(t, c.Route("default", "fd98::2"))
	greet(t, c, ":80")
	for _, address := range []string{"10.98.0.3:80", "[fd98::3]:80"} {
		if got := read(t, a, address); got != "c" {
			t.Errorf("%s answers %q, want c", address, got)
		}
	}
}

func TestUnusableInputIsNamed(t *testing.T) {
	t.Parallel()
	lab, a, _ := pair(t)
	for name, err := range map[string]error{
		"bad prefix":  second(lab.Node("x", "10.99.0.300/24")),
		"bad filter":  second(lab.Capture("x", "no such filter")),
		"bad gateway": a.Route("default", "nowhere"),
		"bad sysctl":  a.SetSysctl("net.ipv4.no_such", "1"),
		"bad match":   second(lab.LAN().Drop(Loss{Match: "no such match"})),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		} else if strings.ToLower(err.Error()[:1]) != err.Error()[:1] {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := net.InterfaceByName("br0"); err == nil {
		t.Log("this machine has a br0 of its own; the lab does not touch it")
	}
}

func second[T any](_ T, err error) error { return err }
